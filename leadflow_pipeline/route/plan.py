"""The routing of whole days: who enters which sequence on which day, given all that happened before.

What belongs here: the frames of a range of days, from qualified leads to routed ones. What does not: the
judgement of a lead (`judgement.py`), reading and writing columns (`frame_router.py`), what carries over
(`carried.py`).

A day is judged by column. Only the days go one by one, because a lead is routed once and the limit of a day
leaves leads for the next. A lead that waits has status QUALIFICATION_PENDING *and* a tier: it is qualified,
its turn has not come. It has a row on the day from which it waits and on the day on which that ends, and none
between, for there is no news of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment.exposure import Exposures
from leadflow_pipeline.lead_fields import fields_beside
from leadflow_pipeline.overrides import standing_overrides
from leadflow_pipeline.route.carried import Carried
from leadflow_pipeline.route.decision import RoutingStatus
from leadflow_pipeline.route.fit import TIERS
from leadflow_pipeline.route.frame_router import facts_of, written
from leadflow_pipeline.route.judgement import SEQUENCES, Facts, Grounds
from leadflow_pipeline.route.rules import RoutingRules

COLUMNS = ["day", "lead_id", "email", "source", "icp_fit", "score"]

REASON_AGAINST = r'"status"\s*:\s*"(?:REJECTED|PENDING)"'
REASON_LOW_SCORE = r'"code"\s*:\s*"score_below_threshold"'


def plan_routed(
    qualified: pd.DataFrame,
    leads: pd.DataFrame,
    previous: pd.DataFrame,
    overrides: pd.DataFrame,
    outcomes: pd.DataFrame,
    rules: RoutingRules,
    days: Sequence[date],
    exposures: Exposures | None = None,
) -> pd.DataFrame:
    """The routed leads of consecutive `days`: a row for each qualified row, and one for each wait that ends.

    `qualified` has the qualified rows of the days and, for each lead that waits (`is_waiting(previous)`), the
    qualified row as of its waiting row, under that row's day. `leads` has the enriched columns for the keys
    of `qualified`. `previous` has each lead's latest routed row of an earlier day; `overrides` and `outcomes`
    are the campaign's. `exposures` has the experiments, and learns who meets them. No day sees what lies after
    it. Columns: those of `routed_leads` without campaign and version.
    """
    first_day = pd.Timestamp(days[0])
    earlier = previous[previous["day"] < first_day].sort_values("day").drop_duplicates("lead_id", keep="last")
    candidates = _candidates(qualified, earlier, first_day)
    facts = _facts(candidates, leads, overrides, rules)
    carried = Carried(candidates, facts, earlier, outcomes, overrides, rules, first_day, exposures)
    planned = [carried.plan_day(day) for day in pd.DatetimeIndex(list(days)).as_unit("us")]

    routed = candidates[COLUMNS].take(np.concatenate([part.rows for part in planned]))
    routed = routed.reset_index(drop=True).assign(day=np.concatenate([part.days for part in planned]))
    grounds = Grounds.concatenated([part.grounds for part in planned])
    return routed.join(written(grounds, end_of(routed["day"]), rules)).assign(
        owner=standing_overrides(overrides, "owner", routed)["value"]
    )


def is_waiting(routed: pd.DataFrame) -> pd.Series[bool]:
    """Whether each routed row (`status`, `tier`) is that of a lead which waits for its turn."""
    return (routed["status"] == RoutingStatus.QUALIFICATION_PENDING) & routed["tier"].notna()


def is_low_score_only(qualified: pd.DataFrame) -> pd.Series[bool]:
    """Whether each qualified row (`status`, `reasons`) is rejected, and for nothing but its score."""
    reasons = qualified.loc[qualified["status"] == "REJECTED", "reasons"]
    only = (reasons.str.count(REASON_AGAINST) == 1) & reasons.str.contains(REASON_LOW_SCORE)
    return only.reindex(qualified.index, fill_value=False).astype(bool)


def end_of(days: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """The midnight (UTC) that ends each day."""
    return days.dt.tz_localize("UTC") + pd.Timedelta(days=1)


def _candidates(qualified: pd.DataFrame, earlier: pd.DataFrame, first_day: pd.Timestamp) -> pd.DataFrame:
    """The qualified rows of the days, and before them those of the leads that wait, by day."""
    waiting = pd.MultiIndex.from_frame(earlier.loc[is_waiting(earlier), ["day", "lead_id"]])
    is_news = qualified["day"] >= first_day
    old = qualified[~is_news]
    still_waits = pd.MultiIndex.from_frame(old[["day", "lead_id"]]).isin(waiting)
    news = qualified[is_news]
    return pd.concat([old[still_waits], news]).sort_values("day", kind="stable", ignore_index=True)


def _facts(
    candidates: pd.DataFrame, leads: pd.DataFrame, overrides: pd.DataFrame, rules: RoutingRules
) -> Facts:
    """What is known of each candidate as of its day, apart from what carries over from the days before."""
    keys = candidates[["day", "lead_id"]]
    known = pd.DataFrame(
        {
            "status": candidates["status"],
            "icp_fit": candidates["icp_fit"],
            "is_low_score_only": is_low_score_only(candidates) if rules.nurture_low_score else False,
            "tier_override": standing_overrides(overrides, "tier", keys, among=TIERS)["value"],
            "sequence_override": standing_overrides(overrides, "sequence", keys, among=SEQUENCES)["value"],
        },
        index=candidates.index,
    )
    return facts_of(known.join(fields_beside(keys, leads, rules.intent_signals)), rules)
