"""The sum that makes a score: one line for each contribution, to the hundredth of a point.

What belongs here: the blend of fit and points, the caps, and the rounding. What does not: who earned what
(`fit`, `points`), how it is said (`explanation`), and what others than the rules say (`voices`).

    score  = share * rules + what other voices add
    rules  = fit_weight * 100 * icp_fit + (1 - fit_weight) * points
    points = the sum of the capped groups, held between 0 and 100

where the share is 1 unless another voice takes part.

Every cap that bites is a line of its own, so that the lines always sum to the score. Rounding each line by
itself would lose that (three thirds of 100 are not 99.99), therefore the *running total* is rounded to
hundredths and a line is the difference of two of them. So the lines sum exactly, the score is the exact total
rounded once, and no line is further than a hundredth from its exact value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leadflow_pipeline.score.activity import IntegerArray
from leadflow_pipeline.score.engagement import FloatArray
from leadflow_pipeline.score.points import BooleanArray, Factor, TimesArray
from leadflow_pipeline.score.rules import EXCLUSIVE_GROUPS, IdealCustomerProfile, ScoreRules

MOST = 100.0
TOTAL_CAP_WORDS = "Points are held between 0 and 100"


@dataclass(frozen=True)
class Line:
    """One line of the breakdown, for every lead at once."""

    name: str
    """Key of the breakdown."""
    contribution: FloatArray
    """Points of the score, exact."""
    missed: BooleanArray
    """Who could have earned it and did not."""
    words: str | None = None
    """What it says where it contributes; None where the profile's own sentences say it."""
    missed_words: str = ""
    possible: FloatArray | None = None
    """What was missed, in points of the score."""


def score_lines(
    profile: IdealCustomerProfile,
    fit_shares: Sequence[FloatArray],
    factors: Sequence[Factor],
    times: Mapping[str, TimesArray],
    rules: ScoreRules,
    rules_share: FloatArray | float = 1.0,
) -> list[Line]:
    """Every line of the rules' sum, in the order in which they are added up.

    `rules_share` is the share of the score that the rules have for each lead.
    """
    nobody = np.zeros(len(times[factors[0].name]), dtype=bool)
    everywhere: FloatArray = np.broadcast_to(np.asarray(rules_share, dtype=np.float64), nobody.shape)
    fit_lines = [
        Line(f"fit.{criterion.name}", everywhere * (rules.fit_weight * MOST * share), nobody)
        for criterion, share in zip(profile.criteria, fit_shares, strict=True)
    ]
    scale = everywhere * (1.0 - rules.fit_weight)
    lines: list[Line] = []
    total = np.zeros(len(nobody))
    for group, cap in rules.all_caps.items():
        members = [factor for factor in factors if factor.group == group]
        group_lines = [_factor_line(factor, members, times, scale) for factor in members]
        group_total = np.zeros(len(total))
        for factor in members:
            group_total = group_total + _paid(factor, times)
        capped = np.minimum(group_total, cap)
        words = cap_words(group, cap)
        lines += [*group_lines, Line(f"cap.{group}", scale * (capped - group_total), nobody, words)]
        total = total + capped
    held = np.clip(total, 0.0, MOST)
    lines.append(Line("cap.total", scale * (held - total), nobody, TOTAL_CAP_WORDS))
    return fit_lines + lines


def cap_words(group: str, cap: float) -> str:
    """What the line of a cap that bites says."""
    return f"{group.capitalize().replace('_', ' ')} points are capped at {cap:g}"


@dataclass(frozen=True)
class RunningTotal:
    """How far the sum has come, for every lead: exact, and in whole hundredths of a point."""

    exact: FloatArray
    told: IntegerArray

    @classmethod
    def zero(cls, leads: int) -> RunningTotal:
        """Before the first line."""
        return cls(np.zeros(leads), np.zeros(leads, dtype=np.int64))

    def add(self, contribution: FloatArray) -> tuple[RunningTotal, IntegerArray]:
        """The total after one more line, and that line in hundredths."""
        exact = self.exact + contribution
        told = np.rint(exact * 100).astype(np.int64)
        return RunningTotal(exact, told), told - self.told

    def take(self, leads: IntegerArray) -> RunningTotal:
        """Of these leads."""
        return RunningTotal(self.exact[leads], self.told[leads])

    @property
    def score(self) -> FloatArray:
        """In points."""
        points: FloatArray = self.told / 100
        return points


def in_hundredths(
    contributions: Sequence[FloatArray], before: RunningTotal
) -> tuple[RunningTotal, list[IntegerArray]]:
    """The total after all lines, and each line in hundredths; these sum exactly to the rounded total."""
    hundredths = []
    total = before
    for contribution in contributions:
        total, line = total.add(contribution)
        hundredths.append(line)
    return total, hundredths


def _factor_line(
    factor: Factor, group: Sequence[Factor], times: Mapping[str, TimesArray], scale: FloatArray
) -> Line:
    nobody = np.zeros(len(times[factor.name]), dtype=bool)
    rivals = [rival for rival in group if not rival.line] if factor.group in EXCLUSIVE_GROUPS else (factor,)
    best = max(rivals, key=lambda rival: rival.points)
    paid = np.logical_or.reduce([times[rival.name] != 0 for rival in rivals if rival.points > 0] or [nobody])
    can_be_missed = not factor.line and factor is best and factor.points > 0
    contribution: FloatArray = scale * _paid(factor, times)
    return Line(
        factor.line or factor.name,
        contribution,
        ~paid & (scale > 0) if can_be_missed else nobody,
        factor.earned,
        factor.missed,
        scale * factor.points,
    )


def _paid(factor: Factor, times: Mapping[str, TimesArray]) -> FloatArray:
    """Points that a factor pays each lead before any cap; none where it does not apply."""
    paid: FloatArray = factor.points * np.maximum(times[factor.name], 0) / factor.units
    return paid
