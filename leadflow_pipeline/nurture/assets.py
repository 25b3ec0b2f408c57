"""Nurture in Dagster: routed leads enter their sequence, and the touches of the coming day are planned.

What belongs here: calling the plan with what is known, and counts for people. What does not: any rule, reading
(`reading`), and sending: what leaves is no asset, it goes through the release door.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from leadflow_pipeline.campaign import load, version_named_by
from leadflow_pipeline.nurture.plan import plan_nurture, with_low_score_sequence
from leadflow_pipeline.nurture.reading import Known
from leadflow_pipeline.nurture.summary import summarise_nurtured, summarise_touches
from leadflow_pipeline.nurture.tried_windows import KIND
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.store.experiments import read_begun
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.schema import (
    enriched_leads,
    experiment_exposures,
    nurture_touches,
    nurtured_leads,
    qualified_leads,
    routed_leads,
    scored_leads,
)
from leadflow_pipeline.store.stage_asset import stage_multi_asset


@stage_multi_asset(
    [nurtured_leads, nurture_touches],
    stage="nurture",
    name="nurture",
    reads=[routed_leads, enriched_leads, scored_leads, qualified_leads, experiment_exposures],
)
def nurture(context: dg.AssetExecutionContext, store: StoreResource) -> Iterator[dg.Output[pd.DataFrame]]:
    """Enrols routed leads and plans the touches that fall due in the 24 hours after each day. Sends nothing."""
    partitions = PartitionRange.of(context)
    version = load(store.engine, partitions.campaign, version_named_by(context))
    rules = version.rules.nurture
    with stage_lock(store.engine, partitions.campaign, nurtured_leads.name):
        known = Known(store.engine, partitions, rules)
        routed = with_low_score_sequence(known.routed, known.rejected, rules)
        nurtured, touches = plan_nurture(
            routed,
            known.previous,
            known.leads,
            known.scores,
            known.tiers,
            known.events,
            known.outcomes,
            known.overrides,
            rules,
            campaign=partitions.campaign,
            days=partitions.days,
            time_zone=version.rules.time_zone,
            rep_touches=known.rep_touches,
            send_times=read_begun(
                store.engine, partitions.campaign, version.rules.experiments, KIND, partitions.last_day
            ),
        )
        for table, frame, summary in (
            (nurtured_leads, nurtured, summarise_nurtured(nurtured, routed)),
            (nurture_touches, touches, summarise_touches(touches)),
        ):
            add_partition_metadata(context, partitions, summary, asset_key=table.name)
            conformed = conform(frame, table, campaign=partitions.campaign, campaign_version=version.version)
            yield dg.Output(conformed, output_name=table.name)
