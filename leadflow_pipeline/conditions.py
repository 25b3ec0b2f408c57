"""Typed conditions over a lead's fields, as the campaign file writes them.

What belongs here: the one condition model that fit criteria, qualification filters and factors share, and its
columnar evaluation. What does not: weights, points, statuses: they belong to the stage that uses a condition.
Several put together are `compound_conditions`. Pure: pandas in, pandas out. Beside `experiment` these two are the only
modules of ours that a stage's rules may import, because a campaign's author must be able to write the same condition
everywhere.

A condition is three-valued: true, false, or unknown where the field is missing (or where a number is asked
for and the text is not one). The caller says what unknown means.

A column may be text or number whatever the author had in mind, because custom fields arrive as text. So the
test decides: `at_least`, `at_most`, `between` and `equals: 5` compare numbers; `one_of`, `none_of`,
`contains` and `equals: five` compare texts, except that a column of numbers is compared with the numbers that
the words spell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

TRUE_WORDS: tuple[str, ...] = ("true", "yes", "y", "1")
FALSE_WORDS: tuple[str, ...] = ("false", "no", "n", "0")
"""How texts spell the two truth values, in lower case."""

TESTS: tuple[str, ...] = (
    "equals", "one_of", "none_of", "contains", "at_least", "at_most", "between", "is_missing",
)  # fmt: skip

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
"""A number as texts write it: no thousands separators, because 1,500 means two things."""


class Condition(BaseModel):
    """One test of one field. Exactly one of the tests must be given.

    `field` is a column of an enriched lead (`industry`, `company_size`, ...) or `custom.<name>`.
    Texts compare without regard to case and outer white space.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str
    equals: str | float | bool | None = None
    one_of: tuple[str, ...] | None = Field(None, min_length=1)
    none_of: tuple[str, ...] | None = Field(None, min_length=1)
    contains: tuple[str, ...] | None = Field(
        None, min_length=1, description="any of these texts occurs in the field"
    )
    at_least: float | None = None
    at_most: float | None = None
    between: tuple[float, float] | None = Field(None, description="inclusive on both sides")
    is_missing: bool | None = None

    @model_validator(mode="after")
    def exactly_one_test(self) -> Condition:
        """Refuses none or several tests, and a range that ends before it begins."""
        given = [test for test in TESTS if getattr(self, test) is not None]
        if len(given) != 1:
            found = f"has {len(given)}: {', '.join(given)}" if given else "has none"
            raise ValueError(f"a condition needs exactly one test ({', '.join(TESTS)}), but this one {found}")
        if self.between is not None and self.between[0] > self.between[1]:
            raise ValueError(
                f"between begins at {self.between[0]:g} but ends before it, at {self.between[1]:g}"
            )
        return self


def evaluate(condition: Condition, leads: pd.DataFrame) -> pd.Series[bool]:
    """True, false or missing (nullable boolean) for each lead, indexed as `leads`."""
    values = field_values(leads, condition.field)
    if condition.is_missing is None and (bounds := _bounds(condition)) is not None:
        numbers = _as_numbers(values)
        return _verdict(numbers.between(*bounds), unknown=numbers.isna().to_numpy())
    blank = _is_blank(values)
    if condition.is_missing is not None:
        verdict = pd.Series(blank == condition.is_missing, index=values.index)
        return _verdict(verdict, unknown=np.zeros(len(values), dtype=bool))
    return _verdict(_passes_words(condition, values), unknown=blank)


def _verdict(verdict: pd.Series[bool], *, unknown: npt.NDArray[np.bool_]) -> pd.Series[bool]:
    """As a nullable column, missing where it is unknown."""
    found = pd.arrays.BooleanArray(verdict.to_numpy(dtype=bool, copy=True), unknown.copy())
    return pd.Series(found, index=verdict.index)


def holds(condition: Condition, value: Any) -> bool | None:
    """As `evaluate`, of one value as the database gives it: text, number, truth value, date or None."""
    is_blank = value is None or (isinstance(value, str) and not value.strip())
    if condition.is_missing is not None:
        return is_blank == condition.is_missing
    if (bounds := _bounds(condition)) is not None:
        number = _as_number(value)
        return None if number is None else bounds[0] <= number <= bounds[1]
    if is_blank:
        return None
    if condition.none_of is not None:
        return not _is_word(value, condition.none_of)
    if condition.contains is not None:
        text = str(value).strip().lower()
        return any(word in text for word in _words_kept(condition.contains))
    if condition.one_of is not None:
        return _is_word(value, condition.one_of)
    if isinstance(condition.equals, bool):
        return _is_word(value, TRUE_WORDS if condition.equals else FALSE_WORDS)
    return _is_word(value, (str(condition.equals),))


def _is_word(value: Any, words: tuple[str, ...]) -> bool:
    """As `_is_one_of`, of one value."""
    spelt = _words_kept(words)
    if isinstance(value, bool):
        return bool(set(TRUE_WORDS if value else FALSE_WORDS) & set(spelt))
    if isinstance(value, int | float):
        return any(_as_number(word) == value for word in spelt)
    return str(value).strip().lower() in spelt


def _as_number(value: Any) -> float | None:
    """As `_as_numbers`, of one value."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return None if value != value else float(value)
    text = value.strip().lower() if isinstance(value, str) else ""
    return float(text) if re.fullmatch(NUMBER, text, re.ASCII) else None


@lru_cache(maxsize=1024)
def _words_kept(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", word).strip().lower() for word in words)


def describe(condition: Condition) -> str:
    """The condition in words, e.g. `industry is one of software, retail`."""
    field = condition.field.removeprefix("custom.").replace("_", " ")
    if condition.one_of is not None:
        return f"{field} is one of {', '.join(condition.one_of)}"
    if condition.none_of is not None:
        return f"{field} is none of {', '.join(condition.none_of)}"
    if condition.contains is not None:
        return f"{field} contains {' or '.join(condition.contains)}"
    if condition.at_least is not None:
        return f"{field} is at least {condition.at_least:g}"
    if condition.at_most is not None:
        return f"{field} is at most {condition.at_most:g}"
    if condition.between is not None:
        return f"{field} is between {condition.between[0]:g} and {condition.between[1]:g}"
    if condition.is_missing is not None:
        return f"{field} is {'missing' if condition.is_missing else 'known'}"
    if isinstance(condition.equals, bool):
        return f"{field} is {'true' if condition.equals else 'false'}"
    return (
        f"{field} is {condition.equals:g}"
        if isinstance(condition.equals, float)
        else f"{field} is {condition.equals}"
    )


def field_values(leads: pd.DataFrame, field: str) -> pd.Series:
    """The column of a field; `custom.<name>` is looked up under that very name (missing if absent)."""
    if field in leads.columns:
        return leads[field]
    return pd.Series(pd.NA, index=leads.index, dtype="str", name=field)


def _bounds(condition: Condition) -> tuple[float, float] | None:
    """The closed interval that a test on numbers accepts; None for a test on words."""
    if condition.between is not None:
        return condition.between
    if condition.at_least is not None:
        return condition.at_least, np.inf
    if condition.at_most is not None:
        return -np.inf, condition.at_most
    if isinstance(condition.equals, float):
        return condition.equals, condition.equals
    return None


def _passes_words(condition: Condition, values: pd.Series) -> pd.Series[bool]:
    """The verdict of a test on words; of no meaning where a value is missing."""
    if condition.none_of is not None:
        return ~_is_one_of(values, condition.none_of)
    if condition.contains is not None:
        return _contains_any(values, condition.contains)
    if condition.one_of is not None:
        return _is_one_of(values, condition.one_of)
    if isinstance(condition.equals, bool):
        return _is_one_of(values, TRUE_WORDS if condition.equals else FALSE_WORDS)
    return _is_one_of(values, (str(condition.equals),))


def _is_blank(values: pd.Series) -> npt.NDArray[np.bool_]:
    """Missing, or a text of nothing but white space."""
    blank: npt.NDArray[np.bool_] = values.isna().to_numpy()
    if _is_text(values):
        blank = blank | (values.astype("str").str.strip() == "").to_numpy(dtype=bool)
    return blank


def _is_one_of(values: pd.Series, words: Sequence[str]) -> pd.Series[bool]:
    """Whether each value is one of the words; a number or truth value is one that the words spell."""
    spelt = _tidy_words(words)
    if pd.api.types.is_bool_dtype(values.dtype):
        truths = [
            truth for truth, forms in ((True, TRUE_WORDS), (False, FALSE_WORDS)) if set(forms) & set(spelt)
        ]
        return values.isin(truths)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _as_numbers(values).isin(_as_numbers(pd.Series(spelt, dtype="str")).dropna())
    return _tidy(values).isin(spelt)


def _contains_any(values: pd.Series, words: Sequence[str]) -> pd.Series[bool]:
    """Whether any of the words occurs in each value, read as text."""
    texts = _tidy(values)
    found = pd.Series(False, index=values.index)
    for word in _tidy_words(words):
        found |= texts.str.contains(word, regex=False).fillna(False).astype(bool)
    return found


def _as_numbers(values: pd.Series) -> pd.Series[float]:
    """Values as float64; NaN where there is none, or where a text spells no number."""
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype):
        return pd.Series(np.nan, index=values.index)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index)
    texts = _tidy(values)
    spells_number = texts.str.fullmatch(NUMBER).fillna(False).astype(bool)
    return texts.where(spells_number).astype("float64")


def _is_text(values: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(values.dtype) or values.dtype == object


def _tidy(values: pd.Series) -> pd.Series[str]:
    """Lower case without outer white space: what texts are compared as."""
    return values.astype("str").str.strip().str.lower()


def _tidy_words(words: Sequence[str]) -> list[str]:
    """Words as `_tidy` makes columns; composed as a lead's texts are, whatever the author's keyboard does."""
    return _tidy(pd.Series([unicodedata.normalize("NFC", word) for word in words], dtype="str")).tolist()
