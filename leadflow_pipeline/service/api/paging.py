"""Pages of a long list, by cursors that say after which row to go on.

What belongs here: the shape of a page, what a cursor holds, and the condition that goes on after it. What does not: the
rest of a query. It takes `limit + 1` rows after the cursor's values, in a total order, so that no row is left out or
told twice whatever is added meanwhile.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, literal, tuple_

from leadflow_pipeline.service.problems import Problem

T = TypeVar("T")
Value = str | int | float | datetime | date
"""What a list may be ordered by."""

MOST_ON_A_PAGE = 500
LONGEST_CURSOR = 2_000
LARGEST = 2**63

Limit = Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="at most so many on the page")]
Cursor = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_CURSOR,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="`next_cursor` of the page before; none: the first page",
    ),
]


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    items: list[T]
    next_cursor: str | None = Field(None, description="asks for the next page; null: this is the last")


def page_of(rows: Sequence[T], limit: int, place: Callable[[T], Sequence[Value]]) -> Page[T]:
    """The page of `limit + 1` rows or fewer; `place` gives the values that a row is ordered by."""
    items = list(rows[:limit])
    return Page(items=items, next_cursor=cursor_of(place(items[-1])) if len(rows) > limit else None)


def cursor_of(values: Sequence[Value]) -> str:
    """A cursor that holds some values."""
    written = [value.isoformat() if isinstance(value, date) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(written).encode()).decode().rstrip("=")


def values_of(cursor: str | None, kinds: Sequence[type[Any]]) -> list[Any] | None:
    """What a cursor holds: one value of each kind (of `Value`); None of none. Times have a zone.

    Raises Problem (404) for what is no cursor of ours: it names a place of the list that there is not.
    """
    if cursor is None:
        return None
    try:
        written = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        if not isinstance(written, list):
            raise TypeError
        return [_read(value, kind) for value, kind in zip(written, kinds, strict=True)]
    except (ValueError, TypeError, RecursionError):
        raise Problem(HTTPStatus.NOT_FOUND, "the cursor is none of this list: begin without one") from None


def after(
    columns: Sequence[ColumnElement[Any]], values: Sequence[Value], *, descending: bool = False
) -> ColumnElement[bool]:
    """Rows behind a cursor's values, where they are ordered by `columns`, all of them up or all of them down.

    Compared as one row, so that an index over the columns finds the place.
    """
    row = tuple_(*columns)
    place = tuple_(*(literal(value, column.type) for value, column in zip(values, columns, strict=True)))
    return row < place if descending else row > place


def _read(value: Any, kind: type[Any]) -> Value:
    """Raises TypeError or ValueError for what is not of the kind."""
    if kind is datetime or kind is date:
        if type(value) is not str:
            raise TypeError
        read: datetime | date = kind.fromisoformat(value)
        return read.replace(tzinfo=read.tzinfo or UTC) if isinstance(read, datetime) else read
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise TypeError
    if isinstance(value, str):
        value.encode()  # a ValueError for half of a surrogate pair
        if "\x00" in value:
            raise ValueError
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) < LARGEST):
        raise ValueError
    return value  # type: ignore[no-any-return]
