"""The day on which a lead leaves its temperature by decay alone, if it does nothing more.

What belongs here: that day for each scored lead, and the rows that a range of days needs because of it. What
does not: the levels themselves (`temperature`), reading what was stored.

Engagement without events only falls: it is a sum of exponentials, one half-life for each behaviour. So the
first day at whose end it is too low for the level is found by bisection, over one sum a behaviour instead of
one a day. Engagement as it will be computed on that day is a sum over events in another order, which may
differ in the last bit; so the day found is held against that very sum, and moved until it is exactly right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from leadflow_pipeline.score import activity
from leadflow_pipeline.score.activity import Activity, IntegerArray
from leadflow_pipeline.score.engagement import DECIMALS, FloatArray, engagement_later, worth_by_behaviour
from leadflow_pipeline.score.rules import ScoreRules
from leadflow_pipeline.score.temperature import COLD, HOT, WARM, last_levels, levels_of_rows

NOT_SOON = np.iinfo(np.int64).max
"""Of a lead that is cold already, or keeps its level for longer than anybody plans."""

MOST_DAYS = 36_525
"""A hundred years: a half-life of millennia has no day that a calendar could hold."""


def cooling_days(
    counted: Activity, lead: IntegerArray, day: IntegerArray, level: IntegerArray, rules: ScoreRules
) -> IntegerArray:
    """For each row the first day after its own on which its level is lost without another event.

    Args:
        counted: the events that count.
        lead: number of each row's lead.
        day: of each row; events after it are left out.
        level: held at the end of that day.
        rules: the campaign's.

    Returns:
        Days since 1970-01-01, NOT_SOON where there is none.
    """
    cools = np.full(len(lead), NOT_SOON, dtype=np.int64)
    lost_below = _lost_below(rules)[level]
    rows = np.flatnonzero((level > COLD) & (lost_below > 0))
    lead, day, lost_below = lead[rows], day[rows], lost_below[rows]
    later = _first_guess(counted, lead, day, lost_below, rules)

    def is_lost(which: IntegerArray, days_later: IntegerArray) -> np.ndarray:
        engagement = engagement_later(
            counted, lead[which], day[which], day[which] + days_later, rules.behaviours
        )
        return np.asarray(engagement < lost_below[which])

    which = np.flatnonzero(later <= MOST_DAYS)
    while len(which):  # forward to a day on which it is lost
        which = which[~is_lost(which, later[which])]
        later[which] += 1
    which = np.flatnonzero((later > 1) & (later <= MOST_DAYS))
    while len(which):  # and back to the first
        which = which[is_lost(which, later[which] - 1)]
        later[which] -= 1
        which = which[later[which] > 1]
    soon = later <= MOST_DAYS
    cools[rows[soon]] = (day + later)[soon]
    return cools


def rows_that_cool(
    due: pd.DataFrame,
    cooling: pd.DataFrame,
    events: pd.DataFrame,
    previous: pd.DataFrame,
    rules: ScoreRules,
    last_day: pd.Timestamp,
) -> pd.DataFrame:
    """The rows that a range of days needs beside those of leads with news: of leads that cool in silence.

    Each is found from the row before, so that the days planned one by one and together have the same rows.

    Args:
        due: `lead_id` and `day` of every lead with news, once each.
        cooling: `lead_id` and `cools_on` of leads whose latest row before the range names a day of the range.
        events: of all these leads.
        previous: `lead_id` and `temperature` of the latest row before the range.
        rules: the campaign's.
        last_day: of the range.

    Returns:
        `lead_id` and `day`, sorted, none of them in `due`.
    """
    known = due[["lead_id", "day"]]
    stored = cooling.rename(columns={"cools_on": "day"})[["lead_id", "day"]]
    news = known.groupby("lead_id")["day"].min().rename("first_news").reset_index()
    stored = stored.merge(news, on="lead_id", how="left")
    has_none_before = stored["first_news"].isna() | (stored["day"] < stored["first_news"])
    stored = stored.loc[has_none_before, ["lead_id", "day"]]
    added = [stored]
    rows = pd.concat([known, stored], ignore_index=True).astype({"lead_id": "str"})
    leads, lead = activity.number_leads(rows["lead_id"])
    day = activity.day_numbers(rows["day"])
    end = int(activity.day_numbers(pd.Series([last_day]))[0]) + 1
    if (day < end - 1).any():
        counted = activity.order_events(events, leads, tuple(rules.behaviours), rules.daily_limits)
        before = last_levels(previous, leads)
        for cooled, cools in _cooling_between(counted, lead, day, end, before, rules):
            ids = pd.Series(leads.take(cooled).to_pandas(), dtype="str")
            added.append(pd.DataFrame({"lead_id": ids, "day": as_days(cools)}))
    return (
        pd.concat(added, ignore_index=True)
        .astype({"lead_id": "str", "day": "datetime64[us]"})
        .sort_values(["lead_id", "day"], ignore_index=True)
    )


def _cooling_between(
    counted: Activity,
    lead: IntegerArray,
    day: IntegerArray,
    end: int,
    before: IntegerArray,
    rules: ScoreRules,
) -> Iterator[tuple[IntegerArray, IntegerArray]]:
    """Leads and days of cooling between one row of a lead and its next, or `end`.

    As many rounds as a lead can cool in one silence, and one that finds none: from hot to warm, from warm to cold.
    """
    while True:
        order = np.lexsort((day, lead))
        lead, day = lead[order], day[order]
        _, level = levels_of_rows(counted, lead, day, before, rules)
        next_day = np.full(len(day), end)
        has_next = np.flatnonzero(lead[1:] == lead[:-1])
        next_day[has_next] = day[has_next + 1]
        looked = np.flatnonzero(next_day > day + 1)
        cools = cooling_days(counted, lead[looked], day[looked], level[looked], rules)
        is_lost = cools < next_day[looked]
        if not is_lost.any():
            return
        cooled = lead[looked][is_lost], cools[is_lost]
        yield cooled
        lead, day = np.concatenate([lead, cooled[0]]), np.concatenate([day, cooled[1]])


def as_days(numbers: IntegerArray) -> pd.Series:
    """Naive midnights of days since 1970-01-01; missing for NOT_SOON."""
    is_day = numbers != NOT_SOON
    days = np.where(is_day, numbers, 0).astype("datetime64[D]").astype("datetime64[us]")
    return pd.Series(days).where(pd.Series(is_day))


def _lost_below(rules: ScoreRules) -> FloatArray:
    """By level: the engagement below which it is lost."""
    levels = rules.temperature
    thresholds = np.zeros(3)
    thresholds[WARM] = round(levels.warm - levels.hysteresis, DECIMALS)
    thresholds[HOT] = round(levels.hot - levels.hysteresis, DECIMALS)
    return thresholds


def _first_guess(
    counted: Activity, lead: IntegerArray, day: IntegerArray, lost_below: FloatArray, rules: ScoreRules
) -> IntegerArray:
    """Days until engagement is below the threshold, by bisection; it may be one off."""
    worth, half_lives = worth_by_behaviour(counted, lead, day, rules.behaviours)
    least = np.zeros(len(lead), dtype=np.int64)
    most = np.full(len(lead), MOST_DAYS + 1, dtype=np.int64)
    while (most - least > 1).any():
        middle = (least + most) // 2
        left = np.zeros(len(lead))
        for sums, half_life in zip(worth, half_lives, strict=True):
            left += sums * np.exp2(-middle / half_life)
        is_lost = left < lost_below
        most, least = np.where(is_lost, middle, most), np.where(is_lost, least, middle)
    return most
