"""Leads whom no day has computed yet, as they stand: what owners are told of those that the service gave them.

What belongs here: judging today's records by the stages' plans, for briefs. What does not: any rule (the stages), and
deciding. A door that reads and writes nothing: the day's run computes the same leads once the day is complete.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.vendor_facts import read_facts
from leadflow_pipeline.harvest.open_day import leads_of_open_day
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.score.days import score_days
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.schema import enriched_leads, scored_leads

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Newcomers:
    """Rows as the day's run would make them by now."""

    enriched: pd.DataFrame
    scored: pd.DataFrame


def newcomers(
    engine: Engine, campaign: Campaign, lead_ids: Collection[str], now: datetime
) -> list[Newcomers]:
    """These leads by today's records, and by yesterday's where no run has computed those yet."""
    missing, found = set(lead_ids), []
    for moment in (now, now - DAY):
        if not missing:
            break
        harvested = leads_of_open_day(engine, campaign.campaign, moment)
        harvested = harvested[harvested["lead_id"].isin(missing)].reset_index(drop=True)
        if len(harvested):
            found.append(_judged(engine, campaign, harvested, moment))
            missing -= set(harvested["lead_id"])
    return found


def _judged(engine: Engine, campaign: Campaign, harvested: pd.DataFrame, moment: datetime) -> Newcomers:
    day = PartitionRange(campaign.campaign, (moment.astimezone(UTC).date(),))
    facts = read_facts(engine, campaign.campaign, harvested["lead_id"], day.as_of, campaign.enrichment)
    enriched = plan_enriched(harvested, campaign.enrichment, facts)
    enriched = conform(enriched, enriched_leads, campaign=campaign.campaign, campaign_version=0)
    scored = score_days(engine, day, enriched, campaign)
    return Newcomers(enriched, conform(scored, scored_leads, campaign=campaign.campaign, campaign_version=0))
