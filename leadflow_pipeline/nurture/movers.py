"""Whose passage the facts may move in some days: the few of all enrolled leads that a plan has to look at, beside those
whose next step falls due.

What belongs here: naming at least all of them, and the behaviours that rules ask about at all. What does not: what
becomes of them (`plan`), and reading (`reading`). Pure. A lead too many costs time, a lead too few would be a wrong
plan: so days and rules are heeded here, and what a lead did before or in which sequence it is, is not.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from leadflow_pipeline.nurture.endings import REPLY, asked_at_any_time, stops_on_colleagues
from leadflow_pipeline.nurture.holds import RESUBSCRIBED, holding_facts
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.step_conditions import (
    SCORED_FIELDS,
    TIER_FIELD,
    BehaviourTest,
    StepCondition,
    fields_asked,
    leaves_of,
)
from leadflow_pipeline.nurture.timing.pace import SIGNS_OF_LIFE

DAY = pd.Timedelta(days=1)


def behaviours_asked(rules: NurtureRules) -> tuple[str, ...]:
    """Every behaviour that decides anything in nurture, each once; events of no other need be read."""
    asked = [
        *rules.stop_on,
        RESUBSCRIBED,
        *(behaviour for test in _tests(_conditions(rules)) for behaviour in test.behaviours),
    ]
    if stops_on_colleagues(rules):
        asked.append(REPLY)
    if rules.pace is not None:
        asked += [*SIGNS_OF_LIFE, *rules.pace.sooner_on]
    if rules.preferred_hour is not None:
        asked += rules.preferred_hour.behaviours
    return tuple(dict.fromkeys(asked))


def moved_by_facts(
    events: pd.DataFrame,
    outcomes: pd.DataFrame,
    overrides: pd.DataFrame,
    rep_touches: pd.DataFrame | None,
    rules: NurtureRules,
    first_day: pd.Timestamp,
    last_day: pd.Timestamp,
) -> pd.Series[str]:
    """The leads that facts before the end of the last day may hold, free or move on one of the days, each once.

    What holds a lead counts whenever it happened: it may have become known late. The rest counts on its own day alone.
    """
    until = (last_day + DAY).tz_localize("UTC")
    moved = [holding_facts(events, outcomes, rules)["lead_id"], overrides["lead_id"]]
    for behaviours, days_later in _watched(rules):
        later = pd.Timedelta(days=days_later)
        since = first_day.tz_localize("UTC") - later
        in_days = events["occurred_at"].between(since, until - later)
        moved.append(events.loc[in_days & events["behaviour"].isin(behaviours), "lead_id"])
    if rep_touches is not None:
        in_days = rep_touches["occurred_at"].between(first_day.tz_localize("UTC"), until)
        moved.append(rep_touches.loc[in_days, "lead_id"])
    leads: pd.Series[str] = pd.concat(moved).drop_duplicates()
    return leads


def moved_by_rows(leads: pd.DataFrame, scores: pd.DataFrame, rules: NurtureRules) -> pd.Series[str]:
    """The leads that rows of these days may move: `leads` and `scores` are those of the days, and no earlier ones."""
    fields = set(fields_asked(_asked_at_any_time(rules)))
    moved = [leads["lead_id"].head(0)]
    if stops_on_colleagues(rules) or fields - {*SCORED_FIELDS, TIER_FIELD}:
        moved.append(leads["lead_id"])
    if fields & set(SCORED_FIELDS):
        moved.append(scores["lead_id"])
    elif rules.graduate_at_engagement is not None:
        moved.append(scores.loc[scores["engagement"] >= rules.graduate_at_engagement, "lead_id"])
    found: pd.Series[str] = pd.concat(moved).drop_duplicates()
    return found


def _watched(rules: NurtureRules) -> Iterator[tuple[tuple[str, ...], int]]:
    """Behaviours, and after how many days they move a lead: at once, and when they fall out of those counted."""
    if rules.pace is not None:
        yield rules.pace.sooner_on, 0
    for test in _tests(_asked_at_any_time(rules)):
        yield test.behaviours, 0
        if test.within_days is not None:
            yield test.behaviours, test.within_days


def _asked_at_any_time(rules: NurtureRules) -> list[StepCondition]:
    return asked_at_any_time(list(rules.sequences.values()))


def _conditions(rules: NurtureRules) -> list[StepCondition]:
    return [each for sequence in rules.sequences.values() for each in sequence.conditions]


def _tests(conditions: list[StepCondition]) -> Iterator[BehaviourTest]:
    return (leaf for leaf in leaves_of(conditions) if isinstance(leaf, BehaviourTest))
