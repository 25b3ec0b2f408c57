"""How well each rep does, as far as its results can tell.

What belongs here: results of reps in a window of time, and performance from them. What does not: where facts are read
from, trends and leaderboards (`insight.rep_performance`), and what performance is used for (`match.py`).

performance = (conversion x lead value x SLA) / (average time / target time), made comparable as p / (p + median p): the
median rep has 0.5. Every part is what is to be expected of the rep next, not what happened to be: a rate of few leads
says little, so it is drawn towards the rep's team, and the team towards all (`shrinkage.py`).

Hour, weekday and season take no part. On 5,478 deals of the Maven CRM data, each month foretold from the 90 days before
it, log loss was 0.6669 by shrunk agent, 0.6771 by raw agent, 0.6667 by all alike; with the weekday of the first contact
0.6667, with its month within the quarter 0.6745. (With the month of the closing 0.6275, but nobody knows that when a
lead is given away.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadflow_pipeline.route.owners.choice.shrinkage import shrunk_means, shrunk_rates

Floats = NDArray[np.float64]
Minutes = Callable[["pd.Series[str]", "pd.Series[pd.Timestamp]", "pd.Series[pd.Timestamp]"], Floats]
"""Working minutes between two moments, by the rep's calendar: (reps, starts, ends) -> minutes."""

RESULTS = (
    "leads", "decided", "wins", "values", "value_sum", "value_squares",
    "touched", "log_minutes_sum", "log_minutes_squares", "sla_due", "sla_kept",
)  # fmt: skip
"""Columns of results: counts and sums, so that results of parts add up to those of the whole."""

LOST_AFTER_DAYS = 90

FASTEST = 1 / 20
"""Of the target time: faster than this counts as this, so that one quick answer is not worth twenty wins."""


def rep_results(
    handoffs: pd.DataFrame,
    outcomes: pd.DataFrame,
    touches: pd.DataFrame,
    as_of: pd.Timestamp,
    window_days: int,
    *,
    lost_after_days: int = LOST_AFTER_DAYS,
    minutes_between: Minutes | None = None,
) -> pd.DataFrame:
    """What each rep got in the days before `as_of`, and what came of it.

    A lead counts for the rep who has it when the outcome comes; what another rep did or missed before stays that
    rep's. Facts of `as_of` or later do not exist. Frames of one campaign, or of several with a column `campaign`.

    Args:
        handoffs: `lead_id, assignment_number, rep, decided_at, first_touch_due_at`.
        outcomes: `lead_id, outcome, occurred_at, value`, of which "won" and "lost" count; won at any time is won.
        touches: `lead_id, rep, occurred_at`.
        as_of: the first moment that is not known.
        window_days: hand-overs of this many days count.
        lost_after_days: a lead that is neither won nor lost counts as decided, not won, after this many days: losses
            are often told to nobody.
        minutes_between: working minutes; plain ones where not given. Where no touch is known for a lead whose time is
            over, the time until it was given to another rep, or until `as_of`, stands in: at least so long it took.

    Returns:
        A row for each rep in the window, indexed by `rep`, with the columns of `RESULTS`: leads given; decided of
        them; won; wins of known value, the sum of values and of their squares; leads with a time to the first touch,
        the sum of its logarithms and of their squares; leads whose time for it is over or that were touched; touched
        in time.
    """
    each = handoff_results(
        handoffs, outcomes, touches, as_of, lost_after_days=lost_after_days, minutes_between=minutes_between
    )
    return summed(each, as_of, window_days)


def summed(each: pd.DataFrame, as_of: pd.Timestamp, window_days: int) -> pd.DataFrame:
    """Results of reps (`rep_results`) of those of hand-overs, for a window of days."""
    counts = each.loc[each["decided_at"] >= as_of - pd.Timedelta(days=window_days)]
    return counts.groupby("rep", sort=True)[list(RESULTS)].sum()


def handoff_results(
    handoffs: pd.DataFrame,
    outcomes: pd.DataFrame,
    touches: pd.DataFrame,
    as_of: pd.Timestamp,
    *,
    lost_after_days: int = LOST_AFTER_DAYS,
    minutes_between: Minutes | None = None,
) -> pd.DataFrame:
    """What came of each hand-over up to `as_of`, for arguments as of `rep_results`, in the order of leads and numbers.

    What comes of a lead's hand-overs depends on its own facts alone, so those of some leads can be computed anew and
    put in the place of what they were. Columns: those of `handoffs`; `RESULTS`; `is_untouched`, the lead is this rep's
    still and no touch is known.
    """
    key = ["campaign", "lead_id"] if "campaign" in handoffs else ["lead_id"]
    given = handoffs.loc[handoffs["decided_at"] < as_of].sort_values(
        [*key, "assignment_number"], kind="stable"
    )
    given = given.assign(until=given.groupby(key, sort=False)["decided_at"].shift(-1).fillna(as_of))
    given = given.reset_index(drop=True)
    given["row"] = np.arange(len(given))
    _judge(given, outcomes, key, as_of, lost_after_days)
    _time(given, touches, key, as_of, minutes_between)
    return given.drop(columns=["row", "until"])


def _judge(
    given: pd.DataFrame, outcomes: pd.DataFrame, key: list[str], as_of: pd.Timestamp, lost_after_days: int
) -> None:
    """Adds what became of each hand-over: columns of `RESULTS` from leads to value."""
    ends = given[[*key, "row", "decided_at", "until"]].merge(outcomes, on=key)
    ends = ends.loc[(ends["occurred_at"] >= ends["decided_at"]) & (ends["occurred_at"] < ends["until"])]
    won = ends.loc[ends["outcome"] == "won"].groupby("row")["value"].max()
    is_won = given["row"].isin(won.index)
    is_lost = given["row"].isin(ends.loc[ends["outcome"] == "lost", "row"])
    is_old = (given["until"] == as_of) & (given["decided_at"] < as_of - pd.Timedelta(days=lost_after_days))
    value = won.astype(float).reindex(given["row"]).to_numpy()
    given["leads"] = 1
    given["decided"] = (is_won | is_lost | is_old).astype("int64")
    given["wins"] = is_won.astype("int64")
    given["values"] = (~np.isnan(value)).astype("int64")
    given["value_sum"] = np.nan_to_num(value)
    given["value_squares"] = np.nan_to_num(value) ** 2


def _time(
    given: pd.DataFrame,
    touches: pd.DataFrame,
    key: list[str],
    as_of: pd.Timestamp,
    minutes_between: Minutes | None,
) -> None:
    """Adds how soon each lead was touched first: columns of `RESULTS` from touched on."""
    own = given[[*key, "rep", "row", "decided_at", "until"]].merge(touches, on=[*key, "rep"])
    own = own.loc[(own["occurred_at"] >= own["decided_at"]) & (own["occurred_at"] < own["until"])]
    first = own.groupby("row")["occurred_at"].min().reindex(given["row"]).set_axis(given.index)
    due = given["first_touch_due_at"]
    is_over = first.isna() & (due < given["until"])
    known = first.notna() | is_over
    given["is_untouched"] = first.isna() & (given["until"] == as_of)
    end = first.fillna(given["until"])
    if minutes_between is None:
        minutes = (end - given["decided_at"]).dt.total_seconds().to_numpy(dtype=float) / 60
    else:
        minutes = minutes_between(given["rep"], given["decided_at"], end)
    logarithm = np.where(known, np.log(np.maximum(minutes, 1)), 0.0)
    given["touched"] = known.astype("int64")
    given["log_minutes_sum"], given["log_minutes_squares"] = logarithm, logarithm**2
    given["sla_due"] = (due.notna() & known).astype("int64")
    given["sla_kept"] = (due.notna() & first.notna() & (first <= due)).astype("int64")


def performance(
    results: pd.DataFrame, reps: pd.Index[str], team: pd.Series[str] | None, target_minutes: float
) -> pd.DataFrame:
    """Performance of all reps, those without results as their team.

    Args:
        results: of `rep_results`.
        reps: who is to be judged. Results of others count for their team's and everybody's means if `team` knows them.
        team: of each rep, by rep; one team where not given.
        target_minutes: to the first touch.

    Returns:
        A row for each of `reps`, in their order, indexed by `rep`: `leads`, `decided`, `wins`; `conversion` with
        `conversion_low` and `conversion_high` (95 % of what it may be) and `conversion_raw` (NaN without leads);
        `value`, of a won lead (NaN where nobody's is known); `minutes` to the first touch, the typical (geometric)
        mean (NaN where nobody's is known); `sla`, the share of first touches in time (NaN likewise); `performance`,
        in money; `comparable`, 0 to 1, 0.5 for the median rep.

    What is known of nobody takes no part: its factor is 1.
    """
    everybody = reps.union(results.index, sort=False)
    known = results.reindex(everybody).fillna(0.0)
    teams = np.zeros(len(everybody), np.int64)
    if team is not None:
        teams = pd.factorize(team.reindex(everybody).fillna("").astype("str"), sort=True)[0].astype(np.int64)
    numbers = {name: known[name].to_numpy(dtype=float) for name in RESULTS}
    conversion = shrunk_rates(numbers["wins"], numbers["decided"], teams)
    kept = shrunk_rates(numbers["sla_kept"], numbers["sla_due"], teams)
    value = shrunk_means(numbers["values"], numbers["value_sum"], numbers["value_squares"], teams)
    log_minutes = shrunk_means(
        numbers["touched"], numbers["log_minutes_sum"], numbers["log_minutes_squares"], teams
    )
    minutes = np.exp(log_minutes)
    slowness = np.maximum(minutes / target_minutes, FASTEST)
    score = (
        conversion.rate
        * _or_one(value)
        * (_or_one(kept.rate) if numbers["sla_due"].any() else 1.0)
        / _or_one(slowness)
    )
    judged = pd.DataFrame(
        {
            "leads": numbers["leads"].astype("int64"),
            "decided": numbers["decided"].astype("int64"),
            "wins": numbers["wins"].astype("int64"),
            "conversion": conversion.rate,
            "conversion_low": conversion.low,
            "conversion_high": conversion.high,
            "conversion_raw": np.divide(
                numbers["wins"],
                numbers["decided"],
                out=np.full(len(everybody), np.nan),
                where=numbers["decided"] > 0,
            ),
            "value": value,
            "minutes": minutes,
            "sla": kept.rate if numbers["sla_due"].any() else np.nan,
            "performance": score,
        },
        index=everybody.rename("rep"),
    ).loc[reps]
    return judged.assign(comparable=comparable(judged["performance"].to_numpy(dtype=float)))


def comparable(score: Floats) -> Floats:
    """p / (p + median p): 0 to 1, 0.5 for the median rep and where all are 0. `[R]`"""
    if not len(score):
        return np.zeros(0)
    total = score + np.median(score)
    share: Floats = np.divide(score, total, out=np.full(len(score), 0.5), where=total > 0)
    return share


def _or_one(factor: Floats) -> Floats:
    return np.where(np.isnan(factor), 1.0, factor)
