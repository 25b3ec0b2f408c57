"""What SendGrid tells: its event webhook, and the lists of bounces that its API gives. Pure.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.inbound.providers.events import (
    EventKind,
    ProviderEvent,
    UnreadableEvent,
    address_of,
    bounce_kind,
    digest_of,
    message_id_of,
    moment_of,
    reply_code_in,
    status_in,
)

PROVIDER = "sendgrid"
SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"

KINDS: Mapping[str, EventKind] = {
    "delivered": "delivered",
    "spamreport": "complaint",
    "unsubscribe": "unsubscribe",
    "group_unsubscribe": "unsubscribe",
}
DROPPED: tuple[tuple[str, EventKind], ...] = (
    ("bounced address", "bounce"),
    ("invalid", "bounce"),
    ("spam reporting", "complaint"),
    ("unsubscribed", "unsubscribe"),
)
"""What SendGrid did not try to send, by its reason: it knows of the address what we should know."""

FULL = re.compile(r"mailbox (is )?full|over ?quota|quota exceeded|insufficient storage", re.IGNORECASE)


def events_in(body: Any) -> list[ProviderEvent]:
    """The events of a request; none for what is of no matter here. Raises UnreadableEvent for what is no list."""
    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise UnreadableEvent("the body is no list of JSON objects: it is not from SendGrid")
    return [event for event in map(_event, body) if event is not None]


def is_signed(public_key: str, signature: str, timestamp: str, body: bytes) -> bool:
    """Whether SendGrid signed `timestamp` and body (ECDSA, SHA-256) with the key whose public half is given.

    `public_key` is base64 of a SubjectPublicKeyInfo, as SendGrid shows it; PEM is taken too. Raises PermanentError for
    a key that is none.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(
            base64.b64decode(re.sub(r"-----[^-]*-----|\s", "", public_key), validate=True)
        )
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise PermanentError(
            "LEADFLOW_SENDGRID_PUBLIC_KEY is no verification key: copy it from SendGrid's signed event webhook"
        )
    try:
        key.verify(
            base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(hashes.SHA256())
        )
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _event(told: Mapping[str, Any]) -> ProviderEvent | None:
    occurred_at = moment_of(told.get("timestamp")) or moment_of(told.get("created"))
    status = status_in(told.get("status"), told.get("reason"))
    code = reply_code_in(told.get("status"), told.get("reason"))
    kind = _kind(told, status, code)
    if kind is None or occurred_at is None:
        return None
    recipient = address_of(told.get("email"))
    own = told.get("sg_event_id")
    detail = {
        "event": _word(told.get("event")),
        "type": _word(told.get("type")),
        "status": status,
        "code": code,
    }
    ids = [message_id_of(told.get("smtp-id")), message_id_of(told.get("leadflow_message_id"))]
    return ProviderEvent(
        event_id=own[:128] if isinstance(own, str) and own else digest_of(told),
        kind=kind,
        occurred_at=occurred_at,
        recipient=recipient,
        message_ids=tuple(filter(None, ids)),
        detail={name: value for name, value in detail.items() if value},
    )


def _kind(told: Mapping[str, Any], status: str | None, code: str | None) -> EventKind | None:
    reason = str(told.get("reason") or "")
    match str(told.get("event") or "").lower():
        case "bounce" | "blocked":
            is_blocked = "blocked" in (told.get("type"), told.get("event"))
            return bounce_kind(not is_blocked, status)
        case "" if told.get("reason") or told.get("status"):  # a list of bounces tells no event
            is_permanent = not (code or "5").startswith("4") and not FULL.search(reason)
            return bounce_kind(is_permanent, status)
        case "dropped":
            return next((kind for words, kind in DROPPED if words in reason.lower()), None)
        case event:
            return KINDS.get(event)


def _word(value: object) -> str:
    return value[:64] if isinstance(value, str) else ""
