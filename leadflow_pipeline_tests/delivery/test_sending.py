"""When emails stand still, how fast they may leave, and what a database that forgot a few days does not send again."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text
from typer.testing import CliRunner

from leadflow_pipeline.cli import sending
from leadflow_pipeline.delivery import breaker, dispatch
from leadflow_pipeline.delivery.dispatch import DispatchSummary, dispatch_due
from leadflow_pipeline.delivery.dispatcher import BATCH
from leadflow_pipeline.delivery.mail import compose, wire_bytes
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.delivery.transports import Smtp
from leadflow_pipeline.delivery.wire_format import mail_bytes
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline_tests.delivery.world import NOW, World
from leadflow_pipeline_tests.fakes.smtp import KEY_HEADER, MailServer

SENDER = "sender.example.org"
DAY = timedelta(days=1)


@pytest.fixture
def busy(world: World) -> World:
    """A hundred emails that left."""
    world.register()
    world.plan(100)
    assert dispatch_due(world.engine, world.settings, NOW).sent == 100
    return world


def many(world: World, behaviour: str, count: int, *, is_machine: bool = False) -> None:
    for number in range(count):
        world.event(f"lead-{number}", behaviour, NOW + timedelta(minutes=1), is_machine=is_machine)


def one_more(world: World, at: Any) -> DispatchSummary:
    world.plan([{"lead_id": f"late-{at:%H%M}"}], planned_at=at - timedelta(minutes=1))
    return dispatch_due(world.engine, world.settings, at)


def alerts(world: World) -> list[dict[str, Any]]:
    return [row for row in world.rows() if row["recipient_key"] == ""]


@pytest.mark.parametrize(("behaviour", "few", "enough"), [("complaint", 2, 3), ("bounce", 9, 10)])
def test_too_many_complaints_or_bounces_stop_the_sender_until_a_person_resumes(
    busy: World, behaviour: str, few: int, enough: int
) -> None:
    later = NOW + timedelta(minutes=30)
    many(busy, behaviour, few)
    assert one_more(busy, NOW + timedelta(minutes=20)).standing_still == []
    many(busy, behaviour, enough)
    summary = one_more(busy, later)
    assert (summary.released, summary.standing_still, summary.waiting) == (1, [SENDER], 1)
    told = alerts(busy)
    assert [row["state"] for row in told] == ["sent"], (
        "operators hear of it, though emails to leads stand still"
    )
    assert f"leadflow sending resume {SENDER}" in told[0]["body_text"]
    assert dispatch_due(busy.engine, busy.settings, later + timedelta(minutes=1)).sent == 0
    with busy.engine.begin() as connection:
        breaker.close_stop(connection, SENDER, actor="eva", now=later + timedelta(minutes=2))
    again = dispatch_due(busy.engine, busy.settings, later + timedelta(minutes=3))
    assert (again.sent, again.standing_still, len(alerts(busy))) == (1, [], 1)


def test_what_machines_do_and_what_is_another_sender_s_counts_for_nothing(busy: World) -> None:
    many(busy, "complaint", 50, is_machine=True)
    with busy.engine.begin() as connection:
        breaker.open_stop(connection, "other.example.org", "complaints", {}, actor="me", now=NOW)
    assert one_more(busy, NOW + timedelta(minutes=20)).sent == 1


def test_refusals_for_good_are_bounces(world: World) -> None:
    world.register()
    world.plan(30)
    with MailServer(lambda recipient: "refuse at rcpt" if recipient < "lead-2" else "accept") as server:
        transport = Smtp("127.0.0.1", server.port, security="none")
        summary = dispatch_due(world.engine, world.settings, NOW, transport=transport)
    assert summary.failed == 12
    dispatch_due(world.engine, world.settings, NOW + timedelta(minutes=1))
    with world.engine.connect() as connection:
        assert breaker.standstill(connection).domains == {SENDER}


def test_a_person_stops_and_resumes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    sending.register(app)

    def leadflow(*words: str) -> str:
        return CliRunner().invoke(app, ["sending", *words], catch_exceptions=False).stdout

    monkeypatch.setenv("LEADFLOW_HOME", str(world.home))
    monkeypatch.setattr(sending, "get_engine", lambda: world.engine)
    get_settings.cache_clear()
    world.register()
    world.plan(2)
    assert leadflow("show") == "emails leave: no sender stands still\n"
    assert "all senders stand still" in leadflow("stop", "--reason", "a wrong price in the template")
    with pytest.raises(PermanentError, match="already"):
        leadflow("stop")
    assert "a wrong price in the template" in leadflow("show")
    assert dispatch_due(world.engine, world.settings, NOW).sent == 0
    assert "go on" in leadflow("resume")
    with pytest.raises(PermanentError, match="do not stand still"):
        leadflow("resume", SENDER)
    assert dispatch_due(world.engine, world.settings, NOW).sent == 2
    assert "Stops that are over" in leadflow("show")


@contextmanager
def restored(world: World, snapshot: str) -> Iterator[World]:
    """The world with the database as it was when the snapshot was taken."""
    engine = create_engine(world.engine.url.set(database=snapshot))
    try:
        yield World(engine, world.home)
    finally:
        engine.dispose()
        with _server(world.engine).connect() as connection:
            connection.execute(text(f"DROP DATABASE {snapshot} WITH (FORCE)"))


def snapshot_of(world: World) -> str:
    name = f"{world.engine.url.database}_snapshot"
    world.engine.dispose()
    gone = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :name"
    with _server(world.engine).connect() as connection:
        connection.execute(text(gone), {"name": world.engine.url.database})
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {world.engine.url.database}"))
    return name


def _server(engine: Engine) -> Engine:
    return create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")


def test_a_database_restored_from_a_snapshot_sends_nothing_that_may_have_left(world: World) -> None:
    world.register()
    world.plan([{"lead_id": "before"}])
    dispatch_due(world.engine, world.settings, NOW)
    world.plan([{"lead_id": "in-the-outbox"}])
    release_due(world.engine, world.settings, NOW)
    snapshot, later = snapshot_of(world), NOW + 2 * DAY
    assert dispatch_due(world.engine, world.settings, NOW).sent == 1
    world.plan([{"lead_id": "lost"}], day=later.date(), planned_at=later)
    assert dispatch_due(world.engine, world.settings, later).sent == 1

    with restored(world, snapshot) as old:
        now = NOW + timedelta(days=3)
        # the days since are computed again, and their touches are not stale yet
        old.plan([{"lead_id": "lost"}], day=later.date(), planned_at=later)
        summary = dispatch_due(old.engine, old.settings, now)
        assert (summary.standing_still, old.states().get("planned")) == (["all senders"], 1)
        assert "older copy of the database" in alerts(old)[0]["subject"]
        with old.engine.begin() as connection:
            breaker.close_stop(connection, breaker.EVERYBODY, actor="eva", now=now)
        dispatch_due(old.engine, old.settings, now + timedelta(minutes=1))
        rows = {row["lead_id"]: row for row in old.rows() if row["recipient_key"]}
        assert {lead: row["state"] for lead, row in rows.items()} == {
            "before": "sent", "in-the-outbox": "expired", "lost": "suppressed"
        }  # fmt: skip
        old.plan([{"lead_id": "new"}], day=now.date(), planned_at=now)
        fresh = dispatch_due(old.engine, old.settings, now + timedelta(minutes=2))
        assert (fresh.sent, fresh.standing_still) == (1, [])


def test_a_snapshot_of_three_days_is_stale_even_where_nothing_remembers(world: World) -> None:
    world.register()
    world.plan(3)
    release_due(world.engine, world.settings, NOW)
    world.plan([{"lead_id": "touch"}])
    summary = dispatch_due(world.engine, world.settings, NOW + 3 * DAY)
    assert (summary.released, summary.sent, summary.expired) == (0, 0, 3)


def test_emails_leave_no_faster_than_the_server_takes_them(world: World) -> None:
    world.register()
    world.plan(8)
    with MailServer() as server:
        settings = world.settings.model_copy(
            update={
                "transport": "smtp", "smtp_port": server.port, "smtp_security": "none", "smtp_rate": 20.0,
                "idempotency_header": "X-Relay-Key",
            }
        )  # fmt: skip
        begin = time.monotonic()
        assert dispatch_due(world.engine, settings, NOW).sent == 8
        assert time.monotonic() - begin > 4 / 20, "after a burst of a fifth, by the clock"
        keys = {message["X-Relay-Key"] for message in server.messages}
        assert (len(keys), server.connections) == (8, 1)
        assert {message[KEY_HEADER] for message in server.messages} == {None}


def test_several_processes_share_what_is_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        dispatch, "start_method", lambda: "fork"
    )  # the server's thread holds nothing of theirs
    world.register()
    world.plan(120)
    with MailServer() as server:
        settings = world.settings.model_copy(
            update={"transport": "smtp", "smtp_port": server.port, "smtp_security": "none"}
        )
        summary = dispatch_due(world.engine, settings, NOW, workers=4, limit=110)
        assert (summary.sent, summary.waiting, set(server.keys.values())) == (110, 0, {1})
        processes = math.ceil(110 / BATCH)  # no more than have something to claim
        assert server.connections == processes * settings.smtp_connections
        assert dispatch_due(world.engine, settings, NOW, workers=4).sent == 10
    summary = dispatch_due(world.engine, settings, NOW, workers=4)
    assert (summary.sent, world.states()) == (0, {"sent": 120})


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=120)


@given(subject=LINE, body=ANY, html=ANY)
@example("Grüße 😀 " * 20, "ü" * 200 + "\n.\n..\n trailing \n" + "x" * 500, "😀" * 3000)
@example("=?utf-8?q?x?=", "a\rb\x0bc\x85d\n\n", "From me\n" + "é" * 80)
def test_the_quick_way_to_bytes_says_what_the_library_says(subject: str, body: str, html: str) -> None:
    headers = {
        "From": "Eva Berg <eva@sender.example.org>", "To": "lead@leads.example", "X-Key": "0" * 24,
        "References": "<one@sender.example.org> <two@sender.example.org>",
        "List-Unsubscribe": f"<https://mail.example.org/{'0' * 90}>, <mailto:eva@sender.example.org>",
    }  # fmt: skip
    arguments = (headers, "<0123@sender.example.org>", subject, body, html, NOW)
    quick, whole = (
        message_from_bytes(content, policy=default)
        for content in (mail_bytes(*arguments, utf8=False), wire_bytes(compose(*arguments), utf8=False))
    )
    assert isinstance(quick, EmailMessage)
    assert isinstance(whole, EmailMessage)
    assert quick.items() == whole.items()
    assert [part.get_content() for part in quick.iter_parts()] == [
        part.get_content() for part in whole.iter_parts()
    ]


def test_a_line_break_in_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        mail_bytes({"To": "a@leads.example\r\nBcc: x@leads.example"}, "<1@x>", "", "", "", NOW, utf8=False)
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        mail_bytes({}, "<1@x>", "Hello\r\nBcc: x@leads.example", "", "", NOW, utf8=False)
