"""The arithmetic of fits: a signal's weight, the intent boost, and the tier that comes out.

What belongs here: comparing and adding numbers from 0 to 1 exactly. What does not: what a tier leads to.

Fits, weights and thresholds are counted in whole billionths, so 0.70 + 0.15 meets 0.85 (as floats it misses
by 1e-16) and thresholds are inclusive as an author reads them. Every function takes an int for one lead or an
array for many: there is one arithmetic, so one lead alone gets the answer that it gets among a million.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.rules import RoutingRules, Tier

WHOLE = 1_000_000_000
"""A fit of 1."""

UNKNOWN = -1
"""Code of whatever is not known: a fit, a tier, a sequence."""

TIERS: tuple[Tier, ...] = (Tier.COLD, Tier.COOL, Tier.WARM, Tier.HOT)
"""By code: a higher code is a better tier."""

Code: TypeAlias = Any
"""An int for one lead, or an int64 array for many."""

Codes: TypeAlias = npt.NDArray[np.int64]
"""Codes of many leads."""


def billionths(fit: float | None) -> int:
    """A fit in billionths, held within 0 to 1; UNKNOWN where there is none."""
    if fit is None or math.isnan(fit):
        return UNKNOWN
    if 0 < fit < 1:
        return round(fit * WHOLE)
    return WHOLE if fit > 0 else 0


def billionths_of(fits: pd.Series[float]) -> Codes:
    """`billionths` of a column."""
    values = fits.to_numpy(dtype="float64", na_value=np.nan)
    whole = np.rint(np.clip(values, 0.0, 1.0) * WHOLE)
    return np.where(np.isnan(values), UNKNOWN, np.nan_to_num(whole)).astype("int64")


def shown(fit: Code) -> Code:
    """A fit in ten-thousandths, as people see it. Rounded down: it must not read as a threshold it misses."""
    return fit // 100_000


def spelt(ten_thousandths: int) -> str:
    """A shown fit in words, e.g. `0.72`."""
    return f"{ten_thousandths / 10_000:g}"


@dataclass(frozen=True, slots=True)
class FitScale:
    """The numbers of a campaign's routing rules, in billionths."""

    cool: int
    warm: int
    hot: int
    intent_threshold: int
    boost: int
    weights: tuple[int, ...]

    @classmethod
    def of(cls, rules: RoutingRules) -> FitScale:
        """The scale of some rules. A boost that is switched off is one of nothing."""
        return cls(
            cool=billionths(rules.cool_tier_min_score),
            warm=billionths(rules.warm_tier_min_score),
            hot=billionths(rules.hot_tier_min_score),
            intent_threshold=billionths(rules.intent_score_threshold),
            boost=billionths(rules.intent_boost) if rules.intent_boost_enabled else 0,
            weights=tuple(billionths(weight) for weight in rules.intent_signals.values()),
        )

    def intent(self, signals: Code) -> Code:
        """Intent of signals (bit k: the k-th of the rules shows): the sum of their weights, 1 at most."""
        total = 0 * signals
        for position, weight in enumerate(self.weights):
            total = total + weight * ((signals >> position) & 1)
        return at_most_whole(total)

    def effective(self, fit: Code, intent: Code) -> Code:
        """The fit with the boost that the intent earns, 1 at most."""
        return at_most_whole(fit + self.boost * (intent >= self.intent_threshold))

    def tier(self, effective: Code) -> Code:
        """Code of the tier: thresholds are inclusive."""
        return 0 + (effective >= self.cool) + (effective >= self.warm) + (effective >= self.hot)


def at_most_whole(fit: Code) -> Code:
    """The fit, or 1 where it is more."""
    return fit - (fit - WHOLE) * (fit > WHOLE)
