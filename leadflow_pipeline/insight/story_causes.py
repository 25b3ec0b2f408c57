"""What happened to a lead between two scores, in words: events, outcomes, records, answers of vendors, decisions.

A door to the database that only reads. What does not belong here: what it did to the score (`score.changes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Date, Table, cast, func, or_, select

from leadflow_pipeline.insight.story import Cause
from leadflow_pipeline.store import schema


def causes_between(
    connection: Connection,
    campaign: str,
    known_as: dict[str, date],
    records: Sequence[Any],
    last: date,
    present: date,
) -> tuple[Cause, ...]:
    """What happened after the day of the last score, up to that of this one."""
    first = last + timedelta(days=1)
    ids = list(known_as)
    causes = []

    def counted(table: Table, *by: Any) -> list[Any]:
        query = select(table.c.lead_id, table.c.day, *by).where(
            table.c.campaign == campaign, table.c.lead_id.in_(ids), table.c.day.between(first, present)
        )
        rows = connection.execute(query.order_by(table.c.day)).all()
        return [row for row in rows if row.day >= known_as[row.lead_id]]

    events = schema.engagement_events.c
    tallies: dict[tuple[str, bool], int] = {}
    for row in counted(schema.engagement_events, events.behaviour, events.is_machine):
        tallies[row.behaviour, row.is_machine] = tallies.get((row.behaviour, row.is_machine), 0) + 1
    for (behaviour, is_machine), number in sorted(tallies.items()):
        by_whom = "by a machine, which counts nothing" if is_machine else "by the lead"
        causes.append(Cause("event", f"{counted_in_words(number, behaviour)} {by_whom}"))
    for row in counted(schema.outcomes, schema.outcomes.c.outcome):
        causes.append(Cause("outcome", f"{row.outcome} on {row.day}"))
    came_in = sum(
        row.record_count
        for row in records
        if first <= row.day <= present and row.day >= known_as[row.lead_id]
    )
    if came_in:
        causes.append(Cause("record", f"{counted_in_words(came_in, 'new record')} of the lead came in"))
    lookups = schema.vendor_lookups
    answered = [
        row for row in counted(lookups, lookups.c.provider, lookups.c.state) if row.state == "answered"
    ]
    for provider in sorted({str(row.provider) for row in answered}):
        causes.append(Cause("enrichment", f"{provider} answered"))
    return (*causes, *_decisions(connection, campaign, ids, first, present))


def _decisions(
    connection: Connection, campaign: str, ids: Sequence[str], first: date, last: date
) -> list[Cause]:
    """A person's decisions that were taken or expired in these days."""
    overrides = schema.overrides.c
    taken, expired = (
        cast(func.timezone("UTC", moment), Date) for moment in (overrides.occurred_at, overrides.expires_at)
    )
    query = select(
        overrides.field, overrides.value, overrides.actor, overrides.occurred_at, expired.label("expired")
    )
    found = connection.execute(
        query.where(
            overrides.campaign == campaign,
            overrides.lead_id.in_(ids),
            or_(taken.between(first, last), expired.between(first, last)),
        ).order_by(overrides.occurred_at, overrides.override_id)
    )
    causes = []
    for row in found:
        decision = f"{row.actor}'s decision that {row.field} is {row.value}"
        if first <= utc_day(row.occurred_at) <= last:
            causes.append(Cause("override", f"{decision}, of {utc_day(row.occurred_at)}"))
        if row.expired is not None and first <= row.expired <= last:
            causes.append(Cause("override", f"{decision} expired on {row.expired}"))
    return causes


def utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def counted_in_words(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
