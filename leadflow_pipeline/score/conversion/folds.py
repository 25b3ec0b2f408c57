"""What a way of learning makes of examples that it did not see."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold

from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import Codes, FloatArray

FOLDS = 5


class Learner(Protocol):
    """A way of learning, with the examples it learns from."""

    def logits(
        self, rows: Codes, outcome: npt.NDArray[np.int64], weight: FloatArray, asked: Codes
    ) -> FloatArray:
        """Of the rows asked for, by what the others teach. Outcomes and weights are of all examples."""
        ...

    def model(self, outcome: npt.NDArray[np.int64], weight: FloatArray) -> ConversionModel:
        """What all examples teach, each value measured from their weighted average."""
        ...


def held_out_logits(
    learner: Learner, outcome: npt.NDArray[np.int64], weight: FloatArray, seed: int
) -> FloatArray:
    """The logit of each example, learned from others; shuffled, stratified folds."""
    logits = np.empty(len(outcome))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for rows, held_out in folds.split(outcome, outcome):
        logits[held_out] = learner.logits(rows, outcome, weight, held_out)
    return logits
