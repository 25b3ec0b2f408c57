"""Scores by program: of a lead as it is now, its history, what scores come to, and computing days again.

What belongs here: from a request to a score, and it as an answer. What does not: any rule; nothing here writes a score.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Request, Response
from pydantic import Field

from leadflow_pipeline.insight.present_leads import PresentScore, score_now
from leadflow_pipeline.insight.score_analytics import analyse_scores
from leadflow_pipeline.insight.story_history import past_scores
from leadflow_pipeline.launching.wanted import STAGES, days_run
from leadflow_pipeline.partitions import last_complete_day
from leadflow_pipeline.service.access.door import Operator, Reader
from leadflow_pipeline.service.api.etags import tagged
from leadflow_pipeline.service.api.idempotency import IdempotencyKey
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.launches import Launched, launched_once
from leadflow_pipeline.service.api.leads.known import (
    LAST_DAY,
    MOST_LEADS,
    Answer,
    Asked,
    LeadId,
    LeadIdText,
    lead_of,
    no_lead,
    rounded,
)
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, cursor_of, values_of
from leadflow_pipeline.service.api.parameters import AsOf, CampaignSlug, Day, Strict, today_of
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.settings import get_settings


class ScoreLine(Answer):
    """One line of a breakdown."""

    name: str
    words: str
    points: float


class Score(Answer):
    """A lead's score as it would be at the end of today, if nothing more happened."""

    lead_id: str
    as_of: datetime
    score: float
    icp_fit: float
    engagement: float
    temperature: str
    conversion_probability: float | None
    campaign_version: int
    model_version: str | None
    lines: list[ScoreLine] = Field(description="their points sum to the score")
    reasons_for: list[str]
    reasons_against: list[str]


class ScoresAsked(Asked):
    """Whose scores."""

    lead_ids: list[LeadIdText] = Field(min_length=1, max_length=MOST_LEADS)


class RecomputeAsked(Asked):
    """Which days are scored again."""

    first_day: Day
    last_day: Day | None = Field(None, description="left out: the first day alone")
    and_what_follows: bool = Field(
        True, description="qualify, route and nurture these days as well, as their scores say"
    )


class Scores(Answer):
    """Scores of several leads."""

    scores: list[Score]
    unknown: list[str] = Field(description="ids that are no lead of the campaign, or an alias of another")


class PastScore(Answer):
    """A score that a day gave the lead."""

    day: date
    score: float
    icp_fit: float
    engagement: float
    temperature: str
    campaign_version: int
    model_version: str | None


class Bar(Answer):
    """Leads with a score from (inclusive) to (exclusive but for 100)."""

    score_from: int
    score_to: int
    leads: int


class Decile(Answer):
    """A tenth of the leads by score, the highest first."""

    decile: int
    score_from: float
    score_to: float
    leads: int
    won: int
    conversion: float


class TierCount(Answer):
    """The leads of a tier."""

    tier: str
    leads: int
    won: int
    share: float
    conversion: float


class Group(Answer):
    """The leads that are alike in one way."""

    name: str
    leads: int
    mean_score: float
    mean_probability: float | None
    won: int
    share: float
    conversion: float


class Analytics(Answer):
    """What the scores come to at the end of a day, and what became of the leads by then."""

    campaign: str
    as_of: date
    leads: int
    mean_score: float | None
    median_score: float | None
    distribution: list[Bar]
    deciles: list[Decile]
    tiers: list[TierCount]
    temperatures: list[Group]
    sources: list[Group]
    statuses: list[Group]
    models: list[Group]


def add_scoring(router: APIRouter, context: ServiceContext) -> None:
    """The routes."""

    @router.post(
        "/campaigns/{campaign}/leads/{lead_id}/score",
        tags=["scoring"],
        response_model=Score,
        responses=refusals(409),
    )
    def score_one(_: Reader, campaign: CampaignSlug, lead_id: LeadId) -> Response:
        """The lead's score as of now, line by line, by the same functions as the daily run. Writes nothing."""
        engine = context.engine
        version = known_campaign(engine, campaign)
        with engine.connect() as connection:
            canonical = lead_of(connection, campaign, lead_id)
        found = score_now(engine, version, [canonical], context.now())
        if not found:
            raise no_lead()
        return _json(_score(found[0]))

    @router.post(
        "/campaigns/{campaign}/leads/score",
        tags=["scoring"],
        response_model=Scores,
        responses=refusals(409, body=True),
    )
    def score_many(_: Reader, campaign: CampaignSlug, asked: Annotated[ScoresAsked, Strict]) -> Response:
        """The scores of up to 1,000 leads as of now. Writes nothing: the daily run keeps them."""
        version = known_campaign(context.engine, campaign)
        found = score_now(context.engine, version, asked.lead_ids, context.now())
        known = {score.lead_id for score in found}
        unknown = [lead_id for lead_id in dict.fromkeys(asked.lead_ids) if lead_id not in known]
        return _json(Scores(scores=[_score(score) for score in found], unknown=unknown))

    @router.post(
        "/campaigns/{campaign}/scores/recompute",
        tags=["scoring"],
        status_code=HTTPStatus.ACCEPTED,
        response_model=Launched,
        responses=refusals(409, body=True),
    )
    def recompute(
        request: Request,
        caller: Operator,
        campaign: CampaignSlug,
        asked: Annotated[RecomputeAsked, Strict],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Launches a Dagster run that scores the leads of some days again, by the present rules, and keeps it."""
        known_campaign(context.engine, campaign)
        complete = last_complete_day(context.now())
        first, last = asked.first_day, asked.last_day or asked.first_day
        if not get_settings().first_day <= first <= last <= complete:
            raise Problem(
                HTTPStatus.CONFLICT,
                f"the days must be over, in order, and not before {get_settings().first_day}: the last that is over is "
                f"{complete}",
            )
        stages = STAGES[STAGES.index("score") :] if asked.and_what_follows else ("score",)
        wanted = days_run(campaign, first, last, stages=stages)
        return launched_once(
            context, caller, request, wanted, idempotency_key, asked.model_dump_json().encode()
        )

    @router.get(
        "/campaigns/{campaign}/leads/{lead_id}/scores",
        tags=["scoring"],
        response_model=Page[PastScore],
        responses=refusals(),
    )
    def history(
        _: Reader, campaign: CampaignSlug, lead_id: LeadId, limit: Limit = 50, cursor: Cursor = None
    ) -> Response:
        """Every score that a day gave the lead, the latest first."""
        before = values_of(cursor, [str])
        with context.engine.connect() as connection:
            canonical = lead_of(connection, campaign, lead_id)
            scores = past_scores(connection, campaign, canonical, LAST_DAY)
        told = [
            score for score in reversed(scores) if before is None or score.day.isoformat() < str(before[0])
        ]
        page = Page[PastScore](
            items=[PastScore(**rounded(asdict(score))) for score in told[:limit]],
            next_cursor=cursor_of([told[limit - 1].day.isoformat()]) if len(told) > limit else None,
        )
        return _json(page)

    @router.get(
        "/campaigns/{campaign}/scores/analytics",
        tags=["scoring"],
        response_model=Analytics,
        responses=refusals(409),
    )
    def analytics(request: Request, _: Reader, campaign: CampaignSlug, as_of: AsOf = None) -> Response:
        """Scores by bar, decile, tier, temperature, source, status and model, and how many were won of each."""
        known_campaign(context.engine, campaign)
        day = as_of or today_of(context.now())
        found = analyse_scores(context.engine, campaign, day)
        answer = Analytics(
            campaign=campaign,
            as_of=found.as_of,
            leads=found.leads,
            mean_score=rounded(found.mean_score),
            median_score=rounded(found.median_score),
            distribution=[Bar(**row) for row in _rows(found.distribution)],
            deciles=[Decile(**row) for row in _rows(found.deciles)],
            tiers=[TierCount(**row) for row in _rows(found.tiers)],
            temperatures=_groups(found.temperatures, "temperature"),
            sources=_groups(found.sources, "source"),
            statuses=_groups(found.statuses, "status"),
            models=_groups(found.models, "model_version"),
        )
        return tagged(request, answer)


def _score(score: PresentScore) -> Score:
    return Score(**rounded(asdict(score)))


def _groups(table: pd.DataFrame, column: str) -> list[Group]:
    return [Group(**row) for row in _rows(table.rename(columns={column: "name"}))]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [rounded(row) for row in rows]


def _json(answer: Any) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")
