"""The factors that earn rule points, and which lead earns which.

What belongs here: the factors with their words, and the columns that say who earned them. What does not:
adding them up (`total`), writing them down (`explanation`).

Five groups are shipped (demographic, engagement, behavioural, source, temperature); a campaign's own
conditions make a sixth, `factors`. An *interaction* is an event whose behaviour is worth engagement points,
so a bounce is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import Condition, describe, evaluate
from leadflow_pipeline.score.activity import Activity, IntegerArray
from leadflow_pipeline.score.rules import ScoreRules
from leadflow_pipeline.score.temperature import NAMES as TEMPERATURE_NAMES

BooleanArray: TypeAlias = npt.NDArray[np.bool_]

EXCLUSIVE_GROUPS: tuple[str, ...] = ("source", "temperature")
"""A lead earns exactly one factor of these at most, so what the others would have paid was not missed."""

DEMOGRAPHIC_CONDITIONS: dict[str, Condition] = {
    "company": Condition(field="company", is_missing=False),
    "job_title": Condition(field="job_title", is_missing=False),
    "phone": Condition(field="phone_status", equals="valid"),
    "linkedin": Condition(field="linkedin_url", is_missing=False),
}
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


def factors_of(rules: ScoreRules) -> tuple[Factor, ...]:
    """Every factor of a campaign, in the order of the breakdown."""
    words = {
        "company": ("demographic", "Company is known", "Company is unknown"),
        "job_title": ("demographic", "Job title is known", "Job title is unknown"),
        "phone": ("demographic", "Has a valid phone number", "No valid phone number"),
        "linkedin": ("demographic", "LinkedIn profile is known", "No LinkedIn profile"),
        "email_open": ("engagement", "Opened an email", "Has opened no email yet"),
        "email_click": ("engagement", "Clicked in an email", "Has clicked in no email yet"),
        "recent_activity": (
            "behavioural",
            f"Active in the last {_plural(rules.recent_activity_days, 'day')}",
            f"Not active in the last {_plural(rules.recent_activity_days, 'day')}",
        ),
        "interactions": (
            "behavioural",
            f"At least {_plural(rules.interactions_at_least, 'interaction')}",
            f"Fewer than {_plural(rules.interactions_at_least, 'interaction')}",
        ),
        "inbound": ("behavioural", "Came to us", "Has not come to us"),
        "source_referral": ("source", "Came by referral", "Source earns nothing"),
        "source_ads": ("source", "Came through advertising", "Source earns nothing"),
        "source_social": ("source", "Came through social media", "Source earns nothing"),
        "temperature_hot": ("temperature", "Hot: very engaged", "Hardly engaged"),
        "temperature_warm": ("temperature", "Warm: engaged", "Hardly engaged"),
        "temperature_cold": ("temperature", "Cold: hardly engaged", "Hardly engaged"),
    }
    shipped = (Factor(name, group, rules.points[name], *said) for name, (group, *said) in words.items())
    own = (
        Factor(
            factor.name, "factors", factor.points, _sentence(describe(factor)), f"Not so: {describe(factor)}"
        )
        for factor in rules.factors
    )
    return (*shipped, *own)


def who_earned(
    leads: pd.DataFrame,
    rules: ScoreRules,
    channels: Mapping[str, str],
    activity: dict[str, BooleanArray],
    temperature: IntegerArray,
) -> dict[str, BooleanArray]:
    """Factor -> who earned it, aligned with `leads`.

    Args:
        leads: enriched columns, `source` among them.
        rules: the campaign's.
        channels: source -> channel, as the campaign file declares its sources.
        activity: as `who_was_active` gives it.
        temperature: level of each lead.
    """
    earned = {name: _holds(condition, leads) for name, condition in DEMOGRAPHIC_CONDITIONS.items()}
    channel = _channels_of(leads["source"], channels)
    for name in ("email_open", "email_click", "recent_activity", "interactions"):
        earned[name] = activity[name]
    earned["inbound"] = (channel == INBOUND_CHANNEL) | activity["form"]
    earned |= {f"source_{name}": channel == name for name in SOURCE_CHANNELS}
    earned |= {f"temperature_{name}": temperature == level for level, name in enumerate(TEMPERATURE_NAMES)}
    earned |= {factor.name: _holds(factor, leads) for factor in rules.factors}
    return earned


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


def _holds(condition: Condition, leads: pd.DataFrame) -> BooleanArray:
    """Who meets a condition; unknown is no."""
    return evaluate(condition, leads).fillna(False).to_numpy(dtype=bool)


def _channels_of(sources: pd.Series, channels: Mapping[str, str]) -> npt.NDArray[np.object_]:
    """The channel of each lead's source; `other` for a source that the campaign no longer declares."""
    codes, distinct = pd.factorize(sources, use_na_sentinel=False)
    names = [channels.get(source, DEFAULT_CHANNEL).strip().lower() for source in distinct.tolist()]
    return np.array(names, dtype=object)[codes]


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
