"""What a model gives for each value of a feature, in words: `0: -3.1 · 20: +1.2 · not known: -0.4`.

What belongs here: asking the model at values worth naming. What does not: which features are worth it (`card`). Values
are those of the artifact: edges and knots of many leads' numbers, categories that many leads share.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from leadflow_pipeline.score.conversion.features import feature_words
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import CategoryShape, CrossShape, NumberShape, StepShape

MOST_CATEGORIES_NAMED = 8
MOST_NUMBERS_NAMED = 9
MOST_PAIRS_NAMED = 4
NO_BREAK = "\u00a0"


def values_in_words(model: ConversionModel, feature: str) -> str:
    """What a feature adds, in points of the model's score, at the values worth naming."""
    shapes = [shape for shape in model.shapes if shape.name == feature]
    if isinstance(shapes[0], CrossShape):
        return _pairs(model, shapes[0])
    if isinstance(shapes[0], CategoryShape):
        return _categories(model, shapes[0])
    numbers = np.unique(np.concatenate([_numbers(shape) for shape in shapes]))
    chosen = numbers[
        np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_NUMBERS_NAMED)).round().astype(int)
    ]
    points = _points(model, feature, pd.DataFrame({feature: [*chosen, np.nan]}))
    return _listed([*zip(map(_number, chosen), points[:-1], strict=True), ("not known", points[-1])])


def _categories(model: ConversionModel, shape: CategoryShape) -> str:
    asked = pd.DataFrame({shape.name: pd.Series([*shape.categories, "\0", None], dtype="str")})
    points = _points(model, shape.name, asked)
    known = sorted(zip(shape.categories, points[:-2], strict=True), key=lambda pair: (-abs(pair[1]), pair[0]))
    named = sorted(known[:MOST_CATEGORIES_NAMED], key=lambda pair: (-pair[1], pair[0]))
    left = len(known) - len(named)
    more = f" · {left} more between them" if left > 0 else ""
    return f"{_listed(named)}{more} · {_listed([('any other', points[-2]), ('not known', points[-1])])}"


def _pairs(model: ConversionModel, cross: CrossShape) -> str:
    """The pairs that it likes and dislikes most."""
    firsts, seconds = _steps(cross.first), _steps(cross.second)
    values = next(
        value for shape, value in zip(model.shapes, model.values, strict=True) if shape.name == cross.name
    )
    points = (model.points_per_logit * values).reshape(cross.first.size, cross.second.size)
    pairs = [
        (f"{feature_words(cross.first.name)} {one} and {feature_words(cross.second.name)} {other}", value)
        for one, row in zip(firsts, points, strict=True)
        for other, value in zip(seconds, row, strict=True)
    ]
    strongest = sorted(pairs, key=lambda pair: (-abs(pair[1]), pair[0]))[:MOST_PAIRS_NAMED]
    return f"{_listed(sorted(strongest, key=lambda pair: -pair[1]))} · the others less"


def _steps(shape: StepShape | CategoryShape) -> list[str]:
    """The name of each of a shape's values."""
    if isinstance(shape, CategoryShape):
        return [*shape.categories, "any other", "not known"]
    if not len(shape.edges):
        return ["any", "not known"]
    edges = [_number(edge) for edge in shape.edges]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *between, f"from {edges[-1]}", "not known"]


def _numbers(shape: object) -> np.ndarray:
    if isinstance(shape, NumberShape):
        return shape.knots
    return shape.edges if isinstance(shape, StepShape) else np.empty(0)


def _points(model: ConversionModel, feature: str, asked: pd.DataFrame) -> np.ndarray:
    return model.points_per_logit * model.contributions(asked)[feature].to_numpy()


def _number(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _listed(pairs: Sequence[tuple[str, float]]) -> str:
    return " · ".join(f"{name}:{NO_BREAK}{value:+.1f}" for name, value in pairs)
