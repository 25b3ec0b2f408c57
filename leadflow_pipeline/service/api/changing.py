"""A request that changes something: carried out once, by whoever asks, in one transaction.

What belongs here: what such routes have in common. What does not: remembering answers (`idempotency`), and any change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from fastapi.responses import JSONResponse
from sqlalchemy import Connection, Engine

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.idempotency import Asked, IdempotencyKey, once
from leadflow_pipeline.service.problems import Problem


class Change:
    """The key of a request, and what was asked."""

    def __init__(self, idempotency_key: str | None, asked: str) -> None:
        self.idempotency_key, self.asked = idempotency_key, asked

    def carried_out(
        self,
        engine: Engine,
        caller: Caller,
        act: Callable[[Connection], Any],
        status: HTTPStatus = HTTPStatus.OK,
    ) -> JSONResponse:
        """The answer of `act`, or the one that the key had before. What `act` refuses is a conflict (409)."""
        with refused_as(HTTPStatus.CONFLICT):
            return once(engine, caller, self.idempotency_key, self.asked, act, status)


def _change(asked: Asked, idempotency_key: IdempotencyKey = None) -> Change:
    return Change(idempotency_key, asked)


Changing = Annotated[Change, Depends(_change)]
"""A parameter of routes that change something."""


@contextmanager
def refused_as(status: HTTPStatus) -> Iterator[None]:
    """Says what a rule of ours refuses. Only for rules whose sentence repeats nothing of what was sent."""
    try:
        yield
    except PermanentError as error:
        raise Problem(status, str(error)) from None


def refuse_days_due(due: int, *, accepted: bool) -> None:
    """Raises Problem (409) where a change makes computed days due again, and whoever asks has not said yes to it."""
    if due and not accepted:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"{due:,} day{'s' if due > 1 else ''} computed already would become due again: send accept_days_due: true "
            "if that is meant, or a later from_day",
        )
