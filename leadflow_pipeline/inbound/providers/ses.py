"""What Amazon SES tells: notifications and event publishing, in SNS's envelope or without it. Pure.

What belongs here: SES's words. What does not: SNS's signature (`sns`).
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html and event-publishing-retrieving-sns-contents.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from leadflow_pipeline.inbound.providers.events import (
    ProviderEvent,
    UnreadableEvent,
    address_of,
    bounce_kind,
    digest_of,
    message_id_of,
    moment_of,
    status_in,
)

PROVIDER = "ses"


def events_in(body: Any) -> list[ProviderEvent]:
    """The events of a notification; none for what is of no matter here (sends, opens, clicks, delays).

    Raises UnreadableEvent for what SES does not send.
    """
    notification = _notification(body)
    mail = _mapping(notification.get("mail"))
    match str(notification.get("notificationType") or notification.get("eventType") or "").lower():
        case "bounce":
            return list(_bounces(_mapping(notification.get("bounce")), mail))
        case "complaint":
            return list(_complaints(_mapping(notification.get("complaint")), mail))
        case "delivery":
            return list(_deliveries(_mapping(notification.get("delivery")), mail))
        case "":
            raise UnreadableEvent("the body names no notificationType: it is not from SES")
        case _:
            return []


def _notification(body: Any) -> Mapping[str, Any]:
    inner = body.get("Message") if isinstance(body, dict) and "Message" in body else body
    if isinstance(inner, str):
        try:
            inner = json.loads(inner)
        except (ValueError, RecursionError):
            raise UnreadableEvent("the Message of the envelope is not JSON: it is not from SES") from None
    if not isinstance(inner, dict):
        raise UnreadableEvent("the body is no JSON object: it is not from SES")
    return inner


def _bounces(bounce: Mapping[str, Any], mail: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    is_permanent = str(bounce.get("bounceType", "")).lower() == "permanent"
    for each in _list(bounce.get("bouncedRecipients")):
        status = status_in(each.get("status"), each.get("diagnosticCode"))
        subtype = str(bounce.get("bounceSubType", ""))[:64]
        # SES did not try: the address is on its list of those that bounced before.
        is_listed = "suppress" in subtype.lower()
        detail = {"type": str(bounce.get("bounceType", ""))[:64], "subtype": subtype, "status": status}
        kind = "bounce" if is_listed else bounce_kind(is_permanent, status)
        yield _event(kind, each.get("emailAddress"), bounce, mail, detail)


def _complaints(complaint: Mapping[str, Any], mail: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    feedback = str(complaint.get("complaintFeedbackType") or complaint.get("complaintSubType") or "")[:64]
    if feedback == "not-spam":  # a person took it out of the spam folder
        return
    for each in _list(complaint.get("complainedRecipients")):
        yield _event("complaint", each.get("emailAddress"), complaint, mail, {"type": feedback})


def _deliveries(delivery: Mapping[str, Any], mail: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    recipients = delivery.get("recipients")
    for address in recipients if isinstance(recipients, list) else []:
        detail = {"status": status_in(delivery.get("smtpResponse"))}
        yield _event("delivered", address, delivery, mail, detail)


def _event(
    kind: Any, address: object, told: Mapping[str, Any], mail: Mapping[str, Any], detail: Mapping[str, Any]
) -> ProviderEvent:
    recipient = address_of(address)
    occurred_at = moment_of(told.get("timestamp")) or moment_of(mail.get("timestamp"))
    if occurred_at is None:
        raise UnreadableEvent("the notification has no timestamp: it is not from SES")
    return ProviderEvent(
        event_id=digest_of(kind, told.get("feedbackId"), mail.get("messageId"), recipient),
        kind=kind,
        occurred_at=occurred_at,
        recipient=recipient,
        message_ids=_message_ids(mail),
        detail={name: value for name, value in detail.items() if value},
    )


def _message_ids(mail: Mapping[str, Any]) -> tuple[str, ...]:
    """The Message-ID we gave, where headers are told; SES's own, which its 250 named and which it puts into ours."""
    headers = [
        each.get("value")
        for each in _list(mail.get("headers"))
        if str(each.get("name", "")).lower() == "message-id"
    ]
    common = _mapping(mail.get("commonHeaders")).get("messageId")
    found = [message_id_of(value) for value in (*headers, common)]
    own = mail.get("messageId")
    return tuple(
        dict.fromkeys([*filter(None, found), *([own[:256]] if isinstance(own, str) and own else [])])
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
