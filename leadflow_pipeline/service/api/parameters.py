"""What routes are told in addresses and bodies, as narrow as it can be: names, days, and bodies that are what they say.

What belongs here: kinds of values that several subjects share. What does not: any route.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

SLUG: Final = r"^[a-z0-9][a-z0-9_-]*$"
MOST_SLUG: Final = 200
DAY: Final = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"

CampaignSlug = Annotated[
    str, Path(pattern=SLUG, max_length=MOST_SLUG, description="slug of a registered campaign")
]
"""In the path."""

Reason = Annotated[str, Field(min_length=1, max_length=500, description="why, for those who read it later")]


def _day(value: Any) -> date:
    """A day as it is written; no number and no moment, which would be taken for days."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if not isinstance(value, str) or not re.fullmatch(DAY, value):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day", "must be a day, such as 2026-06-01") from None


Day = Annotated[date, BeforeValidator(_day), Field(json_schema_extra={"pattern": DAY})]
"""Of this century, as 2026-06-01: reckoning with it never leaves the calendar."""

AsOf = Annotated[
    Day | None,
    Query(description="the last day that counts, such as 2026-06-01; left out: the latest there is"),
]


def _rounded(digits: int) -> Any:
    return AfterValidator(lambda value: value if value is None else round(value, digits))


Share = Annotated[float, _rounded(4)]
"""A share or a probability, to four digits."""

Amount = Annotated[float, _rounded(2)]
"""Money, minutes or points, to two digits."""

Fine = Annotated[float, _rounded(6)]
"""Differences and p-values, to six digits."""


def today_of(now: datetime) -> date:
    """The day (UTC) of a moment."""
    return now.astimezone(UTC).date()


def _strictly(value: Any, handler: Any) -> Any:
    found = handler(value)
    if not isinstance(found, BaseModel):
        return found
    try:
        return type(found).model_validate_json(json.dumps(_whole(value)), strict=True)
    except ValidationError as error:
        place = ".".join(str(step) for step in error.errors(include_input=False)[0]["loc"] if step != "body")
        raise PydanticCustomError(
            "strict", "must be of the kinds that are documented", {"place": place}
        ) from None


def _whole(value: Any) -> Any:
    """With 5.0 as 5: to JSON Schema both are the same whole number, and some write all numbers so."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


Strict: Final = WrapValidator(_strictly)
"""For bodies: `"5"` is no number, and 1 is not true; 5.0 is 5."""
