"""What changed between two scores of a lead: the difference of two breakdowns, line by line, in words.

What belongs here: subtracting breakdowns, and the words of a line. What does not: why it changed (events, versions:
`insight.lead_story`), reading the database.

Points are decimals with hundredths, as the breakdown has them, so the differences of the lines sum exactly to the
difference of the scores, whatever the two breakdowns have in common.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from leadflow_pipeline.score import source_credit
from leadflow_pipeline.score.explanation import short_decimal
from leadflow_pipeline.score.learned import LINE_WORDS, MODEL_LINE, model_words
from leadflow_pipeline.score.opinion import voice
from leadflow_pipeline.score.points import factors_of
from leadflow_pipeline.score.rules import IdealCustomerProfile, ScoreRules
from leadflow_pipeline.score.total import TOTAL_CAP_WORDS, cap_words

Breakdown: TypeAlias = Mapping[str, Decimal]
"""Line -> points; a line that is absent has none."""

ZERO = Decimal(0)


@dataclass(frozen=True)
class Change:
    """One line of the breakdown that has other points than before."""

    line: str
    before: Decimal
    after: Decimal
    words: str

    @property
    def points(self) -> Decimal:
        """What it adds to the score, or takes from it."""
        return self.after - self.before


def read_breakdown(text: str) -> dict[str, Decimal]:
    """A stored breakdown, exact."""
    read: dict[str, Decimal] = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return read


def total_of(breakdown: Breakdown) -> Decimal:
    """The score that the lines sum to."""
    return sum(breakdown.values(), ZERO)


def what_changed(
    before: Breakdown, after: Breakdown, words: Mapping[str, str] | None = None
) -> tuple[Change, ...]:
    """Every line with other points, the weightiest first, then by name.

    Their points sum to `total_of(after) - total_of(before)`. `words` says each line in words (`line_words`); a line
    it does not know is said by its name.
    """
    found = []
    for line in sorted({*before, *after}):
        old, new = before.get(line, ZERO), after.get(line, ZERO)
        if old != new:
            found.append(Change(line, old, new, _sentence(said(line, words or {}), old, new)))
    return tuple(sorted(found, key=lambda change: -abs(change.points)))


def line_words(profile: IdealCustomerProfile, rules: ScoreRules) -> dict[str, str]:
    """Line of the breakdown -> what it says where it contributes."""
    return {
        voice.LINE: voice.WORDS,
        **{f"fit.{criterion.name}": f"Fits the profile: {criterion.name}" for criterion in profile.criteria},
        **{factor.name: factor.earned for factor in factors_of(rules)},
        source_credit.LINE: source_credit.WORDS,
        **{f"cap.{group}": cap_words(group, cap) for group, cap in rules.all_caps.items()},
        "cap.total": TOTAL_CAP_WORDS,
        **LINE_WORDS,
    }


def said(line: str, words: Mapping[str, str]) -> str:
    """A line in words; a line of a model says what the model looks at, any other its name."""
    if line in words:
        return words[line]
    if line.startswith(MODEL_LINE):
        return model_words(line.removeprefix(MODEL_LINE))
    group, _, name = line.rpartition(".")
    plain = f"{group}: {name}" if group else name
    plain = plain.replace("_", " ")
    return plain[:1].upper() + plain[1:]


def for_and_against(reasons: Iterable[str]) -> tuple[list[str], list[str]]:
    """The sentences of a score (`explanation.reasons_json`) that speak for the lead, and those that do not."""
    speaks_for: list[str] = []
    against: list[str] = []
    for reason in reasons:
        is_for = "(+" in reason or reason.startswith("Fits the profile")
        (speaks_for if is_for else against).append(reason)
    return speaks_for, against


def signed(points: Decimal) -> str:
    """`+10`, `-3.5`, `0`."""
    plain = short_decimal(points, sign="+")
    return "0" if plain in ("+0", "-0") else plain


def _sentence(line: str, old: Decimal, new: Decimal) -> str:
    change = f"({signed(new - old)})"
    if old == 0:
        return f"{line} {change}"
    if new == 0:
        return f"No longer: {line} {change}"
    return f"{line}: {signed(old)} is now {signed(new)} {change}"
