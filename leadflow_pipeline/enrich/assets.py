"""Enrichment in Dagster: the leads of a range of days, and earlier ones of whom an answer came, become enriched leads.

What belongs here: loading the rules, who is due, calling the plan, and counts for people. What does not: any rule,
and asking anybody anything: answers are facts by the time they are read here. A row depends on its own harvested row,
the facts of its day and the rules, so there is no state to lock or to read.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from leadflow_pipeline.campaign import load, version_named_by
from leadflow_pipeline.enrich.fold import fold_aliases
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.summary import summarise_enriched
from leadflow_pipeline.enrich.vendor_facts import read_facts, returning_leads
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.stage_asset import stage_asset


@stage_asset(
    schema.enriched_leads, stage="enrich", upstream=[schema.harvested_leads], reads=[schema.lead_aliases]
)
def enriched_leads(
    context: dg.AssetExecutionContext, harvested_leads: pd.DataFrame, store: StoreResource
) -> Iterator[dg.Output[pd.DataFrame]]:
    """Checks addresses, folds company names, reads titles, signals and what vendors answered: offline, row by row."""
    partitions, engine = PartitionRange.of(context), store.engine
    version = load(engine, partitions.campaign, version_named_by(context))
    rules = version.rules.enrichment
    returning = returning_leads(engine, partitions, harvested_leads, rules)
    leads = pd.concat([harvested_leads, returning], ignore_index=True) if len(returning) else harvested_leads
    leads = fold_aliases(engine, partitions, leads)
    facts = read_facts(engine, partitions.campaign, leads["lead_id"], partitions.as_of, rules)
    enriched = plan_enriched(leads, rules, facts)
    add_partition_metadata(context, partitions, summarise_enriched(enriched))
    yield dg.Output(
        conform(
            enriched, schema.enriched_leads, campaign=partitions.campaign, campaign_version=version.version
        )
    )
