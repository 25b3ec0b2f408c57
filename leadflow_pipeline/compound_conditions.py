"""Conditions put together by all, any and not, in three-valued logic.

What belongs here: the model of a compound condition, its columnar evaluation, its words and the fields it asks for.
What does not: single tests (`conditions`), and what a verdict leads to. Pure; stages share it as they share
`conditions`: wherever a campaign file takes `AnyCondition`, its author may write one test or a whole formula.

The logic is Kleene's (strong three-valued logic): `all` is false as soon as one part is false, whatever else is
unknown; `any` is true as soon as one part is true; `not` of unknown is unknown. So more knowledge never turns a
verdict from true to false or back, it only settles what was unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import and_, or_
from typing import Annotated, Any, TypeAlias

import pandas as pd
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from leadflow_pipeline.conditions import Condition, describe, evaluate

COMBINATIONS: tuple[str, ...] = ("all", "any", "not")


class Compound(BaseModel):
    """Several conditions as one. Exactly one of `all`, `any` and `not` must be given."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True)

    all: tuple[AnyCondition, ...] | None = Field(None, min_length=1, description="every one of these holds")
    any: tuple[AnyCondition, ...] | None = Field(None, min_length=1, description="one of these holds")
    not_: AnyCondition | None = Field(None, alias="not", description="this does not hold")

    @model_validator(mode="after")
    def exactly_one_combination(self) -> Compound:
        """Refuses none or several combinations: which of them binds closer would be anyone's guess."""
        given = [
            name
            for name, parts in zip(COMBINATIONS, (self.all, self.any, self.not_), strict=True)
            if parts is not None
        ]
        if len(given) != 1:
            found = f"has {len(given)}: {', '.join(given)}" if given else "has none"
            raise ValueError(
                f"a compound condition needs exactly one of {', '.join(COMBINATIONS)}, but this one {found}; "
                "put one inside the other"
            )
        return self

    @property
    def parts(self) -> tuple[AnyCondition, ...]:
        """What it is put together from."""
        return (self.not_,) if self.not_ is not None else (self.all or self.any or ())


def _kind_of(value: Any) -> str:
    """Whether a value in a campaign file, or a model, is one test or several."""
    if isinstance(value, BaseModel):
        return "several_tests" if isinstance(value, Compound) else "one_test"
    return "several_tests" if isinstance(value, dict) and set(value) & set(COMBINATIONS) else "one_test"


AnyCondition: TypeAlias = Annotated[
    Annotated[Condition, Tag("one_test")] | Annotated[Compound, Tag("several_tests")],
    Discriminator(_kind_of),
]
"""One test of one field, or tests put together."""

Compound.model_rebuild()


def evaluate_any(condition: AnyCondition, leads: pd.DataFrame) -> pd.Series[bool]:
    """True, false or missing (nullable boolean) for each lead, indexed as `leads`."""
    if isinstance(condition, Condition):
        return evaluate(condition, leads)
    verdicts = [evaluate_any(part, leads) for part in condition.parts]
    # The operators of pandas' nullable booleans are Kleene's.
    if condition.not_ is not None:
        return ~verdicts[0]
    return reduce(and_ if condition.all is not None else or_, verdicts)


def describe_any(condition: AnyCondition) -> str:
    """The condition in words, e.g. `industry is software and (budget is known or not country is DE)`."""
    if isinstance(condition, Condition):
        return describe(condition)
    if condition.not_ is not None:
        return f"not {_bracketed(condition.not_)}"
    return (" and " if condition.all is not None else " or ").join(map(_bracketed, condition.parts))


def tests_in(condition: AnyCondition) -> Iterator[Condition]:
    """Every single test of a condition, in the order in which it is written."""
    if isinstance(condition, Condition):
        yield condition
    else:
        for part in condition.parts:
            yield from tests_in(part)


def fields_asked(condition: AnyCondition) -> list[str]:
    """The fields that a condition asks for, each once."""
    return list(dict.fromkeys(test.field for test in tests_in(condition)))


def _bracketed(part: AnyCondition) -> str:
    words = describe_any(part)
    return f"({words})" if isinstance(part, Compound) and len(part.parts) > 1 else words
