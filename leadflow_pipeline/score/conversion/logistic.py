"""A ridge-penalised logistic regression over the shapes of the features: columns, fit, and back to tables.

What belongs here: the arithmetic of the fit. What does not: which examples count, or what is made of the model
(`training`), or which features are crossed (`crosses`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import solve

from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.measures import surprises
from leadflow_pipeline.score.conversion.model import ConversionModel, probability
from leadflow_pipeline.score.conversion.shapes import Codes, FloatArray, NumberShape, Shape, columns_of

STRENGTH = 0.2
"""Variance allowed to a value. Held-out folds ask for more, and are wrong: leads to come differ more from the examples
than the examples from each other. On three campaigns 0.1 to 0.3 did best."""
PRECISION = 1e-9
MOST_ROUNDS = 100
BLOCK = 8_192
RULES_TRUSTED = 2.0
"""A point of the rules is penalised so many times squared less than other values."""


@dataclass
class Design:
    """The columns of all shapes beside each other; a number also has a trend, the rules' a trusted one."""

    shapes: tuple[Shape, ...]
    matrix: FloatArray
    nearby: FloatArray | None = None
    """Where the last search ended, so that the next, on nearly the same rows, begins near its end."""

    @classmethod
    def of(cls, features: pd.DataFrame, shapes: Sequence[Shape]) -> Design:
        """The examples as the shapes see them."""
        matrix = np.empty((len(features), sum(_width(shape) for shape in shapes)))
        start = 0
        for shape in shapes:
            columns, stop = columns_of(shape, features), start + shape.size
            matrix[:, start:stop] = columns
            start += _width(shape)
            matrix[:, stop:start] = columns @ _trend(shape)
        return cls(tuple(shapes), matrix)

    def beside(self, other: Design) -> Design:
        """Both, on the same examples."""
        return Design((*self.shapes, *other.shapes), np.hstack([self.matrix, other.matrix]))

    def logits(
        self, rows: Codes, outcome: npt.NDArray[np.int64], weight: FloatArray, asked: Codes
    ) -> FloatArray:
        """See `folds.Learner`."""
        intercept, coefficients = self._fit(rows, outcome, weight)
        found: FloatArray = intercept + self.matrix[asked] @ coefficients
        return found

    def model(self, outcome: npt.NDArray[np.int64], weight: FloatArray) -> ConversionModel:
        """See `folds.Learner`."""
        base, coefficients = self._fit(np.arange(len(outcome)), outcome, weight)
        average = weight @ self.matrix / weight.sum()
        values, start = [], 0
        for shape in self.shapes:
            stop = start + _width(shape)
            own, middle = coefficients[start:stop], float(coefficients[start:stop] @ average[start:stop])
            values.append(own[: shape.size] + _trend(shape) @ own[shape.size :] - middle)
            base, start = base + middle, stop
        return ConversionModel(base, self.shapes, tuple(values))

    def _fit(
        self, rows: Codes, outcome: npt.NDArray[np.int64], weight: FloatArray
    ) -> tuple[float, FloatArray]:
        base, coefficients = fit_ridge(self.matrix, rows, outcome, weight, self.nearby)
        self.nearby = np.append(coefficients, base)
        return base, coefficients


def fit_ridge(
    matrix: FloatArray,
    rows: Codes,
    outcome: npt.NDArray[np.int64],
    weight: FloatArray,
    start: FloatArray | None = None,
) -> tuple[float, FloatArray]:
    """Intercept and coefficients from some rows of the matrix: Newton's method, exact to `PRECISION`.

    Sums over blocks of rows, so that a fold needs no copy of the matrix. A step that raises the loss is halved. There
    is one lowest point, thanks to the ridge, so it does not matter where the search starts.
    """
    penalty = np.append(np.full(matrix.shape[1], 1 / STRENGTH), 0.0)
    found = np.zeros(len(penalty)) if start is None else start
    step = np.zeros(len(penalty))
    lowest = np.inf
    for _ in range(MOST_ROUNDS):
        loss, gradient, curvature = _loss(matrix, rows, outcome, weight, found, penalty)
        if loss > lowest + abs(lowest) * PRECISION:
            step /= 2
            found += step
            continue
        lowest = loss
        step = solve(curvature, gradient, assume_a="pos")
        found = found - step
        if np.abs(step).max() < PRECISION:
            break
    return float(found[-1]), found[:-1]


def _loss(
    matrix: FloatArray,
    rows: Codes,
    outcome: npt.NDArray[np.int64],
    weight: FloatArray,
    found: FloatArray,
    penalty: FloatArray,
) -> tuple[float, FloatArray, FloatArray]:
    """Penalised loss, its gradient and its curvature."""
    loss, gradient, curvature = float(penalty @ found**2) / 2, penalty * found, np.diag(penalty)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        part = np.column_stack([matrix[block], np.ones(len(block))])
        promised = probability(part @ found)
        loss += float(weight[block] @ surprises(outcome[block], promised))
        gradient += part.T @ (weight[block] * (promised - outcome[block]))
        part *= np.sqrt(weight[block] * promised * (1 - promised))[:, None]
        curvature += part.T @ part
    return loss, gradient, curvature


def _width(shape: Shape) -> int:
    return shape.size + int(_trend(shape).shape[1])


def _trend(shape: Shape) -> FloatArray:
    """How a straight rise from the first to the last knot falls on the values of a shape, (size, 1); else (size, 0)."""
    if not isinstance(shape, NumberShape) or len(shape.knots) == 1:
        return np.zeros((shape.size, 0))
    rise = (shape.knots - shape.knots[0]) / (shape.knots[-1] - shape.knots[0])
    trust = RULES_TRUSTED if shape.name == RULE_SCORE else 1.0
    return np.append(trust * rise, 0.0)[:, None]
