"""Whether a challenger takes the champion's place, judged on the same outcomes, all later than what both learned from.

Pure: the paired bootstrap draws from the seed it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.score.conversion.measures import Measures, measure, surprises
from leadflow_pipeline.score.conversion.shapes import FloatArray

LEAST_WINS = 100
WORST_AUC_DROP = 0.005
DRAWS = 1_000
UPPER = 0.975


@dataclass(frozen=True)
class Judgement:
    """What was decided, and everything it rests on."""

    is_promoted: bool
    reasons: tuple[str, ...]
    """Why not; empty where promoted."""
    champion: Measures
    challenger: Measures
    loss_difference_upper: float
    """Upper bound of challenger's minus champion's log-loss."""


def judge(
    outcome: npt.NDArray[np.int64], champion: FloatArray, challenger: FloatArray, seed: int
) -> Judgement:
    """Promotes a challenger that is surely less surprised, ranks no worse and promises no less honestly.

    Args:
        outcome: 1 for won, 0 for lost, of leads later than the examples of either model.
        champion: its probabilities.
        challenger: its probabilities.
        seed: of the bootstrap.
    """
    old, new = measure(outcome, champion), measure(outcome, challenger)
    upper = _upper_bound(surprises(outcome, challenger) - surprises(outcome, champion), seed)
    reasons = []
    if new.wins < LEAST_WINS:
        reasons.append(f"{new.wins} wins are too few to judge by, {LEAST_WINS} are needed")
    if not upper < 0:
        reasons.append(f"its log-loss is not surely lower (the difference may be {upper:+.4f})")
    if not new.auc >= old.auc - WORST_AUC_DROP:
        reasons.append(f"its AUC is lower ({new.auc:.3f} against {old.auc:.3f})")
    if new.calibration_error > old.calibration_error:
        reasons.append(
            f"its calibration error is higher ({new.calibration_error:.3f} against {old.calibration_error:.3f})"
        )
    return Judgement(not reasons, tuple(reasons), old, new, upper)


def _upper_bound(differences: FloatArray, seed: int) -> float:
    if not len(differences):
        return float("nan")
    random = np.random.default_rng(seed)
    means = [random.choice(differences, len(differences)).mean() for _ in range(DRAWS)]
    return float(np.quantile(means, UPPER))
