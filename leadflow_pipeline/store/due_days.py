"""Which days of a campaign are missing, or older than what they rest on.

What belongs here: the comparison of what was written (lineage) with what has happened (facts). It serves the
daily schedule, the checks and the doctor, which must never disagree. What does not: starting runs, and the
clock: the last complete day is an argument.

Due work is derived from here and never from a schedule's tick, so a machine that slept a week catches up by
itself, and a fact that arrives late for a day already computed makes that day due again. Late is whatever was not
surely there to be read when the computing began (`facts_until`), also what was being stored at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Column as TableColumn
from sqlalchemy import Connection, Date, Engine, Select, Table, cast, func, or_, select, union_all
from sqlalchemy.sql.expression import ColumnElement

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store import schema

LAST_TABLE = schema.nurture_touches
"""A day is complete when the last table of the chain has it."""


@dataclass(frozen=True)
class FactsOfTable:
    """The facts that a derived table reads itself: the day they belong to, and when they came to be known."""

    campaign: TableColumn[str]
    day: ColumnElement[date]
    known_at: TableColumn[date]


def _day_of(moment: TableColumn[date]) -> ColumnElement[date]:
    return cast(func.timezone("UTC", moment), Date)


FACTS_OF_TABLE: dict[Table, tuple[FactsOfTable, ...]] = {
    schema.harvested_leads: (
        FactsOfTable(
            schema.source_records.c.campaign, schema.source_records.c.day, schema.source_records.c.received_at
        ),
    ),
    schema.enriched_leads: (
        FactsOfTable(
            schema.vendor_lookups.c.campaign, schema.vendor_lookups.c.day, schema.vendor_lookups.c.finished_at
        ),
    ),
    schema.scored_leads: (
        FactsOfTable(
            schema.engagement_events.c.campaign,
            schema.engagement_events.c.day,
            schema.engagement_events.c.received_at,
        ),
        FactsOfTable(
            schema.vendor_lookups.c.campaign, schema.vendor_lookups.c.day, schema.vendor_lookups.c.finished_at
        ),
        FactsOfTable(
            schema.model_promotions.c.campaign,
            schema.model_promotions.c.from_day,
            schema.model_promotions.c.decided_at,
        ),
        FactsOfTable(
            schema.channel_credits.c.campaign,
            schema.channel_credits.c.from_day,
            schema.channel_credits.c.recorded_at,
        ),
    ),
    schema.qualified_leads: (
        FactsOfTable(
            schema.overrides.c.campaign,
            _day_of(schema.overrides.c.occurred_at),
            schema.overrides.c.occurred_at,
        ),
    ),
    schema.routed_leads: (
        FactsOfTable(
            schema.experiment_states.c.campaign,
            schema.experiment_states.c.from_day,
            schema.experiment_states.c.decided_at,
        ),
        # As planned it says nothing new, and makes no day due.
        FactsOfTable(
            schema.handoffs.c.campaign, schema.handoffs.c.decision_day, schema.handoffs.c.differs_at
        ),
    ),
    schema.nurtured_leads: (
        FactsOfTable(
            schema.rep_touches.c.campaign, schema.rep_touches.c.day, schema.rep_touches.c.received_at
        ),
    ),
}
"""Outcomes carry no time of arrival, so a late one makes no day due: it acts from the next day that is
computed."""


@dataclass(frozen=True)
class DueDays:
    """Consecutive days of an active campaign that should be computed."""

    campaign: str
    first: date
    last: date


@dataclass(frozen=True)
class DaysBehind:
    """Days of one table that are missing, and days made before what they rest on."""

    missing: int
    outdated: int


def known_campaigns(connection: Connection) -> list[str]:
    """The slugs of all campaigns, in order."""
    return list(connection.scalars(select(schema.campaigns.c.campaign).order_by(schema.campaigns.c.campaign)))


def active_campaigns(connection: Connection) -> list[str]:
    """The slugs of the campaigns that run, in order."""
    campaigns = schema.campaigns
    query = select(campaigns.c.campaign).where(campaigns.c.status == "active").order_by(campaigns.c.campaign)
    return list(connection.scalars(query))


def due_days(engine: Engine, earliest: date, last_complete_day: date) -> list[DueDays]:
    """For each active campaign the days from the first that is due to `last_complete_day`, if any.

    A campaign without a fact has no due day. State flows forward, so everything after the first due day is
    due too. No partition is earlier than `earliest`.
    """
    with engine.connect() as connection:
        firsts = [
            (campaign, first_due_day(connection, campaign, earliest, last_complete_day))
            for campaign in active_campaigns(connection)
        ]
    return [DueDays(campaign, first, last_complete_day) for campaign, first in firsts if first is not None]


def first_due_day(
    connection: Connection, campaign: str, earliest: date, last_complete_day: date
) -> date | None:
    """The day after the latest complete one, or the earliest day that something has overtaken since.

    Overtaken: a fact arrived that its partition has not seen, or a run replaced some tables of the day and
    ended before it came to the last.
    """
    closed_before = connection.scalar(
        select(schema.campaigns.c.closed_before).where(schema.campaigns.c.campaign == campaign)
    )
    earliest = max(earliest, closed_before or earliest)
    latest = latest_day(connection, LAST_TABLE, campaign)
    overtaken = union_all(
        *(
            _days_with_unseen_facts(
                table, facts, campaign, earliest, last_complete_day, is_missing_unseen=True
            )
            for table, kinds in FACTS_OF_TABLE.items()
            for facts in kinds
        ),
        _days_older_than(
            LAST_TABLE, [table for table in schema.DERIVED_TABLES if table is not LAST_TABLE], campaign
        ),
    ).subquery()
    candidates = [connection.scalar(select(func.min(overtaken.c.day)))]
    if latest is not None:
        candidates.append(latest + timedelta(days=1))
    due = min((day for day in candidates if day is not None and day <= last_complete_day), default=None)
    return None if due is None else max(due, earliest)


def days_to_compute(
    engine: Engine, campaign: str, first: date | None, last: date | None, *, earliest: date, complete: date
) -> DueDays | None:
    """The days from `first` (else the first that is due) to `last` (else `complete`); None where nothing is due.

    Raises PermanentError for an unknown campaign, a day that has not ended, and days in the wrong order.
    """
    last = last or complete
    if last > complete:
        raise PermanentError(f"{last} has not ended yet (UTC): the latest day to compute is {complete}")
    with engine.connect() as connection:
        campaigns = known_campaigns(connection)
        if campaign not in campaigns:
            known = ", ".join(campaigns) or "none"
            raise PermanentError(
                f"there is no campaign {campaign!r} (known: {known}): add it with leadflow campaign add FILE"
            )
        first = first or first_due_day(connection, campaign, earliest, last)
    if first is None:
        return None
    if first < earliest:
        raise PermanentError(f"{first} is before the first day, {earliest}: set LEADFLOW_FIRST_DAY to it")
    if first > last:
        raise PermanentError(f"--from {first} is after --to {last}: exchange them")
    return DueDays(campaign, first, last)


def rows_written(engine: Engine, run_id: str) -> dict[str, int]:
    """Table -> rows that a run left in it."""
    lineage = schema.partition_lineage
    query = (
        select(lineage.c.table_name, func.sum(lineage.c.rows))
        .where(lineage.c.run_id == run_id)
        .group_by(lineage.c.table_name)
    )
    with engine.connect() as connection:
        written = {name: int(rows) for name, rows in connection.execute(query)}
    return {table.name: written[table.name] for table in schema.DERIVED_TABLES if table.name in written}


def latest_day(connection: Connection, table: Table, campaign: str) -> date | None:
    """The latest day of a campaign that a table holds, be it empty."""
    lineage = schema.partition_lineage
    latest: date | None = connection.scalar(
        select(func.max(lineage.c.day)).where(
            lineage.c.table_name == table.name, lineage.c.campaign == campaign
        )
    )
    return latest


def days_due_again(connection: Connection, table: Table, campaign: str, from_day: date) -> int:
    """How many days from a day on are computed already, so that a decision for that day makes them due again."""
    last = latest_day(connection, table, campaign)
    return 0 if last is None or last < from_day else (last - from_day).days + 1


def first_fact_day(connection: Connection, campaign: str) -> date | None:
    """The day of a campaign's first record."""
    records = schema.source_records
    first: date | None = connection.scalar(
        select(func.min(records.c.day)).where(records.c.campaign == campaign)
    )
    return first


def days_behind(
    connection: Connection, table: Table, upstream: Sequence[Table], campaign: str, before: date
) -> DaysBehind:
    """How many days from the campaign's first record to the day before `before` cannot be relied on."""
    first = first_fact_day(connection, campaign)
    if first is None or first >= before:
        return DaysBehind(0, 0)
    lineage = schema.partition_lineage
    written = connection.scalar(
        select(func.count()).where(
            lineage.c.table_name == table.name,
            lineage.c.campaign == campaign,
            lineage.c.day >= first,
            lineage.c.day < before,
        )
    )
    outdated = [_days_older_than(table, upstream, campaign)]
    outdated += [
        _days_with_unseen_facts(
            table, facts, campaign, first, before - timedelta(days=1), is_missing_unseen=False
        )
        for facts in FACTS_OF_TABLE.get(table, ())
    ]
    days = union_all(*outdated).subquery()
    return DaysBehind(
        missing=(before - first).days - (written or 0),
        outdated=connection.scalar(select(func.count(days.c.day.distinct())).where(days.c.day < before)) or 0,
    )


def _days_older_than(table: Table, upstream: Sequence[Table], campaign: str) -> Select[tuple[date]]:
    own, above = schema.partition_lineage.alias("own"), schema.partition_lineage.alias("above")
    return (
        select(own.c.day)
        .join(above, (above.c.campaign == own.c.campaign) & (above.c.day == own.c.day))
        .where(
            own.c.table_name == table.name,
            own.c.campaign == campaign,
            above.c.table_name.in_([other.name for other in upstream]),
            above.c.written_at > own.c.written_at,
        )
    )


def _days_with_unseen_facts(
    table: Table,
    facts: FactsOfTable,
    campaign: str,
    first: date,
    last: date,
    *,
    is_missing_unseen: bool,
) -> Select[tuple[date]]:
    lineage = schema.partition_lineage
    newest = (
        select(facts.day.label("day"), func.max(facts.known_at).label("known_at"))
        .where(facts.campaign == campaign, facts.day.between(first, last))
        .group_by(facts.day)
        .subquery()
    )
    is_unseen = newest.c.known_at >= lineage.c.facts_until
    return (
        select(newest.c.day)
        .outerjoin(
            lineage,
            (lineage.c.table_name == table.name)
            & (lineage.c.campaign == campaign)
            & (lineage.c.day == newest.c.day),
        )
        .where(or_(is_unseen, lineage.c.facts_until.is_(None)) if is_missing_unseen else is_unseen)
    )
