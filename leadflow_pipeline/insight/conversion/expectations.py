"""What a campaign's open leads should bring, and what a score has been worth so far.

What belongs here: sums of promises, and the outcomes of leads by their first score. What does not: reading the
database, drawing. Pure: frames in, frames out; no row is about one person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import poisson

from leadflow_pipeline.insight.summaries import TIERS
from leadflow_pipeline.score.conversion.curve import ScoreCurve, expected_conversions, score_curve
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.conversion.training import matured_examples

ALL, NO_TIER = "all", "in no tier"
CONFIDENCE = 0.95
ENDS = ("won", "lost")


@dataclass(frozen=True)
class ScoreWorth:
    """How scores turned into conversions; without a curve, why there is none."""

    curve: ScoreCurve | None
    leads: int
    without: str = ""


def expectations(
    scored: pd.DataFrame, routed: pd.DataFrame, outcomes: pd.DataFrame, as_of: date, rules: ConversionRules
) -> pd.DataFrame:
    """By tier and in all: `tier`, `open_leads`, `expected`, `at_least`, `at_most`, `expected_value`.

    Takes the latest `lead_id`, `day` and `conversion_probability` of scored, `lead_id` and `tier` of routed, `lead_id`,
    `outcome` and `value` of outcomes. Open are leads with a probability that were neither won nor lost, and are not so
    old that they count as lost. A conversion is worth the mean value of those won, missing where none is known.

    Between `at_least` and `at_most` chance alone leaves the number in 95 of 100 cases, if the probabilities are right:
    Poisson's interval, a little wider than that of unequal chances. That the model may be wrong is not in it.
    """
    has_ended = scored["lead_id"].isin(outcomes.loc[outcomes["outcome"].isin(ENDS), "lead_id"])
    is_ripe = (pd.Timestamp(as_of) - scored["day"]).dt.days >= rules.matures_after_days
    leads = scored[~has_ended & ~is_ripe & scored["conversion_probability"].notna()]
    tier = routed.set_index("lead_id")["tier"].reindex(leads["lead_id"]).fillna(NO_TIER)
    worth = float(outcomes.loc[outcomes["outcome"] == "won", "value"].astype("float64").mean())
    probability = leads["conversion_probability"].to_numpy(dtype=np.float64)
    value = np.full(len(leads), np.nan_to_num(worth), dtype=np.float64)
    by_tier = expected_conversions(tier, probability, value).reindex([*TIERS, NO_TIER]).dropna()
    in_all = expected_conversions(pd.Series(ALL, index=leads.index), probability, value)
    table = pd.concat([by_tier, in_all])
    expected = table["expected_conversions"].to_numpy(dtype=np.float64)
    low, high = poisson.interval(CONFIDENCE, expected)
    count = table["leads"].to_numpy(dtype=np.int64)
    return pd.DataFrame(
        {
            "tier": table.index.to_numpy(dtype=object),
            "open_leads": count,
            "expected": expected,
            "at_least": np.nan_to_num(low).astype(np.int64),
            "at_most": np.minimum(np.nan_to_num(high).astype(np.int64), count),
            "expected_value": expected * worth,
        }
    )


def score_worth(
    first_scored: pd.DataFrame, outcomes: pd.DataFrame, as_of: date, rules: ConversionRules
) -> ScoreWorth:
    """The curve from each lead's first score to whether it was won before `as_of`, of leads whose outcome is ripe.

    Takes `lead_id`, `day` and `score` of each lead's first row, and `lead_id`, `outcome`, `day` of outcomes.
    """
    won_on = outcomes.loc[outcomes["outcome"] == "won"].groupby("lead_id")["day"].min()
    leads = first_scored.assign(won_on=won_on.reindex(first_scored["lead_id"]).to_numpy())
    ripe = matured_examples(leads, as_of, rules)
    won = int(ripe["converted"].sum())
    if not won:
        ripen = f"a lead's outcome is ripe {rules.matures_after_days} days after its day"
        found = f"none of {len(ripe):,} leads was won" if len(ripe) else "there is none"
        return ScoreWorth(None, len(ripe), f"no curve yet: {ripen}, and {found}")
    curve = score_curve(ripe["score"].to_numpy(dtype=np.float64), ripe["converted"].to_numpy(dtype=np.int64))
    return ScoreWorth(curve, len(ripe))
