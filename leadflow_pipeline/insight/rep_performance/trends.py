"""How reps do over time: week by week, and by a window that moves along. Pure.

What belongs here: series, and whether what is recent differs from what was before. What does not: the figures of a
window (`route.owners.performance`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from leadflow_pipeline.insight.rep_performance.peers import ABOVE, BELOW, UNKNOWN, Floats, compared
from leadflow_pipeline.route.owners.choice.performance import Minutes, performance, rep_results

WEEKS: Final = 13
RECENT_DAYS: Final = 28
BEFORE_DAYS: Final = 84
"""What ended in the last so many days is compared with what ended in so many days before them."""
RISING, FALLING, STEADY = "rising", "falling", "steady"


def week_ends(as_of: pd.Timestamp) -> list[pd.Timestamp]:
    """The ends of the last weeks, of seven days each, the earliest first; the last is `as_of`."""
    return [as_of - pd.Timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]


def weekly(
    handoffs: pd.DataFrame,
    outcomes: pd.DataFrame,
    touches: pd.DataFrame,
    as_of: pd.Timestamp,
    minutes_between: Minutes | None = None,
) -> pd.DataFrame:
    """What each rep got and did in each week: `week` (its first moment), rep, leads, wins, value_won, sla_due,
    sla_kept, minutes (typical, to the first touch). Leads and touches count in the week in which the lead was given,
    wins in which it was won."""
    ends = ended(handoffs, outcomes, as_of)
    won = ends[ends["outcome"].eq("won")]
    rows = []
    for end in week_ends(as_of):
        begin = end - pd.Timedelta(weeks=1)
        results = rep_results(handoffs, outcomes, touches, end, 7, minutes_between=minutes_between)
        of_week = won[(won["occurred_at"] >= begin) & (won["occurred_at"] < end)].groupby("rep")["value"]
        row = pd.DataFrame(
            {
                "leads": results["leads"],
                "wins": of_week.size(),
                "value_won": of_week.sum(),
                "sla_due": results["sla_due"],
                "sla_kept": results["sla_kept"],
                "minutes": np.exp(
                    results["log_minutes_sum"] / results["touched"].where(results["touched"] > 0)
                ),
            }
        )
        rows.append(row.rename_axis("rep").reset_index().assign(week=begin))
    found = pd.concat(rows, ignore_index=True)
    counts = ["leads", "wins", "sla_due", "sla_kept"]
    return found.assign(value_won=found["value_won"].fillna(0.0), **found[counts].fillna(0).astype("int64"))[
        ["week", "rep", *counts[:2], "value_won", *counts[2:], "minutes"]
    ]


def trailing(
    handoffs: pd.DataFrame,
    outcomes: pd.DataFrame,
    touches: pd.DataFrame,
    as_of: pd.Timestamp,
    window_days: int,
    reps: pd.DataFrame,
    target_minutes: float,
    minutes_between: Minutes | None = None,
) -> pd.DataFrame:
    """Comparable performance as it stood at the end of each week: a row a rep, a column a week's end; missing before
    the rep had a lead in the window."""
    columns = {}
    for end in week_ends(as_of):
        results = rep_results(handoffs, outcomes, touches, end, window_days, minutes_between=minutes_between)
        judged = performance(results, reps.index, reps["team"], target_minutes)["comparable"]
        columns[end] = judged.where(judged.index.isin(results.index))
    return pd.DataFrame(columns, index=reps.index)


def directions(
    handoffs: pd.DataFrame, outcomes: pd.DataFrame, as_of: pd.Timestamp, reps: Sequence[str]
) -> pd.Series:
    """Rep -> whether more of what ended lately was won than before: rising, falling, steady (no sure difference), or
    nothing to compare. By when leads ended, not when they were given: of those given lately few have ended."""
    ends = ended(handoffs, outcomes, as_of)
    age = as_of - ends["occurred_at"]
    recent = ends[age <= pd.Timedelta(days=RECENT_DAYS)]
    before = ends[
        (age > pd.Timedelta(days=RECENT_DAYS)) & (age <= pd.Timedelta(days=RECENT_DAYS + BEFORE_DAYS))
    ]
    (hits, trials), (earlier_hits, earlier_trials) = (
        _won_of(ends_then, reps) for ends_then in (recent, before)
    )
    _, verdicts = compared(hits, trials, earlier_hits, earlier_trials)
    words = {ABOVE: RISING, BELOW: FALLING, UNKNOWN: UNKNOWN}
    return pd.Series(
        [words.get(verdict, STEADY) for verdict in verdicts], index=pd.Index(reps, name="rep"), dtype="str"
    )


def _won_of(ends: pd.DataFrame, reps: Sequence[str]) -> tuple[Floats, Floats]:
    """How many were won, and how many ended, of each rep."""
    is_won = ends["outcome"].eq("won")
    counts = pd.DataFrame({"won": is_won.groupby(ends["rep"]).sum(), "ended": ends.groupby("rep").size()})
    counts = counts.reindex(pd.Index(reps)).fillna(0).astype("float64")
    return counts["won"].to_numpy(), counts["ended"].to_numpy()


def ended(handoffs: pd.DataFrame, outcomes: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """What was won and lost before a moment, by the rep who had the lead then: rep, outcome, occurred_at, value."""
    given = handoffs[handoffs["decided_at"] < as_of].sort_values(
        ["lead_id", "assignment_number"], kind="stable"
    )
    until = given.groupby("lead_id", sort=False)["decided_at"].shift(-1).fillna(as_of)
    decisive = outcomes[outcomes["outcome"].isin(["won", "lost"])]
    ends = given[["lead_id", "rep", "decided_at"]].assign(until=until).merge(decisive, on="lead_id")
    is_theirs = (ends["occurred_at"] >= ends["decided_at"]) & (ends["occurred_at"] < ends["until"])
    return ends.loc[is_theirs, ["rep", "outcome", "occurred_at", "value"]].reset_index(drop=True)
