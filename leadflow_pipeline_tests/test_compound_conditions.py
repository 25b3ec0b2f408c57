"""Compound conditions: Kleene's laws, and a column judged as each lead alone would be."""

from __future__ import annotations

from itertools import product
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from leadflow_pipeline.compound_conditions import (
    AnyCondition,
    Compound,
    describe_any,
    evaluate_any,
    fields_asked,
)
from leadflow_pipeline.conditions import Condition
from leadflow_pipeline_tests.qualify.naive import FIELDS, LEADS, VALUES, formulas, holds, single_tests

CONDITION: TypeAdapter[AnyCondition] = TypeAdapter(AnyCondition)


def combined(combination: str, *parts: AnyCondition) -> Compound:
    return Compound.model_validate({combination: list(parts) if combination != "not" else parts[0]})


def verdicts(condition: AnyCondition, leads: list[dict[str, Any]]) -> list[bool | None]:
    frame = pd.DataFrame(leads, columns=list(FIELDS)).astype(FIELDS)
    found = evaluate_any(condition, frame)
    assert found.dtype == "boolean"
    assert found.index.equals(frame.index)
    return [None if pd.isna(verdict) else bool(verdict) for verdict in found]


@settings(max_examples=80)
@given(condition=formulas(), leads=LEADS)
def test_a_column_is_judged_as_each_lead_alone(
    condition: dict[str, Any], leads: list[dict[str, Any]]
) -> None:
    assert verdicts(CONDITION.validate_python(condition), leads) == [holds(condition, lead) for lead in leads]


TRUTHS = pd.DataFrame(list(product([True, False, None], repeat=3)), columns=["a", "b", "c"], dtype="boolean")
"""Every way in which three statements may be true, false or unknown."""


def test_kleenes_laws_hold() -> None:
    a, b, c = (Condition(field=name, equals=True) for name in TRUTHS)

    def same(one: AnyCondition, other: AnyCondition) -> None:
        pd.testing.assert_series_equal(
            evaluate_any(one, TRUTHS), evaluate_any(other, TRUTHS), check_names=False
        )

    for both, either in (("all", "any"), ("any", "all")):
        same(combined(both, a, b), combined(both, b, a))
        same(combined(both, a, combined(both, b, c)), combined(both, combined(both, a, b), c))
        same(combined(both, a, b, c), combined(both, combined(both, a, b), c))
        same(combined(both, a, a), a)
        same(combined(both, a), a)
        same(combined(both, a, combined(either, a, b)), a)
        same(
            combined(both, a, combined(either, b, c)),
            combined(either, combined(both, a, b), combined(both, a, c)),
        )
        same(combined("not", combined(both, a, b)), combined(either, combined("not", a), combined("not", b)))
    same(combined("not", combined("not", a)), a)


def test_the_truth_tables_are_kleenes() -> None:
    a, b = (Condition(field=name, equals=True) for name in "ab")
    pairs = pd.DataFrame(list(product([True, False, None], repeat=2)), columns=["a", "b"], dtype="boolean")

    def table(condition: AnyCondition) -> str:
        return evaluate_any(condition, pairs).map({True: "T", False: "F"}).fillna("U").str.cat()

    assert table(combined("all", a, b)) == "TFUFFFUFU"
    assert table(combined("any", a, b)) == "TTTTFUTUU"
    assert table(combined("not", a)) == "FFFTTTUUU"


@settings(max_examples=40)
@given(
    condition=formulas(),
    leads=LEADS,
    told=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}),
)
def test_knowing_more_settles_and_never_turns_a_verdict(
    condition: dict[str, Any], leads: list[dict[str, Any]], told: dict[str, Any]
) -> None:
    informed = [
        {name: told[name] if value is None else value for name, value in lead.items()} for lead in leads
    ]
    if any("is_missing" in test for test in single_tests(condition)):
        return  # whether a field is missing is itself what knowing more changes
    model = CONDITION.validate_python(condition)
    for before, after in zip(verdicts(model, leads), verdicts(model, informed), strict=True):
        assert before is None or after == before


def test_the_excluded_middle_is_unknown_where_the_field_is() -> None:
    known = CONDITION.validate_python({"field": "industry", "equals": "software"})
    assert verdicts(combined("any", known, combined("not", known)), [dict.fromkeys(FIELDS)]) == [None]


def test_a_compound_is_read_as_it_is_written() -> None:
    condition = CONDITION.validate_json(
        '{"any": [{"field": "industry", "equals": "software"},'
        ' {"all": [{"field": "custom.plan", "one_of": ["gold"]}, {"not": {"field": "budget", "at_most": 5}}]}]}',
        strict=True,
    )
    assert (
        describe_any(condition) == "industry is software or (plan is one of gold and not budget is at most 5)"
    )
    assert fields_asked(condition) == ["industry", "custom.plan", "budget"]
    assert CONDITION.validate_python(CONDITION.dump_python(condition, exclude_unset=True)) == condition


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"all": [], "any": []}, "at least 1"),
        (
            {"all": [{"field": "a", "at_least": 1.0}], "not": {"field": "a", "at_least": 1.0}},
            "has 2: all, not",
        ),
        ({"all": [{"field": "a"}]}, "exactly one test"),
        ({"any": [{"field": "a", "at_least": 1.0}], "field": "b"}, "Extra inputs"),
    ],
)
def test_a_compound_is_one_combination(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CONDITION.validate_python(wrong)
