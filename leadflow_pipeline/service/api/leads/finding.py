"""Leads found and told of: search, every stage of one, its timeline, and why it has its score and its owner.

What belongs here: routes that read. What does not: how leads are found and told of (`insight`).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy import text

from leadflow_pipeline.insight.lead_search import FoundLead, Place, Wanted, search_leads
from leadflow_pipeline.insight.lead_stages import read_stages
from leadflow_pipeline.insight.lead_story import tell_story
from leadflow_pipeline.insight.story import as_plain
from leadflow_pipeline.insight.timeline import tell_timeline
from leadflow_pipeline.partitions import end_of
from leadflow_pipeline.service.access.door import Reader
from leadflow_pipeline.service.api.changing import refused_as
from leadflow_pipeline.service.api.etags import tagged
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.leads.known import (
    LAST_DAY,
    TEXT,
    Answer,
    LeadId,
    lead_of,
    no_lead,
    rounded,
)
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, cursor_of, values_of
from leadflow_pipeline.service.api.parameters import AsOf, CampaignSlug, Day
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext

Status = Literal["QUALIFIED", "MANUAL_REVIEW", "REJECTED", "PENDING"]
Tier = Literal["HOT", "WARM", "COOL", "COLD"]
LONGEST_SEARCH = text("SET LOCAL statement_timeout = '20s'")
"""Beyond, whoever searches is told to come again with more conditions than to hold a connection."""


class LeadSummary(Answer):
    """A lead, and where it stands."""

    lead_id: str
    received_on: date | None = Field(description="day on which the campaign first received it")
    day: date | None = Field(description="of the latest row that the other columns are of")
    source: str | None
    email: str | None
    full_name: str | None
    company: str | None
    job_title: str | None
    country: str | None
    score: float | None
    icp_fit: float | None
    temperature: str | None
    status: str | None = Field(description="of its qualification")
    tier: str | None
    sequence: str | None
    owner: str | None = Field(description="who was told last; where nobody was told, whom the plan names")
    nurture_state: str | None


class Lead(Answer):
    """The latest row of each stage, by its columns; null where the lead has none."""

    campaign: str
    lead_id: str
    alias: str | None = Field(description="the id that was asked for, where it is an alias of this lead")
    harvested: dict[str, Any] | None
    enriched: dict[str, Any] | None
    scored: dict[str, Any] | None
    qualified: dict[str, Any] | None
    routed: dict[str, Any] | None
    owner_decision: dict[str, Any] | None
    nurtured: dict[str, Any] | None
    handoff: dict[str, Any] | None = Field(description="whose it is, as it was told last")
    held: dict[str, Any] | None = Field(description="why it waits for an owner, if it does")


class TimelineEntry(Answer):
    """Something that happened to a lead."""

    at: datetime
    kind: str
    words: str
    is_machine: bool = Field(description="a machine did it: it counts for nothing")
    text: str | None = Field(description="what was written, where it was asked for: it is personal data")


class Explanation(Answer):
    """Why a lead has the score and the owner it has, as `leadflow explain --json` tells it."""

    campaign: str
    lead_id: str
    alias: str | None
    as_of: date
    first_day: date | None
    scored: dict[str, Any] | None
    qualified: dict[str, Any] | None
    routed: dict[str, Any] | None
    by_hand: list[dict[str, Any]]
    owners: dict[str, Any] | None
    since_last: dict[str, Any] | None
    history: list[dict[str, Any]]
    latest: list[dict[str, Any]]
    aliases: int
    other_campaigns: int
    leads_in_other_campaigns: int


def _words(description: str, longest: int = 200, shortest: int = 1) -> Any:
    return Query(min_length=shortest, max_length=longest, pattern=TEXT, description=description)


def add_finding(router: APIRouter, context: ServiceContext) -> None:
    """The routes."""

    @router.get(
        "/campaigns/{campaign}/leads",
        tags=["leads"],
        response_model=Page[LeadSummary],
        responses=refusals(),
    )
    def search(
        _: Reader,
        campaign: CampaignSlug,
        email: Annotated[str | None, _words("whole address", 320)] = None,
        name: Annotated[
            str | None,
            _words("beginning of the whole name or of the last name, however it is spelt", shortest=2),
        ] = None,
        company: Annotated[
            str | None, _words("beginning of the company's name, or its domain", shortest=2)
        ] = None,
        match: Annotated[
            Literal["prefix", "exact"], Query(description="whether name and company are given whole")
        ] = "prefix",
        status: Status | None = None,
        tier: Tier | None = None,
        owner: Annotated[str | None, _words("id of a rep")] = None,
        received_on: Annotated[
            Day | None, Query(description="day on which the campaign first received it")
        ] = None,
        as_of: AsOf = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """The leads that fit all that is asked for, and where each stands at the end of a day, the latest first.

        By name and company a lead is found once persons were resolved after it came (minutes).
        """
        wanted = Wanted(email, name, company, match == "exact", status, tier, owner, received_on)
        known_campaign(context.engine, campaign)
        with context.engine.begin() as connection:
            connection.execute(LONGEST_SEARCH)
            found = search_leads(
                connection, campaign, wanted, as_of=as_of, after=_place_of(cursor), limit=limit + 1
            )
        page = Page[LeadSummary](
            items=[_summary(lead) for lead in found[:limit]],
            next_cursor=_cursor_after(found[limit - 1].place) if len(found) > limit else None,
        )
        return Response(page.model_dump_json(), media_type="application/json")

    @router.get(
        "/campaigns/{campaign}/leads/{lead_id}", tags=["leads"], response_model=Lead, responses=refusals()
    )
    def get(
        request: Request, _: Reader, campaign: CampaignSlug, lead_id: LeadId, as_of: AsOf = None
    ) -> Response:
        """The latest row of every stage, and whose lead it is."""
        moment = as_of or LAST_DAY
        with context.engine.connect() as connection:
            found = read_stages(connection, campaign, lead_id, moment)
        if found is None:
            raise no_lead()
        answer = Lead(campaign=campaign, lead_id=found.lead_id, alias=found.alias, **rounded(found.stages))
        return tagged(request, answer)

    @router.get(
        "/campaigns/{campaign}/leads/{lead_id}/timeline",
        tags=["leads"],
        response_model=Page[TimelineEntry],
        responses=refusals(),
    )
    def timeline(
        _: Reader,
        campaign: CampaignSlug,
        lead_id: LeadId,
        with_text: Annotated[bool, Query(description="what was written, too: it is personal data")] = False,
        as_of: AsOf = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        """All that is known of the lead in order: records, scores, owners, emails, clicks, answers, decisions."""
        until = end_of(as_of) if as_of is not None else None
        engine = context.engine
        with engine.connect() as connection:
            lead_of(connection, campaign, lead_id)
        entries = tell_timeline(engine, campaign, lead_id, until)
        # Of one moment by their number among it, so that an entry added elsewhere moves nobody.
        numbered: list[tuple[str, int]] = []
        for entry in entries:
            at = entry.at.astimezone(UTC).isoformat()
            number = numbered[-1][1] + 1 if numbered and numbered[-1][0] == at else 0
            numbered.append((at, number))
        after = values_of(cursor, [str, int])
        told = [
            (place, entry)
            for place, entry in zip(numbered, entries, strict=True)
            if after is None or place > (after[0], after[1])
        ]
        items = [
            TimelineEntry(**asdict(entry if with_text else replace(entry, text=None)))
            for _, entry in told[:limit]
        ]
        following = cursor_of(told[limit - 1][0]) if len(told) > limit else None
        page = Page[TimelineEntry](items=items, next_cursor=following)
        return Response(page.model_dump_json(), media_type="application/json")

    @router.get(
        "/campaigns/{campaign}/leads/{lead_id}/explanation",
        tags=["leads"],
        response_model=Explanation,
        responses=refusals(409),
    )
    def explain(
        request: Request, _: Reader, campaign: CampaignSlug, lead_id: LeadId, as_of: AsOf = None
    ) -> Response:
        """Why it has its score and its owner: every line, who else might have it, and what changed since the last."""
        with context.engine.connect() as connection:
            lead_of(connection, campaign, lead_id)
        with refused_as(HTTPStatus.CONFLICT):
            story = as_plain(tell_story(context.engine, campaign, lead_id, as_of))
        return tagged(request, Explanation(**rounded(story)))


def _summary(lead: FoundLead) -> LeadSummary:
    values = asdict(lead)
    del values["place"]
    return LeadSummary(**rounded(values))


def _cursor_after(place: Place) -> str:
    return cursor_of((place.as_of, place.day, place.lead_id))


def _place_of(cursor: str | None) -> Place | None:
    values = values_of(cursor, [date, date, str])
    return Place(*values) if values is not None else None
