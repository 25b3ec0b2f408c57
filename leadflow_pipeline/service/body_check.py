"""What any route of `/api/v1` is spared: addresses and bodies that are too large, too slow, or no plain JSON.

What belongs here: reading a body within limits before a route sees any of it. What does not: who sent it
(`access.gate`, which comes first), and what JSON may be (`strict_json`).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadflow_pipeline.service.access.gate import BEHIND
from leadflow_pipeline.service.bodies import bounded_blocks, discard, has_body, whole_body
from leadflow_pipeline.service.problems import Problem, answer_of, unexpected
from leadflow_pipeline.service.strict_json import parsed

MOST_BYTES: Final = 1 << 20
MOST_STREAMED: Final = 1 << 30
STREAMED = re.compile(r"/api/v1/.+/uploads?")
"""Addresses whose routes read a long body themselves, block by block, whatever its type."""

WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json", re.IGNORECASE)


class BodyCheck:
    """The middleware. What a body says stands in the request's state, as `json`, for routes of Starlette's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(BEHIND):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_looked_at = scope["method"] not in WITHOUT_BODY and has_body(headers)
        is_streamed = is_looked_at and STREAMED.fullmatch(scope["path"]) is not None
        try:
            _require_readable_address(scope)
            if is_looked_at:
                _require_readable_type(headers, is_streamed)
        except Problem as problem:
            await discard(headers, receive)
            await answer_of(problem)(scope, receive, send)
            return
        if is_streamed:
            await self._app(scope, bounded_blocks(receive, MOST_STREAMED), send)
        elif is_looked_at:
            try:
                receive = await _read_before(scope, headers, receive)
            except Exception as error:  # noqa: BLE001 - whoever asks gets an answer
                await answer_of(unexpected(error))(scope, receive, send)
                return
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _require_readable_type(headers: Headers, is_streamed: bool) -> None:
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is compressed: send it as it is")
    kind, _, parameters = headers.get("content-type", "").partition(";")
    if not is_streamed and not (JSON_TYPE.fullmatch(kind.strip()) and _is_utf_8(parameters)):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is not said to be JSON: send application/json"
        )


async def _read_before(scope: Scope, headers: Headers, receive: Receive) -> Receive:
    """Where a route gets the body from, once all of it is there and known to be harmless."""
    body = await whole_body(headers, receive, MOST_BYTES)
    if body:
        scope.setdefault("state", {})["json"] = parsed(body)
    is_told = False

    async def again() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _is_utf_8(parameters: str) -> bool:
    name, _, value = parameters.partition("=")
    return name.strip().lower() != "charset" or value.strip().strip('"').lower() in ("utf-8", "utf8")


def _require_readable_address(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
        raise Problem(HTTPStatus.BAD_REQUEST, "the address holds a NUL: leave it out")
