"""`GET /alerts`: what somebody was told needs looking after, and what to do about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.delivery.alerts.listing import NAMES, read_alerts
from leadflow_pipeline.service.access.door import Reader
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.context import ServiceContext


class Alert(BaseModel):
    """A condition that somebody was told of, once."""

    model_config = ConfigDict(frozen=True)

    alert_id: int
    condition: str = Field(description=f"one of {', '.join(NAMES)}")
    subject: str = Field(description="of what: a campaign, a rep, a channel, a sender's domain")
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None = Field(description="null: it is on")
    sentence: str
    remedy: str = Field(description="what to do")
    detail: dict[str, Any]


def alerts_router(context: ServiceContext) -> APIRouter:
    """The route, over the database."""
    router = APIRouter(tags=["alerts"])

    @router.get("/alerts", response_description="The latest first.")
    def list_alerts(
        caller: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        state: Annotated[Literal["on", "over"] | None, Query(description="none: both")] = None,
        condition: Annotated[str | None, Query(pattern=f"^({'|'.join(NAMES)})$")] = None,
    ) -> Page[Alert]:
        """Alerts, the latest first. They concern all campaigns, and so must the token."""
        caller.require_all_campaigns()
        values = values_of(cursor, [int])
        with context.engine.connect() as connection:
            rows = read_alerts(
                connection,
                is_open=None if state is None else state == "on",
                condition=condition,
                before=values[0] if values else None,
                limit=limit + 1,
            )
        found = [Alert.model_validate(row) for row in rows]
        return page_of(found, limit, lambda alert: [alert.alert_id])

    return router
