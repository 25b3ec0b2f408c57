"""Around every request: its correlation id, its span, and its line in the access log.

What belongs here: what is said of each request whatever it asks for. What does not: what is asked for.

The line has the route's pattern, never the address itself: addresses hold ids of leads, and queries anything. Nor has
it the sender's network address or token.
"""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadflow_pipeline.telemetry.correlation import HEADER, correlated, taken_over
from leadflow_pipeline.telemetry.logs import FIELDS
from leadflow_pipeline.telemetry.spans import span

log = logging.getLogger(__name__)

NO_ROUTE = "(none)"


class Correlating:
    """Middleware: the id of the request's header or a new one, in the answer's header and in all that comes of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation_id = taken_over(Headers(scope=scope).get(HEADER))
        status, begun = 0, time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = correlation_id
            await send(message)

        with correlated(correlation_id):
            try:
                with span("request", method=scope["method"]):
                    await self._app(scope, receive, sending)
            finally:
                if log.isEnabledFor(logging.INFO):
                    milliseconds = round((time.perf_counter() - begun) * 1000, 1)
                    log.info(
                        "answered",
                        extra={
                            FIELDS: {
                                "method": scope["method"],
                                "route": route_of(scope),
                                "status": status,
                                "milliseconds": milliseconds,
                            }
                        },
                    )


def route_of(scope: Scope) -> str:
    """The pattern of the route that answered: `/api/v1/campaigns/{campaign}`."""
    route = scope.get("route")
    return str(getattr(route, "path", NO_ROUTE))
