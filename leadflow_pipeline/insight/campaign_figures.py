"""A campaign in numbers, and all of them together, as the service tells them.

What belongs here: reading and counting for those figures. What does not: the report's page (`campaign_report`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Column, Connection, Engine, Table, func, select
from sqlalchemy.sql.expression import Select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.insight import summaries
from leadflow_pipeline.insight.campaign_report import rows_by_day
from leadflow_pipeline.partition_keys import end_of
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.due_days import LAST_TABLE, latest_day
from leadflow_pipeline.store.facts import read_outcomes
from leadflow_pipeline.store.partitions import latest_before

SHOWN_DAYS = 30


@dataclass(frozen=True)
class Performance:
    """What became of a campaign's leads. The tables are those of `summaries` and `attribution.costs`."""

    as_of_day: date | None
    """The latest computed day; None before the first. Outcomes are as known now: they ripen late."""
    currency: str
    model: str
    """By which conversions are credited to channels."""
    funnel: pd.DataFrame
    tiers: pd.DataFrame
    deciles: pd.DataFrame
    days: pd.DataFrame
    """The last `SHOWN_DAYS`."""
    channels: pd.DataFrame
    conversions: float
    value: float
    spend: float


def performance_of(engine: Engine, campaign: str, today: date) -> Performance:
    """Raises PermanentError for an unknown campaign."""
    # Here, because the solvers of attribution take a while to load.
    from leadflow_pipeline.insight.attribution.touches import attribute

    load(engine, campaign)
    with engine.connect() as connection:
        last_day = latest_day(connection, LAST_TABLE, campaign)
    after = (last_day or get_settings().first_day) + timedelta(days=1)

    def latest(table: Table, *columns: str) -> pd.DataFrame:
        return latest_before(engine, table, campaign, after, columns=["lead_id", *columns])

    outcomes = read_outcomes(engine, campaign, before=end_of(today))
    routed = latest(schema.routed_leads, "status", "tier")
    credit = attribute(engine, campaign, today)
    return Performance(
        as_of_day=last_day,
        currency=credit.currency,
        model=credit.rules.model.value,
        funnel=summaries.funnel(
            latest(schema.enriched_leads, "email_status"),
            latest(schema.qualified_leads, "status"),
            routed,
            latest(schema.nurtured_leads),
            outcomes,
        ),
        tiers=summaries.tier_table(routed, outcomes),
        deciles=summaries.conversion_by_decile(latest(schema.scored_leads, "score"), outcomes),
        days=summaries.daily_volume(*rows_by_day(engine, campaign)).tail(SHOWN_DAYS),
        channels=credit.costs(),
        conversions=credit.conversions,
        value=credit.value,
        spend=float(credit.spend.sum()),
    )


@dataclass(frozen=True)
class Totals:
    """Counts over campaigns, as the database has them now."""

    campaigns: dict[str, int]
    source_records: int
    leads: int
    engagement_events: int
    messages: dict[str, int]
    handoffs: int
    held: int
    outcomes: dict[str, int]
    quarantined_records: int
    latest_day: date | None


def totals_of(connection: Connection, only: Collection[str] | None = None) -> Totals:
    """Of all campaigns, or of some."""

    def of(query: Select[Any], column: Column[str]) -> Select[Any]:
        return query if only is None else query.where(column.in_(only))

    def count(table: Table) -> int:
        query = of(select(func.count()).select_from(table), table.c.campaign)
        return int(connection.scalar(query) or 0)

    def counts(column: Column[str], table: Table) -> dict[str, int]:
        query = select(column, func.count()).group_by(column).order_by(column)
        wanted = query if only is None else query.where(table.c.campaign.in_(only))
        return {str(name): int(number) for name, number in connection.execute(wanted)}

    leads, lineage = schema.enriched_leads, schema.partition_lineage
    new_leads = of(select(func.count()).where(leads.c.is_new), leads.c.campaign)
    last = select(func.max(lineage.c.day)).where(lineage.c.table_name == LAST_TABLE.name)
    if only is not None:
        last = last.where(lineage.c.campaign.in_(only))
    return Totals(
        campaigns=counts(schema.campaigns.c.status, schema.campaigns),
        source_records=count(schema.source_records),
        leads=int(connection.scalar(new_leads) or 0),
        engagement_events=count(schema.engagement_events),
        messages=counts(schema.messages.c.state, schema.messages),
        handoffs=count(schema.handoffs),
        held=count(schema.held_handoffs),
        outcomes=counts(schema.outcomes.c.outcome, schema.outcomes),
        quarantined_records=count(schema.quarantined_records),
        latest_day=connection.scalar(last),
    )


@dataclass(frozen=True)
class StageState:
    """How far one derived table is."""

    table: str
    latest_day: date | None
    days: int
    rows: int


def stages_of(connection: Connection, campaign: str) -> list[StageState]:
    """How far each table of the chain is, in the order of a lead's life."""
    lineage = schema.partition_lineage
    query = (
        select(lineage.c.table_name, func.max(lineage.c.day), func.count(), func.sum(lineage.c.rows))
        .where(lineage.c.campaign == campaign)
        .group_by(lineage.c.table_name)
    )
    found = {name: (day, int(days), int(rows)) for name, day, days, rows in connection.execute(query)}
    nothing = (None, 0, 0)
    return [StageState(table.name, *found.get(table.name, nothing)) for table in schema.DERIVED_TABLES]
