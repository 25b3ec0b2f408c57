"""Every route of `/api/v1`, composed."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware

from leadflow_pipeline.service.access.allowance import TOLD
from leadflow_pipeline.service.access.gate import Gate, Gatekeeper
from leadflow_pipeline.service.api.alerts import alerts_router
from leadflow_pipeline.service.api.analytics import analytics_router
from leadflow_pipeline.service.api.audit import audit_router
from leadflow_pipeline.service.api.campaign_figures import campaign_figures_router
from leadflow_pipeline.service.api.campaigns import campaigns_router
from leadflow_pipeline.service.api.experiments import experiments_router
from leadflow_pipeline.service.api.health import health_of_all_router
from leadflow_pipeline.service.api.leads import leads_router
from leadflow_pipeline.service.api.literal_addresses import literal_addresses_router
from leadflow_pipeline.service.api.models import models_router
from leadflow_pipeline.service.api.operations import operations_router
from leadflow_pipeline.service.api.reps import rep_performance_router, reps_router
from leadflow_pipeline.service.api.routing import add_quick_decide, routing_router
from leadflow_pipeline.service.api.runs import runs_router
from leadflow_pipeline.service.api.similar_accounts import similar_accounts_router
from leadflow_pipeline.service.api.webhook_endpoints import webhook_endpoints_router
from leadflow_pipeline.service.body_check import BodyCheck
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.heads import Heads
from leadflow_pipeline.settings import get_settings

ROUTERS: tuple[Callable[[ServiceContext], APIRouter], ...] = (
    alerts_router,
    analytics_router,
    audit_router,
    campaign_figures_router,
    campaigns_router,
    experiments_router,
    health_of_all_router,
    leads_router,
    models_router,
    operations_router,
    rep_performance_router,
    reps_router,
    routing_router,
    runs_router,
    similar_accounts_router,
    webhook_endpoints_router,
)
"""Each makes the routes of one subject, without the prefix."""

PREFIX = "/api/v1"

MAY_SEND = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Correlation-ID",
)
MAY_READ = ("ETag", "Idempotent-Replayed", "Location", "Retry-After", "X-Correlation-ID", *TOLD)
"""Headers of a page of another origin, where `LEADFLOW_CORS_ORIGINS` names it."""


def add_api(app: FastAPI, context: ServiceContext) -> None:
    """Serves all of them."""
    app.state.context = context
    app.include_router(literal_addresses_router(), prefix=PREFIX)
    for router in ROUTERS:
        # Not within a router of all: FastAPI would read every route once more to look whether its path is empty.
        app.include_router(router(context), prefix=PREFIX)
    add_quick_decide(app, context)


def add_access(app: FastAPI, keeper: Gatekeeper) -> None:
    """What stands before all of them: first who asks, then what they send."""
    app.state.gatekeeper = keeper
    app.add_middleware(Heads)  # what is added later comes earlier
    app.add_middleware(BodyCheck)
    app.add_middleware(Gate, keeper=keeper)
    origins = (get_settings().cors_origins or "").split()
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=MAY_SEND,
            expose_headers=MAY_READ,
        )
