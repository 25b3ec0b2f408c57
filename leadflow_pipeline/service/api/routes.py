"""Every route of `/api/v1`, composed."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, FastAPI

from leadflow_pipeline.service.access.gate import Gate, Gatekeeper
from leadflow_pipeline.service.api.alerts import alerts_router
from leadflow_pipeline.service.api.health import health_of_all_router
from leadflow_pipeline.service.api.operations import operations_router
from leadflow_pipeline.service.body_check import BodyCheck
from leadflow_pipeline.service.context import ServiceContext

ROUTERS: tuple[Callable[[ServiceContext], APIRouter], ...] = (
    alerts_router,
    health_of_all_router,
    operations_router,
)  # fmt: skip
"""Each makes the routes of one subject, without the prefix."""


def add_api(app: FastAPI, context: ServiceContext) -> None:
    """Serves all of them."""
    app.state.context = context
    api = APIRouter(prefix="/api/v1")
    for router in ROUTERS:
        api.include_router(router(context))
    app.include_router(api)


def add_access(app: FastAPI, keeper: Gatekeeper) -> None:
    """What stands before all of them: first who asks, then what they send."""
    app.state.gatekeeper = keeper
    app.add_middleware(BodyCheck)  # what is added later comes earlier
    app.add_middleware(Gate, keeper=keeper)
