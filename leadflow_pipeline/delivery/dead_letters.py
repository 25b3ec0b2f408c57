"""Messages that did not arrive, listed and tried again for a lead. A door to the outbox.

What belongs here: what a person sees of them: never whom they are written to, nor what they say. What does not: how a
message moves between states (`outbox`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from leadflow_pipeline.delivery.outbox import try_again
from leadflow_pipeline.store.schema import messages
from leadflow_pipeline.store.sequences import is_to_lead

DEAD: Final = ("failed", "unknown")
"""That need a person: what failed for good, and what may have arrived."""
COLUMNS: Final = (
    messages.c.message_id, messages.c.channel, messages.c.state, messages.c.state_reason, messages.c.campaign,
    messages.c.lead_id, messages.c.sequence, messages.c.step, messages.c.attempts, messages.c.planned_at,
    messages.c.not_after, messages.c.updated_at, is_to_lead().label("is_to_lead"),
)  # fmt: skip


def read_dead_letters(
    connection: Connection,
    *,
    states: Sequence[str] = DEAD,
    channel: str | None = None,
    campaign: str | None = None,
    campaigns: Collection[str] | None = None,
    before: int | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Messages in these states, the latest first; of these campaigns, or all; `before` a message_id."""
    table = messages.c
    query = select(*COLUMNS).where(table.state.in_(states)).order_by(table.message_id.desc()).limit(limit)
    if channel is not None:
        query = query.where(table.channel == channel)
    if campaign is not None:
        query = query.where(table.campaign == campaign)
    if campaigns is not None:
        query = query.where(table.campaign.in_(sorted(campaigns)))
    if before is not None:
        query = query.where(table.message_id < before)
    return [dict(row) for row in connection.execute(query).mappings()]


def campaigns_of(connection: Connection, message_ids: Collection[int]) -> dict[int, str]:
    """The campaign of each of these messages that there is."""
    query = select(messages.c.message_id, messages.c.campaign).where(
        messages.c.message_id.in_(sorted(message_ids))
    )
    return dict(connection.execute(query).tuples().all())


def failed_notices_about(connection: Connection, campaign: str, lead_id: str) -> list[int]:
    """Messages about a lead to one of us that failed, in their order."""
    query = (
        select(messages.c.message_id)
        .where(
            messages.c.campaign == campaign,
            messages.c.lead_id == lead_id,
            messages.c.state == "failed",
            ~is_to_lead(),
        )
        .order_by(messages.c.message_id)
    )
    return list(connection.scalars(query))


def retry_lead(
    connection: Connection, campaign: str, lead_id: str, *, actor: str, now: datetime
) -> list[int]:
    """Lets what failed to be told about a lead leave again; the messages."""
    numbers = failed_notices_about(connection, campaign, lead_id)
    if numbers:
        try_again(connection, numbers, actor=actor, now=now)
    return numbers
