"""The mailbox: each mail counts once, for the message that it answers, and none is lost or removed unread."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, text
from typer.testing import CliRunner

from leadflow_pipeline.cli import app
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.harvest.erasing import erase_person
from leadflow_pipeline.inbound.mail.inbox import InboxSummary, count_new, read_inbox
from leadflow_pipeline.insight.health import messages as health
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    engagement_events,
    harvested_leads,
    inbound_mails,
    reps,
    suppressions,
)
from leadflow_pipeline_tests.delivery.world import NOW, YESTERDAY, World
from leadflow_pipeline_tests.fakes.imap import PASSWORD, USER, ImapServer

LATER = NOW + timedelta(hours=5)


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with ImapServer() as server:
        yield server


@pytest.fixture
def sent(world: World) -> list[dict[str, Any]]:
    """Three emails that left, to lead-0, lead-1 and lead-2."""
    world.register()
    world.plan(3)
    dispatch_due(world.engine, world.settings, NOW)
    return world.rows()


def settings(server: ImapServer, **more: Any) -> Settings:
    return Settings(mailbox=server.url, mailbox_password=SecretStr(PASSWORD), **more)


def mail(
    words: str, sender: str = "lead-0@leads.example", subject: str = "Re: Hello", **headers: str
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "eva@sender.example.org", subject
    message["Date"] = format_datetime(LATER - timedelta(hours=1))
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(words)
    return message.as_bytes()


def read(world: World, server: ImapServer, **more: Any) -> InboxSummary:
    return read_inbox(world.engine, settings(server, **more), now=LATER)


def mails(world: World) -> list[dict[str, Any]]:
    with world.engine.connect() as connection:
        rows = connection.execute(select(inbound_mails).order_by(inbound_mails.c.mail_id)).mappings()
        return [dict(row) for row in rows]


def events(world: World) -> list[tuple[str, str]]:
    query = select(engagement_events.c.lead_id, engagement_events.c.behaviour)
    with world.engine.connect() as connection:
        return sorted((row.lead_id, row.behaviour) for row in connection.execute(query))


def test_a_mail_counts_once_however_often_and_wherever_it_is_read(
    world: World, sent: list[dict[str, Any]], server: ImapServer, tmp_path: Path
) -> None:
    raw = mail("Yes, please.", In_Reply_To=sent[1]["rfc_message_id"], Message_ID="<a@leads.example>")
    server.folder.add(raw)
    assert count_new(world.engine, settings(server), LATER) == 1
    assert [read(world, server).read, read(world, server).read] == [1, 0]
    server.folder.renumber()
    assert read(world, server).to_dict() == {"read": 1, "known": 1, "unmatched": 0}
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
    (tmp_path / "Maildir" / "new" / "1.M1.example").write_bytes(raw.replace(b"\n", b"\r\n"))
    own = Settings(mailbox=f"maildir:{tmp_path / 'Maildir'}", mailbox_days=10_000, mailbox_afterwards="seen")
    assert [read_inbox(world.engine, own, now=LATER).read for _ in range(2)] == [1, 0]
    assert [path.name for path in (tmp_path / "Maildir" / "cur").iterdir()] == ["1.M1.example:2,S"]
    assert (len(mails(world)), events(world)) == (2, [("lead-1", "reply")])
    assert server.folder.flags == {101: set()}


def test_a_mail_finds_its_message_by_id_then_by_address_with_a_tag(
    world: World, sent: list[dict[str, Any]], server: ImapServer
) -> None:
    elsewhere = "Robin <robin.private@leads.example>"
    server.folder.add(mail("One", elsewhere, References=f"<x@y> {sent[2]['rfc_message_id']} <z@y>"))
    server.folder.add(mail("Two", "Lead-1+work@Leads.Example"))
    server.folder.add(mail("Three", "a.stranger@leads.example"))
    assert read(world, server).to_dict() == {"read": 3, "known": 0, "unmatched": 1, "other": 1, "reply": 2}
    rows = mails(world)
    assert [(row["kind"], row["lead_id"], row["verdict"].get("matched_by")) for row in rows] == [
        ("reply", "lead-2", "message_id"),
        ("reply", "lead-1", "sender"),
        ("other", None, None),
    ]
    assert [row["received_at"] for row in rows] == [LATER - timedelta(hours=1)] * 3


def test_each_kind_has_its_own_effect(world: World, sent: list[dict[str, Any]], server: ImapServer) -> None:
    server.folder.add(mail("I'm out of the office until 20 May.", subject="Automatic reply: Hello"))
    server.folder.add(mail("Please remove me from your list.", "lead-1@leads.example"))
    server.folder.add(
        mail("Sent by ourselves", "eva@sender.example.org", In_Reply_To=sent[2]["rfc_message_id"])
    )
    read(world, server)
    assert [row["kind"] for row in mails(world)] == ["auto_reply", "unsubscribe", "other"]
    assert mails(world)[0]["verdict"]["away_until"] == "2026-05-20T23:59:59+00:00"
    assert events(world) == [("lead-0", "auto_reply"), ("lead-1", "unsubscribe")]
    with world.engine.connect() as connection:
        assert connection.scalars(select(suppressions.c.subject)).all() == [sent[1]["recipient_key"]]


def test_a_mail_of_ours_is_no_answer_and_who_has_left_is_not_written_to(
    world: World, sent: list[dict[str, Any]], server: ImapServer
) -> None:
    record = {
        "rep": "nina", "from_day": NOW.date(), "document": {"email": "Nina@Sales.example.org"}, "content_key": "x",
        "actor": "test",
    }  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert(reps).values(record))
    gone = "Robin Vale no longer works for this company."
    answering = {"subject": "Automatic reply: Hello", "Auto_Submitted": "auto-replied"}
    server.folder.add(mail("I called them.", "nina@sales.example.org", In_Reply_To=sent[0]["rfc_message_id"]))
    server.folder.add(mail(gone, "lead-1@leads.example", **answering))
    colleague = {**answering, "In_Reply_To": sent[2]["rfc_message_id"]}
    server.folder.add(mail(gone, "reception@leads.example", **colleague))
    read(world, server)
    assert [row["kind"] for row in mails(world)] == ["other", "auto_reply", "auto_reply"]
    assert [row["verdict"].get("reason") for row in mails(world)] == [None, "left", "left"]
    with world.engine.connect() as connection:
        kept = connection.execute(select(suppressions.c.subject, suppressions.c.reason)).tuples().all()
    assert kept == [(sent[1]["recipient_key"], "works there no more")]


def test_the_doctor_tries_the_door_of_the_mailbox(
    world: World, server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(own: Settings) -> list[tuple[str, str]]:
        monkeypatch.setattr(health, "get_settings", lambda: own)
        return [(each.state.value, each.sentence) for each in health.look_at_mailbox(world.engine)]

    assert found(Settings(mailbox=None)) == []
    assert [state for state, _ in found(settings(server))] == ["well"]
    (refused,) = found(Settings(mailbox=server.url, mailbox_password=SecretStr("wrong-canary")))
    assert (refused[0], "refuses" in refused[1], "canary" in refused[1]) == ("broken", True, False)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = server.url.replace(f":{server.port}", f":{nobody.getsockname()[1]}")
        (silent,) = found(Settings(mailbox=url, mailbox_password=SecretStr(PASSWORD)))
    assert (silent[0], "does not answer" in silent[1]) == ("broken", True)


def test_a_line_that_dies_loses_nothing_and_removes_only_what_is_stored(
    world: World, sent: list[dict[str, Any]], server: ImapServer
) -> None:
    for number in range(5):
        server.folder.add(mail(f"Answer {number}", Message_ID=f"<{number}@leads.example>"))
    server.folder.flags[5].add(r"\Deleted")  # by somebody else, who may still change their mind
    server.hangs_up_after = 2
    with pytest.raises(TransientError, match="goes on from here"):
        read(world, server, mailbox_afterwards="delete")
    assert sorted(server.folder.mails) == [3, 4, 5]
    server.hangs_up_after = None
    assert (
        read_inbox(world.engine, settings(server, mailbox_afterwards="delete"), now=LATER, limit=2).read == 2
    )
    assert (sorted(server.folder.mails), len(mails(world))) == ([5], 4)


def test_what_the_database_cannot_take_does_not_stand_in_the_way(
    world: World, sent: list[dict[str, Any]], server: ImapServer
) -> None:
    server.folder.add(
        b"Subject: =?utf-8?b?AAAA?=\nContent-Type: text/plain; charset=utf-8\n\n\xed\xa0\x80 \x00 \xff"
    )
    server.folder.add(b"\xff\x00" * 50)
    server.folder.add(mail("Yes"))
    assert read(world, server).read == 3
    assert events(world) == [("lead-0", "reply")]


def test_who_may_not_sign_in_is_told_so_without_a_secret(world: World, server: ImapServer) -> None:
    wrong = Settings(mailbox=server.url, mailbox_password=SecretStr("wrong-canary"))
    with pytest.raises(PermanentError, match="refuses to be opened") as told:
        read_inbox(world.engine, wrong)
    assert "canary" not in str(told.value)
    with pytest.raises(PermanentError, match="LEADFLOW_MAILBOX"):
        read_inbox(world.engine, Settings())
    token = Settings(mailbox=server.url, mailbox_password=SecretStr(PASSWORD), mailbox_login="xoauth2")
    assert read_inbox(world.engine, token).read == 0


def test_two_readings_at_once_are_refused(world: World, server: ImapServer) -> None:
    from leadflow_pipeline.store.locks import lock_number

    number = lock_number("mailbox", f"imap://{USER}@127.0.0.1:{server.port}/INBOX")
    with world.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
        with pytest.raises(TransientError, match="is being read"):
            read(world, server)
        connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})


def test_a_person_looks_and_says_whose_a_mail_is(
    world: World, sent: list[dict[str, Any]], server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.folder.add(mail("I use another address now.", "new@leads.example", "A question"))
    read(world, server)
    rows = pd.DataFrame(
        {
            "day": pd.Timestamp(YESTERDAY).as_unit("us"), "lead_id": ["lead-2", "nobody"], "is_new": True,
            "record_count": 1, "source": "list", "received_at": NOW, "custom": "{}",
        }
    )  # fmt: skip
    harvested = conform(rows, harvested_leads, campaign="spring-sale", campaign_version=1)
    replace_partitions(
        world.engine,
        harvested_leads,
        "spring-sale",
        [YESTERDAY],
        harvested,
        campaign_version=1,
        run_id="a test",
    )

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["inbox", *words], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    [row] = json.loads(run("list", "--unmatched", "--json"))
    assert (row["kind"], row["seems"]) == ("other", "reply")
    assert "I use another address now." in run("show", str(row["mail_id"]))
    assert "reply" in run("assign", str(row["mail_id"]), "lead-2", "--campaign", "spring-sale")
    assert events(world) == [("lead-2", "reply")]
    with pytest.raises(PermanentError, match="no email was sent to lead nobody"):
        run("assign", str(row["mail_id"]), "nobody", "--campaign", "spring-sale")
    with pytest.raises(PermanentError, match="no such lead"):
        run("assign", str(row["mail_id"]), "somebody", "--campaign", "spring-sale")


def test_of_who_asked_to_be_forgotten_nothing_is_kept(
    world: World, sent: list[dict[str, Any]], server: ImapServer
) -> None:
    first = mail("Please forget me.", In_Reply_To=sent[0]["rfc_message_id"])
    server.folder.add(first)
    read(world, server)
    erase_person(world.engine, "lead-0@leads.example", actor="ida")
    server.folder.renumber()
    server.folder.add(mail("And once more.", "Lead-0+me@leads.example"))
    server.folder.add(bounce_of("lead-0@leads.example"))
    server.folder.add(mail("Ask lead-0@leads.example.", "lead-1@leads.example", "Re: Hello"))
    assert read(world, server).to_dict() == {"read": 4, "known": 1, "unmatched": 0, "erased": 2, "reply": 1}
    assert [(row["lead_id"], row["subject"], row["body_text"]) for row in mails(world)] == [
        ("lead-1", None, None)
    ]
    assert events(world) == [("lead-1", "reply")]


def bounce_of(address: str) -> bytes:
    return (
        f"From: MAILER-DAEMON@leads.example\nTo: eva@sender.example.org\nSubject: Undelivered\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry.\n\n--b\n"
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; leads.example\n\n"
        f"Final-Recipient: rfc822; {address}\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
    ).encode()
