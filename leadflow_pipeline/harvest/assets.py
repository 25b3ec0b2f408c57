"""Harvest in Dagster: the records of a range of days become leads and quarantine.

What belongs here: reading facts and earlier leads, calling the plan, and counts for people. What does not:
any rule.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from leadflow_pipeline.campaign import load, version_named_by
from leadflow_pipeline.harvest.plan import plan_harvested, read_records
from leadflow_pipeline.harvest.stored_records import records_of_days
from leadflow_pipeline.harvest.summary import summarise_harvested, summarise_quarantined
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.partitions import latest_before
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.schema import harvested_leads, quarantined_records
from leadflow_pipeline.store.stage_asset import stage_multi_asset


@stage_multi_asset([harvested_leads, quarantined_records], stage="harvest", name="harvest")
def harvest(context: dg.AssetExecutionContext, store: StoreResource) -> Iterator[dg.Output[pd.DataFrame]]:
    """Maps, cleans and merges the records of each day; what cannot become a lead is quarantined."""
    partitions = PartitionRange.of(context)
    campaign = partitions.campaign
    version = load(store.engine, campaign, version_named_by(context))
    sources = version.rules.sources
    with stage_lock(store.engine, campaign, harvested_leads.name):
        records = records_of_days(store.engine, campaign, partitions.days)
        mapped, quarantined = read_records(campaign, records, sources)
        previous = latest_before(
            store.engine, harvested_leads, campaign, partitions.first_day, lead_ids=mapped["lead_id"]
        )
        harvested = plan_harvested(mapped, previous, sources)
        for table, frame, summary in (
            (harvested_leads, harvested, summarise_harvested(harvested, records)),
            (quarantined_records, quarantined, summarise_quarantined(quarantined)),
        ):
            add_partition_metadata(context, partitions, summary, asset_key=table.name)
            conformed = conform(frame, table, campaign=campaign, campaign_version=version.version)
            yield dg.Output(conformed, output_name=table.name)
