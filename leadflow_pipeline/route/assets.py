"""Routing in Dagster: the qualified leads of a range of days enter their sequences and are given their owners.

What belongs here: reading what the plans need, calling them, and counts for people. What does not: any rule.

Experiments are computed in the same step: how the arms of a day stand rests on who was routed before it, and who is
routed where rests on the arms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import Campaign, load, version_named_by
from leadflow_pipeline.experiment.summary import summarise_arms, summarise_exposures
from leadflow_pipeline.lead_fields import columns_holding
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.route.metrics import summarise
from leadflow_pipeline.route.owner_days import plan_owner_days
from leadflow_pipeline.route.owners.summary import summarise_rep_days
from leadflow_pipeline.route.owners.trial import Trial
from leadflow_pipeline.route.plan import is_waiting, plan_routed
from leadflow_pipeline.route.rules import RoutingRules
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.experiments import open_exposures
from leadflow_pipeline.store.facts import read_outcomes, read_overrides
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.partitions import as_of, latest_before
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.stage_asset import stage_multi_asset

PREVIOUS_COLUMNS = ["day", "lead_id", "status", "tier", "sequence", "routing_number"]


@dataclass(frozen=True)
class Routed:
    """What the stage computes for some days."""

    leads: pd.DataFrame
    """Rows of `routed_leads`, without campaign and version; so the others."""
    decisions: pd.DataFrame
    rep_days: pd.DataFrame
    arms: pd.DataFrame
    exposures: pd.DataFrame
    owners_summary: pd.DataFrame | None
    """Counts and money of each day; None where the campaign gives no owners."""


@stage_multi_asset(
    [
        schema.routed_leads,
        schema.experiment_arms,
        schema.experiment_exposures,
        schema.owner_decisions,
        schema.rep_days,
    ],
    stage="route",
    name="route",
    upstream=[schema.qualified_leads],
    reads=[schema.enriched_leads, schema.scored_leads],
)
def route(
    context: dg.AssetExecutionContext, qualified_leads: pd.DataFrame, store: StoreResource
) -> Iterator[dg.Output[pd.DataFrame]]:
    """Routes the qualified leads of each day, and those whose turn has come, to a sequence and to an owner."""
    partitions = PartitionRange.of(context)
    campaign, engine = partitions.campaign, store.engine
    version = load(engine, campaign, version_named_by(context))
    with stage_lock(engine, campaign, schema.routed_leads.name):
        routed = route_days(engine, partitions, qualified_leads, version.rules)
        summaries = {
            schema.routed_leads: summarise(routed.leads, version.rules.routing),
            schema.experiment_arms: summarise_arms(routed.arms),
            schema.experiment_exposures: summarise_exposures(routed.exposures),
        }
        if routed.owners_summary is not None:
            summaries[schema.owner_decisions] = routed.owners_summary
            summaries[schema.rep_days] = summarise_rep_days(routed.rep_days)
        for table, frame in (
            (schema.routed_leads, routed.leads),
            (schema.experiment_arms, routed.arms),
            (schema.experiment_exposures, routed.exposures),
            (schema.owner_decisions, routed.decisions),
            (schema.rep_days, routed.rep_days),
        ):
            if table in summaries:
                add_partition_metadata(context, partitions, summaries[table], asset_key=table.name)
            yield dg.Output(
                conform(frame, table, campaign=campaign, campaign_version=version.version),
                output_name=table.name,
            )


def route_days(
    engine: Engine,
    partitions: PartitionRange,
    qualified: pd.DataFrame,
    campaign: Campaign,
    trial: Trial | None = None,
    scored: pd.DataFrame | None = None,
) -> Routed:
    """Routes the qualified leads of consecutive days, and those whose turn has come, by a campaign's rules, and gives
    them owners; writes nothing.

    `trial` is what is supposed of the past, where it is not what happened; `scored` the scored rows of the days, where
    they are not those that are stored.
    """
    rules = campaign.routing
    previous = previous_routings(engine, partitions, qualified["lead_id"], rules)
    waiting = waiting_leads(engine, partitions.campaign, previous)
    candidates = pd.concat([waiting, qualified], ignore_index=True)
    exposures = open_exposures(
        engine, partitions.campaign, partitions.days, candidates["lead_id"], campaign.experiments
    )
    routed = plan_routed(
        candidates,
        as_of(
            engine,
            schema.enriched_leads,
            partitions.campaign,
            candidates[["lead_id", "day"]],
            columns_holding(rules.intent_signals),
        ),
        previous,
        read_overrides(engine, partitions.campaign, partitions.as_of),
        read_outcomes(engine, partitions.campaign, before=partitions.as_of),
        rules,
        partitions.days,
        exposures,
    )
    tried = (exposures.arms, exposures.exposures)
    if campaign.ownership is None:
        return Routed(
            routed, empty(schema.owner_decisions), empty(schema.rep_days), *tried, owners_summary=None
        )
    plan = plan_owner_days(engine, partitions, routed, campaign.ownership, exposures, trial, scored)
    return Routed(routed.assign(owner=plan.owner), plan.decisions, plan.rep_days, *tried, plan.summary)


def previous_routings(
    engine: Engine, partitions: PartitionRange, lead_ids: pd.Series[str], rules: RoutingRules
) -> pd.DataFrame:
    """Each lead's latest routed row before the range.

    Under a limit of leads a day of every lead, because any may wait; else only of those the range is about.
    """
    return latest_before(
        engine,
        schema.routed_leads,
        partitions.campaign,
        partitions.first_day,
        lead_ids=lead_ids if rules.max_leads is None else None,
        columns=PREVIOUS_COLUMNS,
    )


def waiting_leads(engine: Engine, campaign: str, previous: pd.DataFrame) -> pd.DataFrame:
    """The qualified row of each lead that waits, as of its waiting row and under that row's day."""
    waiting = previous.loc[is_waiting(previous), ["lead_id", "day"]]
    return as_of(engine, schema.qualified_leads, campaign, waiting).drop(columns="as_of_day")
