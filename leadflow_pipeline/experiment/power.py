"""How many leads an experiment needs, and what so many can show.

What belongs here: power, sizes and detectable effects of two-sided tests of shares and of means. What does not: the
price of looking more than once, which is a factor on the size (`sequential.inflation`).

Shares: the normal approximation, pooled under no difference and not pooled under one (Fleiss, Levin and Paik 2003,
chapter 4, without the correction for continuity). Means: the noncentral t-distribution. Only the tail on the right side
counts as power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt

from scipy.optimize import brentq
from scipy.stats import nct, norm
from scipy.stats import t as student

LARGEST = 1e12
"""Leads beyond which no experiment is thought of."""


@dataclass(frozen=True)
class SampleSize:
    """Leads that each arm needs."""

    control: int
    variant: int

    @property
    def total(self) -> int:
        """Of both arms."""
        return self.control + self.variant


def proportions_power(
    control_rate: float, variant_rate: float, control: float, variant: float, alpha: float = 0.05
) -> float:
    """How likely a test with so many leads in each arm finds the difference between these rates."""
    _check_rate(control_rate)
    _check_rate(variant_rate)
    pooled = (control * control_rate + variant * variant_rate) / (control + variant)
    without = sqrt(pooled * (1 - pooled) * (1 / control + 1 / variant))
    with_it = sqrt(control_rate * (1 - control_rate) / control + variant_rate * (1 - variant_rate) / variant)
    distance = abs(variant_rate - control_rate) - float(norm.isf(alpha / 2)) * without
    if not with_it:
        return float(distance > 0)
    return float(norm.cdf(distance / with_it))


def proportions_sample_size(
    control_rate: float,
    variant_rate: float,
    power: float = 0.8,
    alpha: float = 0.05,
    variant_per_control: float = 1.0,
    inflation: float = 1.0,
) -> SampleSize:
    """Leads that it takes to find the difference. `inflation` as of `sequential.inflation`.

    Raises ValueError where there is no difference to find.
    """
    _check_difference(variant_rate - control_rate)
    return _smallest(
        lambda size: proportions_power(control_rate, variant_rate, size, size * variant_per_control, alpha),
        power,
        variant_per_control,
        inflation,
    )


def means_power(
    difference: float, deviation: float, control: float, variant: float, alpha: float = 0.05
) -> float:
    """How likely a test with so many leads in each arm finds the difference of means; `deviation` is one lead's."""
    freedom = control + variant - 2
    if freedom <= 0:
        return 0.0
    noncentrality = abs(difference) / (deviation * sqrt(1 / control + 1 / variant))
    critical = student.isf(alpha / 2, freedom)
    if freedom > 1e5:  # the noncentral t is the normal there, and slow
        return float(norm.sf(critical - noncentrality))
    return float(nct.sf(critical, freedom, noncentrality))


def means_sample_size(
    difference: float,
    deviation: float,
    power: float = 0.8,
    alpha: float = 0.05,
    variant_per_control: float = 1.0,
    inflation: float = 1.0,
) -> SampleSize:
    """Leads that it takes to find the difference. CUPED makes the deviation smaller: times sqrt(1 - its reduction)."""
    _check_difference(difference)
    return _smallest(
        lambda size: means_power(difference, deviation, size, size * variant_per_control, alpha),
        power,
        variant_per_control,
        inflation,
    )


def _smallest(
    power_of: Callable[[float], float], power: float, variant_per_control: float, inflation: float
) -> SampleSize:
    if not 0 < power < 1:
        raise ValueError(f"power must be between 0 and 1, not {power:g}")
    high = 4.0
    while power_of(high) < power:
        high *= 2
        if high > LARGEST:
            raise ValueError("the difference is too small for any experiment to find")
    low = high / 2 if high > 4 else 1.5
    size = high if power_of(low) >= power else float(brentq(lambda n: power_of(n) - power, low, high))
    size *= inflation
    return SampleSize(ceil(size - 1e-9), ceil(size * variant_per_control - 1e-9))


def _check_difference(difference: float) -> None:
    if not difference:
        raise ValueError("no number of leads finds a difference of 0")


def _check_rate(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"a rate must be from 0 to 1, not {rate:g}")
