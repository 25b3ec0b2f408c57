"""Is it alive, and can it work: `/health/live` and `/health/ready`, for supervisors and load balancers."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from sqlalchemy import Engine

from leadflow_pipeline.service.problems import not_now
from leadflow_pipeline.store.migrate import latest_revision, revision_of


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
        if revision_of(engine_of()) != latest_revision():
            raise not_now("the database has not the tables of this version")
        return {"status": "ready"}

    return router
