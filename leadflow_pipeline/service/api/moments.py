"""Moments as they are sent: RFC 3339 with a zone, and nothing else that could be taken for one. Pure.

What belongs here: the kind of a parameter or a member. What does not: days.

Pydantic's own takes numbers for seconds since 1970, and moments of years that no time zone's clock reaches.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)


def _written(value: Any) -> Any:
    if isinstance(value, str) and not WRITTEN.fullmatch(value):
        raise PydanticCustomError("datetime_parsing", "is no time")
    if not isinstance(value, str | datetime):
        raise PydanticCustomError("datetime_type", "is no time")
    return value


def _in_utc(moment: datetime) -> datetime:
    """In UTC; the first or last moment of the calendar for what lies beyond it there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return FIRST if moment.year == 1 else LAST


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), BeforeValidator(_written)]
"""As 2026-06-01T09:00:00Z; in UTC once it is read."""
