"""The factors that earn rule points, and which lead earns which.

What belongs here: the factors with their words, and the columns that say who earned them. What does not:
adding them up (`total`), writing them down (`explanation`).

Five groups are shipped (demographic, engagement, behavioural, source, temperature); a campaign's own
conditions make a sixth, `factors`, and the ready-made ones it switches on a seventh, `dimensions`. An
*interaction* is an event whose behaviour is worth engagement points, so a bounce is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import Condition, evaluate
from leadflow_pipeline.score.activity import NEVER, Activity, IntegerArray
from leadflow_pipeline.score.dimensions import DIMENSIONS, DIMENSIONS_GROUP, ProfileMatch, Several
from leadflow_pipeline.score.factors import BehaviourFactor, FactorTerms, ScoringFactor, plural, words_of
from leadflow_pipeline.score.fit import MET, VerdictArray
from leadflow_pipeline.score.rules import IdealCustomerProfile, ScoreRules
from leadflow_pipeline.score.temperature import NAMES as TEMPERATURE_NAMES

BooleanArray: TypeAlias = npt.NDArray[np.bool_]
TimesArray: TypeAlias = npt.NDArray[np.bool_] | npt.NDArray[np.integer]
"""How often each lead earned a factor: yes or no, a count, or DOES_NOT_APPLY."""

DOES_NOT_APPLY = -1
"""Outside the factor's days, or where it has nothing to ask: neither earned nor missed."""

DEMOGRAPHIC_CONDITIONS: dict[str, Condition] = {
    "company": Condition(field="company", is_missing=False),
    "job_title": Condition(field="job_title", is_missing=False),
    "phone": Condition(field="phone_status", equals="valid"),
    "linkedin": Condition(field="linkedin_url", is_missing=False),
}
EPOCH = date(1970, 1, 1)
SOURCE_CHANNELS: tuple[str, ...] = ("referral", "ads", "social")
INBOUND_CHANNEL = "inbound"
DEFAULT_CHANNEL = "other"


@dataclass(frozen=True)
class Factor:
    """One way to earn points, and how a salesperson would say that it was earned, or missed."""

    name: str
    group: str
    points: float
    earned: str
    missed: str
    units: int = 1
    """How often it is counted until it has paid all its points: more than 1 where it pays in parts."""
    line: str | None = None
    """The line of the breakdown that it is one of several words for; a line of its own where it is None."""


def factors_of(rules: ScoreRules, profile: IdealCustomerProfile | None = None) -> tuple[Factor, ...]:
    """Every factor of a campaign, in the order of the breakdown.

    Only the parts in which a match pays depend on the profile, no words do.
    """
    words = {
        "company": ("demographic", "Company is known", "Company is unknown"),
        "job_title": ("demographic", "Job title is known", "Job title is unknown"),
        "phone": ("demographic", "Has a valid phone number", "No valid phone number"),
        "linkedin": ("demographic", "LinkedIn profile is known", "No LinkedIn profile"),
        "email_open": ("engagement", "Opened an email", "Has opened no email yet"),
        "email_click": ("engagement", "Clicked in an email", "Has clicked in no email yet"),
        "recent_activity": (
            "behavioural",
            f"Active in the last {plural(rules.recent_activity_days, 'day')}",
            f"Not active in the last {plural(rules.recent_activity_days, 'day')}",
        ),
        "interactions": (
            "behavioural",
            f"At least {plural(rules.interactions_at_least, 'interaction')}",
            f"Fewer than {plural(rules.interactions_at_least, 'interaction')}",
        ),
        "inbound": ("behavioural", "Came to us", "Has not come to us"),
        "source_referral": ("source", "Came by referral", "Source earns nothing"),
        "source_ads": ("source", "Came through advertising", "Source earns nothing"),
        "source_social": ("source", "Came through social media", "Source earns nothing"),
        "temperature_hot": ("temperature", "Hot: very engaged", "Hardly engaged"),
        "temperature_warm": ("temperature", "Warm: engaged", "Hardly engaged"),
        "temperature_cold": ("temperature", "Cold: hardly engaged", "Hardly engaged"),
    }
    shipped = (
        Factor(name, group, rules.points[name], earned, missed)
        for name, (group, earned, missed) in words.items()
    )
    own = (Factor(factor.name, factor.group, factor.points, *words_of(factor)) for factor in rules.factors)
    compared = IdealCustomerProfile() if profile is None else profile
    ready_made = (_ready_made(name, points, compared) for name, points in rules.dimensions.items())
    return (*shipped, *own, *ready_made)


def conditions_of(rules: ScoreRules) -> list[Condition]:
    """Every condition over a field that some factor of the campaign asks."""
    asked = [*rules.factors, *(DIMENSIONS[name] for name in rules.dimensions)]
    own = [test for test in asked if isinstance(test, ScoringFactor)]
    reached = [condition for test in asked if isinstance(test, Several) for condition in test.conditions]
    return [*DEMOGRAPHIC_CONDITIONS.values(), *own, *reached]


def who_earned(
    leads: pd.DataFrame,
    channels: Mapping[str, str],
    activity: dict[str, BooleanArray],
    temperature: IntegerArray,
) -> dict[str, TimesArray]:
    """Shipped factor -> who earned it, aligned with `leads`.

    Args:
        leads: enriched columns, `source` among them.
        channels: source -> channel, as the campaign file declares its sources.
        activity: as `who_was_active` gives it.
        temperature: level of each lead.
    """
    earned: dict[str, TimesArray] = {
        name: holds(condition, leads) for name, condition in DEMOGRAPHIC_CONDITIONS.items()
    }
    channel = _channels_of(leads["source"], channels)
    for name in ("email_open", "email_click", "recent_activity", "interactions"):
        earned[name] = activity[name]
    earned["inbound"] = (channel == INBOUND_CHANNEL) | activity["form"]
    earned |= {f"source_{name}": channel == name for name in SOURCE_CHANNELS}
    earned |= {f"temperature_{name}": temperature == level for level, name in enumerate(TEMPERATURE_NAMES)}
    return earned


def who_earned_more(
    leads: pd.DataFrame,
    rules: ScoreRules,
    profile: IdealCustomerProfile,
    verdicts: Sequence[VerdictArray],
    activity: Activity,
    lead: IntegerArray,
    days: IntegerArray,
) -> dict[str, TimesArray]:
    """The campaign's own factors and dimensions -> how often each lead earned them, aligned with `leads`.

    Args:
        leads: enriched columns and `custom.<name>` columns.
        rules: the campaign's.
        profile: the ideal customer.
        verdicts: of each of the profile's criteria.
        activity: the events that count.
        lead: number of each row's lead.
        days: day of each row, at whose end it is judged.
    """
    times: dict[str, TimesArray] = {}
    for factor in rules.factors:
        earned = _times(factor, leads, activity, lead, days)
        times[factor.name] = only_on_its_days(factor, earned, days)
    for name in rules.dimensions:
        dimension = DIMENSIONS[name]
        if isinstance(dimension, ProfileMatch):
            criteria = _criteria_over(dimension, profile)
            met = [verdicts[position] == MET for position in criteria]
            times[name] = _how_many(met) if met else np.full(len(leads), DOES_NOT_APPLY, dtype=np.int64)
        elif isinstance(dimension, Several):
            hold = _how_many([holds(condition, leads) for condition in dimension.conditions])
            times[name] = hold if dimension.in_parts else hold == len(dimension.conditions)
        else:
            times[name] = _times(dimension, leads, activity, lead, days)
    return times


def who_was_active(
    activity: Activity, leads: IntegerArray, days: IntegerArray, rules: ScoreRules
) -> dict[str, BooleanArray]:
    """What each lead had done by the end of each day, as far as a factor asks."""
    first, end = activity.first(leads), activity.end(leads, days)
    recently = activity.end(leads, days - rules.recent_activity_days)
    interactions = [name for name, behaviour in rules.behaviours.items() if behaviour.points > 0]
    return {
        "email_open": activity.count(["open"], first, end) > 0,
        "email_click": activity.count(["click"], first, end) > 0,
        "form": activity.count(["form"], first, end) > 0,
        "recent_activity": activity.count(interactions, recently, end) > 0,
        "interactions": activity.count(interactions, first, end) >= rules.interactions_at_least,
    }


def holds(condition: Condition, leads: pd.DataFrame) -> BooleanArray:
    """Who meets a condition; unknown is no."""
    return evaluate(condition, leads).fillna(False).to_numpy(dtype=bool)


def _channels_of(sources: pd.Series, channels: Mapping[str, str]) -> npt.NDArray[np.object_]:
    """The channel of each lead's source; `other` for a source that the campaign no longer declares."""
    codes, distinct = pd.factorize(sources, use_na_sentinel=False)
    names = [channels.get(source, DEFAULT_CHANNEL).strip().lower() for source in distinct.tolist()]
    return np.array(names, dtype=object)[codes]


def _ready_made(name: str, points: float, profile: IdealCustomerProfile) -> Factor:
    dimension = DIMENSIONS[name]
    units = 1
    if isinstance(dimension, ProfileMatch):
        units = max(1, len(_criteria_over(dimension, profile)))
    elif isinstance(dimension, Several) and dimension.in_parts:
        units = len(dimension.conditions)
    return Factor(name, DIMENSIONS_GROUP, points, str(dimension.earned), str(dimension.missed), units)


def _criteria_over(match: ProfileMatch, profile: IdealCustomerProfile) -> list[int]:
    return [number for number, criterion in enumerate(profile.criteria) if criterion.field in match.fields]


def _how_many(conditions: Sequence[BooleanArray]) -> IntegerArray:
    counted: IntegerArray = np.sum(conditions, axis=0, dtype=np.int64)
    return counted


def _times(
    factor: ScoringFactor | BehaviourFactor,
    leads: pd.DataFrame,
    activity: Activity,
    lead: IntegerArray,
    days: IntegerArray,
) -> TimesArray:
    return (
        holds(factor, leads)
        if isinstance(factor, ScoringFactor)
        else times_done(factor, activity, lead, days)
    )


def times_done(
    factor: BehaviourFactor, activity: Activity, lead: IntegerArray, days: IntegerArray
) -> TimesArray:
    """How often each lead earned a factor over behaviours by the end of its day, whatever days the factor holds on."""
    end = activity.end(lead, days)
    if factor.days_since_last is not None:
        last = activity.last_day(factor.behaviours, activity.first(lead), end)
        is_so_long_ago: BooleanArray = _is_within(days - last, *factor.days_since_last.bounds) & (
            last != NEVER
        )
        return is_so_long_ago
    begin = (
        activity.first(lead) if factor.within_days is None else activity.end(lead, days - factor.within_days)
    )
    count = activity.count(factor.behaviours, begin, end)
    is_counted = _is_within(count, *factor.bounds)
    if factor.counted == "once":
        return is_counted
    most = count if factor.counted == "each_time" else np.minimum(count, factor.counted)
    times: IntegerArray = np.where(is_counted, most, 0)
    return times


def _is_within(numbers: IntegerArray, least: int, most: int | None) -> BooleanArray:
    within: BooleanArray = numbers >= least
    return within if most is None else within & (numbers <= most)


def only_on_its_days(factor: FactorTerms, times: TimesArray, days: IntegerArray) -> TimesArray:
    """How often each lead earned a factor, on its days; on others it does not apply."""
    if factor.valid_from is None and factor.valid_until is None:
        return times
    is_on = np.ones(len(days), dtype=bool)
    if factor.valid_from is not None:
        is_on &= days >= (factor.valid_from - EPOCH).days
    if factor.valid_until is not None:
        is_on &= days <= (factor.valid_until - EPOCH).days
    return np.where(is_on, times.astype(np.int64), DOES_NOT_APPLY)
