"""Identity in Dagster: which new leads of a range of days are people the campaign knows already.

What belongs here: reading leads as they were on their first day, calling the plan, and counts for people. What does
not: any rule; and persons across campaigns, which belong to no day (`present_assets`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pandas as pd
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import load, version_named_by
from leadflow_pipeline.identity.plan import BIRTH_COLUMNS, plan_aliases
from leadflow_pipeline.identity.summary import summarise_aliases
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.partitions import read_partitions
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.stage_asset import stage_asset


@stage_asset(schema.lead_aliases, stage="identity", reads=[schema.harvested_leads])
def lead_aliases(
    context: dg.AssetExecutionContext, store: StoreResource
) -> Iterator[dg.Output[pd.DataFrame]]:
    """Finds the new leads of each day that are people the campaign knows already."""
    partitions = PartitionRange.of(context)
    campaign, engine = partitions.campaign, store.engine
    version = load(engine, campaign, version_named_by(context))
    with stage_lock(engine, campaign, schema.lead_aliases.name):
        received = read_partitions(
            engine, schema.harvested_leads, campaign, partitions.days, ["is_new", *BIRTH_COLUMNS]
        )
        new = received.loc[received["is_new"].astype(bool), list(BIRTH_COLUMNS)]
        # Where nobody is new nobody need be known: most days of a quiet campaign cost nothing.
        before = partitions.first_day if len(new) and version.rules.identity.enabled else date.min
        aliases = plan_aliases(
            new,
            read_births(engine, campaign, before),
            read_aliases(engine, campaign, before),
            version.rules.identity,
        )
        add_partition_metadata(context, partitions, summarise_aliases(aliases, new))
        yield dg.Output(
            conform(aliases, schema.lead_aliases, campaign=campaign, campaign_version=version.version)
        )


def read_births(engine: Engine, campaign: str, before: date) -> pd.DataFrame:
    """Every lead first received before a day, as it was then: `BIRTH_COLUMNS`."""
    leads = schema.harvested_leads
    query = select(*(leads.c[name] for name in BIRTH_COLUMNS)).where(
        leads.c.campaign == campaign, leads.c.day < before, leads.c.is_new
    )
    with engine.connect() as connection:
        return read(connection, query)


def read_aliases(engine: Engine, campaign: str, before: date) -> pd.DataFrame:
    """Every alias of the days before a day: `lead_id`, `alias_of`."""
    aliases = schema.lead_aliases
    query = select(aliases.c.lead_id, aliases.c.alias_of).where(
        aliases.c.campaign == campaign, aliases.c.day < before
    )
    with engine.connect() as connection:
        return read(connection, query)
