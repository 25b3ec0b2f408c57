"""Requests, counted as they are answered: by route, method and status, and how long they took.

What belongs here: the outermost layer of the application. A route is told by its template, never by its address, so
that neither a lead's id nor what somebody made up becomes a label.
"""

from __future__ import annotations

import time
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadflow_pipeline.service.access.gate import BEHIND
from leadflow_pipeline.service.metrics.failing import FailingRequests

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
"""Seconds. A decision is to be made in 0.005 alone and in 0.2 among a thousand."""
NO_ROUTE: Final = "none"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """What is counted of requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.answered = Counter(
            "leadflow_http_requests_total",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "leadflow_http_request_seconds",
            "From the first line of a request to the end of its answer.",
            ("route", "method"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.under_way = Gauge(
            "leadflow_http_requests_under_way", "Requests that are being answered.", registry=registry
        )


class CountRequests:
    """The middleware."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, failing: FailingRequests) -> None:
        self._app = app
        self._metrics = metrics
        self._failing = failing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.under_way.inc()
        try:
            await self._app(scope, receive, sending)
        finally:
            self._metrics.under_way.dec()
            route = route_of(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.answered.labels(route, method, str(status)).inc()
            self._failing.count(route, status)
            self._metrics.seconds.labels(route, method).observe(time.perf_counter() - began)


def route_of(scope: Scope) -> str:
    """The template of the address that was found; `none` where none was.

    What FastAPI calls the path of a route lacks the prefix that its router was included with, in some versions.
    """
    route: Any = scope.get("route")
    if route is None:
        endpoint: Any = scope.get("endpoint")
        return str(getattr(endpoint, "__name__", NO_ROUTE))
    path = str(route.path)
    is_inside = scope["path"].startswith(BEHIND) and not path.startswith(BEHIND)
    return BEHIND.rstrip("/") + path if is_inside else path
