"""Enrichment in Dagster: the harvested leads of a range of days become enriched leads.

What belongs here: loading the rules, calling the plan, and counts for people. What does not: any rule. A row
depends on its own harvested row and the rules only, so there is no state to lock or to read.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from leadflow_pipeline.campaign import load, version_named_by
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.summary import summarise_enriched
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.stage_asset import stage_asset


@stage_asset(schema.enriched_leads, stage="enrich", upstream=[schema.harvested_leads])
def enriched_leads(
    context: dg.AssetExecutionContext, harvested_leads: pd.DataFrame, store: StoreResource
) -> Iterator[dg.Output[pd.DataFrame]]:
    """Checks addresses, folds company names, reads titles and signals: offline, and row by row."""
    partitions = PartitionRange.of(context)
    version = load(store.engine, partitions.campaign, version_named_by(context))
    enriched = plan_enriched(harvested_leads, version.rules.enrichment)
    add_partition_metadata(context, partitions, summarise_enriched(enriched))
    yield dg.Output(
        conform(
            enriched, schema.enriched_leads, campaign=partitions.campaign, campaign_version=version.version
        )
    )
