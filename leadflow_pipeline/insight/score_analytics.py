"""What a campaign's scores come to on a day, and what became of them: for the service's analytics. Reads only.

What belongs here: reading each lead's latest rows and having them counted. What does not: counting (`summaries`).
No row of it is about one person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.insight.summaries import (
    by_group,
    conversion_by_decile,
    score_distribution,
    tier_table,
)
from leadflow_pipeline.partitions import end_of
from leadflow_pipeline.store.facts import read_outcomes
from leadflow_pipeline.store.partitions import latest_before
from leadflow_pipeline.store.schema import qualified_leads, routed_leads, scored_leads


@dataclass(frozen=True)
class ScoreAnalytics:
    """Tables as `summaries` makes them, of each lead's latest rows at the end of a day."""

    as_of: date
    leads: int
    mean_score: float | None
    median_score: float | None
    distribution: pd.DataFrame
    deciles: pd.DataFrame
    tiers: pd.DataFrame
    temperatures: pd.DataFrame
    sources: pd.DataFrame
    statuses: pd.DataFrame
    models: pd.DataFrame


def analyse_scores(engine: Engine, campaign: str, as_of: date) -> ScoreAnalytics:
    """The scores at the end of a day."""
    before = as_of + timedelta(days=1)
    scored = latest_before(
        engine, scored_leads, campaign, before,
        columns=["lead_id", "source", "score", "temperature", "conversion_probability", "model_version"],
    )  # fmt: skip
    qualified = latest_before(engine, qualified_leads, campaign, before, columns=["lead_id", "status"])
    routed = latest_before(engine, routed_leads, campaign, before, columns=["lead_id", "tier"])
    outcomes = read_outcomes(engine, campaign, before=end_of(as_of))
    judged = scored.merge(qualified, on="lead_id", how="inner")
    scores = scored["score"]
    return ScoreAnalytics(
        as_of=as_of,
        leads=len(scored),
        mean_score=float(scores.mean()) if len(scored) else None,
        median_score=float(scores.median()) if len(scored) else None,
        distribution=score_distribution(scored),
        deciles=conversion_by_decile(scored, outcomes),
        tiers=tier_table(routed, outcomes),
        temperatures=by_group(scored, "temperature", outcomes),
        sources=by_group(scored, "source", outcomes),
        statuses=by_group(judged, "status", outcomes),
        models=by_group(scored, "model_version", outcomes, otherwise="rules alone"),
    )
