"""Qualification in Dagster: the scored leads of a range of days get a status, with every reason.

What belongs here: reading what the plan needs, calling it, and counts for people. What does not: any rule. A
row depends on its own scored row, on the lead as of its day and on overrides, so there is no state to lock.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import Campaign, load, version_named_by
from leadflow_pipeline.lead_fields import columns_holding
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.qualify.plan import fields_read, plan_qualified
from leadflow_pipeline.qualify.summary import summarise
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import read_overrides
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import as_of
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.stage_asset import stage_asset


@stage_asset(
    schema.qualified_leads, stage="qualify", upstream=[schema.scored_leads], reads=[schema.enriched_leads]
)
def qualified_leads(
    context: dg.AssetExecutionContext, scored_leads: pd.DataFrame, store: StoreResource
) -> Iterator[dg.Output[pd.DataFrame]]:
    """Judges the scored leads of each day: who is worth a salesperson's time, and every reason why."""
    partitions = PartitionRange.of(context)
    campaign, engine = partitions.campaign, store.engine
    version = load(engine, campaign, version_named_by(context))
    qualified = qualify_days(engine, partitions, scored_leads, version.rules)
    add_partition_metadata(context, partitions, summarise(qualified))
    yield dg.Output(
        conform(qualified, schema.qualified_leads, campaign=campaign, campaign_version=version.version)
    )


def qualify_days(
    engine: Engine, partitions: PartitionRange, scored: pd.DataFrame, campaign: Campaign
) -> pd.DataFrame:
    """Judges the scored leads of a range of days by a campaign's rules; writes nothing."""
    rules = campaign.qualification
    columns = columns_holding(fields_read(rules))
    return plan_qualified(
        scored,
        as_of(engine, schema.enriched_leads, partitions.campaign, scored[["lead_id", "day"]], columns),
        read_overrides(engine, partitions.campaign, partitions.as_of),
        rules,
    )
