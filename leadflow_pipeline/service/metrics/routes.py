"""`GET /metrics`, for Prometheus: with a token that may read, or openly on this machine where a setting says so."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from leadflow_pipeline.service.access.door import caller_of
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.metrics.failing import FailingRequests
from leadflow_pipeline.service.metrics.pipeline import PipelineMetrics
from leadflow_pipeline.service.metrics.requests import CountRequests, RequestMetrics
from leadflow_pipeline.settings import get_settings

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/plain": {"schema": {"type": "string"}}},
        "description": "Prometheus' text format.",
    },
    401: {"description": "No valid token."},
    403: {"description": "The token is good for some campaigns only."},
    429: {"description": "The token asks too often."},
    503: {"description": "Tokens cannot be looked up now."},
}


def add_metrics(app: FastAPI, context: ServiceContext, failing: FailingRequests) -> None:
    """Counts every request of the app, and serves the numbers. What is added to the app later is counted too."""
    registry = CollectorRegistry()
    app.add_middleware(CountRequests, metrics=RequestMetrics(registry), failing=failing)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(PipelineMetrics(context))
    router = APIRouter(tags=["health"])

    @router.get(
        "/metrics",
        response_class=Response,
        responses=ANSWERS,
        openapi_extra={"security": [{Scope.READ.word: []}]},
    )
    async def metrics(request: Request) -> Response:
        """Numbers about the service and the pipeline, in Prometheus' text format."""
        if not _is_open_to(request):
            caller = await caller_of(request, Scope.READ)
            caller.require_all_campaigns()
        text = await run_in_threadpool(generate_latest, registry)
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    app.include_router(router)


def _is_open_to(request: Request) -> bool:
    """Whether the setting opens it to whoever asks from this machine."""
    if not get_settings().metrics_open or request.client is None:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
