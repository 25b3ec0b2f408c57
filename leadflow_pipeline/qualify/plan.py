"""The judgement: QUALIFIED, MANUAL_REVIEW, PENDING or REJECTED for every scored lead, with every reason.

What belongs here: which reasons a lead has. What does not: how reasons settle a status (`reasons.py`),
scores.

A manual override wins over everything. Else the weightiest reason decides: REJECTED over PENDING (a field
that must be known is not) over MANUAL_REVIEW over QUALIFIED. All other reasons are still listed. A low score alone
does not reject a lead with such a field: what is not known is also missing from the score.
A decision tree, and a rule that qualifies, take the place of the score: its threshold is then no reason at all, unless
the tree's leaf hands the lead back to it.
Scores are compared after rounding to nine decimals, so that no float noise puts a sum that is 60 below 60.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.compound_conditions import describe_any, evaluate_any
from leadflow_pipeline.conditions import Condition, describe, evaluate, field_values
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
from leadflow_pipeline.qualify.rules import JUDGED_FIELDS, QualifyRules
from leadflow_pipeline.qualify.trees import ends_reached, path_in_words

STATUS_OF = {
    "qualify": "QUALIFIED",
    "review": "MANUAL_REVIEW",
    "pending": "PENDING",
    "reject": "REJECTED",
}
HUNDREDTHS = 10_001
"""Scores of 0 to 100 in hundredths: a segment and a score are one number."""

Mask = npt.NDArray[np.bool_]


def plan_qualified(
    scored: pd.DataFrame, leads: pd.DataFrame, overrides: pd.DataFrame, rules: QualifyRules
) -> pd.DataFrame:
    """Status and reasons of each row of `scored`, in its order.

    `scored` has a row for each `(day, lead_id)`, with those of `JUDGED_FIELDS` that the rules ask for; `leads` has
    the enriched columns of the same keys as of their day; `overrides` is the campaign's, of any field and time. A
    lead that `leads` does not have counts as one of whom nothing is known. Columns: `day, lead_id, email, source,
    icp_fit, score, status, reasons, is_override, model_version`.
    """
    columns = ["day", "lead_id", "email", "source", "icp_fit", "score"]
    qualified = scored[columns].reset_index(drop=True)
    fields = fields_beside(qualified, leads, fields_read(rules))
    fields = fields.assign(
        **{name: field_values(scored, name).array for name in rules.fields_asked() if name in JUDGED_FIELDS}
    )
    required = required_field_reasons(fields, rules)
    ruled, is_qualified_by_rule = rule_reasons(fields, rules)
    grown, is_decided_by_tree = tree_reasons(fields, rules)
    found = [
        *score_reasons(
            qualified["score"],
            rules,
            segments=segments_of(fields, rules),
            counts=~is_qualified_by_rule & ~is_decided_by_tree,
            is_final=is_none_of(required, len(qualified)),
        ),
        *grown,
        *ruled,
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
        model_version=field_values(scored, "model_version").array,
    )


def fields_read(rules: QualifyRules) -> list[str]:
    """The fields of an enriched lead that these rules ask for, `custom.<name>` among them."""
    asked = ["email_status", "email_reason", *rules.fields_asked()]
    return [name for name in dict.fromkeys(asked) if name not in JUDGED_FIELDS]


def segments_of(fields: pd.DataFrame, rules: QualifyRules) -> npt.NDArray[np.int64]:
    """The position in `rules.lines()` of the segment that each lead belongs to: the first whose condition holds."""
    segments = np.full(len(fields), len(rules.segments), dtype="int64")
    for position in reversed(range(len(rules.segments))):
        segments[_holds(evaluate_any(rules.segments[position].when, fields))] = position
    return segments


def score_reasons(
    score: pd.Series[float],
    rules: QualifyRules,
    *,
    segments: npt.NDArray[np.int64],
    counts: Mask,
    is_final: Mask,
) -> list[Reason]:
    """Where the score stands against the threshold (inclusive) and the review band below it.

    Only of leads whose score `counts`, each by the lines of its segment.
    """
    lines = rules.lines()
    names = [name for name, _, _ in lines]
    thresholds = [threshold for _, threshold, _ in lines]
    floors = [round(threshold - band, 9) for _, threshold, band in lines]
    points = np.round(score.to_numpy(dtype="float64"), 9)
    meets = counts & (points >= np.round(thresholds, 9)[segments])
    below = counts & (points < np.array(floors)[segments])
    in_band = counts & ~meets & ~below
    # Rounded down, never up: a score must not read as the threshold that it misses.
    hundredths = np.floor(np.round(points * 100, 6)).astype("int64")

    def reason_of(code: str, status: str, words: str, applies: Mask) -> Reason:
        def word(value: int) -> str:
            segment, shown = divmod(value, HUNDREDTHS)
            whose = f", as for {names[segment]}" if names[segment] else ""
            line = {"threshold": f"{thresholds[segment]:g}{whose}", "floor": f"{floors[segment]:g}{whose}"}
            return f"Score {shown / 100:g} " + words.format_map(line)

        def named(value: int) -> dict[str, str]:
            name = names[value // HUNDREDTHS]
            return {"segment": name} if name else {}

        return worded_reason(code, status, segments * HUNDREDTHS + hundredths, word, applies, named)

    return [
        reason_of("score_meets_threshold", "QUALIFIED", "meets the threshold of {threshold}", meets),
        reason_of(
            "score_in_review_band", "MANUAL_REVIEW",
            "is below {threshold}, but not below {floor}: a person decides", in_band,
        ),
        reason_of("score_below_threshold", "REJECTED", "is below {floor}", below & is_final),
        reason_of(
            "score_not_final", "PENDING", "is below {floor}, but may rise with what is not known yet",
            below & ~is_final,
        ),
    ]  # fmt: skip


def rule_reasons(fields: pd.DataFrame, rules: QualifyRules) -> tuple[list[Reason], Mask]:
    """Rules that a lead meets, or of which it is not known whether it does; and which leads a rule qualifies."""
    found = []
    qualifies = np.zeros(len(fields), dtype=bool)
    for rule in rules.rules:
        verdict = evaluate_any(rule.when, fields)
        holds, asked = _holds(verdict), describe_any(rule.when)
        because = f": {rule.because}" if rule.because else ""
        text = f"The rule {rule.name} applies{because} ({asked})"
        found.append(reason("rule_applies", STATUS_OF[rule.then], text, holds, rule=rule.name))
        if rule.then == "qualify":
            qualifies |= holds
        if rule.if_unknown != "pass":
            text = f"Not known for the rule {rule.name}, which asks whether {asked}"
            status = STATUS_OF[rule.if_unknown]
            found.append(reason("rule_unknown", status, text, verdict.isna().to_numpy(), rule=rule.name))
    return found, qualifies


def tree_reasons(fields: pd.DataFrame, rules: QualifyRules) -> tuple[list[Reason], Mask]:
    """The leaf of each tree that a lead comes to, with the way there; and which leads a tree has decided about."""
    found = []
    decided = np.zeros(len(fields), dtype=bool)
    for tree in rules.trees:
        ends, reached = tree.ends(), ends_reached(tree, fields)
        texts = [f"{tree.name}: {end.leaf.because} ({path_in_words(tree, end)})" for end in ends]
        names = [{"tree": tree.name, "leaf": end.name} for end in ends]
        verdicts = np.array([end.leaf.then for end in ends])
        decided |= (verdicts != "threshold")[reached]
        for verdict in [*STATUS_OF, "threshold"]:
            # Handing a lead to the threshold is for nothing and against nothing: the mildest status.
            status = STATUS_OF.get(verdict, "QUALIFIED")
            code = "tree_hands_over" if verdict == "threshold" else "tree_decides"
            applies = (verdicts == verdict)[reached]
            if (verdicts == verdict).any():
                found.append(
                    worded_reason(code, status, reached, texts.__getitem__, applies, names.__getitem__)
                )
    return found, decided


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
            status = STATUS_OF[each.if_unknown]
            found.append(reason("filter_unknown", status, f"Not known for {asks}", unknown))
    return found


def override_reasons(override: pd.DataFrame) -> list[Reason]:
    """Who decided, when and why. One reason a status, because a reason leads to one."""
    if not override["value"].notna().any():
        return []
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


def _holds(verdict: pd.Series[bool]) -> Mask:
    """Where a verdict is true: neither false nor unknown."""
    return verdict.fillna(False).to_numpy(dtype=bool)
