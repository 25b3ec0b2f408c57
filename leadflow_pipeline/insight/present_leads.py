"""Leads as they are at this moment: harvested by now, and the score that the end of today would give them as it is.

What belongs here: putting the stages' own steps together for named leads of today. What does not: any rule. A door to
the database that only reads: no partition and no lineage is written.

A partition is as of the end of its day, so today's is not there yet. What is told here is what it would hold if nothing
more happened: the same functions over the same facts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
from sqlalchemy import ARRAY, Engine, Text, column, func, literal, select, true

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.enrich.fold import fold_aliases
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.vendor_facts import read_facts
from leadflow_pipeline.harvest.open_day import leads_of_open_day
from leadflow_pipeline.insight.story import Line
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.score.changes import for_and_against, line_words, read_breakdown, said
from leadflow_pipeline.score.days import score_days
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.lead_rows import latest_row
from leadflow_pipeline.store.schema import enriched_leads, harvested_leads, scored_leads


@dataclass(frozen=True)
class PresentScore:
    """A lead's score as of now, and what it is made of."""

    lead_id: str
    as_of: datetime
    score: Decimal
    icp_fit: float
    engagement: float
    temperature: str
    conversion_probability: float | None
    campaign_version: int
    model_version: str | None
    lines: tuple[Line, ...]
    reasons_for: tuple[str, ...]
    reasons_against: tuple[str, ...]


def harvested_by_now(engine: Engine, campaign: str, lead_ids: Sequence[str], now: datetime) -> pd.DataFrame:
    """The latest row of `harvested_leads` of each of these leads that there is, as of today; those that today's records
    make are included."""
    today = now.astimezone(UTC).date()
    names = [each.name for each in harvested_leads.columns]
    ids = func.unnest(literal(sorted(set(lead_ids)), ARRAY(Text)))
    asked = ids.table_valued(column("lead_id", Text)).render_derived(name="asked")
    rows = (
        latest_row(harvested_leads, names, campaign, asked.c.lead_id, today)
        .correlate(asked)
        .lateral("latest")
    )
    with engine.connect() as connection:
        known = read(
            connection, select(*(rows.c[name] for name in names)).select_from(asked.join(rows, true()))
        )
    fresh = leads_of_open_day(engine, campaign, now)
    fresh = fresh[fresh["lead_id"].isin(list(lead_ids))]
    if len(fresh):
        known = pd.concat([known, fresh.reindex(columns=known.columns)], ignore_index=True)
        known = known.sort_values(["day", "received_at"], kind="stable")
        known = known.drop_duplicates("lead_id", keep="last", ignore_index=True)
    return known.assign(day=pd.Timestamp(today).as_unit("us"))


def score_now(
    engine: Engine, version: CampaignVersion, lead_ids: Sequence[str], now: datetime
) -> list[PresentScore]:
    """The scores of these leads as of now, by lead_id; without those that the campaign does not know."""
    campaign, rules = version.campaign, version.rules
    partitions = PartitionRange(campaign, (now.astimezone(UTC).date(),))
    leads = harvested_by_now(engine, campaign, lead_ids, now)
    if leads.empty:
        return []
    leads = fold_aliases(engine, partitions, leads)
    facts = read_facts(engine, campaign, leads["lead_id"], partitions.as_of, rules.enrichment)
    enriched = plan_enriched(leads, rules.enrichment, facts)
    due = conform(enriched, enriched_leads, campaign=campaign, campaign_version=version.version)
    scored = conform(
        score_days(engine, partitions, due, rules),
        scored_leads,
        campaign=campaign,
        campaign_version=version.version,
    )
    words = line_words(rules.ideal_customer_profile, rules.scoring)
    return [_told(row, words, now, version.version) for row in scored.to_dict("records")]


def _told(row: dict[Any, Any], words: dict[str, str], now: datetime, version: int) -> PresentScore:
    lines = [
        Line(name, said(name, words), points)
        for name, points in read_breakdown(str(row["score_breakdown"])).items()
    ]
    speaks_for, against = for_and_against(json.loads(str(row["reasons"])))
    likely, model = row["conversion_probability"], row["model_version"]
    return PresentScore(
        lead_id=str(row["lead_id"]),
        as_of=now,
        score=Decimal(str(round(row["score"], 2))),
        icp_fit=row["icp_fit"],
        engagement=row["engagement"],
        temperature=str(row["temperature"]),
        conversion_probability=None if pd.isna(likely) else float(likely),
        campaign_version=version,
        model_version=None if pd.isna(model) else str(model),
        lines=tuple(sorted(lines, key=lambda line: -line.points)),
        reasons_for=tuple(speaks_for),
        reasons_against=tuple(against),
    )
