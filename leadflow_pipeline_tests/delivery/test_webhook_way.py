"""Webhooks over real sockets: signed as the specification has it, and failures told apart."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leadflow_pipeline.delivery.transports import Delivery
from leadflow_pipeline.delivery.ways import JsonFolder
from leadflow_pipeline.delivery.webhook_way import WebhookWay, is_allowed
from leadflow_pipeline.signatures import SignedHeaders, is_signed, key_of
from leadflow_pipeline_tests.fakes.http import REFUSED, FakeServer, Received, Reply, refused

NOW = datetime(2026, 5, 5, 9, 30, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
BODY = {"type": "nurture.step.due", "data": {"lead_id": "lead-0", "lead": {"company": "Müller"}}}


class Receiver(FakeServer):
    """Takes whatever it is sent, or answers as it is told."""

    failures = FakeServer.failures | {
        f"status {status}": refused(Reply(status, headers={"Retry-After": "120", "Location": "/elsewhere"}))
        for status in (301, 400, 401, 404, 410, 429, 500, 503)
    }

    def respond(self, received: Received) -> Reply:
        return Reply(204)


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebhookWay:
    monkeypatch.setenv("LEADFLOW_PLANNER_SECRET", SECRET)
    return WebhookWay(JsonFolder(tmp_path), lambda: NOW)


def message(url: str, secret_from: str = "LEADFLOW_PLANNER_SECRET") -> Any:
    content = {"url": url, "secret_from": secret_from, "body": BODY}
    return {
        "rfc_message_id": "<0123abc@sender.example.org>",
        "payload": {"kind": "webhook", "webhook": content},
    }


def send(way: WebhookWay, url: str, **given: str) -> Delivery:
    return way.send(message(url, **given), NOW, lambda: True)


def test_a_receiver_can_tell_that_it_is_ours_and_the_same(way: WebhookWay) -> None:
    with Receiver() as receiver:
        assert [send(way, f"{receiver.url}/in?x=1").outcome for _ in range(2)] == ["accepted"] * 2
        first, again = receiver.requests
    headers = SignedHeaders(*(first.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")))
    assert is_signed(headers, first.body, [key_of(SECRET)], NOW)
    assert not is_signed(headers, first.body + b" ", [key_of(SECRET)], NOW)
    assert json.loads(first.body) == BODY
    assert (first.path, headers.webhook_id) == ("/in", "msg_0123abc")
    assert (again.body, again.headers["webhook-id"]) == (first.body, headers.webhook_id)


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        *((f"status {status}", "refused") for status in (301, 400, 401, 404, 410)),
        *((f"status {status}", "deferred") for status in (429, 500, 503)),
        (REFUSED, "deferred"),
        ("reset before answer", "deferred"),
        ("lost answer", "deferred"),
    ],
)
def test_failures_for_good_are_told_from_those_that_pass(way: WebhookWay, trouble: str, outcome: str) -> None:
    with Receiver() as receiver:
        receiver.misbehave(trouble)
        delivery = send(way, receiver.url)
        assert delivery.outcome == outcome
        assert "127.0.0.1" not in (delivery.reply_text or ""), "no address, no question in what is kept"
        assert receiver.count("elsewhere") == 0
    if trouble == "status 503":
        assert delivery.retry_at == NOW + timedelta(minutes=2)


def test_without_its_secret_and_once_it_is_somebody_else_s_nothing_leaves(way: WebhookWay) -> None:
    with Receiver() as receiver:
        assert send(way, receiver.url, secret_from="LEADFLOW_OF_NOBODY").outcome == "deferred"
        assert send(way, receiver.url, secret_from="LEADFLOW_DATABASE_URL").outcome == "deferred"
        assert way.send(message(receiver.url), NOW, lambda: False).outcome == "abandoned"
        assert receiver.requests == []


def test_a_message_without_an_address_becomes_a_file(way: WebhookWay, tmp_path: Path) -> None:
    row = {
        "rfc_message_id": "<0123abc@sender.example.org>", "channel": "webhook", "recipient": "ann", "subject": "New",
        "body_text": "", "payload": {"rep": "ann"},
    }  # fmt: skip
    assert way.send(row, NOW, lambda: True).outcome == "accepted"  # type: ignore[arg-type]
    assert len(list(tmp_path.glob("*.json"))) == 1


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://planner.example.org/in", True),
        ("http://planner.example.org/in", False),
        ("http://127.0.0.1:8080/in", True),
        ("http://localhost/in", True),
        ("http://localhost.example.org/in", False),
    ],
)
def test_http_leads_to_this_machine_only(url: str, allowed: bool) -> None:
    assert is_allowed(url) is allowed
