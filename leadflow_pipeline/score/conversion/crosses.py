"""Which pairs of features say more together than each alone.

What belongs here: the choice. What does not: the fit (`logistic`).

A cross gives each pair of two features' values (categories, or steps of a number) an effect of its own, drawn towards
zero. Whether that is worth it is asked of the evidence: the ratio of the examples' likelihood with such random effects,
integrated over all of their values, to that without them. To second order around the model without the cross
(Laplace), with S the sum of a pair's residuals y - p on held-out examples, V that of p(1 - p), and t the variance of
the effects, its logarithm is

    1/2 sum of S^2 / (V + 1/t)  -  1/2 sum of ln(1 + V t)

(Breslow & Clayton 1993, "Approximate inference in generalized linear mixed models"). The second sum is the price of the
values. Of many pairs some look well by chance, so evidence only says which crosses are tried. They are kept if examples
that the model did not see surprise it less than without them, surely.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.score.conversion.measures import surprises
from leadflow_pipeline.score.conversion.model import probability
from leadflow_pipeline.score.conversion.shapes import Codes, CrossShape, FactShape, FloatArray, stepped

MOST_CROSSES = 3
STEPS = 5
MOST_PAIRS = 1_000
"""A cross of more values than this is not considered."""
STANDARD_ERRORS = 2.0
VARIANCES = (0.01, 0.03, 0.1, 0.3, 1.0)


def strongest_crosses(
    features: pd.DataFrame,
    shapes: Sequence[FactShape],
    outcome: npt.NDArray[np.int64],
    held_out_logits: FloatArray,
    weight: FloatArray,
) -> list[CrossShape]:
    """The crosses with the most evidence above none, strongest first.

    Args:
        features: of the examples.
        shapes: of the features, as the model without crosses sees them.
        outcome: 1 for won, 0 for lost.
        held_out_logits: of each example, by a model without crosses that did not see it.
        weight: of each example.
    """
    promised = probability(held_out_logits)
    residual, variance = weight * (outcome - promised), weight * promised * (1 - promised)
    steps = [stepped(shape, features[shape.name], STEPS) for shape in shapes]
    codes = {shape.name: shape.codes(features[shape.name]) for shape in steps}
    found: list[tuple[float, str, CrossShape]] = []
    for first, second in combinations(steps, 2):
        cross = CrossShape(first, second)
        if cross.size > MOST_PAIRS:
            continue
        pair = codes[first.name] * second.size + codes[second.name]
        weighed = evidence(
            _sums(pair, residual, cross.size),
            _sums(pair, variance, cross.size),
        )
        if weighed > 0:
            found.append((-weighed, cross.name, cross))
    return [cross for _, _, cross in sorted(found, key=lambda each: each[:2])[:MOST_CROSSES]]


def surely_better(
    crossed: FloatArray, plain: FloatArray, outcome: npt.NDArray[np.int64], weight: FloatArray
) -> bool:
    """Whether held-out logits with crosses surprise less than those without, by `STANDARD_ERRORS` of the difference."""
    gain = weight * (surprises(outcome, probability(plain)) - surprises(outcome, probability(crossed)))
    return bool(gain.sum() > STANDARD_ERRORS * np.sqrt(np.sum(gain**2)))


def evidence(residual: FloatArray, variance: FloatArray) -> float:
    """Logarithm of the likelihood ratio, at the best of `VARIANCES`.

    Args:
        residual: summed, of each pair of values.
        variance: summed, of each pair of values.
    """
    return max(
        float(np.sum(residual**2 / (variance + 1 / each) - np.log1p(variance * each)) / 2)
        for each in VARIANCES
    )


def _sums(codes: Codes, of: FloatArray, size: int) -> FloatArray:
    return np.bincount(codes, of, minlength=size).astype(np.float64)
