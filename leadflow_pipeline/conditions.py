"""Typed conditions over a lead's fields, as the campaign file writes them.

What belongs here: the one condition model that fit criteria, qualification filters and (later) custom factors share,
and its columnar evaluation. What does not: weights, points, statuses: they belong to the stage that uses a condition.
Pure: pandas in, pandas out. Beside `experiment` this is the only module of ours that a stage's rules may import,
because a campaign's author must be able to write the same condition everywhere.

A condition is three-valued: true, false, or unknown where the field is missing. The caller says what unknown means.
"""

from __future__ import annotations

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator


class Condition(BaseModel):
    """One test of one field. Exactly one of the tests must be given.

    `field` is a column of an enriched lead (`industry`, `company_size`, ...) or `custom.<name>`.
    Texts compare without regard to case and outer white space.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str
    equals: str | float | bool | None = None
    one_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] | None = None
    contains: tuple[str, ...] | None = Field(None, description="any of these texts occurs in the field")
    at_least: float | None = None
    at_most: float | None = None
    between: tuple[float, float] | None = Field(None, description="inclusive on both sides")
    is_missing: bool | None = None

    @model_validator(mode="after")
    def exactly_one_test(self) -> Condition:
        """Refuses none or several tests, and a range that ends before it begins."""
        raise NotImplementedError


def evaluate(condition: Condition, leads: pd.DataFrame) -> pd.Series:
    """True, false or missing (nullable boolean) for each lead, indexed as `leads`."""
    raise NotImplementedError


def describe(condition: Condition) -> str:
    """The condition in words, e.g. `industry is one of software, retail`."""
    raise NotImplementedError


def field_values(leads: pd.DataFrame, field: str) -> pd.Series:
    """The column of a field; `custom.<name>` is looked up in a column of that very name (missing if absent)."""
    raise NotImplementedError
