"""Pages of a long list, by cursors that say after which row to go on.

What belongs here: the shape of a page, and what a cursor holds. What does not: any query. A query takes `limit + 1`
rows after the cursor's values, in a total order, so that no row is left out or told twice whatever is added meanwhile.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from leadflow_pipeline.service.problems import Problem

T = TypeVar("T")
MOST_ON_A_PAGE = 500

Limit = Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="at most so many on the page")]
Cursor = Annotated[
    str | None, Query(max_length=1_000, description="`next_cursor` of the page before; none: the first page")
]


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    items: list[T]
    next_cursor: str | None = Field(None, description="asks for the next page; null: this is the last")


def page_of(rows: Sequence[T], limit: int, place: Callable[[T], Sequence[str | int]]) -> Page[T]:
    """The page of `limit + 1` rows or fewer; `place` gives the values that a row is ordered by."""
    items = list(rows[:limit])
    return Page(items=items, next_cursor=cursor_of(place(items[-1])) if len(rows) > limit else None)


def cursor_of(values: Sequence[str | int]) -> str:
    """A cursor that holds some values."""
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def values_of(cursor: str | None, kinds: Sequence[type[str] | type[int]]) -> list[str | int] | None:
    """What a cursor holds: one value of each kind; None of none. Raises Problem (422) for what is no cursor of ours."""
    if cursor is None:
        return None
    try:
        values = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (ValueError, RecursionError):
        values = None
    fits = isinstance(values, list) and [type(value) for value in values] == list(kinds)
    if not fits or any(isinstance(value, str) and "\x00" in value for value in values):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the cursor is none of ours: begin without one")
    return list(values)
