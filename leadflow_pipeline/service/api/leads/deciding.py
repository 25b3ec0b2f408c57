"""What people decide about a lead: overrides, and that it is not to be written to.

What belongs here: routes that write such facts. What does not: what a stage makes of a decision, and which make sense
(`insight.decisions_by_hand`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy import Connection, insert, select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.decisions_by_hand import checked_decision
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.partitions import end_of
from leadflow_pipeline.route.rules import ContentSequenceType
from leadflow_pipeline.service.access.door import Operator
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.changing import Changing
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.leads.known import (
    LAST_DAY,
    WORD,
    Answer,
    Asked,
    LeadId,
    lead_of,
)
from leadflow_pipeline.service.api.parameters import CampaignSlug, Day, Reason, Strict
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.store.facts import insert_override
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.lead_rows import latest_row
from leadflow_pipeline.store.schema import activity_log, enriched_leads, person_leads
from leadflow_pipeline.store.suppressions import EVERY_CAMPAIGN, lift, suppress

ORDER: Final = r"^(none|pause|resume|stop|skip|(move|enrol) [A-Za-z0-9_-]{1,100})$"
SequenceKind = StrEnum(  # type: ignore[misc]
    "SequenceKind", {kind.name: kind.value for kind in ContentSequenceType} | {"NONE": LIFTED}
)


class _Decision(Asked):
    reason: Reason
    expires_on: Day | None = Field(None, description="last day it stands; for good if left out")


class StatusDecision(_Decision):
    """What qualification is to make of the lead; `none` gives it back to the rules, as in all decisions."""

    field: Literal["status"]
    value: Literal["QUALIFIED", "MANUAL_REVIEW", "REJECTED", "PENDING", "none"]


class TierDecision(_Decision):
    """The tier it is to have."""

    field: Literal["tier"]
    value: Literal["HOT", "WARM", "COOL", "COLD", "none"]


class SequenceDecision(_Decision):
    """The sequence it is to enter."""

    field: Literal["sequence"]
    value: SequenceKind


class OwnerDecision(_Decision):
    """Whose lead it is to be."""

    field: Literal["owner"]
    value: str = Field(min_length=1, max_length=200, pattern=WORD, description="id of a rep")


class NurtureDecision(_Decision):
    """What is to become of its sequence."""

    field: Literal["nurture"]
    value: str = Field(pattern=ORDER, description="pause, resume, stop, skip, `move STEP`, `enrol SEQUENCE`")


OverrideAsked = Annotated[
    StatusDecision | TierDecision | SequenceDecision | OwnerDecision | NurtureDecision,
    Strict,
]
"""A decision about one field of a lead."""


class Override(Answer):
    """A decision that was kept."""

    override_id: int
    campaign: str
    lead_id: str
    field: str
    value: str
    actor: str
    occurred_at: datetime
    expires_at: datetime | None


class SuppressionAsked(Asked):
    """Why somebody is not to be written to."""

    reason: Reason
    everywhere: bool = Field(False, description="in every campaign: it takes a token for all of them")


class Suppression(Answer):
    """That a lead is not written to, from now on."""

    campaign: str | None = Field(description="null: in every campaign")
    lead_id: str
    addresses: int = Field(description="how many of its addresses are known")
    news: int = Field(description="of how many of them this is news")


class Lifted(Answer):
    """That a lead may be written to again, from now on."""

    campaign: str | None = Field(description="null: in every campaign")
    lead_id: str
    reasons: list[str] = Field(description="those it was suppressed for; none: it was not")


def add_decisions(router: APIRouter, context: ServiceContext) -> None:
    """The routes."""

    @router.post(
        "/campaigns/{campaign}/leads/{lead_id}/overrides",
        tags=["leads"],
        status_code=HTTPStatus.CREATED,
        response_model=Override,
        responses=refusals(409, body=True),
    )
    def override(
        caller: Operator,
        campaign: CampaignSlug,
        lead_id: LeadId,
        asked: OverrideAsked,
        change: Changing,
    ) -> Response:
        """Decides something about the lead by hand, from now on. The rules explain themselves around it."""
        engine = context.engine
        known_campaign(engine, campaign)

        def decide(connection: Connection) -> Override:
            lead = lead_of(connection, campaign, lead_id)
            try:
                value = checked_decision(engine, campaign, lead, asked.field, str(asked.value))
            except PermanentError:  # its sentence repeats the value
                raise Problem(
                    HTTPStatus.CONFLICT,
                    "the lead's sequence has no such step ahead, the campaign no such sequence, or the lead is in none",
                ) from None
            now = context.now()
            expires_at = end_of(asked.expires_on) if asked.expires_on is not None else None
            if expires_at is not None and expires_at <= now:
                raise Problem(
                    HTTPStatus.CONFLICT,
                    "`expires_on` is over already: name a day that is not, or none for good",
                )
            number = insert_override(
                connection,
                campaign=campaign,
                lead_id=lead,
                field=asked.field,
                value=value,
                actor=caller.actor,
                reason=asked.reason,
                occurred_at=now,
                expires_at=expires_at,
            )
            _note(connection, caller, "override", campaign, lead, field=asked.field, override_id=number)
            return Override(
                override_id=number, campaign=campaign, lead_id=lead, field=asked.field, value=value,
                actor=caller.actor, occurred_at=now, expires_at=expires_at,
            )  # fmt: skip

        return change.carried_out(engine, caller, decide, HTTPStatus.CREATED)

    @router.post(
        "/campaigns/{campaign}/leads/{lead_id}/suppression",
        tags=["leads"],
        response_model=Suppression,
        responses=refusals(409, body=True),
    )
    def suppress_lead(
        caller: Operator,
        campaign: CampaignSlug,
        lead_id: LeadId,
        asked: Annotated[SuppressionAsked, Strict],
        change: Changing,
    ) -> Response:
        """Writes to the lead no more, at any address known of it: what waits in the outbox is stopped as well."""
        reach = _reach(context, caller, campaign, asked)

        def stop(connection: Connection) -> Suppression:
            lead = lead_of(connection, campaign, lead_id)
            keys = _addresses(connection, campaign, lead)
            if not keys:
                raise Problem(
                    HTTPStatus.CONFLICT, "no address of the lead is known: nobody can write to it as it is"
                )
            rows = [
                {
                    "scope": "address",
                    "subject": key,
                    "campaign": reach,
                    "reason": asked.reason,
                    "origin": f"hand of {caller.actor}",
                    "occurred_at": context.now(),
                }
                for key in keys
            ]
            news = len(suppress(connection, rows))
            if news:
                _note(connection, caller, "suppress", campaign, lead, everywhere=asked.everywhere)
            return Suppression(campaign=reach or None, lead_id=lead, addresses=len(keys), news=news)

        return change.carried_out(context.engine, caller, stop)

    @router.post(
        "/campaigns/{campaign}/leads/{lead_id}/suppression/lift",
        tags=["leads"],
        response_model=Lifted,
        responses=refusals(409, body=True),
    )
    def lift_suppression(
        caller: Operator,
        campaign: CampaignSlug,
        lead_id: LeadId,
        asked: Annotated[SuppressionAsked, Strict],
        change: Changing,
    ) -> Response:
        """Lets the lead be written to again; not one whose person asked to be forgotten. Stopped sequences stay so."""
        reach = _reach(context, caller, campaign, asked)

        def allow(connection: Connection) -> Lifted:
            lead = lead_of(connection, campaign, lead_id)
            reasons = [
                reason
                for key in _addresses(connection, campaign, lead)
                for reason in lift(connection, context.now(), subject=key, campaign=reach)
            ]
            if reasons:
                _note(connection, caller, "suppress.lift", campaign, lead, everywhere=asked.everywhere)
            return Lifted(campaign=reach or None, lead_id=lead, reasons=reasons)

        return change.carried_out(context.engine, caller, allow)


def _reach(context: ServiceContext, caller: Caller, campaign: str, asked: SuppressionAsked) -> str:
    """Where the lead is not to be written to. Raises Problem for a token or a campaign that cannot be asked so."""
    if asked.everywhere:
        caller.require_all_campaigns()
    known_campaign(context.engine, campaign)
    return EVERY_CAMPAIGN if asked.everywhere else campaign


def _addresses(connection: Connection, campaign: str, lead_id: str) -> list[str]:
    """Keys of the addresses that the lead is known by."""
    people = person_leads.c
    known = select(people.address_key).where(
        people.campaign == campaign, people.lead_id == lead_id, people.address_key.is_not(None)
    )
    keys = set(connection.scalars(known))
    email = connection.scalar(latest_row(enriched_leads, ["email"], campaign, lead_id, LAST_DAY))
    if email is not None:
        keys.add(address_key(email))
    return sorted(keys)


def _note(
    connection: Connection, caller: Caller, action: str, campaign: str, lead_id: str, **detail: Any
) -> None:
    row = {
        "actor": caller.actor,
        "action": action,
        "campaign": campaign,
        "lead_id": lead_id,
        "detail": detail,
    }
    connection.execute(insert(activity_log).values(row))
