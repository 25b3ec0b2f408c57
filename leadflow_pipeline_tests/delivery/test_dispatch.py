"""Dispatch against mail servers that behave and that do not: sent means answered with 250, and nothing leaves twice."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from leadflow_pipeline.campaign import set_status
from leadflow_pipeline.delivery import outbox
from leadflow_pipeline.delivery.dispatch import DispatchSummary, count_due, dispatch_due
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.delivery.transports import EmlFolder, Smtp
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline_tests.delivery.world import NOW, World
from leadflow_pipeline_tests.fakes.smtp import MailServer, Manner, only_login
from leadflow_pipeline_tests.suppressed import add_suppression


@pytest.fixture
def ready(world: World) -> World:
    """One campaign with three touches that are due."""
    world.register()
    world.plan(3)
    return world


def send(world: World, server: MailServer, at=NOW, **options: object) -> DispatchSummary:
    transport = Smtp("127.0.0.1", server.port, security="none", command_seconds=5, dot_seconds=1)
    return dispatch_due(world.engine, world.settings, at, transport=transport, **options)


def only(manner: Manner, lead: str = "lead-1"):
    """Misbehaves towards one lead."""
    return lambda recipient: manner if recipient.startswith(lead) else "accept"


def test_by_default_nothing_leaves_the_machine(ready: World) -> None:
    summary = dispatch_due(ready.engine, ready.settings, NOW)
    assert (summary.released, summary.sent, summary.waiting) == (3, 3, 0)
    files = sorted(ready.settings.outbox_folder.iterdir())
    assert len(files) == 3
    mail = message_from_bytes(files[0].read_bytes(), policy=default)
    assert mail["From"] == "Eva Berg <eva@sender.example.org>"
    assert mail["List-Unsubscribe"].startswith("<https://mail.example.org/leads/unsubscribe/spring-sale.")
    again = dispatch_due(ready.engine, ready.settings, NOW + timedelta(hours=1))
    assert (again.released, again.sent) == (0, 0)
    assert len(list(ready.settings.outbox_folder.iterdir())) == 3


def test_smtp_sends_many_messages_over_one_connection(ready: World) -> None:
    with MailServer() as server:
        assert send(ready, server).sent == 3
    assert server.connections == 1
    assert {str(mail["Message-ID"]) for mail in server.messages} == {
        row["rfc_message_id"] for row in ready.rows()
    }
    assert [attempt["phase"] for attempt in ready.attempts()] == ["done"] * 3
    assert all(row["sent_at"] is not None for row in ready.rows())


def test_lines_that_begin_with_a_dot_arrive_whole(world: World) -> None:
    four = ", ".join(['{delay_days: 0, subject: s, text: ".\\n\\n.dots\\n\\n..more"}'] * 4)
    world.register(nurture=f"sequences: {{regular_nurture: {{emails: [{four}]}}}}")
    world.plan(1)
    with MailServer() as server:
        send(world, server)
    body = server.messages[0].get_body(("plain",))
    assert body is not None
    assert body.get_content().split()[:3] == [".", ".dots", "..more"]


@pytest.mark.parametrize(
    ("manner", "state", "phase", "code"),
    [
        ("busy at rcpt", "planned", "rcpt", 451),
        ("refuse at rcpt", "failed", "rcpt", 550),
        ("drop at data", "planned", "data", None),
        ("busy after dot", "planned", "dot", 452),
        ("close for service", "planned", "dot", 421),
        ("refuse after dot", "failed", "dot", 554),
        ("drop after dot", "unknown", "dot", None),
        ("keep and drop", "unknown", "dot", None),
        ("stall after dot", "unknown", "dot", None),
    ],
)
def test_what_a_server_does_to_one_message_is_recorded_and_hurts_no_other(
    ready: World, manner: Manner, state: str, phase: str, code: int | None
) -> None:
    with MailServer(only(manner)) as server:
        send(ready, server)
        states = {row["lead_id"]: row["state"] for row in ready.rows()}
        assert states == {"lead-0": "sent", "lead-1": state, "lead-2": "sent"}
        attempt = ready.attempts()[1]
        assert (attempt["phase"], attempt["reply_code"]) == (phase, code)
        assert "leads.example" not in str(attempt["reply_text"])
        assert "leads.example" not in str(ready.rows()[1]["state_reason"])

        server.manner = only("accept")
        send(ready, server, NOW + timedelta(hours=2))
    taken_before = 1 if manner == "keep and drop" else 0
    assert server.taken[ready.rows()[1]["rfc_message_id"]] == taken_before + (1 if state == "planned" else 0)
    assert {row["state"] for row in ready.rows() if row["lead_id"] != "lead-1"} == {"sent"}


def test_a_message_is_tried_less_and_less_often_until_it_is_too_old(ready: World) -> None:
    with MailServer(only("busy at rcpt")) as server:
        for hours in (*(number / 10 for number in range(20)), *range(2, 72, 4), 73):
            send(ready, server, NOW + timedelta(hours=hours))
    late = ready.rows()[1]
    assert late["state"] == "expired"
    assert 8 <= late["attempts"] <= 30
    assert [outbox.backoff(number).total_seconds() for number in (1, 2, 3, 60)] == [60, 120, 240, 14400]


def test_a_server_that_is_away_costs_one_attempt_and_holds_everything(ready: World) -> None:
    with MailServer() as server:
        port = server.port
    gone = Smtp("127.0.0.1", port, security="none", command_seconds=2)
    summary = dispatch_due(ready.engine, ready.settings, NOW, transport=gone)
    assert (summary.is_server_unreachable, summary.sent, ready.states()) == (True, 0, {"planned": 3})
    assert [row["attempts"] for row in ready.rows()] == [1, 0, 0]
    with MailServer() as server:
        assert send(ready, server, NOW + timedelta(minutes=2)).sent == 3


def test_a_folder_that_cannot_be_written_holds_everything(ready: World, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    summary = dispatch_due(ready.engine, ready.settings, NOW, transport=EmlFolder(tmp_path / "a file"))
    assert (summary.is_server_unreachable, ready.states()) == (True, {"planned": 3})


def test_what_changed_after_release_is_asked_again_before_the_wire(ready: World) -> None:
    release_due(ready.engine, ready.settings, NOW)
    ready.event("lead-0", "reply", NOW)
    add_suppression(
        ready.engine, scope="address", subject=address_key("lead-1@leads.example"), reason="asked"
    )
    summary = dispatch_due(ready.engine, ready.settings, NOW + timedelta(minutes=1))
    assert (summary.sent, summary.suppressed) == (1, 2)
    assert [row["state_reason"] for row in ready.rows()[:2]] == ["reply", "address is suppressed"]


def test_a_paused_campaign_keeps_its_messages_until_it_goes_on(ready: World) -> None:
    release_due(ready.engine, ready.settings, NOW)
    set_status(ready.engine, "spring-sale", "paused", actor="a person")
    assert dispatch_due(ready.engine, ready.settings, NOW).sent == 0
    set_status(ready.engine, "spring-sale", "active", actor="a person")
    assert dispatch_due(ready.engine, ready.settings, NOW + timedelta(minutes=1)).sent == 3


def test_a_message_that_grew_old_in_the_outbox_expires(ready: World) -> None:
    release_due(ready.engine, ready.settings, NOW)
    summary = dispatch_due(ready.engine, ready.settings, NOW + timedelta(hours=73))
    assert (summary.sent, summary.expired) == (0, 3)


def test_an_unknown_message_waits_for_a_person(ready: World) -> None:
    with MailServer(only("keep and drop")) as server:
        send(ready, server)
        number = ready.rows()[1]["message_id"]
        with pytest.raises(PermanentError):
            outbox.settle_by_hand(ready.engine, ready.rows()[0]["message_id"], "failed", actor="me", now=NOW)
        outbox.settle_by_hand(ready.engine, number, "sent", actor="me", now=NOW)
    assert ready.states() == {"sent": 3}


def test_there_is_work_only_while_something_is_due(ready: World) -> None:
    assert count_due(ready.engine, NOW - timedelta(hours=1)) == 0
    assert count_due(ready.engine, NOW) == 3
    dispatch_due(ready.engine, ready.settings, NOW)
    assert count_due(ready.engine, NOW) == 0


def test_encryption_and_login(ready: World, tmp_path: Path) -> None:
    with MailServer(
        auth_required=True, authenticator=only_login("eva", "right"), auth_require_tls=False
    ) as server:
        for login, problem in ((("eva", "wrong"), "refuses the login"), (("eva", "right"), None)):
            transport = Smtp("127.0.0.1", server.port, security="none", login=login)
            if problem:
                with pytest.raises(PermanentError, match=problem):
                    dispatch_due(ready.engine, ready.settings, NOW, transport=transport)
                assert ready.states() == {"planned": 3}
            else:
                assert dispatch_due(ready.engine, ready.settings, NOW, transport=transport).sent == 3
    ready.plan([{"lead_id": "another"}])
    with MailServer() as server, pytest.raises(PermanentError, match="STARTTLS"):
        dispatch_due(ready.engine, ready.settings, NOW, transport=Smtp("127.0.0.1", server.port))


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(ready: World, tmp_path: Path) -> None:
    ssl = pytest.importorskip("ssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=mail.example.org",
         "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with MailServer(tls_context=context) as server:
        summary = dispatch_due(
            ready.engine, ready.settings, NOW, transport=Smtp("127.0.0.1", server.port, security="starttls")
        )
    assert (summary.is_server_unreachable, sum(server.taken.values())) == (True, 0)
