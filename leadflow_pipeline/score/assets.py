"""Score in Dagster: the leads of a range of days, and earlier ones who did something on it, get their scores.

What belongs here: locks, the campaign's version, and counts for people. What does not: who is due and what is read
(`days`), any rule.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from leadflow_pipeline.campaign import load, version_named_by
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.score.days import due_leads, score_days
from leadflow_pipeline.score.model_registry import model_named_by
from leadflow_pipeline.score.summary import summarise
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.stage_asset import stage_asset


# No edge from `conversion_model`: every training would show all days as stale, and only a promotion changes any.
@stage_asset(schema.scored_leads, stage="score", upstream=[schema.enriched_leads])
def scored_leads(
    context: dg.AssetExecutionContext, enriched_leads: pd.DataFrame, store: StoreResource
) -> Iterator[dg.Output[pd.DataFrame]]:
    """Scores the leads of each day, and earlier leads of whom there is news on it."""
    partitions = PartitionRange.of(context)
    campaign, engine = partitions.campaign, store.engine
    version = load(engine, campaign, version_named_by(context))
    with stage_lock(engine, campaign, schema.scored_leads.name):
        rules = version.rules
        due = due_leads(
            engine, partitions, enriched_leads, rules.scoring, with_opinions=rules.opinion is not None
        )
        scored = score_days(engine, partitions, due, rules, model_named_by(context))
        add_partition_metadata(context, partitions, summarise(scored, due))
        yield dg.Output(
            conform(scored, schema.scored_leads, campaign=campaign, campaign_version=version.version)
        )
