"""The days on which a lead's points change because time passes, though nothing happens.

What belongs here: finding them. What does not: cooling down (`cooling`, which remembers the level before), reading.

An event leaves the last so many days, or is so many days ago; a factor begins or ends to hold. Nothing of that depends
on earlier rows: a lead has a row on a day if a factor that pays something pays it otherwise at the end of the day than
at the end of the day before. So it never has to be looked for where no event is just so old and no factor begins or
ends, and however days are batched, the rows are the same.

Two things a lead gets only with its next row. What a model learned from ages and counts moves a little every day. And
the shipped `recent_activity` (10 points by default) stays as it was when the lead was looked at: almost everybody who
ever did anything would get a row a week later, and a lead that waits for a person's review would be turned away for
having waited. Who wants these points to end on their day gives `recent_activity` none and declares a factor of the same
words: `within_days` over these behaviours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.score import activity
from leadflow_pipeline.score.activity import Activity, IntegerArray
from leadflow_pipeline.score.cooling import as_days
from leadflow_pipeline.score.dimensions import DIMENSIONS
from leadflow_pipeline.score.factors import BehaviourFactor, OwnFactor, ScoringFactor
from leadflow_pipeline.score.points import holds, only_on_its_days, times_done
from leadflow_pipeline.score.rules import ScoreRules

ONE_DAY = timedelta(days=1)


def delays(rules: ScoreRules) -> dict[int, frozenset[str]]:
    """How many days after an event some factor may pay otherwise because of its age -> events of which behaviours."""
    found: dict[int, frozenset[str]] = {}
    for factor in behaviour_factors(rules):
        for delay in _delays_of(factor):
            found[delay] = found.get(delay, frozenset()) | frozenset(factor.behaviours)
    return found


def turning_days(rules: ScoreRules, days: Sequence[date]) -> list[date]:
    """The days of these on which some factor that pays something begins to hold, or has just ended."""
    turns = {
        day
        for factor in rules.factors
        if factor.points
        for day in (factor.valid_from, factor.valid_until and factor.valid_until + ONE_DAY)
    }
    return [day for day in days if day in turns]


def fields_that_turn(rules: ScoreRules, day: date) -> list[ScoringFactor]:
    """The conditions over a field that begin to hold on a day, or ended the day before."""
    return [factor for factor in _turning(rules, day) if isinstance(factor, ScoringFactor)]


def behaviours_turn(rules: ScoreRules, day: date) -> bool:
    """Whether a factor over a behaviour begins on a day, or ended the day before."""
    return any(isinstance(factor, BehaviourFactor) for factor in _turning(rules, day))


def behaviour_factors(rules: ScoreRules) -> list[BehaviourFactor]:
    """Every factor over behaviours that pays something and that time alone can change."""
    ready_made = [
        (DIMENSIONS[name], points)
        for name, points in rules.dimensions.items()
        if isinstance(DIMENSIONS[name], BehaviourFactor)
    ]
    paying = [factor for factor in rules.factors if isinstance(factor, BehaviourFactor) and factor.points]
    paying += [factor for factor, points in ready_made if isinstance(factor, BehaviourFactor) and points]
    return [factor for factor in paying if _delays_of(factor) or factor.valid_from or factor.valid_until]


def rows_of_behaviours(
    events: pd.DataFrame,
    lead_ids: pd.Series,
    days: Sequence[date],
    looked_at: pd.DataFrame,
    rules: ScoreRules,
) -> pd.DataFrame:
    """The rows of leads whose factors over behaviours pay otherwise on a day than on the day before.

    Args:
        events: of these leads, at least up to the last day.
        lead_ids: the leads that may be looked at because of an event's age.
        days: consecutive ones, in order.
        looked_at: `lead_id` and `day` that are looked at in any case.
        rules: the campaign's.

    Returns:
        `lead_id` and `day`, sorted, each once.
    """
    everybody = pd.concat([lead_ids, looked_at["lead_id"]], ignore_index=True).astype("str")
    leads, _ = activity.number_leads(everybody)
    counted = activity.order_events(events, leads, tuple(rules.behaviours), rules.daily_limits)
    first, last = (
        int(number) for number in activity.day_numbers(pd.Series(pd.to_datetime([days[0], days[-1]])))
    )
    of_age = _of_age(counted, activity.positions_in(lead_ids.astype("str"), leads), first, last, rules)
    named = activity.event_keys(
        activity.positions_in(looked_at["lead_id"], leads), activity.day_numbers(looked_at["day"])
    )
    lead, day = _unfolded(np.unique(np.concatenate([of_age, named])))
    changed = np.zeros(len(lead), dtype=bool)
    for factor in behaviour_factors(rules):
        now = _times(factor, counted, lead, day)
        changed |= now != _times(factor, counted, lead, day - 1)
    return _rows(leads, lead[changed], day[changed])


def leads_of_fields(leads: pd.DataFrame, day: date, rules: ScoreRules) -> pd.Series:
    """Of leads as known on a day (`lead_id` and the fields asked for), those whom a condition begins or ends to pay."""
    concerned = np.zeros(len(leads), dtype=bool)
    for factor in fields_that_turn(rules, day):
        concerned |= holds(factor, leads)
    return leads.loc[concerned, "lead_id"]


def _turning(rules: ScoreRules, day: date) -> list[OwnFactor]:
    return [
        factor
        for factor in rules.factors
        if factor.points and day in (factor.valid_from, factor.valid_until and factor.valid_until + ONE_DAY)
    ]


def _delays_of(factor: BehaviourFactor) -> list[int]:
    if factor.days_since_last is not None:
        least, most = factor.days_since_last.bounds
        return [delay for delay in (least, None if most is None else most + 1) if delay]
    return [] if factor.within_days is None else [factor.within_days]


def _of_age(counted: Activity, asked: IntegerArray, first: int, last: int, rules: ScoreRules) -> IntegerArray:
    """Lead and day, in one number, of each day of the range on which an event of the asked leads is just so old."""
    lead, day = _unfolded(counted.keys)
    is_asked = np.isin(lead, asked)
    found = [np.zeros(0, dtype=np.int64)]
    for delay, behaviours in delays(rules).items():
        kinds = [number for number, name in enumerate(counted.names) if name in behaviours]
        then = day + delay
        is_then = is_asked & np.isin(counted.behaviours, kinds) & (then >= first) & (then <= last)
        found.append(np.unique(activity.event_keys(lead[is_then], then[is_then])))
    return np.concatenate(found)


def _times(factor: BehaviourFactor, counted: Activity, lead: IntegerArray, day: IntegerArray) -> IntegerArray:
    times = only_on_its_days(factor, times_done(factor, counted, lead, day), day)
    paid: IntegerArray = np.maximum(times.astype(np.int64), 0)
    return paid


def _unfolded(keys: IntegerArray) -> tuple[IntegerArray, IntegerArray]:
    """The lead and the day of each key (`activity.event_keys`)."""
    lead = (keys + activity.KEYS_A_LEAD // 2) // activity.KEYS_A_LEAD
    return lead, keys - lead * activity.KEYS_A_LEAD


def _rows(leads: pa.Array, lead: IntegerArray, day: IntegerArray) -> pd.DataFrame:
    ids = pd.Series(leads.take(pa.array(lead)).to_pandas(), dtype="str")
    return pd.DataFrame({"lead_id": ids, "day": as_days(day)}).astype({"day": "datetime64[us]"})
