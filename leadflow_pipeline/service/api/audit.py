"""`GET /audit`: who changed what, when, by the API, a command or the pipeline itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.service.access.door import Reader
from leadflow_pipeline.service.api.moments import Moment
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.store.activity import ActivityFilter, read_activity

TEXT: dict[str, Any] = {"min_length": 1, "max_length": 200, "pattern": r"^[^\x00-\x1f\x7f]+$"}


class Activity(BaseModel):
    """One change."""

    model_config = ConfigDict(frozen=True)

    activity_id: int
    occurred_at: datetime
    actor: str = Field(description="`api NAME` for the holder of a token")
    action: str
    campaign: str | None
    lead_id: str | None
    detail: dict[str, Any]
    correlation_id: str | None = Field(description="of the request or the run that it comes from")


def audit_router(context: ServiceContext) -> APIRouter:
    """The route, over the database."""
    router = APIRouter(tags=["audit"])

    @router.get("/audit", response_description="The newest first.")
    def list_activity(
        caller: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        actor: Annotated[str | None, Query(**TEXT)] = None,
        action: Annotated[
            str | None, Query(**TEXT, description="`token.revoked`, or `token` for all about tokens")
        ] = None,
        campaign: Annotated[str | None, Query(**TEXT)] = None,
        lead_id: Annotated[str | None, Query(**TEXT)] = None,
        since: Annotated[Moment | None, Query(description="at or after it")] = None,
        until: Annotated[Moment | None, Query(description="before it")] = None,
    ) -> Page[Activity]:
        """Every change, the newest first. A token of some campaigns sees what concerns these."""
        values = values_of(cursor, [int])
        wanted = ActivityFilter(actor, action, campaign, lead_id, since, until, caller.campaigns)
        with context.engine.connect() as connection:
            found = read_activity(
                connection, wanted, before_id=values[0] if values else None, limit=limit + 1
            )
        entries = [Activity.model_validate(row) for row in found]
        return page_of(entries, limit, lambda entry: [entry.activity_id])

    return router
