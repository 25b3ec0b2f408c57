"""Probabilities that keep what they promise: a straight line over held-out logits (Platt's sigmoid).

The logits must come from shuffled, stratified folds: folds in order of time have turned rankings upside down. A
sigmoid that lowers the AUC by `WORST_AUC_DROP` is refused, and the model stays as it was. Folding the line into a model
keeps its contributions additive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from leadflow_pipeline.score.conversion.measures import auc
from leadflow_pipeline.score.conversion.shapes import FloatArray

WORST_AUC_DROP = 0.01


@dataclass(frozen=True)
class Calibration:
    """logit -> slope * logit + offset."""

    slope: float
    offset: float
    is_refused: bool = False


def fit_sigmoid(
    held_out_logits: FloatArray, outcome: npt.NDArray[np.int64], weight: FloatArray
) -> Calibration:
    """The line under which held-out logits surprise least, or the one that changes nothing, marked as refused."""
    sigmoid = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    sigmoid.fit(held_out_logits[:, None], outcome, sample_weight=weight)
    slope, offset = float(sigmoid.coef_[0, 0]), float(sigmoid.intercept_[0])
    if auc(outcome, slope * held_out_logits) < auc(outcome, held_out_logits) - WORST_AUC_DROP:
        return Calibration(1.0, 0.0, is_refused=True)
    return Calibration(slope, offset)
