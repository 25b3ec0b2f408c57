"""How the service says no: `application/problem+json` (RFC 9457), one plain sentence, nothing of what was sent.

What belongs here: the shape of every answer that is no success, and keeping the unexpected out of the logs but for its
kind and place. What does not: deciding what is a problem, and how wrong fields are worded (`field_words`).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.service.correlating import route_of
from leadflow_pipeline.service.field_words import FieldProblem, field_problems, names_in
from leadflow_pipeline.telemetry.correlation import present_correlation_id
from leadflow_pipeline.telemetry.logs import FIELDS

log = logging.getLogger(__name__)

SECONDS_TO_RETRY_AFTER = "10"
NOT_NOW: tuple[type[Exception], ...] = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    TransientError,
    psycopg.OperationalError,  # in the middle of a COPY, which SQLAlchemy does not wrap
)
"""The database is down, busy or restarting: the sender comes again, and nothing is lost."""


class Problem(Exception):
    """An answer other than success: a status and one plain sentence, and which parts of the request it is about."""

    def __init__(
        self,
        status: HTTPStatus,
        sentence: str,
        headers: Mapping[str, str] | None = None,
        fields: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})
        self.fields = tuple(fields)


def not_now(reason: str = "the database does not answer") -> Problem:
    """503: whoever asks is to come again."""
    again = {"Retry-After": SECONDS_TO_RETRY_AFTER}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}: send it again later", again)


def register(app: FastAPI) -> None:
    """Gives every refusal of the app the same shape."""
    app.add_exception_handler(Problem, _of_problem)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_middleware(_Unexpected)


async def _of_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for it
    return answer_of(error)


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers |= _allowed(request.app, request.url.path)
    return answer_of(Problem(status, SENTENCES.get(status, status.description or status.phrase), headers))


async def _of_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    fields = field_problems(error.errors(), names_in(request.app.openapi()))
    first, more = fields[0], len(fields) - 1
    others = f", and {more} more of it is not as documented" if more else ""
    return answer_of(
        Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"{first.field} {first.problem}{others}: see /docs", None, fields
        )
    )


def _allowed(app: FastAPI, path: str) -> Mapping[str, str]:
    """The header Allow of an address. A router knows each of its routes, not that others share their address."""
    paths: Mapping[str, Mapping[str, Any]] = app.openapi()["paths"]
    found = [path] if path in paths else [each for each in paths if compile_path(each)[0].match(path)]
    fewest = min((each.count("{") for each in found), default=0)
    methods = {method.upper() for each in found if each.count("{") == fewest for method in paths[each]}
    if "GET" in methods:
        methods.add("HEAD")  # `heads`
    return {"Allow": ", ".join(sorted(methods))} if methods else {}


SENTENCES = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address: see /docs",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address is not asked that way: see /docs",
}


def answer_of(problem: Problem) -> JSONResponse:
    """The answer that says it."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.sentence,
    }
    if problem.fields:
        content["errors"] = [asdict(each) for each in problem.fields]
    if (correlation_id := present_correlation_id()) is not None:
        content["correlation_id"] = correlation_id
    return JSONResponse(
        content, problem.status.value, headers=problem.headers, media_type="application/problem+json"
    )


class _Unexpected:
    """The outermost layer: turns errors into answers, and logs what nobody foresaw by kind and place alone.

    A server's own traceback would hold the message, and a message may hold a lead.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # whatever it is, the sender gets an answer
            if scope["type"] != "http":
                raise
            problem = unexpected(error)
            if has_begun:
                # The server closes the connection in the middle of the answer: it is seen not to be whole.
                fields = {"route": route_of(scope)}
                log.warning("an answer was broken off in its middle", extra={FIELDS: fields})
            else:
                await answer_of(problem)(scope, receive, send)


def unexpected(error: Exception) -> Problem:
    """What is answered where something went wrong; what nobody foresaw is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, NOT_NOW) or _is_away(error):
        log.warning("the database does not answer (%s)", type(error).__name__)
        return not_now()
    note_unexpected(error)
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here, and was noted: send it again later"
    )


def _is_away(error: Exception) -> bool:
    """Whether the database went in the middle, or is one that only reads: a standby that has not taken over yet."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error.orig, psycopg.errors.ReadOnlySqlTransaction)
    return isinstance(error, psycopg.errors.ReadOnlySqlTransaction)


def note_unexpected(error: Exception) -> None:
    """Logs what nobody foresaw: its kind and its place, for its message may hold a lead."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("%s in %s, line %s", type(error).__name__, place.filename, place.lineno)
