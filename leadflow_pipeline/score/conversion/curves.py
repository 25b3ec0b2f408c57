"""What a model card draws of how a model did on leads it had not seen: calibration, ROC and lift, as plain numbers.

What belongs here: counting the curves. What does not: single figures (`measures`), drawing (`insight`). Neither curve
depends on the order of the leads, and leads with the same probability are never parted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from leadflow_pipeline.score.conversion.measures import Outcomes
from leadflow_pipeline.score.conversion.shapes import FloatArray

CALIBRATION_BINS = 10
MOST_POINTS = 100
DECIMALS = 6
"""A picture shows less, and a card is kept for good."""


def curves_of(outcome: Outcomes, challenger: FloatArray, rules: FloatArray) -> dict[str, Any]:
    """The `curves` of a model card; empty lists where there is no lead, or only one kind of outcome.

    Args:
        outcome: 1 for won, 0 for lost, of leads that the model did not learn from.
        challenger: its probabilities.
        rules: what the rules say of the same leads, on any scale: only their order counts.
    """
    if not 0 < outcome.sum() < len(outcome):
        nothing: dict[str, Any] = {"challenger": [], "rules": []}
        return {"calibration": [], "roc": nothing, "lift": dict(nothing)}
    ranked = {"challenger": challenger, "rules": rules}
    return {
        "calibration": calibration_bins(outcome, challenger),
        "roc": {name: roc_points(outcome, score) for name, score in ranked.items()},
        "lift": {name: lift_points(outcome, score) for name, score in ranked.items()},
    }


def calibration_bins(outcome: Outcomes, probability: FloatArray) -> list[dict[str, float | int]]:
    """Up to ten bins of about equally many leads, by rising probability: mean `promised`, share `kept`, `leads`."""
    order = np.lexsort((outcome, probability))
    outcome, probability = outcome[order], probability[order]
    middle = (rankdata(probability) - 0.5) / len(probability)  # of ties, the same for all of them
    bins = np.floor(middle * CALIBRATION_BINS)
    return [
        {
            "promised": round(float(probability[bins == each].mean()), DECIMALS),
            "kept": round(float(outcome[bins == each].mean()), DECIMALS),
            "leads": int((bins == each).sum()),
        }
        for each in np.unique(bins)
    ]


def roc_points(outcome: Outcomes, score: FloatArray) -> list[list[float]]:
    """From (0, 0) to (1, 1): share of the lost leads, share of the won leads above each score."""
    leads, wins = _counts_from_the_top(outcome, score)
    losses = leads - wins
    return _thinned(losses / losses[-1], wins / wins[-1])


def lift_points(outcome: Outcomes, score: FloatArray) -> list[list[float]]:
    """From (0, 0) to (1, 1): share of all leads, share of the won leads above each score."""
    leads, wins = _counts_from_the_top(outcome, score)
    return _thinned(leads / leads[-1], wins / wins[-1])


def _counts_from_the_top(outcome: Outcomes, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Leads, and won leads, with at least each of the scores, the highest first; before them none."""
    _, place = np.unique(-score, return_inverse=True)
    leads, wins = np.bincount(place), np.bincount(place, weights=outcome)
    return np.append(0.0, leads.cumsum()), np.append(0.0, wins.cumsum())


def _thinned(across: FloatArray, up: FloatArray) -> list[list[float]]:
    """At most `MOST_POINTS` of a rising curve's points, spread evenly along it; both ends always."""
    way = across + up
    kept = np.unique(np.searchsorted(way, np.linspace(0.0, way[-1], MOST_POINTS)))
    points = np.round(np.column_stack([across[kept], up[kept]]), DECIMALS)
    thinned: list[list[float]] = points.tolist()
    return thinned
