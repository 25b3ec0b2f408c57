"""Providers' words become ours, and nobody else's are believed. Shapes as the providers document them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.inbound.providers import generic, sendgrid, ses, sns
from leadflow_pipeline.inbound.providers.events import UnreadableEvent, bounce_kind
from leadflow_pipeline_tests.inbound.signing import (
    AT,
    certificate,
    signed_by_sns,
)

IDA = "ida@leads.example"
MAIL = {
    "timestamp": "2026-05-05T09:30:00.000Z",
    "messageId": "0101019a-example-0000",
    "destination": [IDA],
    "headers": [{"name": "Message-ID", "value": "<abc@sender.example.org>"}],
}


def ses_bounce(**changes: Any) -> dict[str, Any]:
    recipient = {
        "emailAddress": f"Ida <{IDA}>",
        "status": changes.pop("status", "5.1.1"),
        "diagnosticCode": "smtp; 550",
    }
    bounce = {
        "bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [recipient], "timestamp": AT,
        "feedbackId": "f1", **changes,
    }  # fmt: skip
    return {"notificationType": "Bounce", "bounce": bounce, "mail": MAIL}


def test_ses_bounces() -> None:
    (event,) = ses.events_in(ses_bounce())
    assert (event.kind, event.recipient, event.detail["status"]) == ("bounce", IDA, "5.1.1")
    assert event.message_ids == ("<abc@sender.example.org>", "0101019a-example-0000")
    assert event.occurred_at == datetime(2026, 5, 5, 9, 31, tzinfo=UTC)
    assert ses.events_in({"Type": "Notification", "Message": json.dumps(ses_bounce())}) == [event]
    assert ses.events_in(ses_bounce(status="5.7.1"))[0].kind == "soft_bounce"
    assert ses.events_in(ses_bounce(bounceType="Transient", status=""))[0].kind == "soft_bounce"
    assert ses.events_in(ses_bounce(status="", bounceSubType="OnAccountSuppressionList"))[0].kind == "bounce"


def test_ses_complaints_and_deliveries() -> None:
    complaint = {
        "complainedRecipients": [{"emailAddress": IDA}],
        "timestamp": AT,
        "complaintFeedbackType": "abuse",
    }
    (event,) = ses.events_in({"eventType": "Complaint", "complaint": complaint, "mail": MAIL})
    assert event.kind == "complaint"
    taken_back = {**complaint, "complaintFeedbackType": "not-spam"}
    assert not ses.events_in({"eventType": "Complaint", "complaint": taken_back, "mail": MAIL})
    delivery = {"timestamp": AT, "recipients": [IDA, "bo@leads.example"], "smtpResponse": "250 2.6.0 ok"}
    told = ses.events_in({"notificationType": "Delivery", "delivery": delivery, "mail": MAIL})
    assert [each.kind for each in told] == ["delivered"] * 2
    assert len({each.event_id for each in told}) == 2
    assert not ses.events_in({"eventType": "Open", "open": {}, "mail": MAIL})


def test_sendgrid() -> None:
    common = {
        "email": IDA,
        "timestamp": 1_777_973_460,
        "smtp-id": "<abc@sender.example.org>",
        "sg_event_id": "e1",
    }
    kinds = {
        ("bounce", "bounce", "5.1.1"): "bounce",
        ("bounce", "blocked", "5.7.1"): "soft_bounce",
        ("bounce", "bounce", "5.2.2"): "soft_bounce",
        ("bounce", "bounce", ""): "bounce",
        ("spamreport", "", ""): "complaint",
        ("group_unsubscribe", "", ""): "unsubscribe",
        ("delivered", "", ""): "delivered",
    }
    for (name, sort, status), kind in kinds.items():
        (event,) = sendgrid.events_in([{**common, "event": name, "type": sort, "status": status}])
        assert (event.kind, event.recipient, event.event_id) == (kind, IDA, "e1")
        assert event.message_ids == ("<abc@sender.example.org>",)
    assert not sendgrid.events_in(
        [{**common, "event": name} for name in ("open", "click", "processed", "deferred")]
    )
    (dropped,) = sendgrid.events_in([{**common, "event": "dropped", "reason": "Bounced Address"}])
    assert dropped.kind == "bounce"
    listed = {
        "email": IDA,
        "created": "2026-05-05 09:31:00",
        "reason": "550 5.1.1 no such user",
        "status": "5.1.1",
    }
    first, again = sendgrid.events_in([listed, listed])
    assert first.kind == "bounce"
    assert first.event_id == again.event_id
    for wrong in (["text"], listed):
        with pytest.raises(UnreadableEvent):
            sendgrid.events_in(wrong)


def test_any_other() -> None:
    told = {"event": "bounce", "recipient": IDA, "occurred_at": AT, "id": "evt"}
    assert generic.events_in(told)[0].kind == "bounce"
    assert generic.events_in([{**told, "permanent": False}])[0].kind == "soft_bounce"
    for wrong in ({**told, "event": "x"}, {**told, "occurred_at": ""}, {**told, "recipient": "x"}, [1]):
        with pytest.raises(UnreadableEvent, match="item 1"):
            generic.events_in(wrong)


def test_a_policy_is_no_dead_mailbox() -> None:
    soft = ["4.2.2", "5.2.2", "5.2.3", "5.3.4", "5.4.7", "5.6.0", "5.7.1", "5.7.26"]
    assert {bounce_kind(True, status) for status in soft} == {"soft_bounce"}
    hard = ["5.0.0", "5.1.1", "5.1.10", "5.2.1", "5.4.4", "5.2.20", None]
    assert {bounce_kind(True, status) for status in hard} == {"bounce"}
    assert {bounce_kind(False, status) for status in hard} == {"soft_bounce"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)
NAMES = st.sampled_from(
    ["event", "email", "timestamp", "bounce", "mail", "reason", "status", "recipient", "occurred_at"]
)
TOLD = st.dictionaries(NAMES, VALUES, max_size=6)


@settings(max_examples=20)
@given(TOLD, st.sampled_from(["Bounce", "Complaint", "Delivery", "Open"]))
def test_whatever_is_told_is_read_or_refused(told: dict[str, Any], kind: str) -> None:
    for reader, body in (
        (ses.events_in, {**told, "notificationType": kind, kind.lower(): told}),
        (sendgrid.events_in, [told]),
        (generic.events_in, told),
    ):
        try:
            reader(body)
        except UnreadableEvent:
            continue


@pytest.fixture(scope="module")
def sns_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def test_signatures_of_sns(sns_key: rsa.RSAPrivateKey) -> None:
    pem = certificate(sns_key)
    for version in ("1", "2"):
        envelope = signed_by_sns(sns_key, version, Message="hello")
        assert sns.is_signed(envelope, pem)
        assert not sns.is_signed({**envelope, "Message": "hullo"}, pem)
        assert not sns.is_signed({**envelope, "SignatureVersion": "3"}, pem)
        assert not sns.is_signed({**envelope, "Signature": "%"}, pem)
    confirmation = signed_by_sns(
        sns_key, Type="SubscriptionConfirmation", Message="m", Token="t", SubscribeURL="u"
    )
    assert sns.is_signed(confirmation, pem)
    assert not sns.is_signed({**confirmation, "SubscribeURL": "v"}, pem)
    assert not sns.is_signed(confirmation, b"no certificate")
    # As AWS documents it: name and value, a line each, sorted; Subject only where there is one.
    told = {"Type": "Notification", "Message": "a", "MessageId": "b", "Timestamp": "c", "TopicArn": "d"}
    assert sns.signed_text(told) == (
        b"Message\na\nMessageId\nb\nTimestamp\nc\nTopicArn\nd\nType\nNotification\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/x.pem", True),
        ("https://sns.us-gov-west-1.amazonaws.com/x.pem", True),
        ("http://sns.eu-west-1.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:8443/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com.example.org/x.pem", False),
        ("https://example.org/sns.eu-west-1.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com@example.org/x.pem", False),
        ("https://me@sns.eu-west-1.amazonaws.com/x.pem", False),
        ("https://bucket.s3.amazonaws.com/x.pem", False),
        ("https://sns.eu-west-1.amazonaws.com/x.txt", False),
        ("https://sns.eu-west-1.amazonaws.com:port/x.pem", False),
        (None, False),
    ],
)
def test_only_hosts_of_sns_are_asked(url: str, is_right: bool) -> None:
    assert sns.is_certificate_url(url) is is_right


def test_signatures_of_sendgrid() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public = base64.b64encode(der).decode()
    signature = base64.b64encode(key.sign(b"1777973460" + b"[]", ec.ECDSA(hashes.SHA256()))).decode()
    assert sendgrid.is_signed(public, signature, "1777973460", b"[]")
    assert sendgrid.is_signed(
        f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----", signature, "1777973460", b"[]"
    )
    for changed in (
        (signature, "1777973461", b"[]"),
        (signature, "1777973460", b"[ ]"),
        ("", "1777973460", b"[]"),
    ):
        assert not sendgrid.is_signed(public, *changed)
    with pytest.raises(PermanentError, match="LEADFLOW_SENDGRID_PUBLIC_KEY"):
        sendgrid.is_signed("no key", signature, "1777973460", b"[]")
