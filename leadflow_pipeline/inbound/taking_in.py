"""Lines that the service kept on its disk become rows, all of a file at once. A door to the database.

What belongs here: which kind of line goes where, and setting aside what the database will never hold. What does not:
the files (`service.tracking_journal`), and what each kind means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from leadflow_pipeline.inbound.preferences import CHOICE, store_choices
from leadflow_pipeline.inbound.providers.storing import EVENT, store_events
from leadflow_pipeline.inbound.tracking.storing import HIT, store_hits

Line = Mapping[str, Any]

REFUSED = ("22", "23", "54")
"""Classes of SQLSTATE: a value that does not fit, a constraint, a limit of the server."""


def take_in_lines(engine: Engine, lines: Sequence[Line]) -> list[Line]:
    """Stores lines in one transaction; those that were stored before change nothing. Returns what the database will
    never hold; raises whatever it raises where it is down or busy, and then nothing was stored.
    """
    if not lines:
        return []
    try:
        with engine.begin() as connection:
            _take_in(connection, lines)
    except (DBAPIError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DBAPIError) and not _is_refusal(error):
            raise
        if len(lines) == 1:
            return list(lines)
        # One of them took the others with it: the halves for themselves, until it is alone.
        half = len(lines) // 2
        return take_in_lines(engine, lines[:half]) + take_in_lines(engine, lines[half:])
    return []


def _take_in(connection: Connection, lines: Sequence[Line]) -> None:
    store_hits(connection, [line for line in lines if line["what"] == HIT])
    store_choices(connection, [line for line in lines if line["what"] == CHOICE])
    store_events(connection, [line for line in lines if line["what"] == EVENT])


def _is_refusal(error: DBAPIError) -> bool:
    return (getattr(error.orig, "sqlstate", None) or "").startswith(REFUSED)
