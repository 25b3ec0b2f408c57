"""How a fact becomes numbers: a broken line or steps over a number, a value for each category. Data, nothing but data.

What belongs here: the shapes, as columns to learn from and as tables to look up in. What does not: learning.

A number is read off a line through `knots`, level outside of them, or off steps between `edges`; a category has its own
value if it was seen often enough, else that of all rare and new ones together. Whether a fact is missing is a fact too.
Two facts together have a value for each pair of steps or categories. So a model is a list of tables: `numpy.interp` and
a look-up are all that a prediction needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

FloatArray: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int64]

KNOT_QUANTILES = (0.01, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.99)
LEAST_SEEN = 20
"""Examples that a category needs for a value of its own."""
MOST_CATEGORIES = 200
NUMBER_SHARE = 0.99
"""Share of the known texts of a field that must spell numbers for it to be a number."""


@dataclass(frozen=True)
class NumberShape:
    """A line through the values at `knots`, and one value for missing."""

    name: str
    knots: FloatArray

    @property
    def size(self) -> int:
        """Values to learn: one a knot, and the last for missing."""
        return len(self.knots) + 1

    def columns(self, facts: pd.Series) -> FloatArray:
        """Each fact's share in each of the values, (rows, size): two neighbouring knots share a number."""
        numbers = as_numbers(facts)
        place = np.interp(numbers, self.knots, np.arange(len(self.knots), dtype=np.float64))
        is_missing = np.isnan(numbers)
        place[is_missing] = 0.0
        low = np.minimum(place.astype(np.int64), max(len(self.knots) - 2, 0))
        columns = np.zeros((len(numbers), self.size))
        rows = np.arange(len(numbers))
        columns[rows, low] = 1.0 - (place - low)
        columns[rows, np.minimum(low + 1, len(self.knots) - 1)] += place - low
        columns[is_missing] = 0.0
        columns[is_missing, -1] = 1.0
        return columns

    def read(self, facts: pd.Series, values: FloatArray) -> FloatArray:
        """`columns(facts) @ values`, without the columns."""
        numbers = as_numbers(facts)
        return np.where(np.isnan(numbers), values[-1], np.interp(numbers, self.knots, values[:-1]))

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": "number", "name": self.name, "knots": self.knots.tolist()}


class CodedShape(ABC):
    """Each fact has one of the values, by its number."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Values to learn."""

    @abstractmethod
    def codes(self, facts: pd.Series) -> Codes:
        """Which of its values each fact has."""

    def columns(self, facts: pd.Series) -> FloatArray:
        """One 1 a row, (rows, size)."""
        return one_hot(self.codes(facts), self.size)

    def read(self, facts: pd.Series, values: FloatArray) -> FloatArray:
        """`columns(facts) @ values`, without the columns."""
        found: FloatArray = values[self.codes(facts)]
        return found


@dataclass(frozen=True)
class CategoryShape(CodedShape):
    """A value for each category, one for all others, one for missing."""

    name: str
    categories: tuple[str, ...]
    """Folded: without case and outer blanks."""

    @property
    def size(self) -> int:
        """Values to learn: one a category, then all others, then missing."""
        return len(self.categories) + 2

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": "category", "name": self.name, "categories": list(self.categories)}

    def codes(self, facts: pd.Series) -> Codes:
        """Which of its values each fact has."""
        texts = folded(facts)
        found = pc.index_in(texts, value_set=pa.array(self.categories, pa.large_string()))
        codes = np.asarray(pc.fill_null(found, len(self.categories))).astype(np.int64)
        codes[np.asarray(pc.is_null(texts))] = len(self.categories) + 1
        return codes


@dataclass(frozen=True)
class StepShape(CodedShape):
    """A value for each step of a number, one for missing. A number on an edge belongs to the step above it."""

    name: str
    edges: FloatArray

    @property
    def size(self) -> int:
        """Values to learn: one a step, and the last for missing."""
        return len(self.edges) + 2

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": "steps", "name": self.name, "edges": self.edges.tolist()}

    def codes(self, facts: pd.Series) -> Codes:
        """Which of its values each fact has."""
        numbers = as_numbers(facts)
        codes = np.searchsorted(self.edges, numbers, side="right").astype(np.int64)
        return np.where(np.isnan(numbers), self.size - 1, codes)


@dataclass(frozen=True)
class CrossShape:
    """A value for each pair of two facts' steps or categories: what both together add to what each adds alone."""

    first: StepShape | CategoryShape
    second: StepShape | CategoryShape

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.first.name} × {self.second.name}"

    @property
    def size(self) -> int:
        """Values to learn: one a pair."""
        return self.first.size * self.second.size

    def codes(self, first: pd.Series, second: pd.Series) -> Codes:
        """Which of its values each pair of facts has."""
        return self.first.codes(first) * self.second.size + self.second.codes(second)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": "cross", "first": self.first.document(), "second": self.second.document()}


FactShape: TypeAlias = NumberShape | CategoryShape | StepShape
"""Of one fact."""
Shape: TypeAlias = FactShape | CrossShape


def columns_of(shape: Shape, features: pd.DataFrame) -> FloatArray:
    """Each lead's share in each of the shape's values, (rows, size)."""
    if isinstance(shape, CrossShape):
        return one_hot(_pairs(shape, features), shape.size)
    return shape.columns(_facts(features, shape.name))


def read(shape: Shape, features: pd.DataFrame, values: FloatArray) -> FloatArray:
    """`columns_of(shape, features) @ values`, without the columns. A feature that is not there is missing for all."""
    if isinstance(shape, CrossShape):
        found: FloatArray = values[_pairs(shape, features)]
        return found
    return shape.read(_facts(features, shape.name), values)


def one_hot(codes: Codes, size: int) -> FloatArray:
    """One 1 a row, (rows, size)."""
    columns = np.zeros((len(codes), size))
    columns[np.arange(len(codes)), codes] = 1.0
    return columns


def stepped(shape: FactShape, facts: pd.Series, steps: int) -> StepShape | CategoryShape:
    """The same fact in at most so many steps of about equally many examples; a category stays as it is."""
    if not isinstance(shape, NumberShape):
        return shape
    numbers = as_numbers(facts)
    known = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, steps + 1)[1:-1]))
    return StepShape(shape.name, edges[edges > known.min()])


def shape_of(name: str, facts: pd.Series) -> NumberShape | CategoryShape | None:
    """The shape that the examples' facts suggest; None where they are all alike, for nothing is learned from that."""
    numbers = as_numbers(facts)
    known = numbers[~np.isnan(numbers)]
    if len(known) and len(known) >= NUMBER_SHARE * facts.notna().sum():
        knots = np.unique([known.min(), *np.quantile(known, KNOT_QUANTILES), known.max()])
        if len(knots) == 1 and len(known) == len(numbers):
            return None
        return NumberShape(name, knots)
    texts = folded(facts)
    counts = pc.value_counts(texts.drop_null())
    seen = dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))
    often = sorted((-count, text) for text, count in seen.items() if count >= LEAST_SEEN)[:MOST_CATEGORIES]
    if not often or (len(seen) == 1 and texts.null_count == 0):
        return None
    return CategoryShape(name, tuple(sorted(text for _, text in often)))


def shape_from(document: dict[str, Any]) -> Shape:
    """The shape that `document()` described."""
    if document["kind"] == "cross":
        return CrossShape(_coded_from(document["first"]), _coded_from(document["second"]))
    if document["kind"] == "number":
        return NumberShape(document["name"], np.array(document["knots"], dtype=np.float64))
    return _coded_from(document)


def as_numbers(facts: pd.Series) -> FloatArray:
    """Numbers, NaN where there is none or it is not finite."""
    numbers: FloatArray = pd.to_numeric(facts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def folded(facts: pd.Series) -> pa.Array:
    """Texts without case and outer blanks; null where missing."""
    texts = facts if pd.api.types.is_string_dtype(facts.dtype) else facts.astype("str")
    column = pa.array(texts, type=pa.large_string(), from_pandas=True)
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pc.utf8_lower(pc.utf8_trim_whitespace(column))


def _coded_from(document: dict[str, Any]) -> StepShape | CategoryShape:
    if document["kind"] == "steps":
        return StepShape(document["name"], np.array(document["edges"], dtype=np.float64))
    return CategoryShape(document["name"], tuple(document["categories"]))


def _pairs(shape: CrossShape, features: pd.DataFrame) -> Codes:
    return shape.codes(_facts(features, shape.first.name), _facts(features, shape.second.name))


def _facts(features: pd.DataFrame, name: str) -> pd.Series:
    if name in features.columns:
        return features[name]
    return pd.Series(None, index=features.index, dtype="str")
