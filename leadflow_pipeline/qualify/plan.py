"""The judgement: QUALIFIED, MANUAL_REVIEW, PENDING or REJECTED for every scored lead, with every reason.

What belongs here: which reasons a lead has. What does not: how reasons settle a status (`reasons.py`),
scores.

A manual override wins over everything. Else the weightiest reason decides: REJECTED over PENDING (a field
that must be known is not) over MANUAL_REVIEW over QUALIFIED. All other reasons are still listed. A low score alone
does not reject a lead with such a field: what is not known is also missing from the score.
Scores are compared after rounding to nine decimals, so that no float noise puts a sum that is 60 below 60.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import Condition, describe, evaluate
from leadflow_pipeline.lead_fields import fields_beside
from leadflow_pipeline.overrides import standing_overrides
from leadflow_pipeline.qualify.reasons import (
    STATUSES,
    Reason,
    as_json,
    is_none_of,
    reason,
    weightiest_status,
    worded_reason,
)
from leadflow_pipeline.qualify.rules import QualifyRules

STATUS_IF_UNKNOWN = {"review": "MANUAL_REVIEW", "pending": "PENDING", "reject": "REJECTED"}


def plan_qualified(
    scored: pd.DataFrame, leads: pd.DataFrame, overrides: pd.DataFrame, rules: QualifyRules
) -> pd.DataFrame:
    """Status and reasons of each row of `scored`, in its order.

    `scored` has a row for each `(day, lead_id)`; `leads` has the enriched columns of the same keys as of
    their day; `overrides` is the campaign's, of any field and time. A lead that `leads` does not have counts
    as one of whom nothing is known. Columns: `day, lead_id, email, source, icp_fit, score, status, reasons,
    is_override`.
    """
    columns = ["day", "lead_id", "email", "source", "icp_fit", "score"]
    qualified = scored[columns].reset_index(drop=True)
    fields = fields_beside(qualified, leads, fields_read(rules))
    required = required_field_reasons(fields, rules)
    found = [
        *score_reasons(qualified["score"], rules, is_final=is_none_of(required, len(qualified))),
        *email_reasons(fields, rules),
        *required,
        *filter_reasons(fields, rules),
    ]
    override = standing_overrides(overrides, "status", qualified, among=STATUSES)
    decided = override["value"].notna()
    return qualified.assign(
        status=weightiest_status(found, qualified.index).where(~decided, override["value"]),
        reasons=as_json([*override_reasons(override), *found], qualified.index),
        is_override=decided.astype("boolean"),
    )


def fields_read(rules: QualifyRules) -> list[str]:
    """The fields of a lead that these rules ask for, `custom.<name>` among them."""
    asked = ["email_status", "email_reason", *rules.required_fields, *(each.field for each in rules.filters)]
    return list(dict.fromkeys(asked))


def score_reasons(
    score: pd.Series[float], rules: QualifyRules, *, is_final: npt.NDArray[np.bool_]
) -> list[Reason]:
    """Where the score stands against the threshold (inclusive) and the review band below it."""
    points = np.round(score.to_numpy(dtype="float64"), 9)
    floor = round(rules.threshold - rules.review_band, 9)
    meets = points >= round(rules.threshold, 9)
    in_band = ~meets & (points >= floor)
    # Rounded down, never up: a score must not read as the threshold that it misses.
    hundredths = np.floor(np.round(points * 100, 6)).astype("int64")
    return [
        worded_reason(
            "score_meets_threshold", "QUALIFIED", hundredths,
            lambda value: f"Score {value / 100:g} meets the threshold of {rules.threshold:g}", meets,
        ),
        worded_reason(
            "score_in_review_band", "MANUAL_REVIEW", hundredths,
            lambda value: f"Score {value / 100:g} is below {rules.threshold:g}, but not below {floor:g}: "
            "a person decides", in_band,
        ),
        worded_reason(
            "score_below_threshold", "REJECTED", hundredths,
            lambda value: f"Score {value / 100:g} is below {floor:g}", ~meets & ~in_band & is_final,
        ),
        worded_reason(
            "score_not_final", "PENDING", hundredths,
            lambda value: f"Score {value / 100:g} is below {floor:g}, but may rise with what is not known yet",
            ~meets & ~in_band & ~is_final,
        ),
    ]  # fmt: skip


def email_reasons(fields: pd.DataFrame, rules: QualifyRules) -> list[Reason]:
    """Addresses of a status that the campaign refuses, with the code of what is wrong with them."""
    found = []
    codes, distinct = pd.factorize(fields["email_reason"])
    for status in rules.reject_email_statuses:

        def word(code: int, status: str = status) -> str:
            return f"The email address is {status}" + (f" ({distinct[code]})" if code >= 0 else "")

        applies = (fields["email_status"] == status).to_numpy(dtype=bool)
        found.append(worded_reason(f"email_{status}", "REJECTED", codes, word, applies))
    return found


def required_field_reasons(fields: pd.DataFrame, rules: QualifyRules) -> list[Reason]:
    """Fields that must be known first, and are not."""
    return [
        reason(
            "required_field_unknown",
            "PENDING",
            f"The required field {name.removeprefix('custom.')} is not known yet",
            evaluate(Condition(field=name, is_missing=True), fields).to_numpy(dtype=bool),
        )
        for name in rules.required_fields
    ]


def filter_reasons(fields: pd.DataFrame, rules: QualifyRules) -> list[Reason]:
    """Filters that the lead does not meet, or of which it is not known whether it does."""
    found = []
    for each in rules.filters:
        meets = evaluate(each, fields)
        fails = (~meets).fillna(False).to_numpy(dtype=bool)
        asks = f"the filter {each.name}, which asks that {describe(each)}"
        found.append(reason("filter_not_met", "REJECTED", f"Does not meet {asks}", fails))
        if each.if_unknown != "pass":
            unknown = meets.isna().to_numpy(dtype=bool)
            status = STATUS_IF_UNKNOWN[each.if_unknown]
            found.append(reason("filter_unknown", status, f"Not known for {asks}", unknown))
    return found


def override_reasons(override: pd.DataFrame) -> list[Reason]:
    """Who decided, when and why. One reason a status, because a reason leads to one."""
    words = (
        "Set by "
        + override["actor"]
        + " on "
        + override["occurred_at"].dt.strftime("%Y-%m-%d %H:%M UTC")
        + ": "
        + override["reason"]
    )
    codes, distinct = pd.factorize(words)
    return [
        worded_reason("override", status, codes, distinct.__getitem__, decides.to_numpy(dtype=bool))
        for status in STATUSES
        for decides in [override["value"] == status]
    ]
