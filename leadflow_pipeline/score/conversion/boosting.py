"""Boosted trees that know no interactions, written down as tables.

What belongs here: the fit, and the way back to tables. What does not: which examples count, or whether the result is
any good.

A tree that may split on one feature only is a step function of it, so a sum of such trees is a sum of step functions
(an explainable boosting machine: Lou, Caruana & Gehrke 2012, "Intelligible models for classification and regression").
The trees see a number as the step it falls on, and so nothing but whole numbers up to the size of each shape. Asking
them for one feature at every size, all others held at zero, gives the whole table; nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import (
    CategoryShape,
    Codes,
    FactShape,
    FloatArray,
    StepShape,
    stepped,
)

STEPS = 64
ROUNDS = 100
LEARNING_RATE = 0.1
LEAVES = 6
LEAST_EXAMPLES_A_LEAF = 20
RIDGE = 5.0


class Boosting:
    """The examples as the trees see them."""

    def __init__(self, features: pd.DataFrame, shapes: Sequence[FactShape], seed: int) -> None:
        self.shapes: tuple[StepShape | CategoryShape, ...] = tuple(
            stepped(shape, features[shape.name], STEPS) for shape in shapes
        )
        self.codes: Codes = np.column_stack([shape.codes(features[shape.name]) for shape in self.shapes])
        self.seed = seed

    def logits(
        self, rows: Codes, outcome: npt.NDArray[np.int64], weight: FloatArray, asked: Codes
    ) -> FloatArray:
        """See `folds.Learner`."""
        trees = self.fit(rows, outcome, weight)
        found: FloatArray = trees.decision_function(self.seen(self.codes[asked]))
        return found

    def fit(
        self, rows: Codes, outcome: npt.NDArray[np.int64], weight: FloatArray
    ) -> HistGradientBoostingClassifier:
        """Trees that these rows teach.

        By one thread: on so few leaves several wait for each other longer than they work, on a busy machine ten times
        as long.
        """
        trees = HistGradientBoostingClassifier(
            learning_rate=LEARNING_RATE,
            max_iter=ROUNDS,
            max_leaf_nodes=LEAVES,
            min_samples_leaf=LEAST_EXAMPLES_A_LEAF,
            l2_regularization=RIDGE,
            interaction_cst="no_interactions",
            categorical_features=[isinstance(shape, CategoryShape) for shape in self.shapes],
            early_stopping=False,
            random_state=self.seed,
        )
        with threadpool_limits(1, user_api="openmp"):
            return trees.fit(self.seen(self.codes[rows]), outcome[rows], sample_weight=weight[rows])

    def model(self, outcome: npt.NDArray[np.int64], weight: FloatArray) -> ConversionModel:
        """See `folds.Learner`."""
        return self.tables(self.fit(np.arange(len(outcome)), outcome, weight), weight)

    def tables(self, trees: HistGradientBoostingClassifier, weight: FloatArray) -> ConversionModel:
        """The trees as tables."""
        sizes = [shape.size for shape in self.shapes]
        start = np.concatenate([[0], np.cumsum(sizes)])
        asked = np.zeros((start[-1] + 1, len(sizes)), dtype=np.int64)
        for feature, size in enumerate(sizes):
            asked[start[feature] : start[feature + 1], feature] = np.arange(size)
        logits = trees.decision_function(self.seen(asked))
        base, values = float(logits[-1]), []
        for feature, size in enumerate(sizes):
            table = logits[start[feature] : start[feature + 1]] - logits[-1]
            share = np.bincount(self.codes[:, feature], weight, minlength=size) / weight.sum()
            middle = float(share @ table)
            values.append(table - middle)
            base += middle
        return ConversionModel(base, self.shapes, tuple(values))

    def seen(self, codes: Codes) -> FloatArray:
        """Steps of a number in their order, a missing one as NaN; categories by their place."""
        seen = codes.astype(np.float64)
        for feature, shape in enumerate(self.shapes):
            if isinstance(shape, StepShape):
                seen[codes[:, feature] == shape.size - 1, feature] = np.nan
        return seen
