"""Invented leads with outcomes, stored as the pipeline would have stored them, for models to learn from.

What belongs here: making leads, and putting them into a campaign. What does not: training, and what is expected of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline.partitions import days_between
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import add_engagement_events, add_outcomes
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline_tests.samples import minimal_campaign_text

FIRST_DAY = date(2026, 1, 1)
RIPE = 10
RULES = f"""
scoring:
  fit_weight: 1
conversion:
  matures_after_days: {RIPE}
"""
TRADES = ("software", "retail", "steel", "schools")
FLAGS = (
    "email_is_role", "email_is_disposable", "email_is_free", "is_decision_maker", "recent_job_change",
    "company_funded_recently", "company_hiring",
)  # fmt: skip


def campaign(engine: Engine, slug: str = "spring", rules: str = RULES) -> str:
    """A registered campaign whose score is its fit."""
    register(engine, minimal_campaign_text(slug, extra=rules), f"{slug}.yaml")
    return slug


def leads(
    rows: int,
    days: int,
    *,
    seed: int = 1,
    steel: Sequence[float] = (2.0,),
    base: float = -2.0,
    prefix: str = "lead",
) -> pd.DataFrame:
    """Leads evenly spread over days from `FIRST_DAY` on, of whom some are won five days later.

    Software, retail and mid-sized companies convert more often, as the rules of the campaign have it. What they do not
    know is steel: its worth in each stretch of time is an item of `steel`.
    """
    random = np.random.default_rng(seed)
    place = np.arange(rows)
    trade = random.choice(TRADES, rows)
    size = random.integers(5, 2_000, rows)
    fits = np.isin(trade, TRADES[:2]) * 0.8 + ((size >= 50) & (size <= 1_000)) * 0.8
    worth = np.asarray(steel)[place * len(steel) // rows]
    logit = base + fits + (trade == "steel") * worth
    day = pd.Timestamp(FIRST_DAY) + pd.to_timedelta(place * days // rows, unit="D")
    won = random.random(rows) < 1 / (1 + np.exp(-logit))
    return pd.DataFrame(
        {
            "lead_id": [f"{prefix}-{number:06d}" for number in place],
            "day": pd.Series(day).astype("datetime64[us]"),
            "industry": trade,
            "company_size": size,
            "plan": random.choice(["gold", "silver"], rows),
            "won_on": pd.Series(day).where(won) + pd.Timedelta(days=5),
        }
    )


def arrive(engine: Engine, slug: str, rows: pd.DataFrame, days: int = 1) -> None:
    """Stores leads on their days, and their wins. So many days at least are computed, from the first lead's on."""
    frame = rows[["lead_id", "day", "industry", "company_size"]].assign(
        is_new=True,
        received_at=rows["day"].dt.tz_localize("UTC"),
        source="website",
        email_status="missing",
        phone_status="missing",
        social_urls="{}",
        enrichment_status="none",
        provenance="{}",
        custom='{"plan": "' + rows["plan"] + '"}',
        **dict.fromkeys(FLAGS, False),
    )
    first = rows["day"].min().date()
    computed = days_between(first, max(rows["day"].max().date(), first + timedelta(days=days - 1)))
    replace_partitions(
        engine, schema.enriched_leads, slug, computed, frame, campaign_version=1, run_id="by hand"
    )
    won = rows[rows["won_on"].notna()]
    win(engine, slug, won["lead_id"], won["won_on"])


def win(engine: Engine, slug: str, lead_ids: pd.Series, on: pd.Series) -> None:
    """Adds wins, at noon of their days."""
    moments = on.dt.tz_localize("UTC") + pd.Timedelta(hours=12)
    told = pd.DataFrame({"lead_id": lead_ids, "outcome": "won", "occurred_at": moments, "origin": "a test"})
    add_outcomes(engine, told.assign(campaign=slug, value=np.nan))


def visit(engine: Engine, slug: str, lead_id: str, days: Sequence[date]) -> None:
    """A lead looks at the website, once on each day."""
    moments = [pd.Timestamp(day, tz=UTC) + pd.Timedelta(hours=9) for day in days]
    events = pd.DataFrame(
        {
            "event_id": [f"{lead_id}-{day}" for day in days],
            "lead_id": lead_id,
            "behaviour": "visit",
            "occurred_at": moments,
            "is_machine": False,
            "origin": "a test",
        }
    )
    add_engagement_events(engine, events.assign(campaign=slug))


def day(number: int) -> date:
    """The day so many days after the first."""
    return FIRST_DAY + timedelta(days=number)
