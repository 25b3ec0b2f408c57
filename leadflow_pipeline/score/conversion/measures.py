"""How good probabilities are: ranking, calibration and surprise.

Every measure takes outcomes (0 or 1) and probabilities, aligned; where there is a weight, one for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from leadflow_pipeline.score.conversion.shapes import FloatArray

Outcomes = npt.NDArray[np.int64]

BINS = 10
SMALLEST = 1e-12


@dataclass(frozen=True)
class Measures:
    """Of one model on one set of outcomes."""

    leads: int
    wins: int
    auc: float
    brier: float
    log_loss: float
    calibration_error: float


def measure(outcome: Outcomes, probability: FloatArray) -> Measures:
    """All of them."""
    return Measures(
        leads=len(outcome),
        wins=int(outcome.sum()),
        auc=auc(outcome, probability),
        brier=brier(outcome, probability),
        log_loss=log_loss(outcome, probability),
        calibration_error=calibration_error(outcome, probability),
    )


def auc(outcome: Outcomes, score: FloatArray) -> float:
    """Probability that a won lead ranks above a lost one, ties counting half; NaN without one of each.

    Mann and Whitney's U over the number of pairs.
    """
    wins = int(outcome.sum())
    losses = len(outcome) - wins
    if not wins or not losses:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[outcome == 1].sum() - wins * (wins + 1) / 2) / (wins * losses))


def brier(outcome: Outcomes, probability: FloatArray) -> float:
    """Mean squared error."""
    return float(np.mean((probability - outcome) ** 2))


def log_loss(outcome: Outcomes, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean surprise, in nats."""
    return float(np.average(surprises(outcome, probability), weights=weight))


def surprises(outcome: Outcomes, probability: FloatArray) -> FloatArray:
    """-log of the probability given to what happened."""
    happened = np.where(outcome == 1, probability, 1.0 - probability)
    return -np.log(np.maximum(happened, SMALLEST))


def calibration_error(outcome: Outcomes, probability: FloatArray, bins: int = BINS) -> float:
    """Expected calibration error: mean distance of promised and kept share over bins of equally many leads."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    distances = [abs(float(probability[part].mean() - outcome[part].mean())) * len(part) for part in parts]
    return sum(distances) / max(len(outcome), 1)
