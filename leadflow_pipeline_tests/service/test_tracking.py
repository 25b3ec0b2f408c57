"""Pixels, links, unsubscribing and providers' webhooks over a real socket: what they answer, and what becomes of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import Engine, select

from leadflow_pipeline.delivery.unsubscribe import Unsubscription
from leadflow_pipeline.inbound.preferences import PAGE, Choice, choice_line
from leadflow_pipeline.inbound.taking_in import take_in_lines
from leadflow_pipeline.inbound.tracking.judgement import TRAP
from leadflow_pipeline.inbound.tracking.judging import count_unjudged, judge_due
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.service.certificates import Certificates
from leadflow_pipeline.service.journal_storing import store_files
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import (
    engagement_events,
    messages,
    provider_events,
    suppressions,
    tracking_hits,
)
from leadflow_pipeline_tests.inbound.letters import BROWSER, CAMPAIGN, Letter, send
from leadflow_pipeline_tests.inbound.signing import (
    TOPIC,
    certificate,
    public_half,
    signed_by_sendgrid,
    signed_by_sns,
)
from leadflow_pipeline_tests.inbound.test_providers import ses_bounce
from leadflow_pipeline_tests.service.conftest import served
from leadflow_pipeline_tests.service.senders import NEW_SECRET, signed

PATIENCE = threading.Event()
READ = timedelta(minutes=-10)
"""Before now: when the emails were sent, so that people have had time to read."""


class Visitor:
    """Somebody who asks, and a way to see what became of it."""

    def __init__(self, engine: Engine, client: httpx.Client, letters: list[Letter]) -> None:
        self.engine = engine
        self.client = client
        self.letters = letters

    def settle(self) -> None:
        """As if some minutes had passed: what is on the disk is stored, and judged."""
        wait_until(lambda: not list(get_settings().journal_folder.glob("*.jsonl")))
        judge_due(self.engine, datetime.now(UTC) + timedelta(minutes=10))

    def rows(self, table: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def events(self) -> list[tuple[str, str, bool]]:
        """Lead, behaviour and whether it was a machine."""
        return sorted(
            (row["lead_id"], row["behaviour"], row["is_machine"]) for row in self.rows(engagement_events)
        )


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        PATIENCE.wait(0.02)
    raise AssertionError("it did not happen")


@pytest.fixture
def sns_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def visitor(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sns_key: rsa.RSAPrivateKey
) -> Iterator[Visitor]:
    """Somebody with a browser, and three emails that were sent ten minutes ago."""
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("LEADFLOW_SES_TOPICS", TOPIC)
    monkeypatch.setenv("LEADFLOW_PROVIDER_WEBHOOK_SECRET", NEW_SECRET)
    get_settings.cache_clear()
    letters = send(engine, 3, sent_at=datetime.now(UTC) + READ)
    certificates = Certificates(lambda url: certificate(sns_key) if "forged" not in url else None)
    with served(build_app(certificates=certificates)) as url:
        headers = {"user-agent": BROWSER}
        yield Visitor(engine, httpx.Client(base_url=url, headers=headers, timeout=30), letters)


def test_a_person_opens_and_clicks(visitor: Visitor) -> None:
    first = visitor.letters[0]
    pixel = visitor.client.get(first.pixel)
    assert (pixel.status_code, pixel.headers["content-type"]) == (200, "image/gif")
    assert "no-store" in pixel.headers["cache-control"]
    click = visitor.client.get(first.link(1))
    assert (click.status_code, click.headers["location"]) == (302, "https://www.example.org/lead-0/1")
    visitor.settle()
    assert visitor.events() == [("lead-0", "click", False), ("lead-0", "open", False)]
    judge_due(visitor.engine, datetime.now(UTC) + timedelta(hours=1))
    assert len(visitor.events()) == 2
    kept = json.dumps(visitor.rows(tracking_hits), default=str)
    assert "127.0.0.1" not in kept
    assert "Chrome" not in kept


def test_machines_are_recorded_and_count_for_nothing(visitor: Visitor) -> None:
    one, two, three = visitor.letters
    visitor.client.head(one.link(1))
    visitor.client.get(two.pixel, headers={"user-agent": "YahooMailProxy; https://help.yahoo.com"})
    visitor.client.get(three.link(3), headers={"x-forwarded-for": "198.51.100.7"})
    assert count_unjudged(visitor.engine) == 0
    visitor.settle()
    assert visitor.events() == [
        ("lead-0", "click", True),
        ("lead-1", "open", True),
        ("lead-2", "click", True),
    ]
    assert TRAP in {row["machine_reason"] for row in visitor.rows(tracking_hits)}


def test_nobody_makes_up_a_link(visitor: Visitor) -> None:
    token = visitor.letters[0].token(1)
    changed = token[:-1] + ("0" if token[-1] != "0" else "1")
    for path in (
        f"/c/{changed}",
        "/c/x",
        f"/o/{token}",
        "/c/%ff%fe",
        f"/c/{visitor.letters[0].token(0)}",
        "/o/",
    ):
        assert visitor.client.get(path).status_code == 404, path
    assert visitor.client.get(visitor.letters[0].link(9)).status_code == 404
    assert visitor.client.post(visitor.letters[0].pixel).status_code == 405


def test_unsubscribing_takes_a_press_of_a_button(visitor: Visitor) -> None:
    first = visitor.letters[0]
    for _ in range(3):
        page = visitor.client.get(first.unsubscribe)
        assert page.status_code == 200
        assert visitor.client.head(first.unsubscribe).status_code == 200
    assert "Spring &lt;Sale&gt;" in page.text
    assert "Eva Berg" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    visitor.settle()
    assert not visitor.rows(suppressions)
    answers = [
        visitor.client.post(first.unsubscribe, content=b"List-Unsubscribe=One-Click").status_code
        for _ in range(5)
    ]
    assert answers == [200] * 5
    visitor.settle()
    (row,) = visitor.rows(suppressions)
    assert (row["subject"], row["campaign"], row["reason"]) == (first.recipient_key, "", "unsubscribed")
    assert visitor.events() == [("lead-0", "unsubscribe", False)]
    assert "You get no more emails from us." in visitor.client.get(first.unsubscribe).text


def test_preferences(visitor: Visitor) -> None:
    first = visitor.letters[0]

    def choose(choice: str, language: str = "en") -> str:
        headers = {"accept-language": language}
        answer = visitor.client.post(first.unsubscribe, data={"choice": choice}, headers=headers)
        assert answer.status_code == 200
        visitor.settle()
        return answer.text

    assert "Sie erhalten keine E-Mails mehr zu" in choose("campaign", "de-AT,en;q=0.5")
    assert [row["campaign"] for row in visitor.rows(suppressions)] == [CAMPAIGN]
    assert "Get emails again" in visitor.client.get(first.unsubscribe).text
    assert "You get emails of" in choose("none")
    assert all(row["lifted_at"] for row in visitor.rows(suppressions))
    choose("all")
    standing = [row["campaign"] for row in visitor.rows(suppressions) if row["lifted_at"] is None]
    assert standing == [""]
    broken = visitor.client.get(first.unsubscribe[:-1] + "x")
    assert broken.status_code == 404
    assert "not complete" in broken.text
    too_long = visitor.client.post(first.unsubscribe, content=b"x" * 20_000)
    assert too_long.status_code == 413


def test_what_ses_tells(visitor: Visitor, sns_key: rsa.RSAPrivateKey) -> None:
    first, second, _ = visitor.letters
    told = ses_bounce()
    told["mail"] = {**told["mail"], "headers": [{"name": "Message-ID", "value": first.rfc_message_id}]}
    told["bounce"]["bouncedRecipients"][0]["emailAddress"] = "lead-0@leads.example"
    envelope = signed_by_sns(sns_key, Message=json.dumps(told))
    path = "/webhooks/provider/ses"
    assert [visitor.client.post(path, json=envelope).status_code for _ in range(3)] == [200] * 3
    refused: list[Any] = [
        {**envelope, "Message": "{}"},
        {**envelope, "TopicArn": "arn:aws:sns:eu-west-1:1:mine"},
        {**envelope, "SigningCertURL": "https://example.org/x.pem"},
        {**envelope, "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/forged.pem"},
        told,
        [],
    ]
    assert {visitor.client.post(path, json=each).status_code for each in refused} == {401}
    assert visitor.client.post(path, content=b"{").status_code == 400
    unread = signed_by_sns(sns_key, Message="text")
    assert visitor.client.post(path, json=unread).status_code == 422
    confirmation = signed_by_sns(
        sns_key, Type="SubscriptionConfirmation", Message="m", Token="t",
        SubscribeURL="https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
    )  # fmt: skip
    assert visitor.client.post(path, json=confirmation).status_code == 200
    visitor.settle()
    assert visitor.events() == [("lead-0", "bounce", False)]
    (event,) = visitor.rows(provider_events)
    assert event["message_id"] == first.message_id
    assert [row["subject"] for row in visitor.rows(suppressions)] == [first.recipient_key]
    assert second.recipient_key not in json.dumps(visitor.rows(suppressions), default=str)


def test_what_others_tell(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = visitor.letters
    at = datetime.now(UTC).isoformat()
    told = [
        {"event": "complaint", "message_id": first.rfc_message_id, "occurred_at": at},
        {"event": "soft_bounce", "recipient": "Lead-1@leads.example", "occurred_at": at, "status": "4.2.2"},
        {"event": "delivered", "recipient": "lead-2@leads.example", "occurred_at": at},
        {"event": "bounce", "recipient": "nobody@leads.example", "occurred_at": at},
    ]
    body = json.dumps(told).encode()
    path = "/webhooks/provider/generic"
    assert visitor.client.post(path, content=body, headers=signed(body, "m1")).json() == {"events": 4}
    assert visitor.client.post(path, content=body, headers=signed(body, "m2")).json() == {"events": 4}
    assert visitor.client.post(path, content=body + b" ", headers=signed(body, "m3")).status_code == 401
    wrong = json.dumps([{"event": "bounce"}]).encode()
    assert visitor.client.post(path, content=wrong, headers=signed(wrong, "m4")).status_code == 422

    assert visitor.client.post("/webhooks/provider/sendgrid", content=body).status_code == 404
    key = ec.generate_private_key(ec.SECP256R1())
    monkeypatch.setenv("LEADFLOW_SENDGRID_PUBLIC_KEY", public_half(key))
    get_settings.cache_clear()
    sent = json.dumps(
        [{"event": "spamreport", "email": "lead-2@leads.example", "timestamp": 1_999_999_999, "sg_event_id": "s1",
          "smtp-id": third.rfc_message_id}]
    ).encode()  # fmt: skip
    headers = signed_by_sendgrid(key, sent)
    assert (
        visitor.client.post("/webhooks/provider/sendgrid", content=sent, headers=headers).status_code == 200
    )
    assert visitor.client.post("/webhooks/provider/sendgrid", content=sent).status_code == 401
    visitor.settle()
    found = {(row["kind"], row["message_id"]) for row in visitor.rows(provider_events)}
    assert found == {
        ("complaint", first.message_id), ("soft_bounce", second.message_id), ("complaint", third.message_id),
        ("delivered", None), ("bounce", None),
    }  # fmt: skip


def test_whatever_comes_is_answered(visitor: Visitor, sns_key: rsa.RSAPrivateKey) -> None:
    bodies = [
        b"", b"\xff\xfe\x00", b"[" * 50_000, b"null", b"[1]", b"{}", b'{"TopicArn": []}', b'{"TopicArn": {"a": 1}}',
        json.dumps({"TopicArn": TOPIC, "Type": ["x"], "SigningCertURL": 1}).encode(), b'"\\ud800"',
        b"choice=none&choice=all" * 500, b"x" * (1 << 20) + b"x",
    ]  # fmt: skip
    told = ses_bounce()
    told["bounce"]["bouncedRecipients"] = [
        {"emailAddress": "\ud800@x"},
        {"emailAddress": 1},
        2,
        {"status": []},
    ]
    bodies.append(json.dumps(signed_by_sns(sns_key, Message=json.dumps(told))).encode())
    signed_ones = [json.dumps({"event": "bounce", "occurred_at": at, "recipient": "a@b\0c", "id": "\0"}).encode()
                   for at in (1e300, "9999-12-31T23:59:59-23:59", "2026-05-05T10:00:00Z")]  # fmt: skip
    for body in bodies:
        for path in ("ses", "sendgrid", "generic"):
            answer = visitor.client.post(
                f"/webhooks/provider/{path}", content=body, headers=signed(body, "m")
            )
            assert answer.status_code < 500, (path, body[:40])
        assert visitor.client.post(visitor.letters[0].unsubscribe + "x", content=body).status_code == 404
    for body in signed_ones:
        answer = visitor.client.post("/webhooks/provider/generic", content=body, headers=signed(body, "m"))
        assert answer.status_code in (200, 422)
    for path in (
        "/o/%00",
        "/c/" + "a" * 8_000,
        "/unsubscribe/..%2f",
        "/unsubscribe/a.b.c",
        "/c/%f0%9f%98%80.x",
    ):
        for method in ("GET", "HEAD", "POST", "PUT"):
            assert visitor.client.request(method, path).status_code in (404, 405)
    visitor.settle()
    assert not visitor.rows(suppressions)


def test_a_scanner_changes_nothing(visitor: Visitor, slow: bool) -> None:
    letters = visitor.letters + send(
        visitor.engine, 1_000 if slow else 60, sent_at=datetime.now(UTC) + READ, first=3
    )
    for letter in letters:
        for path in letter.everything():
            assert visitor.client.get(path).status_code in (200, 302)
    visitor.settle()
    assert len(visitor.rows(tracking_hits)) == 4 * len(letters)
    assert not [event for event in visitor.events() if not event[2]]
    assert not visitor.rows(suppressions)


def test_what_the_database_refuses_is_put_aside(visitor: Visitor) -> None:
    good = {
        "what": "hit", "id": "h1", "key": visitor.letters[0].key, "kind": "open", "link": None,
        "at": datetime.now(UTC).isoformat(), "visitor": "", "agent": "browser",
    }  # fmt: skip
    wrong = [
        {**good, "id": "h2", "at": "never"},
        {**good, "id": "h3", "kind": "x"},
        {**good, "id": "\0"},
        {"what": 1},
    ]
    assert take_in_lines(visitor.engine, [wrong[0], good, *wrong[1:3]]) == wrong[:3]
    assert take_in_lines(visitor.engine, [{**good, "id": "h4", "key": "erased"}, good]) == []
    assert [row["hit_id"] for row in visitor.rows(tracking_hits)] == ["h1"]


def test_a_wish_that_is_stored_again_undoes_no_later_one(visitor: Visitor) -> None:
    who = Unsubscription(CAMPAIGN, visitor.letters[0].recipient_key)
    now = datetime.now(UTC)
    wishes: list[tuple[Choice, int]] = [("all", 0), ("none", 1), ("campaign", 2), ("campaign", 3)]
    lines = [
        choice_line(str(minute), who, choice, PAGE, now + timedelta(minutes=minute - 5))
        for choice, minute in wishes
    ]
    for replayed in (lines, lines[:2], lines[1:2], lines):
        assert take_in_lines(visitor.engine, replayed) == []
        standing = [row["campaign"] for row in visitor.rows(suppressions) if row["lifted_at"] is None]
        assert standing == [CAMPAIGN]
    assert len(visitor.events()) == 3


def test_the_journal_outlives_its_writer(visitor: Visitor) -> None:
    folder = get_settings().journal_folder
    folder.mkdir(exist_ok=True)
    line = {
        "what": "hit", "id": "left", "key": visitor.letters[0].key, "kind": "open", "link": None,
        "at": datetime.now(UTC).isoformat(), "visitor": "", "agent": "browser",
    }  # fmt: skip
    left = folder / "00000000000000000001-left.jsonl"
    left.write_bytes(json.dumps(line).encode() + b"\n" + b'{"what": "hit", "id": "ha')
    store_files(folder, lambda: visitor.engine)
    wait_until(lambda: not left.exists())
    assert [row["hit_id"] for row in visitor.rows(tracking_hits)] == ["left"]
    assert len(visitor.rows(messages)) == 3
