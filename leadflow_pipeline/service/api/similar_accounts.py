"""`/campaigns/{campaign}/similar-accounts`: companies like one, and what is known to compare with.

What belongs here: from requests to `insight.similar_accounts`, and launching a build. What does not: finding anything.
"""

from __future__ import annotations

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.launching.wanted import assets_run
from leadflow_pipeline.service.access.door import Operator, Reader
from leadflow_pipeline.service.api.idempotency import IdempotencyKey
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.launches import Launched, launched_once
from leadflow_pipeline.service.api.parameters import (
    Amount,
    CampaignSlug,
    Day,
    Share,
    Strict,
    today_of,
)
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem

ASSET = "similar_accounts"
Said = Annotated[str, Field(min_length=1, max_length=200)]


class CompanyBody(BaseModel):
    """A company that is described; what is left out is not compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    company: Said | None = None
    company_domain: Said | None = Field(None, description="registrable: example.org")
    industry: Said | None = None
    company_size: int | None = Field(None, ge=1, le=10_000_000, description="employees")
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    region: Said | None = None
    city: Said | None = None
    job_title: Said | None = Field(None, description="what people there are called")
    seniority: Said | None = None
    department: Said | None = None


class SearchBody(BaseModel):
    """What is asked about: exactly one of lead_id, company and text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lead_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]+$", max_length=200)] | None = None
    company: CompanyBody | None = None
    text: Annotated[str, Field(min_length=3, max_length=500)] | None = Field(
        None, description="in free words: what it does, is called, or what people there are called"
    )
    as_of: Day | None = Field(None, description="as known before this day; left out: before today (UTC)")
    k: int = Field(5, ge=1, le=100, description="how many")
    ended: bool = Field(False, description="only those that were won or lost")


class SimilarAccountAnswer(BaseModel):
    """A company like it, and how it ended."""

    model_config = ConfigDict(from_attributes=True)

    account: str = Field(description="its registrable domain, else its folded name")
    name: str
    likeness: Share = Field(description="0 to 1; 1: the same in all that is compared")
    outcome: Literal["won", "lost", "open"]
    ended_on: date | None
    value: Amount | None = Field(description="of what was won, in the campaign's currency")
    shares: list[str] = Field(description="in what it is the same")


class Found(BaseModel):
    """The companies most like the one asked about, the most alike first."""

    campaign: str
    as_of: date
    build_day: date | None = Field(description="of the build that was asked; null: there is none so old")
    items: list[SimilarAccountAnswer]


class CountOf(BaseModel):
    """How many companies have something in common."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    accounts: int


class BuildAnswer(BaseModel):
    """A build that is kept: the companies of a campaign as known before a day."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    made_at: datetime
    campaign_version: int
    accounts: int
    won: int
    lost: int
    open: int
    comparable: int = Field(
        description="accounts of which something is known that others have too: with a vector"
    )
    leads: int
    value_won: Amount
    dimensions: int
    model_key: str
    model_bytes: int
    industries: list[CountOf] = Field(description="the ten most frequent")
    countries: list[CountOf]


class Statistics(BaseModel):
    """What there is to compare with, the latest build first."""

    campaign: str
    builds: list[BuildAnswer]


def similar_accounts_router(context: ServiceContext) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/campaigns/{campaign}/similar-accounts", tags=["similar accounts"])

    @router.post("/search", responses=refusals(409, body=True))
    def search(caller: Reader, campaign: CampaignSlug, body: Annotated[SearchBody, Strict]) -> Found:
        """The companies most like a lead's, like one that is described, or like what is said in free words.

        Writes nothing. 409 where not exactly one of the three is given; 404 for a lead that there is not.
        """
        from leadflow_pipeline.insight.similar_accounts import likeness

        engine = context.engine
        known_campaign(engine, campaign)
        if sum(each is not None for each in (body.lead_id, body.company, body.text)) != 1:
            raise Problem(HTTPStatus.CONFLICT, "name exactly one of lead_id, company and text")
        if body.lead_id is not None and not likeness.is_known(engine, campaign, body.lead_id):
            raise Problem(HTTPStatus.NOT_FOUND, "the campaign has no such lead")
        company = None if body.company is None else likeness.described(**body.company.model_dump())
        if body.text is not None:
            company = likeness.described_in_words(body.text)
        as_of = body.as_of or today_of(context.now())
        found = likeness.similar_accounts(
            engine, campaign, as_of=as_of, lead_id=body.lead_id, company=company, k=body.k, ended=body.ended
        )
        return Found(
            campaign=campaign,
            as_of=as_of,
            build_day=likeness.day_of_build(engine, campaign, as_of),
            items=[SimilarAccountAnswer.model_validate(each) for each in found],
        )

    @router.get("/statistics", responses=refusals())
    def statistics(caller: Reader, campaign: CampaignSlug) -> Statistics:
        """The builds that are kept: how many companies, how they ended, how many can be compared, and by what."""
        from leadflow_pipeline.insight.similar_accounts.statistics import read_statistics

        known_campaign(context.engine, campaign)
        found = read_statistics(context.engine, campaign)
        return Statistics(campaign=campaign, builds=[BuildAnswer.model_validate(each) for each in found])

    @router.post(
        "/rebuild", status_code=HTTPStatus.ACCEPTED, response_model=Launched, responses=refusals(409)
    )
    def rebuild(
        request: Request, caller: Operator, campaign: CampaignSlug, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Launches a build of today as a Dagster run, and says which. Until it is whole, the one before is seen."""
        known_campaign(context.engine, campaign)
        return launched_once(context, caller, request, assets_run([ASSET], campaign), idempotency_key)

    return router
