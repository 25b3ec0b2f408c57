"""The correlation id: one name for all that comes of a request or a run, from its answer to the last of its messages.

What belongs here: the id of what is being done now. What does not: headers, tags and columns that carry it. Columns of
the database take it by themselves: it is their default (`store.schema`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

CORRELATION_TAG: Final = "leadflow/correlation_id"
"""Of a Dagster run."""

HEADER: Final = "X-Correlation-ID"
WELL_FORMED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
ID_BYTES: Final = 12

_present: ContextVar[str | None] = ContextVar("correlation_id", default=None)


def present_correlation_id() -> str | None:
    """The id of what is being done now; None where nobody gave one."""
    return _present.get()


def new_correlation_id() -> str:
    """An id that nobody else has."""
    return secrets.token_hex(ID_BYTES)


def taken_over(given: str | None) -> str:
    """The id that somebody else gave, where it is one; else a new one. What is no id might hold anything."""
    return given if given is not None and WELL_FORMED.fullmatch(given) else new_correlation_id()


@contextmanager
def correlated(correlation_id: str | None) -> Iterator[None]:
    """Whatever is done within belongs to the id."""
    token = _present.set(correlation_id)
    try:
        yield
    finally:
        _present.reset(token)
