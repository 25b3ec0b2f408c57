"""Two shares compared: how many of each arm did what was hoped for.

What belongs here: intervals and tests on counts, for arms of fixed size. What does not: looking more than once
(`sequential`), many comparisons (`multiple_comparisons`).

Sources: the pooled z-test is Pearson's chi-square with one degree of freedom. Interval of one share: Wilson (1927).
Of a difference: Newcombe (1998), Statistics in Medicine 17, 873-890, method 10, from two Wilson intervals. Of a ratio:
Koopman (1984), Biometrics 40, 513-517, by the score; it holds a lift of 0 exactly when the z-test finds no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import Literal

from scipy.optimize import brentq
from scipy.stats import fisher_exact, norm

from leadflow_pipeline.experiment.arrays import Interval

LEAST_EXPECTED = 5.0
"""Where fewer are expected in a cell of the table, the normal curve is no good and Fisher's exact test decides."""


@dataclass(frozen=True)
class Proportion:
    """So many of so many."""

    successes: int
    total: int

    def __post_init__(self) -> None:
        """Refuses more successes than there are."""
        if not 0 <= self.successes <= self.total:
            raise ValueError(f"{self.successes} of {self.total} is no share")

    @property
    def rate(self) -> float:
        """The share; NaN of nobody."""
        return self.successes / self.total if self.total else nan


@dataclass(frozen=True)
class ProportionTest:
    """What is known of the difference between a variant and the control."""

    control: Proportion
    variant: Proportion
    z: float
    """Pooled; positive where the variant is better. 0 where nobody or everybody succeeded."""
    p_value: float
    """Two-sided."""
    method: Literal["z", "fisher"]
    """Which test the p-value is of."""
    difference: float
    standard_error: float
    """Of the difference, pooled as in `z`."""
    difference_interval: Interval
    lift: float
    """Relative to the control's rate: 0.1 is a tenth more. Infinite or NaN where the control's rate is 0."""
    lift_interval: Interval


def compare_proportions(control: Proportion, variant: Proportion, confidence: float = 0.95) -> ProportionTest:
    """Tests for a difference and says how large it may be. Of an empty arm nothing is known: p-value 1."""
    z, standard_error = pooled_z(control, variant)
    p_value, method = _p_value(control, variant, z)
    return ProportionTest(
        control=control,
        variant=variant,
        z=z,
        p_value=p_value,
        method=method,
        difference=variant.rate - control.rate,
        standard_error=standard_error,
        difference_interval=newcombe_interval(control, variant, confidence),
        lift=relative_lift(control.rate, variant.rate),
        lift_interval=lift_interval(control, variant, confidence),
    )


def pooled_z(control: Proportion, variant: Proportion) -> tuple[float, float]:
    """z of the difference, and its standard error, both under the assumption that there is none."""
    if not control.total or not variant.total:
        return 0.0, inf
    pooled = (control.successes + variant.successes) / (control.total + variant.total)
    standard_error = sqrt(pooled * (1 - pooled) * (1 / control.total + 1 / variant.total))
    return (variant.rate - control.rate) / standard_error if standard_error else 0.0, standard_error


def wilson_interval(share: Proportion, confidence: float = 0.95) -> Interval:
    """Where the true share may be; all of 0 to 1 for nobody."""
    return score_interval(share.rate, share.total, confidence) if share.total else Interval(0.0, 1.0)


def score_interval(rate: float, total: float, confidence: float = 0.95) -> Interval:
    """Wilson's interval of a rate that was estimated as well as from so many people, not a whole number maybe."""
    critical = _critical(confidence)
    squared = critical**2
    middle = (rate * total + squared / 2) / (total + squared)
    half = sqrt(rate * (1 - rate) * total + squared / 4) * critical / (total + squared)
    return Interval(
        0.0 if rate == 0 else max(middle - half, 0.0),
        1.0 if rate == 1 else min(middle + half, 1.0),
    )


def newcombe_interval(control: Proportion, variant: Proportion, confidence: float = 0.95) -> Interval:
    """Where the difference, variant less control, may be; all of -1 to 1 where an arm is empty."""
    if not control.total or not variant.total:
        return Interval(-1.0, 1.0)
    of_control, of_variant = wilson_interval(control, confidence), wilson_interval(variant, confidence)
    difference = variant.rate - control.rate
    below = sqrt((variant.rate - of_variant.low) ** 2 + (of_control.high - control.rate) ** 2)
    above = sqrt((of_variant.high - variant.rate) ** 2 + (control.rate - of_control.low) ** 2)
    return Interval(difference - below, difference + above)


def relative_lift(control: float, variant: float) -> float:
    """(variant - control) / control, without an error where the control is 0."""
    if control == 0:
        return inf if variant > 0 else nan
    return variant / control - 1


def lift_interval(control: Proportion, variant: Proportion, confidence: float = 0.95) -> Interval:
    """Where the relative lift may be, by Koopman's score interval of the ratio; from -1 to infinity if unknown."""
    if not control.total or not variant.total or not control.successes + variant.successes:
        return Interval(-1.0, inf)
    critical = _critical(confidence)

    def excess(ratio: float) -> float:
        return abs(_score_of_ratio(control, variant, ratio)) - critical

    if not variant.successes:
        return Interval(-1.0, _root_above(excess, 1e-9) - 1)
    if not control.successes:
        return Interval(_root_below(excess, 1e9) - 1, inf)
    best = variant.rate / control.rate
    return Interval(_root_below(excess, best) - 1, _root_above(excess, best) - 1)


def _p_value(control: Proportion, variant: Proportion, z: float) -> tuple[float, Literal["z", "fisher"]]:
    total = control.total + variant.total
    successes = control.successes + variant.successes
    if not control.total or not variant.total:
        return 1.0, "fisher"
    if min(control.total, variant.total) * min(successes, total - successes) / total >= LEAST_EXPECTED:
        return float(2 * norm.sf(abs(z))), "z"
    table = [
        [variant.successes, variant.total - variant.successes],
        [control.successes, control.total - control.successes],
    ]
    return float(fisher_exact(table).pvalue), "fisher"


def _score_of_ratio(control: Proportion, variant: Proportion, ratio: float) -> float:
    """z of the data if the variant's rate were `ratio` times the control's, at the likeliest such rates."""
    total = control.total + variant.total
    quadratic = total * ratio
    linear = ratio * (variant.total + control.successes) + variant.successes + control.total
    constant = control.successes + variant.successes
    root = sqrt(max(linear**2 - 4 * quadratic * constant, 0.0))
    of_control = min(2 * constant / (linear + root), 1.0)
    of_variant = min(ratio * of_control, 1.0)
    variance = (
        of_variant * (1 - of_variant) / variant.total
        + ratio**2 * of_control * (1 - of_control) / control.total
    )
    distance = variant.rate - ratio * control.rate
    if variance <= 0:
        return 0.0 if distance == 0 else inf
    return distance / sqrt(variance)


def _root_above(excess: Callable[[float], float], begin: float) -> float:
    """Where the excess becomes positive above `begin`; infinite if it never does."""
    high = begin * 2
    while excess(high) < 0:
        high *= 2
        if high > 1e12:
            return inf
    return float(brentq(excess, begin, high, xtol=1e-12, rtol=1e-12))


def _root_below(excess: Callable[[float], float], begin: float) -> float:
    low = begin / 2
    while excess(low) < 0:
        low /= 2
        if low < 1e-12:
            return 0.0
    return float(brentq(excess, low, begin, xtol=1e-12, rtol=1e-12))


def _critical(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence:g}")
    return float(norm.isf((1 - confidence) / 2))
