"""Nurture in Dagster: routed leads enter their sequence, and the touches of the coming day are planned.

What belongs here: reading facts and earlier rows, calling the plan, and counts for people. What does not: any rule,
and sending: what leaves is no asset, it goes through the release door.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import load, version_named_by
from leadflow_pipeline.nurture.plan import LIVE_STATES, plan_nurture
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.summary import summarise_nurtured, summarise_touches
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.store.facts import read_events, read_outcomes, read_overrides
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.partitions import latest_before, read_partitions
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.schema import (
    enriched_leads,
    nurture_touches,
    nurtured_leads,
    routed_leads,
    scored_leads,
)
from leadflow_pipeline.store.stage_asset import stage_multi_asset

PREVIOUS_COLUMNS = (
    "day", "lead_id", "enrolment_id", "sequence", "state", "enrolled_at", "steps_planned", "next_touch_at",
)  # fmt: skip
LEAD_COLUMNS = ("day", "lead_id", "email", "time_zone")
EVENT_COLUMNS = ("lead_id", "behaviour", "occurred_at", "is_machine")
ENGAGEMENT_COLUMNS = ("day", "lead_id", "engagement")


@stage_multi_asset(
    [nurtured_leads, nurture_touches],
    stage="nurture",
    name="nurture",
    upstream=[routed_leads],
    reads=[enriched_leads, scored_leads],
)
def nurture(
    context: dg.AssetExecutionContext, routed_leads: pd.DataFrame, store: StoreResource
) -> Iterator[dg.Output[pd.DataFrame]]:
    """Enrols routed leads and plans the touches that fall due in the 24 hours after each day. Sends nothing."""
    partitions = PartitionRange.of(context)
    version = load(store.engine, partitions.campaign, version_named_by(context))
    with stage_lock(store.engine, partitions.campaign, nurtured_leads.name):
        previous = latest_before(
            store.engine, nurtured_leads, partitions.campaign, partitions.first_day, columns=PREVIOUS_COLUMNS
        )
        live = previous.loc[previous["state"].isin(LIVE_STATES), "lead_id"]
        at_hand = pd.concat([live, routed_leads["lead_id"]]).drop_duplicates()
        nurtured, touches = plan_nurture(
            routed_leads,
            previous,
            _lead_history(store.engine, partitions, at_hand),
            read_events(store.engine, partitions.campaign, before=partitions.as_of, columns=EVENT_COLUMNS),
            read_outcomes(store.engine, partitions.campaign, before=partitions.as_of),
            read_overrides(store.engine, partitions.campaign, partitions.as_of),
            _engagement(store.engine, partitions, version.rules.nurture),
            version.rules.nurture,
            campaign=partitions.campaign,
            days=partitions.days,
            time_zone=version.rules.time_zone,
        )
        for table, frame, summary in (
            (nurtured_leads, nurtured, summarise_nurtured(nurtured, routed_leads)),
            (nurture_touches, touches, summarise_touches(touches)),
        ):
            add_partition_metadata(context, partitions, summary, asset_key=table.name)
            conformed = conform(frame, table, campaign=partitions.campaign, campaign_version=version.version)
            yield dg.Output(conformed, output_name=table.name)


def _lead_history(engine: Engine, partitions: PartitionRange, lead_ids: pd.Series[str]) -> pd.DataFrame:
    """Address and time zone of leads as they stood before the range, and every change in it."""
    before = latest_before(
        engine,
        enriched_leads,
        partitions.campaign,
        partitions.first_day,
        lead_ids=lead_ids,
        columns=LEAD_COLUMNS,
    )
    within = read_partitions(engine, enriched_leads, partitions.campaign, partitions.days, LEAD_COLUMNS)
    return pd.concat([before, within], ignore_index=True)


def _engagement(engine: Engine, partitions: PartitionRange, rules: NurtureRules) -> pd.DataFrame:
    if rules.graduate_at_engagement is None:
        return empty(scored_leads)[list(ENGAGEMENT_COLUMNS)]
    return read_partitions(engine, scored_leads, partitions.campaign, partitions.days, ENGAGEMENT_COLUMNS)
