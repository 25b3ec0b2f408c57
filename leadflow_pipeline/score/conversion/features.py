"""What a model may know of a lead at the end of a day: one column a feature.

What belongs here: the choice of facts. What does not: how a fact becomes a number (`shapes`).

A feature is a fact of the day or earlier: an enriched field that says something of a kind of lead, whether a lead has
told its phone, each of the campaign's own fields, how much it did lately, and what the rules make of all that. Never a
feature are names, addresses and numbers (they say who, not what kind), and what the campaign excludes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from leadflow_pipeline.score import activity
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.engagement import engagement_at_end
from leadflow_pipeline.score.rules import Behaviour

RULE_SCORE = "rule_score"
FIELDS = (
    "source", "email_status", "email_is_role", "email_is_free", "email_is_disposable", "phone_status", "phone_type",
    "seniority", "department", "is_decision_maker", "industry", "company_size", "country", "region", "language",
    "budget", "recent_job_change", "company_funded_recently", "company_hiring", "job_title", "city",
    "company_founded_year",
)  # fmt: skip
TOLD_OR_NOT = ("phone", "linkedin_url", "company", "website", "job_title")
"""Fields of which it counts that a lead has them at all."""
CUSTOM = "custom."
WORDS = {RULE_SCORE: "score by the rules", "icp_fit": "fit to the ideal customer"}


def lead_features(
    due: pd.DataFrame,
    events: pd.DataFrame,
    scored: pd.DataFrame,
    behaviours: Mapping[str, Behaviour],
    rules: ConversionRules,
) -> pd.DataFrame:
    """The features of each lead as of the end of its day, indexed as `due`: float64, or text for a category.

    Args:
        due: one row for each (lead_id, day): enriched columns as of that day, and `custom.<name>` columns.
        events: `lead_id`, `behaviour`, `occurred_at`, `is_machine`; those after a row's day do not count for it.
        scored: `lead_id`, `day`, `score`, `icp_fit` by the rules alone; a row for each of `due`, in any order.
        behaviours: what the campaign counts, with half-lives.
        rules: among them the fields that no model may see.
    """
    columns: dict[str, pd.Series] = {}
    for field in (*FIELDS, *(name for name in due.columns if name.startswith(CUSTOM))):
        if field in due.columns:
            columns[field] = _plain(due[field])
    for field in TOLD_OR_NOT:
        if field in due.columns:
            columns[f"has.{field}"] = due[field].notna().astype("float64")
    columns |= _decayed_counts(due, events, behaviours)
    by_rules = due[["lead_id", "day"]].merge(
        scored[["lead_id", "day", "score", "icp_fit"]],
        on=["lead_id", "day"],
        how="left",
        validate="one_to_one",
    )
    columns[RULE_SCORE] = pd.Series(by_rules["score"].to_numpy(dtype="float64"), index=due.index)
    columns["icp_fit"] = pd.Series(by_rules["icp_fit"].to_numpy(dtype="float64"), index=due.index)
    allowed = sorted(name for name in columns if name.removeprefix("has.") not in rules.excluded)
    return pd.DataFrame({name: columns[name] for name in allowed}, index=due.index)


def feature_words(name: str) -> str:
    """A feature as people call it: `balance`, `phone is known`, `clicked lately`, `score by the rules`."""
    if name in WORDS:
        return WORDS[name]
    if name.startswith("has."):
        return f"{name.removeprefix('has.').replace('_', ' ')} is known"
    if name.startswith("did."):
        return f"{name.removeprefix('did.').replace('_', ' ')} lately"
    return name.removeprefix(CUSTOM).replace("_", " ")


def _plain(values: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index)
    return values.astype("str")


def _decayed_counts(
    due: pd.DataFrame, events: pd.DataFrame, behaviours: Mapping[str, Behaviour]
) -> dict[str, pd.Series]:
    """`did.<behaviour>`: how often a lead did it, an event fading with the behaviour's half-life."""
    leads, lead = activity.number_leads(due["lead_id"])
    day = activity.day_numbers(due["day"])
    counts = {}
    for name, behaviour in sorted(behaviours.items()):
        counted = activity.order_events(events, leads, (name,))
        once = {name: behaviour.model_copy(update={"points": 1.0})}
        counts[f"did.{name}"] = pd.Series(engagement_at_end(counted, lead, day, once), index=due.index)
    return counts
