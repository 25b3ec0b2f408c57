"""Enrichment by program: who is asked about a lead, what came of it, and whether addresses and numbers are any good.

What belongs here: routes that order questions to vendors, tell of them, and validate. What does not: asking, which the
schedule does within the campaign's budgets, and any check (`enrich`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import APIRouter, Path, Request, Response
from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, StringConstraints
from sqlalchemy import Connection, insert

from leadflow_pipeline.enrich import inquiry
from leadflow_pipeline.enrich.ordering import askable_leads, order_about
from leadflow_pipeline.enrich.validation import (
    validate_companies,
    validate_emails,
    validate_names,
    validate_phones,
)
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.present_leads import harvested_by_now
from leadflow_pipeline.service.access.door import Operator, Reader
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.changing import Changing
from leadflow_pipeline.service.api.etags import tagged
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.leads.known import (
    MOST_LEADS,
    Answer,
    Asked,
    LeadId,
    LeadIdText,
    lead_of,
    rounded,
)
from leadflow_pipeline.service.api.parameters import CampaignSlug, Strict, today_of
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.store.schema import activity_log
from leadflow_pipeline.vendors.lookups import settle

LARGEST_NUMBER = 2**63 - 1
Text = Annotated[str, StringConstraints(max_length=1_000)]
Country = StrEnum("Country", {code: code for code in sorted(SUPPORTED_REGIONS)})  # type: ignore[misc]
"""That have a numbering plan."""


class LeadsNamed(Asked):
    """Which leads."""

    lead_ids: list[LeadIdText] = Field(min_length=1, max_length=MOST_LEADS)


class Ordered(Answer):
    """What was ordered. Vendors are asked at the next round (every ten minutes), within the campaign's budgets."""

    planned: int = Field(description="questions that wait now and did not before")
    copied: int = Field(description="answered at once, from what was paid for before")
    known: int = Field(
        description="that were planned, under way or answered already: nothing is bought twice"
    )
    providers: dict[str, int] = Field(description="provider: of how many of these leads it is asked")
    not_asked: list[str] = Field(
        description="leads of which nobody is asked: an answer is waited for, nothing is missing, nobody could tell, "
        "they are an alias, or asked not to be written to"
    )
    unknown: list[str] = Field(description="ids that are no lead of the campaign")


class Lookup(Answer):
    """A question to a provider about a lead."""

    lookup_id: int
    provider: str
    state: str
    requested_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    credits: float
    problem: str | None


class LeadEnrichment(Answer):
    """Who was asked about a lead, and who said what of it."""

    lead_id: str
    day: date | None = Field(description="of its latest enriched row")
    enrichment_status: str | None
    asked: list[Lookup]
    provenance: dict[str, Any] = Field(description="field: who said it, when, for how much, how sure")
    opinion: dict[str, Any] | None = Field(description="a language model's latest, if there is one")


class ProviderCounts(Answer):
    """Every question that a provider was ever asked about leads of the campaign, by state."""

    provider: str
    planned: int
    on_wire: int
    pending: int
    answered: int
    not_found: int
    failed: int
    unknown: int
    copied: int
    credits: float
    goes_on_at: datetime | None
    problem: str | None


class UnknownLookup(Answer):
    """A question that left and was not answered: a person finds out whether it was paid for."""

    lookup_id: int
    provider: str
    lead_id: str | None
    requested_at: datetime
    problem: str | None


class CampaignEnrichment(Answer):
    """Who was asked, what waits, what it cost, and what nobody knows the fate of."""

    campaign: str
    providers: list[ProviderCounts]
    unknown: list[UnknownLookup]


class EnrichmentType(Answer):
    """A way to know more of leads."""

    type: str
    kind: str
    name: str | None
    gives: list[str]


class EnrichmentTypes(Answer):
    """In the order in which they are believed."""

    types: list[EnrichmentType]


class SettleAsked(Asked):
    """What becomes of a question of unknown fate. Look at the vendor's own list of requests first."""

    decision: Literal["ask-again", "give-up"] = Field(description="ask-again: it may cost once more")


class Settled(Answer):
    """A question that was settled."""

    lookup_id: int
    decision: str


class ValidationAsked(Asked):
    """What is to be judged, up to 1,000 of each."""

    emails: list[Text] = Field([], max_length=MOST_LEADS)
    phones: list[Text] = Field([], max_length=MOST_LEADS)
    names: list[Text] = Field([], max_length=MOST_LEADS)
    companies: list[Text] = Field([], max_length=MOST_LEADS)
    country: Country | None = Field(
        None, description="where numbers without + are dialled, ISO 3166-1 alpha-2"
    )
    allow_test_domains: bool = Field(False, description="accept example.org and the like")


Verdict = Literal["valid", "risky", "invalid", "missing"]


class EmailVerdict(Answer):
    """Whether an address is any good."""

    normalised: str | None
    status: Verdict
    reason: str | None
    suggestion: str | None = Field(description="what was probably meant")
    domain: str | None
    is_role: bool | None
    is_disposable: bool | None
    is_free: bool | None


class PhoneVerdict(Answer):
    """Whether a number exists in a numbering plan."""

    normalised: str | None = Field(description="E.164")
    status: Verdict
    country: str | None
    type: str | None


class NameVerdict(Answer):
    """A whole name, taken apart."""

    honorific: str | None
    first_name: str | None
    last_name: str | None
    full_name: str | None
    status: Verdict


class CompanyVerdict(Answer):
    """A company's name, tidied."""

    normalised: str | None
    key: str | None = Field(description="for matching: folded, without its legal form")
    status: Verdict


class Validated(Answer):
    """A verdict for each text, in the order they came."""

    emails: list[EmailVerdict]
    phones: list[PhoneVerdict]
    names: list[NameVerdict]
    companies: list[CompanyVerdict]


def add_enrichment(router: APIRouter, context: ServiceContext) -> None:
    """The routes."""

    def ordered(caller: Caller, campaign: str, lead_ids: Sequence[str], change: Any) -> Response:
        known_campaign(context.engine, campaign)
        engine, now = context.engine, context.now()

        def order(connection: Connection) -> Ordered:
            rows = harvested_by_now(engine, campaign, lead_ids, now)
            leads = askable_leads(engine, campaign, rows, today_of(now))
            done, asked = order_about(connection, engine, campaign, leads, now)
            providers: dict[str, int] = {}
            for provider in asked.values():
                providers[provider] = providers.get(provider, 0) + 1
            known = set(rows["lead_id"])
            wanted = list(dict.fromkeys(lead_ids))
            if done.planned or done.copied:
                row = {
                    "actor": caller.actor,
                    "action": "enrich.order",
                    "campaign": campaign,
                    "lead_id": wanted[0] if len(wanted) == 1 else None,
                    "detail": {"leads": len(wanted), "planned": done.planned, "copied": done.copied},
                }
                connection.execute(insert(activity_log).values(row))
            return Ordered(
                planned=done.planned,
                copied=done.copied,
                known=done.known,
                providers=providers,
                not_asked=[each for each in wanted if each in known and each not in asked],
                unknown=[each for each in wanted if each not in known],
            )

        answered: Response = change.carried_out(engine, caller, order, HTTPStatus.ACCEPTED)
        return answered

    @router.post(
        "/campaigns/{campaign}/leads/{lead_id}/enrich",
        tags=["enrichment"],
        status_code=HTTPStatus.ACCEPTED,
        response_model=Ordered,
        responses=refusals(409),
    )
    def enrich_one(caller: Operator, campaign: CampaignSlug, lead_id: LeadId, change: Changing) -> Response:
        """Puts the next question about the lead in the queue of the provider whose turn it is. Never paid twice."""
        with context.engine.connect() as connection:
            canonical = lead_of(connection, campaign, lead_id)
        return ordered(caller, campaign, [canonical], change)

    @router.post(
        "/campaigns/{campaign}/leads/enrich",
        tags=["enrichment"],
        status_code=HTTPStatus.ACCEPTED,
        response_model=Ordered,
        responses=refusals(409, body=True),
    )
    def enrich_many(
        caller: Operator, campaign: CampaignSlug, asked: Annotated[LeadsNamed, Strict], change: Changing
    ) -> Response:
        """The same for up to 1,000 leads."""
        return ordered(caller, campaign, asked.lead_ids, change)

    @router.get(
        "/campaigns/{campaign}/leads/{lead_id}/enrichment",
        tags=["enrichment"],
        response_model=LeadEnrichment,
        responses=refusals(),
    )
    def lead_status(request: Request, _: Reader, campaign: CampaignSlug, lead_id: LeadId) -> Response:
        """Who was asked about the lead, what waits, and who said what of it."""
        engine = context.engine
        with engine.connect() as connection:
            canonical = lead_of(connection, campaign, lead_id)
        return tagged(request, LeadEnrichment(**rounded(inquiry.lead_status(engine, campaign, canonical))))

    @router.get(
        "/campaigns/{campaign}/enrichment",
        tags=["enrichment"],
        response_model=CampaignEnrichment,
        responses=refusals(409),
    )
    def status(_: Reader, campaign: CampaignSlug) -> Response:
        """Who was asked, what waits, what it cost, and what nobody knows the fate of."""
        engine = context.engine
        known_campaign(engine, campaign)
        answer = CampaignEnrichment(
            campaign=campaign,
            providers=[ProviderCounts(**rounded(row)) for row in inquiry.provider_status(engine, campaign)],
            unknown=[UnknownLookup(**row) for row in inquiry.unknown_lookups(engine, campaign)],
        )
        return Response(answer.model_dump_json(), media_type="application/json")

    @router.post(
        "/campaigns/{campaign}/enrichment/lookups/{lookup_id}/settle",
        tags=["enrichment"],
        response_model=Settled,
        responses=refusals(409, body=True),
    )
    def settle_lookup(
        caller: Operator,
        campaign: CampaignSlug,
        lookup_id: Annotated[int, Path(ge=1, le=LARGEST_NUMBER)],
        asked: Annotated[SettleAsked, Strict],
    ) -> Settled:
        """Settles a question that left and was not answered. Asked again, it is settled already (409)."""
        known = {row["lookup_id"] for row in inquiry.unknown_lookups(context.engine, campaign)}
        try:
            if lookup_id not in known:
                raise PermanentError("not unknown")
            settle(context.engine, lookup_id, asked.decision, caller.actor, context.now)
        except PermanentError:
            raise Problem(
                HTTPStatus.CONFLICT, "no question of the campaign with this number is of unknown fate"
            ) from None
        return Settled(lookup_id=lookup_id, decision=asked.decision)

    @router.get(
        "/enrichment/types", tags=["enrichment"], response_model=EnrichmentTypes, responses=refusals()
    )
    def types(_: Reader) -> EnrichmentTypes:
        """The kinds of provider that a campaign file may declare, and the fields that each gives."""
        return EnrichmentTypes(types=[EnrichmentType(**row) for row in inquiry.enrichment_types()])

    @router.get(
        "/campaigns/{campaign}/enrichment/types",
        tags=["enrichment"],
        response_model=EnrichmentTypes,
        responses=refusals(409),
    )
    def types_of_campaign(_: Reader, campaign: CampaignSlug) -> EnrichmentTypes:
        """The providers, steps and recipes that the campaign declares, and the fields that each gives."""
        rules = known_campaign(context.engine, campaign).rules.enrichment
        return EnrichmentTypes(types=[EnrichmentType(**row) for row in inquiry.enrichment_types(rules)])

    @router.post(
        "/enrichment/validate",
        tags=["enrichment"],
        response_model=Validated,
        responses=refusals(body=True),
    )
    def validate(_: Reader, asked: Annotated[ValidationAsked, Strict]) -> Response:
        """Whether addresses, numbers, names and companies are any good. Asks nobody, and keeps nothing."""
        phones = validate_phones(asked.phones, country=str(asked.country) if asked.country else None)
        emails = validate_emails(asked.emails, allow_test_domains=asked.allow_test_domains)
        answer = Validated(
            emails=[EmailVerdict(**row) for row in _verdicts(emails)],
            phones=[PhoneVerdict(**row) for row in _verdicts(phones)],
            names=[NameVerdict(**row) for row in _verdicts(validate_names(asked.names))],
            companies=[CompanyVerdict(**row) for row in _verdicts(validate_companies(asked.companies))],
        )
        return Response(answer.model_dump_json(), media_type="application/json")


def _verdicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values, without what was given: whoever asked knows it, by its place."""
    rows = table.drop(columns="given").astype(object).where(table.drop(columns="given").notna(), None)
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
