"""Conditions: every verdict as a careful person would give it, lead by lead."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leadflow_pipeline.conditions import (
    FALSE_WORDS,
    NUMBER,
    TRUE_WORDS,
    Condition,
    describe,
    evaluate,
    field_values,
)

WORDS = st.sampled_from(
    ("software", " Software ", "SOFTWARE", "soft", "Ärzte", "ärzte", "yes", "NO", "true", "0", "1", "5",
     "5.0", "-2.5", "1e3", "1,500", "", "  ", "nan", "inf", "x")
)  # fmt: skip
NUMBERS = st.sampled_from([-2.5, 0.0, 1.0, 5.0, 1000.0])
COLUMNS = {
    "str": st.none() | WORDS,
    "float64": st.none() | NUMBERS,
    "Int64": st.none() | st.integers(-3, 6),
    "boolean": st.none() | st.booleans(),
}
TESTS = st.one_of(
    st.builds(dict, equals=WORDS),
    st.builds(dict, equals=NUMBERS),
    st.builds(dict, equals=st.booleans()),
    st.builds(dict, one_of=st.lists(WORDS, min_size=1, max_size=3)),
    st.builds(dict, none_of=st.lists(WORDS, min_size=1, max_size=3)),
    st.builds(dict, contains=st.lists(st.sampled_from(["SOFT", "ware", "5"]), min_size=1, max_size=2)),
    st.builds(dict, at_least=NUMBERS),
    st.builds(dict, at_most=NUMBERS),
    st.tuples(NUMBERS, NUMBERS).map(lambda pair: {"between": tuple(sorted(pair))}),
    st.builds(dict, is_missing=st.booleans()),
)


@given(
    columns=st.sampled_from(sorted(COLUMNS)).flatmap(
        lambda dtype: st.tuples(st.just(dtype), st.lists(COLUMNS[dtype], max_size=6))
    ),
    test=TESTS,
)
@settings(max_examples=300)
def test_a_column_is_judged_as_each_value_would_be(
    columns: tuple[str, list[Any]], test: dict[str, Any]
) -> None:
    dtype, values = columns
    if dtype != "str":
        test.pop("contains", None)
        if not test:
            return
    leads = pd.Series(values, index=range(10, 10 + len(values)), dtype=dtype).to_frame("field")

    verdicts = evaluate(Condition(field="field", **test), leads)

    assert verdicts.dtype == "boolean"
    assert list(verdicts.index) == list(leads.index)
    assert [None if pd.isna(verdict) else bool(verdict) for verdict in verdicts] == [
        judged_alone(test, value) for value in values
    ]


def judged_alone(test: dict[str, Any], value: Any) -> bool | None:
    """The plain reading of the rules, one value at a time."""
    ((name, wanted),) = test.items()
    blank = value is None or (isinstance(value, str) and not value.strip())
    if name == "is_missing":
        return blank is wanted
    if blank:
        return None
    if name in ("at_least", "at_most", "between") or isinstance(wanted, float):
        number = as_number(value)
        if number is None:
            return None
        low, high = {
            "at_least": lambda: (wanted, float("inf")),
            "at_most": lambda: (float("-inf"), wanted),
            "between": lambda: wanted,
            "equals": lambda: (wanted, wanted),
        }[name]()
        return bool(low <= number <= high)
    if name == "contains":
        return any(word.lower() in value.lower() for word in wanted)
    if isinstance(wanted, bool):
        words = list(TRUE_WORDS if wanted else FALSE_WORDS)
    else:
        words = [wanted] if isinstance(wanted, str) else list(wanted)
    found = any(is_the_word(value, word.strip().lower()) for word in words)
    return not found if name == "none_of" else found


def is_the_word(value: Any, word: str) -> bool:
    if isinstance(value, bool):
        return word in (TRUE_WORDS if value else FALSE_WORDS)
    if isinstance(value, int | float):
        return as_number(word) == value
    return bool(value.strip().lower() == word)


def as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return float(value) if re.fullmatch(NUMBER, value.strip()) else None


def test_a_field_that_no_lead_has_is_unknown() -> None:
    leads = pd.DataFrame({"industry": ["software", "retail"]})

    assert field_values(leads, "custom.plan").isna().all()
    assert evaluate(Condition(field="custom.plan", equals="gold"), leads).isna().all()
    assert evaluate(Condition(field="custom.plan", is_missing=True), leads).all()


def test_words_are_found_however_their_accents_are_typed() -> None:
    leads = pd.DataFrame({"city": ["K\u00f6ln"]})

    assert evaluate(Condition(field="city", equals="Ko\u0308ln"), leads).tolist() == [True]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ({}, "this one has none"),
        ({"equals": 1, "at_least": 2}, "this one has 2: equals, at_least"),
        ({"between": (5, 1)}, "begins at 5 but ends before it, at 1"),
        ({"one_of": ()}, "at least 1 item"),
        ({"equals": "a", "unknown": 1}, "Extra inputs"),
    ],
)
def test_a_condition_has_exactly_one_test_that_can_be_met(test: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Condition(field="industry", **test)


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"one_of": ("software", "retail")}, "company size is one of software, retail"),
        ({"none_of": ("x",)}, "company size is none of x"),
        ({"contains": ("a", "b")}, "company size contains a or b"),
        ({"at_least": 50}, "company size is at least 50"),
        ({"at_most": 0.5}, "company size is at most 0.5"),
        ({"between": (50, 1000)}, "company size is between 50 and 1000"),
        ({"is_missing": False}, "company size is known"),
        ({"equals": True}, "company size is true"),
        ({"equals": 7}, "company size is 7"),
        ({"equals": "seven"}, "company size is seven"),
    ],
)
def test_a_condition_can_be_said_in_words(test: dict[str, Any], words: str) -> None:
    assert describe(Condition(field="company_size", **test)) == words
