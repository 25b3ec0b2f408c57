"""Whether leads, scores or promises have moved away from what a model learned.

Population stability index: the sum over bins of (now - then) * ln(now / then) of the shares of leads. By convention
nothing happened below 0.1, and much above 0.25.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.score.conversion.measures import calibration_error
from leadflow_pipeline.score.conversion.shapes import FloatArray, NumberShape, shape_of

NOTICEABLE = 0.1
LARGE = 0.25
BINS = 10
SMALLEST_SHARE = 1e-4


@dataclass(frozen=True)
class KeptPromises:
    """Promised and kept conversions of leads whose outcome is ripe."""

    leads: int
    promised: float
    kept: int
    calibration_error: float

    @property
    def words(self) -> str:
        """`it promised 40 wins of 300 leads, 37 came`."""
        return f"it promised {self.promised:.0f} wins of {self.leads} leads, {self.kept} came"


def stability_index(then: pd.Series, now: pd.Series) -> float:
    """Of one feature, number or category; missing is a bin of its own. 0 where either is empty."""
    shape = shape_of(str(then.name), then)
    if shape is None or not len(now):
        return 0.0
    if isinstance(shape, NumberShape):
        known = pd.to_numeric(then, errors="coerce").dropna()
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
        return _index(*(_shares(_number_bins(part, edges), len(edges) + 2) for part in (then, now)))
    return _index(*(shape.columns(part).mean(axis=0) for part in (then, now)))


def stability_indices(then: pd.DataFrame, now: pd.DataFrame) -> dict[str, float]:
    """Of every feature that both have."""
    return {name: stability_index(then[name], now[name]) for name in sorted({*then.columns} & {*now.columns})}


def kept_promises(outcome: npt.NDArray[np.int64], probability: FloatArray) -> KeptPromises:
    """Calibration on matured outcomes of leads that were scored before."""
    return KeptPromises(
        leads=len(outcome),
        promised=float(probability.sum()),
        kept=int(outcome.sum()),
        calibration_error=calibration_error(outcome, probability),
    )


def _number_bins(facts: pd.Series, edges: FloatArray) -> npt.NDArray[np.int64]:
    numbers = pd.to_numeric(facts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers, side="left"))


def _shares(bins: npt.NDArray[np.int64], count: int) -> FloatArray:
    return np.bincount(bins, minlength=count) / len(bins)


def _index(then: FloatArray, now: FloatArray) -> float:
    then, now = np.maximum(then, SMALLEST_SHARE), np.maximum(now, SMALLEST_SHARE)
    return float(np.sum((now - then) * np.log(now / then)))
