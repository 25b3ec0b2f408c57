"""What came back becomes facts, each once, with all that follows in the same transaction. A door to the database.

What belongs here: events, suppressions, pauses and the activity log, out of happenings. What does not: reading what
came back, and deciding anything about a lead: that is a plan's or a door's, which read these facts.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.inbound.happenings import Happening
from leadflow_pipeline.store.schema import engagement_events, messages, suppressions

SUPPRESSED_BY = {"unsubscribe": "unsubscribed", "bounce": "mailbox does not exist", "complaint": "complained"}
"""Kinds after which an address is not written to any more, and the reason that is kept."""


def record(connection: Connection, happenings: Sequence[Happening]) -> int:
    """Turns happenings into facts; how many were new. One that is known changes nothing, nor does one of no message."""
    if not happenings:
        return 0
    wanted = sorted({each.message_id for each in happenings})
    query = select(
        messages.c.message_id, messages.c.campaign, messages.c.lead_id, messages.c.recipient_key
    ).where(messages.c.message_id.in_(wanted))
    of_message = {row.message_id: row for row in connection.execute(query)}
    new = 0
    for each in happenings:
        message = of_message.get(each.message_id)
        if message is None:
            continue
        event = {
            "campaign": message.campaign,
            "event_id": each.event_id,
            "lead_id": message.lead_id,
            "behaviour": each.kind,
            "occurred_at": each.occurred_at,
            "is_machine": each.is_machine,
            "machine_reason": each.machine_reason,
            "origin": each.origin,
        }
        added = insert(engagement_events).values(event).on_conflict_do_nothing()
        if connection.scalar(added.returning(engagement_events.c.event_id)) is None:
            continue
        new += 1
        if each.kind in SUPPRESSED_BY and not each.is_machine:
            row = {
                "scope": "address",
                "subject": message.recipient_key,
                "campaign": "" if each.everywhere else message.campaign,
                "reason": SUPPRESSED_BY[each.kind],
                "origin": each.origin,
                "occurred_at": each.occurred_at,
            }
            connection.execute(insert(suppressions).values(row).on_conflict_do_nothing())
    return new
