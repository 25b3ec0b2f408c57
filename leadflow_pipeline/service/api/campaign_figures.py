"""`/campaigns/{campaign}/performance|report|status|dashboard`, and `/stats`: campaigns in numbers.

What belongs here: from requests to the functions of `insight`. What does not: counting.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from leadflow_pipeline.campaign import campaign_summary
from leadflow_pipeline.insight.campaign_figures import (
    Performance,
    StageState,
    Totals,
    performance_of,
    stages_of,
    totals_of,
)
from leadflow_pipeline.launching.reading import UNFINISHED, runs_of
from leadflow_pipeline.service.access.door import Reader
from leadflow_pipeline.service.access.scopes import no_campaign
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.parameters import Amount, CampaignSlug, Share, today_of
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.api.runs import AWAY, RunAnswer, ScheduleAnswer, schedule_of
from leadflow_pipeline.service.context import ServiceContext

Missing = BeforeValidator(lambda value: None if pd.isna(value) else value)
MaybeAmount = Annotated[Amount | None, Missing]
MOST_RUNS_SHOWN = 10


class Row(BaseModel):
    """A row of a table."""

    model_config = ConfigDict(frozen=True)


class FunnelStep(Row):
    """How many leads came so far."""

    step: str
    leads: int
    share: Share = Field(description="of all leads")


class TierFigures(Row):
    """A tier."""

    tier: str
    leads: int
    won: int
    share: Share = Field(description="of the routed leads")
    conversion: Share


class DecileFigures(Row):
    """A tenth of the leads, by score; the first are the highest."""

    decile: int
    score_from: Amount
    score_to: Amount
    leads: int
    won: int
    conversion: Share


class DayFigures(Row):
    """A day."""

    day: date
    new_leads: int
    touches: int = Field(description="emails planned")


class ChannelFigures(Row):
    """What a channel brought and cost; null where spend is not known or there is nothing to divide by."""

    channel: str
    leads: int
    conversions: Amount
    value: Amount
    spend: MaybeAmount
    cost_per_lead: MaybeAmount
    cost_per_acquisition: MaybeAmount
    return_on_ad_spend: MaybeAmount


class PerformanceAnswer(BaseModel):
    """What became of a campaign's leads, up to its latest computed day; outcomes as known now."""

    model_config = ConfigDict(frozen=True)

    campaign: str
    as_of_day: date | None
    currency: str
    attribution_model: str
    conversions: Amount
    value: Amount
    spend: Amount
    return_on_ad_spend: Amount | None
    funnel: list[FunnelStep]
    tiers: list[TierFigures]
    deciles: list[DecileFigures]
    channels: list[ChannelFigures]
    days: list[DayFigures] = Field(description="the last thirty")


class TotalsAnswer(BaseModel):
    """Counts, as the database has them now."""

    model_config = ConfigDict(frozen=True)

    campaigns: dict[str, int] = Field(description="by status")
    source_records: int
    leads: int
    engagement_events: int
    messages: dict[str, int] = Field(description="by state")
    handoffs: int
    held: int = Field(description="leads that wait for an owner")
    outcomes: dict[str, int]
    quarantined_records: int
    latest_day: date | None


class StageAnswer(Row):
    """How far one table of the chain is."""

    table: str
    latest_day: date | None
    days: int
    rows: int


class StatusAnswer(BaseModel):
    """How far a campaign is, what is due, and what runs."""

    model_config = ConfigDict(frozen=True)

    campaign: str
    status: str
    version: int
    schedule: ScheduleAnswer
    stages: list[StageAnswer]
    runs_under_way: list[RunAnswer] | None = Field(description="null: the Dagster webserver does not answer")


class DashboardAnswer(BaseModel):
    """Everything to look at first."""

    model_config = ConfigDict(frozen=True)

    status: StatusAnswer
    totals: TotalsAnswer
    goals: dict[str, int] = Field(description="what the campaign file wants to reach")
    performance: PerformanceAnswer
    latest_runs: list[RunAnswer] | None = Field(description="null: the Dagster webserver does not answer")


def campaign_figures_router(context: ServiceContext) -> APIRouter:
    """The routes, over the database."""
    router = APIRouter(tags=["campaigns"])

    @router.get("/stats", responses=refusals())
    def stats(caller: Reader) -> TotalsAnswer:
        """Counts over all campaigns that the token is good for."""
        with context.engine.connect() as connection:
            return _totals(totals_of(connection, caller.campaigns))

    @router.get("/campaigns/{campaign}/performance", responses=refusals(409))
    def performance(_: Reader, campaign: CampaignSlug) -> PerformanceAnswer:
        """How far leads came, rates by tier and score, and what each channel brought and cost."""
        known_campaign(context.engine, campaign)
        found = performance_of(context.engine, campaign, today_of(context.now()))
        return _performance(campaign, found)

    @router.get(
        "/campaigns/{campaign}/report",
        response_class=HTMLResponse,
        responses=refusals(409),
        response_description="One page that stands alone, with its pictures.",
    )
    def report(_: Reader, campaign: CampaignSlug) -> HTMLResponse:
        """The report that the pipeline makes, as of now, as a page to look at."""
        # Here, because drawing takes a while to load.
        from leadflow_pipeline.insight.campaign_report import make_report
        from leadflow_pipeline.insight.pages import html_page

        known_campaign(context.engine, campaign)
        made = make_report(context.engine, campaign)
        return HTMLResponse(
            html_page(made.title, made.tables, made.plots),
            headers={
                "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
            },
        )

    @router.get("/campaigns/{campaign}/status", responses=refusals())
    def status(_: Reader, campaign: CampaignSlug) -> StatusAnswer:
        """How far each stage is, what is due, and which runs are under way."""
        return _status(context, campaign)

    @router.get("/campaigns/{campaign}/dashboard", responses=refusals(409))
    def dashboard(_: Reader, campaign: CampaignSlug) -> DashboardAnswer:
        """Status, figures, goals and the latest runs of a campaign in one answer."""
        rules = known_campaign(context.engine, campaign).rules
        with context.engine.connect() as connection:
            totals = _totals(totals_of(connection, [campaign]))
        return DashboardAnswer(
            status=_status(context, campaign),
            totals=totals,
            goals={str(milestone): target for milestone, target in rules.goal.targets.items()},
            performance=_performance(
                campaign, performance_of(context.engine, campaign, today_of(context.now()))
            ),
            latest_runs=_runs(campaign, ()),
        )

    return router


def _status(context: ServiceContext, campaign: str) -> StatusAnswer:
    with context.engine.connect() as connection:
        present = campaign_summary(connection, campaign)
        if present is None:
            raise no_campaign()
        stages = stages_of(connection, campaign)
    return StatusAnswer(
        campaign=campaign,
        status=present.status,
        version=present.version,
        schedule=schedule_of(context, campaign, present.status),
        stages=[_stage(each) for each in stages],
        runs_under_way=_runs(campaign, UNFINISHED),
    )


def _stage(state: StageState) -> StageAnswer:
    return StageAnswer(**asdict(state))


def _runs(campaign: str, statuses: tuple[str, ...]) -> list[RunAnswer] | None:
    try:
        found = runs_of(campaign, MOST_RUNS_SHOWN, statuses=statuses)
    except AWAY:
        return None
    return [RunAnswer.model_validate(asdict(each)) for each in found]


def _totals(totals: Totals) -> TotalsAnswer:
    return TotalsAnswer(**asdict(totals))


def _performance(campaign: str, found: Performance) -> PerformanceAnswer:
    days = found.days.assign(day=found.days["day"].dt.date)
    return PerformanceAnswer(
        campaign=campaign,
        as_of_day=found.as_of_day,
        currency=found.currency,
        attribution_model=found.model,
        conversions=found.conversions,
        value=found.value,
        spend=found.spend,
        return_on_ad_spend=found.value / found.spend if found.spend else None,
        funnel=[FunnelStep.model_validate(row) for row in _rows(found.funnel)],
        tiers=[TierFigures.model_validate(row) for row in _rows(found.tiers)],
        deciles=[DecileFigures.model_validate(row) for row in _rows(found.deciles)],
        channels=[ChannelFigures.model_validate(row) for row in _rows(found.channels)],
        days=[DayFigures.model_validate(row) for row in _rows(days)],
    )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
