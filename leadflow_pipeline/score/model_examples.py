"""The examples of a campaign, read from what the store holds as of a day.

What belongs here: reading, and how far back. What does not: what makes an example (`conversion.examples`), and training
(`model_training`). A door that only reads.

What is read of the past does not change with later facts: features are as of each row's day, and outcomes those before
`as_of`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Connection, Engine, func, select

from leadflow_pipeline.campaign import Campaign, load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.partitions import PartitionRange, days_between, end_of
from leadflow_pipeline.score.conversion.examples import Examples, examples_of
from leadflow_pipeline.score.conversion.training import MOST_EXAMPLES
from leadflow_pipeline.score.days import feature_days
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.due_days import known_campaigns
from leadflow_pipeline.store.facts import read_outcomes

RECENT_DAYS = 28
"""Leads of these days before a moment are those of late."""


def read_examples(engine: Engine, campaign: Campaign, as_of: date, most: int = MOST_EXAMPLES) -> Examples:
    """The campaign's latest `most` leads on days, or a few more, whose outcomes are ripe before `as_of`."""
    last = as_of - timedelta(days=max(campaign.conversion.matures_after_days, 1))
    features = features_between(engine, campaign, date.min, last, most)
    outcomes = read_outcomes(engine, campaign.campaign, before=end_of(as_of - timedelta(days=1)))
    return examples_of(features, outcomes, _first_days(engine, campaign.campaign), campaign.conversion)


def read_recent(engine: Engine, campaign: Campaign, as_of: date) -> pd.DataFrame:
    """The features of the leads of late, ripe or not."""
    return features_between(engine, campaign, as_of - timedelta(days=RECENT_DAYS), as_of - timedelta(days=1))


def read_other_campaigns(engine: Engine, campaign: str, as_of: date) -> Iterator[tuple[str, Examples]]:
    """The examples of every other campaign that is not archived, each by its own rules.

    Together as many as one may have. One whose file is refused today says nothing, as it is not computed either.
    """
    with engine.connect() as connection:
        others = [other for other in _not_archived(connection) if other != campaign]
    for other in others:
        try:
            rules = load(engine, other).rules
        except PermanentError:
            continue
        examples = read_examples(engine, rules, as_of, MOST_EXAMPLES // len(others))
        if len(examples.leads):
            yield other, examples


def features_between(
    engine: Engine, campaign: Campaign, first: date, last: date, most: int = MOST_EXAMPLES
) -> pd.DataFrame:
    """The features of leads on computed days, by (day, lead_id): the latest `most`, whole days.

    Indexed, and with the campaign's columns, even where there is no such day.
    """
    with engine.connect() as connection:
        held = _days_held(connection, campaign.campaign, first, last, most)
    days = days_between(held[0], held[1]) if held else (last,)
    return feature_days(engine, PartitionRange(campaign.campaign, days), campaign)


def _days_held(
    connection: Connection, campaign: str, first: date, last: date, most: int
) -> tuple[date, date] | None:
    """First and last of the latest computed days that hold so many rows."""
    lineage = schema.partition_lineage.c
    tables = (schema.enriched_leads.name, schema.scored_leads.name)
    rows = (
        select(lineage.day, func.max(lineage.rows).label("rows"))
        .where(lineage.campaign == campaign, lineage.table_name.in_(tables), lineage.day.between(first, last))
        .group_by(lineage.day)
        .order_by(lineage.day.desc())
    )
    found = connection.execute(rows).all()
    total = 0
    for day, count in found:
        total += count
        if total >= most:
            return day, found[0].day
    return (found[-1].day, found[0].day) if found else None


def _first_days(engine: Engine, campaign: str) -> pd.Series:
    leads = schema.enriched_leads.c
    query = (
        select(leads.lead_id, func.min(leads.day).label("day"))
        .where(leads.campaign == campaign)
        .group_by(leads.lead_id)
        .order_by(leads.lead_id)
    )
    with engine.connect() as connection:
        return read(connection, query).set_index("lead_id")["day"]


def _not_archived(connection: Connection) -> list[str]:
    campaigns = schema.campaigns.c
    archived = set(connection.scalars(select(campaigns.campaign).where(campaigns.status == "archived")))
    return [campaign for campaign in known_campaigns(connection) if campaign not in archived]
