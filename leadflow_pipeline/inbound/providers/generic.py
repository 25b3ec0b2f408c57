"""What any other provider may tell, by a small translator of one's own: one JSON object an event, or a list. Pure.

    {"event": "bounce", "message_id": "<...@...>", "recipient": "ida@leads.example",
     "occurred_at": "2026-03-01T10:00:00Z", "permanent": true, "status": "5.1.1", "id": "evt_1"}

`event` is one of delivered, bounce, complaint, unsubscribe; `message_id` or `recipient` is needed; the rest may be left
out. Signed by Standard Webhooks (`signatures`).
"""

from __future__ import annotations

from typing import Any, cast

from leadflow_pipeline.inbound.providers.events import (
    EventKind,
    ProviderEvent,
    UnreadableEvent,
    address_of,
    bounce_kind,
    digest_of,
    message_id_of,
    moment_of,
    status_in,
)

PROVIDER = "generic"
MOST_EVENTS = 5_000
KINDS = ("delivered", "bounce", "soft_bounce", "complaint", "unsubscribe")


def events_in(body: Any) -> list[ProviderEvent]:
    """The events of a request. Raises UnreadableEvent, naming the item, for what is not as documented."""
    told = body if isinstance(body, list) else [body]
    if len(told) > MOST_EVENTS:
        raise UnreadableEvent(f"the list holds more than {MOST_EVENTS:,} events: send fewer at once")
    return [_event(number, each) for number, each in enumerate(told, start=1)]


def _event(number: int, told: Any) -> ProviderEvent:
    if not isinstance(told, dict):
        raise UnreadableEvent(f"item {number} is no JSON object: send one for each event")
    kind = told.get("event")
    if kind not in KINDS:
        raise UnreadableEvent(f"item {number} has no event that is known: name one of {', '.join(KINDS)}")
    occurred_at = moment_of(told.get("occurred_at"))
    if occurred_at is None:
        raise UnreadableEvent(f"item {number} has no moment in occurred_at: write 2026-03-01T10:00:00Z")
    recipient, message_id = address_of(told.get("recipient")), message_id_of(told.get("message_id"))
    if recipient is None and message_id is None:
        raise UnreadableEvent(f"item {number} names neither message_id nor recipient: name one of them")
    status = status_in(told.get("status"))
    if kind == "bounce":
        kind = bounce_kind(told.get("permanent", True) is not False, status)
    own = told.get("id")
    return ProviderEvent(
        event_id=own[:128] if isinstance(own, str) and own else digest_of(told),
        kind=cast("EventKind", kind),
        occurred_at=occurred_at,
        recipient=recipient,
        message_ids=(message_id,) if message_id else (),
        detail={"status": status} if status else {},
    )
