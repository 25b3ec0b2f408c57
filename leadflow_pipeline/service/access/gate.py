"""The gate of `/api/v1`: no byte of a body is read before it is known who asks, and that they do not ask too often.

What belongs here: from the header to a caller, for every address behind the gate, those that there are not too. What
does not: what the caller may (`door`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadflow_pipeline.service.access.allowance import Allowance, Allowances
from leadflow_pipeline.service.access.callers import Callers
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.bodies import discard
from leadflow_pipeline.service.problems import Problem, answer_of, unexpected

BEHIND = "/api/v1/"


@dataclass(frozen=True)
class Admitted:
    """Who asks, and what is left to them."""

    caller: Caller
    allowance: Allowance


class Gatekeeper:
    """Lets callers in, one request at a time."""

    def __init__(self, callers: Callers, clock: Callable[[], float] = time.monotonic) -> None:
        self.callers = callers
        self._allowances = Allowances()
        self._clock = clock

    async def admit(self, headers: Headers) -> Admitted:
        """Whoever asks. Raises Problem: 401 for no token or a wrong one, 429 for one that asks too often."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        known = await self.callers.find(token.strip()) if scheme.lower() == "bearer" else None
        if known is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "the request has no valid token: send Authorization: Bearer TOKEN (leadflow token create)",
                {"WWW-Authenticate": "Bearer"},
            )
        allowance = self._allowances.take(known.caller.token_id, known.requests_a_minute, self._clock())
        if allowance.is_over:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"the token asks more than {allowance.limit:,} times a minute: come again after Retry-After seconds",
                allowance.headers,
            )
        return Admitted(known.caller, allowance)


class Gate:
    """The middleware. What it found out stands in the request's state, as `admitted`."""

    def __init__(self, app: ASGIApp, keeper: Gatekeeper) -> None:
        self._app = app
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(BEHIND):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            admitted = await self._keeper.admit(headers)
        except Exception as error:  # noqa: BLE001 - whoever asks gets an answer
            await discard(headers, receive)
            await answer_of(unexpected(error))(scope, receive, send)
            return
        scope.setdefault("state", {})["admitted"] = admitted

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                for name, value in admitted.allowance.headers.items():
                    told.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)
