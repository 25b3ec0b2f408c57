"""What a model may know of a lead at the end of a day: one column a feature.

What belongs here: the choice of facts, and their names in words. What does not: how a fact becomes a number (`shapes`).

A feature is a fact of the day or earlier: an enriched field that says something of a kind of lead, whether a lead has
told its phone, each of the campaign's own fields, how much it did lately, and what the rules make of all that. Never a
feature are names, addresses and numbers (they say who, not what kind), and what the campaign excludes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from leadflow_pipeline.score.activity import Activity, IntegerArray
from leadflow_pipeline.score.engagement import DECIMALS, FloatArray, worth_by_behaviour
from leadflow_pipeline.score.rules import Behaviour

RULE_SCORE = "rule_score"
ICP_FIT = "icp_fit"
FIELDS = (
    "source", "email_status", "email_is_role", "email_is_free", "email_is_disposable", "phone_status", "phone_type",
    "seniority", "department", "is_decision_maker", "industry", "company_size", "country", "region", "language",
    "budget", "recent_job_change", "company_funded_recently", "company_hiring", "job_title", "city",
    "company_founded_year",
)  # fmt: skip
TOLD_OR_NOT = ("phone", "linkedin_url", "company", "website", "job_title")
"""Fields of which it counts that a lead has them at all."""
CUSTOM = "custom."
HAS = "has."
DID = "did."
CROSS = " × "
"""Between the names of two features that a model looks at together."""


def lead_features(
    due: pd.DataFrame,
    did: Mapping[str, FloatArray],
    rule_score: FloatArray,
    icp_fit: FloatArray,
    allowed: Callable[[str], bool],
) -> pd.DataFrame:
    """The features of each lead as of the end of its day, indexed as `due`: float64, or text for a category.

    Args:
        due: one row for each (lead_id, day): enriched columns as of that day, and `custom.<name>` columns.
        did: behaviour -> how much each row's lead did of it (`decayed_counts`).
        rule_score: of each row, by the rules alone.
        icp_fit: of each row.
        allowed: which features are wanted; only these are made.
    """
    known = set(due.columns)
    own = [name for name in due.columns if name.startswith(CUSTOM)]
    makers: dict[str, Callable[[], pd.Series]] = {
        **{name: _plain_of(due, name) for name in (*FIELDS, *own) if name in known},
        **{f"{HAS}{name}": _told_of(due, name) for name in TOLD_OR_NOT if name in known},
        **{f"{DID}{name}": _numbers_of(due, counts) for name, counts in did.items()},
        RULE_SCORE: _numbers_of(due, rule_score),
        ICP_FIT: _numbers_of(due, icp_fit),
    }
    return pd.DataFrame({name: makers[name]() for name in sorted(makers) if allowed(name)}, index=due.index)


def decayed_counts(
    counted: Activity, lead: IntegerArray, day: IntegerArray, behaviours: Mapping[str, Behaviour]
) -> dict[str, FloatArray]:
    """Behaviour -> how often each row's lead had done it by the end of its day, fading with the behaviour's half-life.

    The events are those that count for engagement: no machine's, none beyond a daily limit.
    """
    once = {name: behaviour.model_copy(update={"points": 1.0}) for name, behaviour in behaviours.items()}
    sums, _ = worth_by_behaviour(counted, lead, day, once)
    return {name: np.round(values, DECIMALS) for name, values in zip(counted.names, sums, strict=True)}


def is_excluded(feature: str, excluded: Iterable[str]) -> bool:
    """Whether a feature tells of a field that no model may see."""
    return feature.removeprefix(HAS) in set(excluded)


def fields_of(features: Iterable[str]) -> set[str]:
    """The fields of a lead that these features are made of."""
    single = {part for name in features for part in name.split(CROSS)}
    return {name.removeprefix(HAS) for name in single if not name.startswith(DID)} - {RULE_SCORE, ICP_FIT}


def feature_words(feature: str) -> str:
    """A feature as a salesperson would name it, e.g. `whether a phone is known`."""
    if CROSS in feature:
        return " and ".join(feature_words(part) for part in feature.split(CROSS))
    if feature == RULE_SCORE:
        return "what the rules say"
    if feature == ICP_FIT:
        return "fit with the profile"
    plain = feature.removeprefix(HAS).removeprefix(DID).removeprefix(CUSTOM).replace("_", " ")
    if feature.startswith(HAS):
        return f"whether a {plain} is known"
    return f"how much it did of {plain}" if feature.startswith(DID) else plain


def _plain_of(due: pd.DataFrame, name: str) -> Callable[[], pd.Series]:
    def make() -> pd.Series:
        values = due[name]
        if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
            return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index)
        return values.astype("str")

    return make


def _told_of(due: pd.DataFrame, name: str) -> Callable[[], pd.Series]:
    return lambda: due[name].notna().astype("float64")


def _numbers_of(due: pd.DataFrame, values: FloatArray) -> Callable[[], pd.Series]:
    return lambda: pd.Series(values, index=due.index, dtype="float64")
