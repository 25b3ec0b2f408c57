"""What counts as signed, with the standard's own library on the other side."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.signatures import SignedHeaders, is_signed, key_of, sign
from leadflow_pipeline_tests.service.senders import NEW_SECRET, OLD_SECRET

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BODY = '{"name": "Ærøskøbing"}'.encode()


def headers_of(body: bytes, secret: str = NEW_SECRET, at: datetime = NOW) -> SignedHeaders:
    signature = Webhook(secret).sign("msg_1", at, body.decode())
    return SignedHeaders("msg_1", str(int(at.timestamp())), signature)


def test_what_the_library_signs_is_signed_and_the_other_way_round() -> None:
    assert is_signed(headers_of(BODY), BODY, [key_of(NEW_SECRET)], NOW)
    now = datetime.now(UTC)
    seconds = int(now.timestamp())
    ours = sign(key_of(NEW_SECRET), "msg_1", seconds, BODY)
    sent = {"webhook-id": "msg_1", "webhook-timestamp": str(seconds), "webhook-signature": ours}
    assert Webhook(NEW_SECRET).verify(BODY, sent) == {"name": "Ærøskøbing"}


def test_secrets_and_signatures_may_overlap_while_one_replaces_the_other() -> None:
    new, old = key_of(NEW_SECRET), key_of(OLD_SECRET)
    by_both = SignedHeaders(
        "msg_1",
        headers_of(BODY).timestamp,
        f"v1a,{'A' * 86}== {headers_of(BODY, OLD_SECRET).signature} {headers_of(BODY).signature}",
    )
    assert is_signed(by_both, BODY, [new], NOW)
    assert is_signed(by_both, BODY, [old], NOW)
    assert is_signed(headers_of(BODY, OLD_SECRET), BODY, [new, old], NOW)
    assert not is_signed(headers_of(BODY, OLD_SECRET), BODY, [new], NOW)


@given(st.binary(min_size=24, max_size=64))
@settings(max_examples=50)
def test_secrets_of_any_length_are_read_as_the_library_reads_them(key: bytes) -> None:
    padded = "whsec_" + base64.b64encode(key).decode()
    assert key_of(padded) == key_of(padded.rstrip("=")) == key
    assert is_signed(headers_of(BODY, padded), BODY, [key_of(padded)], NOW)


@pytest.mark.parametrize(("seconds", "is_good"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_the_clocks_may_differ_by_five_minutes(seconds: int, is_good: bool) -> None:
    headers = headers_of(BODY, at=NOW + timedelta(seconds=seconds))
    assert is_signed(headers, BODY, [key_of(NEW_SECRET)], NOW) is is_good


@given(st.binary(max_size=80), st.text(max_size=40), st.text(max_size=40), st.text(max_size=80))
@settings(max_examples=300)
def test_nothing_else_is_signed(body: bytes, webhook_id: str, timestamp: str, signature: str) -> None:
    keys = [key_of(NEW_SECRET)]
    good = headers_of(BODY)
    assert not is_signed(SignedHeaders(webhook_id, timestamp, signature), body, keys, NOW)
    assert not is_signed(SignedHeaders(good.webhook_id, good.timestamp, signature), BODY, keys, NOW)
    assert is_signed(SignedHeaders(webhook_id, good.timestamp, good.signature), BODY, keys, NOW) is (
        webhook_id == good.webhook_id
    )
    assert is_signed(good, body, keys, NOW) is (body == BODY)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_short", "not base64!", base64.b64encode(b"x" * 23).decode()]
)
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(PermanentError, match="leadflow webhook secret") as refusal:
        key_of(secret)
    assert len(secret) < 10 or secret.removeprefix("whsec_") not in str(refusal.value)
