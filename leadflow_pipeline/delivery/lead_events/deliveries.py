"""What became of the messages to an endpoint, and the dead letters among them. A door: it meets the database.

What belongs here: listing them, and trying dead ones again by hand. What does not: sending.

A dead letter was refused for good, or could not be delivered for days. The next messages about its lead did not wait
for it any longer; where it is tried again it comes late, and its `number` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from leadflow_pipeline.delivery.lead_events.endpoints import read_endpoint
from leadflow_pipeline.delivery.lead_events.telling import KEPT
from leadflow_pipeline.delivery.outbox import move
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.schema import activity_log, messages

DEAD: Final = ("failed",)
MOST_AT_ONCE: Final = 10_000

SHOWN: Final = (
    messages.c.message_id,
    messages.c.campaign,
    messages.c.lead_id,
    messages.c.subject.label("kind"),
    messages.c.payload["event"]["data"]["number"].astext.label("number"),
    messages.c.state,
    messages.c.state_reason,
    messages.c.attempts,
    messages.c.created_at,
    messages.c.next_attempt_at,
    messages.c.not_after,
    messages.c.sent_at,
)


class NoDeadLetter(PermanentError):
    """A message that was to be tried again is no dead letter of the endpoint."""


def deliveries(
    connection: Connection,
    endpoint_id: str,
    *,
    states: Sequence[str] = (),
    before: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Messages to an endpoint, the latest first: of these states (all where none is named).

    `before`: only those older than this message. Raises NoSuchEndpoint.
    """
    read_endpoint(connection, endpoint_id)
    query = select(*SHOWN).where(_is_to(endpoint_id))
    if states:
        query = query.where(messages.c.state.in_(states))
    if before is not None:
        query = query.where(messages.c.message_id < before)
    rows = connection.execute(query.order_by(messages.c.message_id.desc()).limit(limit)).mappings()
    return [{**row, "number": int(row["number"] or 0)} for row in rows]


def retry_dead(
    connection: Connection,
    endpoint_id: str,
    message_ids: Sequence[int] | None = None,
    *,
    actor: str,
    now: datetime,
) -> list[int]:
    """Dead letters of an endpoint leave once more: these or, where none is named, the earliest `MOST_AT_ONCE`.

    Raises NoSuchEndpoint, and NoDeadLetter where one of them is none: then nothing was changed.
    """
    endpoint = read_endpoint(connection, endpoint_id)
    if endpoint.disabled_at is not None:
        raise NoDeadLetter("the endpoint is disabled: enable it first (leadflow hooks enable)")
    query = select(messages.c.message_id).where(_is_to(endpoint_id), messages.c.state.in_(DEAD))
    if message_ids is not None:
        query = query.where(messages.c.message_id.in_(sorted(set(message_ids))))
    found = list(connection.scalars(query.order_by(messages.c.message_id).limit(MOST_AT_ONCE)))
    if message_ids is not None and len(found) < len(set(message_ids)):
        raise NoDeadLetter("one of the messages is no dead letter of the endpoint: nothing was changed")
    moved = move(
        connection,
        "planned",
        DEAD,
        messages.c.message_id.in_(found),
        state_reason="again, by hand",
        lease_owner=None,
        next_attempt_at=now,
        not_after=now + KEPT,
    )
    note = {"endpoint_id": endpoint_id, "messages": len(moved)}
    connection.execute(
        insert(activity_log).values(actor=actor, action="webhook_endpoint.retried", detail=note)
    )
    return sorted(moved)


def _is_to(endpoint_id: str) -> Any:
    return (messages.c.recipient == endpoint_id) & messages.c.order_key.is_not(None)
