"""What is left of millions of exposures: a few sums of each arm at each look. All that the tests need.

What belongs here: summing, and the moments that the sums give. What does not: what is concluded from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.experiment.arrays import Floats, Ints

Numbers: TypeAlias = npt.NDArray[np.bool_ | np.number[Any]]

_CHUNK = 1 << 20
"""Rows summed at once, so that no copy of all rows is made."""


@dataclass(frozen=True)
class ArmMoments:
    """Of one arm, up to one look."""

    count: int
    mean: float
    variance: float
    """Of the values, with count - 1; 0 for fewer than two."""
    covariate_mean: float = 0.0
    covariate_variance: float = 0.0
    covariance: float = 0.0

    @classmethod
    def of(cls, values: Floats, covariate: Floats | None = None) -> ArmMoments:
        """Of values as they are."""
        return tally(np.zeros(len(values), dtype=np.int64), 1, values, covariate).moments(0, 0)


@dataclass(frozen=True)
class Tally:
    """Sums over the exposures of each look alone, (looks, arms), around `origin` so that nothing is rounded away."""

    count: Ints
    sums: Floats
    """(5, looks, arms): of values, their squares, covariates, their squares, and the products of both."""
    origin: tuple[float, float]
    """Subtracted from values and from covariates before summing."""

    def up_to_each_look(self) -> Tally:
        """The sums of this look and all before it."""
        return Tally(np.cumsum(self.count, axis=0), np.cumsum(self.sums, axis=1), self.origin)

    def totals(self) -> Floats:
        """Sum of the values, (looks, arms): of outcomes that are 0 or 1, how many are 1."""
        return np.asarray(self.sums[0] + self.count * self.origin[0])

    def moments(self, look: int, arm: int) -> ArmMoments:
        """Of the exposures that this entry sums."""
        count = int(self.count[look, arm])
        if not count:
            return ArmMoments(0, 0.0, 0.0)
        value, squared, covariate, covariate_squared, product = (self.sums[:, look, arm] / count).tolist()
        bessel = count / max(count - 1, 1)
        return ArmMoments(
            count=count,
            mean=value + self.origin[0],
            variance=max(squared - value**2, 0.0) * bessel,
            covariate_mean=covariate + self.origin[1],
            covariate_variance=max(covariate_squared - covariate**2, 0.0) * bessel,
            covariance=(product - value * covariate) * bessel,
        )


def tally(
    arm: Numbers,
    arms: int,
    value: Numbers,
    covariate: Numbers | None = None,
    look: Numbers | None = None,
    looks: int = 1,
) -> Tally:
    """Sums over exposures, in any order. `arm` -1 takes no part; `look` is the first look that sees the exposure.

    Raises ValueError where a value or covariate is not finite: what is missing has to be decided upon before.
    """
    origin = (_mean(value), 0.0 if covariate is None else _mean(covariate))
    if not np.isfinite(origin).all():
        raise ValueError(
            "values and covariates of an experiment must be finite: some are missing or infinite"
        )
    bins = looks * arms + 1
    count = np.zeros(bins, dtype=np.int64)
    sums = np.zeros((5, bins))
    for first in range(0, len(arm), _CHUNK):
        rows = slice(first, first + _CHUNK)
        key = arm[rows].astype(np.int64)
        if look is not None:
            key = np.where(key < 0, key, key + look[rows].astype(np.int64) * arms)
        key[key < 0] = bins - 1
        count += np.bincount(key, minlength=bins)
        outcome = value[rows].astype(np.float64) - origin[0]
        sums[0] += np.bincount(key, outcome, bins)
        sums[1] += np.bincount(key, outcome * outcome, bins)
        if covariate is not None:
            before = covariate[rows].astype(np.float64) - origin[1]
            sums[2] += np.bincount(key, before, bins)
            sums[3] += np.bincount(key, before * before, bins)
            sums[4] += np.bincount(key, outcome * before, bins)
    return Tally(count[:-1].reshape(looks, arms), sums[:, :-1].reshape(5, looks, arms), origin)


def _mean(values: Numbers) -> float:
    return float(np.mean(values, dtype=np.float64)) if len(values) else 0.0
