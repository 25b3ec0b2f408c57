"""A return address names its message, and only ours do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from leadflow_pipeline.delivery.return_address import message_key, return_address
from leadflow_pipeline.delivery.tracking import tracking_key
from leadflow_pipeline.delivery.ways import letter_of

KEY = tracking_key("email", "enrolment", 1)


@pytest.mark.parametrize("where", ["bounces@example.org", "*@bounces.example.org", "b-*@example.org"])
def test_a_return_address_leads_back_to_its_message(where: str) -> None:
    made = return_address(where, KEY)
    assert message_key(["rep@example.org", made]) == KEY
    assert message_key([made.upper()]) == KEY
    assert len(made.rpartition("@")[0]) <= 64


def test_a_forwarder_may_wrap_it() -> None:
    local = return_address("b@example.org", KEY).rpartition("@")[0]
    assert message_key([f"SRS0=ab12=XY=example.org={local}@forward.example"]) == KEY


def test_nobody_can_make_one_up() -> None:
    local, _, domain = return_address("b@example.org", KEY).rpartition("@")
    changed = local[:-1] + ("0" if local[-1] != "0" else "1")
    assert message_key([f"{changed}@{domain}", "b@example.org", ""]) is None


def test_a_long_address_is_left_as_it_is() -> None:
    long = "bounces-of-the-whole-sales-department@example.org"
    assert return_address(long, KEY) == long


def test_bounces_go_there_and_replies_do_not() -> None:
    message = {
        "channel": "email", "subject_key": "enrolment", "step": 1, "rfc_message_id": "<m1@example.org>",
        "recipient": "lead@leads.example", "subject": "Hello", "body_text": "Hi", "body_html": "<p>Hi</p>",
        "correlation_id": None,
        "headers": {"From": "Rep <rep@example.org>", "To": "lead@leads.example", "Reply-To": "rep@example.org"},
    }  # fmt: skip
    letter = letter_of(message, datetime(2026, 6, 1, tzinfo=UTC), bounce_address="bounces@example.org")  # type: ignore[arg-type]
    assert message_key([letter.sender]) == KEY
    assert b"From: Rep <rep@example.org>" in letter.content
    assert letter.sender.encode() not in letter.content
