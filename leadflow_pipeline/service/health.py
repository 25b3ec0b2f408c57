"""Is it alive, and can it work: `/health/live` and `/health/ready`, for supervisors and load balancers."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from sqlalchemy import Engine, select
from sqlalchemy.exc import ProgrammingError

from leadflow_pipeline.service.problems import not_now
from leadflow_pipeline.store.migrate import latest_revision, revision_of
from leadflow_pipeline.store.schema import webhook_deliveries


def health_router(engine_of: Callable[[], Engine]) -> APIRouter:
    """The routes, over an engine."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live", response_description="It is.")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @router.get("/ready", response_description="It does.", responses={503: {"description": "It does not."}})
    def ready() -> dict[str, str]:
        """The database answers and has the tables of this version; 503 where it does not."""
        try:
            with engine_of().connect() as connection:
                connection.execute(select(webhook_deliveries.c.webhook_id).limit(1))
            has_tables = revision_of(engine_of()) == latest_revision()
        except ProgrammingError:
            has_tables = False
        if not has_tables:
            raise not_now("the database has no tables of this version")
        return {"status": "ready"}

    return router
