"""From a score to the probability of converting: a curve that never falls, with an interval.

Isotonic regression (pool adjacent violators); each level of the curve has Wilson's interval for the leads it pooled,
widened where needed so that its ends never fall either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression

from leadflow_pipeline.score.conversion.shapes import FloatArray


@dataclass(frozen=True)
class ScoreCurve:
    """Probability of converting at each of some scores, straight in between, level outside."""

    scores: FloatArray
    probability: FloatArray
    low: FloatArray
    high: FloatArray

    def read(self, scores: FloatArray) -> pd.DataFrame:
        """`probability`, `low` and `high` at these scores."""
        return pd.DataFrame(
            {
                name: np.interp(scores, self.scores, getattr(self, name))
                for name in ("probability", "low", "high")
            }
        )


def score_curve(scores: FloatArray, outcome: npt.NDArray[np.int64], confidence: float = 0.95) -> ScoreCurve:
    """The curve of some leads with known outcomes. Raises ValueError where there is none."""
    if not len(scores):
        raise ValueError("a curve needs at least one lead with a known outcome")
    order = np.argsort(scores, kind="stable")
    ordered = scores[order].astype(np.float64)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(
        ordered, outcome[order].astype(np.float64)
    )
    levels, level, pooled = np.unique(np.round(fitted, 12), return_inverse=True, return_counts=True)
    first = np.searchsorted(level, np.arange(len(levels)))
    last = np.searchsorted(level, np.arange(len(levels)), side="right") - 1
    low, high = wilson_interval(levels, pooled.astype(np.float64), confidence)
    low, high = np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high)
    at = np.column_stack([ordered[first], ordered[last]]).ravel()
    return ScoreCurve(at, *(np.repeat(line, 2) for line in (levels, low, high)))


def expected_conversions(groups: pd.Series, probability: FloatArray, value: FloatArray) -> pd.DataFrame:
    """Of each group (a tier, a campaign): `leads`, `expected_conversions`, `expected_value`.

    `value` is what a conversion of each lead is worth, in the campaign's currency; a missing one counts nothing.
    """
    table = pd.DataFrame(
        {
            "leads": 1,
            "expected_conversions": probability,
            "expected_value": probability * np.nan_to_num(value),
        }
    )
    return table.groupby(groups.to_numpy()).sum().rename_axis("group")


def wilson_interval(
    share: FloatArray, count: FloatArray, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Ends of the interval for the share of wins behind each observed share of so many leads; within 0 and 1."""
    z = float(norm.ppf(0.5 + confidence / 2))
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return np.clip(middle - half, 0.0, share), np.clip(middle + half, share, 1.0)
