"""`/campaigns/{campaign}/analytics/routing-efficiency`: how well routing works.

What belongs here: from requests to `insight.routing_efficiency`. What does not: any figure.
"""

from __future__ import annotations

from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.service.access.door import Reader
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.parameters import Amount, CampaignSlug, Day, Share, today_of
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem

USUAL_DAYS: Final = 28
MOST_DAYS: Final = 366


class SpreadAnswer(BaseModel):
    """Of some numbers."""

    model_config = ConfigDict(from_attributes=True)

    count: int
    median: Amount | None
    most: Amount | None = Field(description="95 of 100 stay below it")


class FirstTouchesAnswer(BaseModel):
    """How promises of a first touch were kept."""

    model_config = ConfigDict(from_attributes=True)

    kept: int
    late: int
    open: int
    overdue: int
    passed_on: int
    share_in_time: Share | None = Field(description="of those that were kept or not")
    minutes: SpreadAnswer = Field(description="of working time")


class BalanceAnswer(BaseModel):
    """How evenly leads are spread over reps, each by its room."""

    model_config = ConfigDict(from_attributes=True)

    reps: int
    given: int
    room: int
    gini: Share | None = Field(
        description="0: the same share of everybody's room is taken; 1: of one's alone"
    )
    highest_load: Share | None
    lowest_load: Share | None
    floors_missed: int


class OptimumAnswer(BaseModel):
    """What the choice of owners was expected to be worth, against what none among the candidates could exceed."""

    model_config = ConfigDict(from_attributes=True)

    leads: int
    value: Amount
    bound: Amount
    share: Share | None


class RoutingEfficiency(BaseModel):
    """How well routing of a campaign worked on some days, as known now."""

    model_config = ConfigDict(from_attributes=True)

    campaign: str
    first_day: date
    last_day: date
    handed_over: int = Field(description="leads whose first owner was told")
    by_origin: dict[str, int] = Field(description="hand-overs: pipeline, service, hand, sla")
    by_method: dict[str, int] = Field(description="planned owners, by what decided; held: nobody")
    minutes_to_decide: SpreadAnswer = Field(
        description="from being received to the first owner, over all hours"
    )
    first_touches: FirstTouchesAnswer
    balance: BalanceAnswer
    optimum: OptimumAnswer
    reassigned: int
    other_than_planned: int
    held_now: int = Field(description="leads that wait for an owner now, of whatever day")
    hours_held: SpreadAnswer


def analytics_router(context: ServiceContext) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/campaigns/{campaign}/analytics", tags=["analytics"])

    @router.get("/routing-efficiency", responses=refusals(409))
    def routing_efficiency(
        caller: Reader,
        campaign: CampaignSlug,
        from_day: Annotated[
            Day | None, Query(description="first day; left out: 28 days up to the last")
        ] = None,
        to_day: Annotated[Day | None, Query(description="last day, included; left out: today (UTC)")] = None,
    ) -> RoutingEfficiency:
        """How soon leads are decided and touched, how even the load is, and how near the choice was to the best."""
        from leadflow_pipeline.insight.routing_efficiency.reading import read_efficiency

        known_campaign(context.engine, campaign)
        last = to_day or today_of(context.now())
        first = from_day or last - timedelta(days=USUAL_DAYS - 1)
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Problem(HTTPStatus.CONFLICT, "name a first day and a last one that is at most a year later")
        found = read_efficiency(context.engine, campaign, first, last, context.now())
        return RoutingEfficiency.model_validate(found)

    return router
