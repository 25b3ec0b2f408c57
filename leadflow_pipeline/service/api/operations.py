"""What waits for a person, what failed, and trying it again: `/operations/...` and the retry of a lead.

Messages are retried in one transaction with the note of the idempotency key: killed before its end, nothing was
changed. Partitions are retried by a run that is launched once for the key (`launching.launcher`): killed in the middle,
the same key finds the run or launches it, and gets it once it has mended the days, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from leadflow_pipeline.delivery import outbox
from leadflow_pipeline.delivery.dead_letters import DEAD, campaigns_of, read_dead_letters, retry_lead
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.health import queues
from leadflow_pipeline.insight.health.failed import failed_jobs, failed_partitions
from leadflow_pipeline.launching.wanted import WantedRun, days_run
from leadflow_pipeline.service.access.door import Operator, Reader
from leadflow_pipeline.service.access.scopes import Caller, Scope, no_campaign
from leadflow_pipeline.service.api.idempotency import Asked, IdempotencyKey, once
from leadflow_pipeline.service.api.launches import Launched, launched_once
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem

SLUG = r"^[a-z0-9][a-z0-9_-]{0,99}$"
Campaign = Annotated[str | None, Query(pattern=SLUG, description="only of this one")]
CampaignInPath = Annotated[str, Path(pattern=SLUG)]
LeadId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Channel = Literal["email", "slack", "hubspot", "webhook"]
MessageId = Annotated[int, Field(ge=1, lt=2**63)]
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"description": "Its state forbids it, or the idempotency key came before with another request."}
}


class Answer(BaseModel):
    """What all answers here share."""

    model_config = ConfigDict(frozen=True)


class HeldLead(Answer):
    """A lead that waits for an owner."""

    campaign: str
    lead_id: str
    assignment_number: int
    decision_day: date
    reason: str
    remedy: str
    held_by: str = Field(description="the plan, or the door")
    held_since: datetime
    last_tried_at: datetime


class QuarantineReason(Answer):
    """Records that could not become a lead for one reason."""

    campaign: str
    source: str
    reason: str
    records: int
    first_day: date
    last_day: date


class QuarantinedRecord(Answer):
    """A record that could not become a lead."""

    day: date
    source: str
    content_key: str
    origin: str
    row_number: int
    reason: str
    raw: str | None = Field(None, description="the whole record, for whoever may operate and asks for it")


class DeadLetter(Answer):
    """A message that did not arrive, or may not have."""

    message_id: int
    channel: str
    state: str
    state_reason: str | None
    campaign: str
    lead_id: str
    sequence: str
    step: int
    attempts: int
    planned_at: datetime
    not_after: datetime
    updated_at: datetime
    is_to_lead: bool = Field(description="those are never tried again; the others are to one of us")


class FailedPartition(Answer):
    """Days that a run failed to compute, and nobody has since."""

    campaign: str
    first_day: date
    last_day: date
    days: int
    tables: list[str]
    run_id: str
    job: str
    failed_at: datetime
    sentence: str
    remedy: str


class FailedJobAnswer(Answer):
    """A job whose latest run failed."""

    job: str
    run_id: str
    failed_at: datetime
    sentence: str
    remedy: str


class Failures(Answer):
    """What is broken now; a later success heals it."""

    partitions: list[FailedPartition]
    jobs: list[FailedJobAnswer]


class MessagesToRetry(BaseModel):
    """Messages to one of us that failed, and whose cause is mended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_ids: list[MessageId] = Field(min_length=1, max_length=500)


class Retried(Answer):
    """Messages that leave again with the next dispatch."""

    message_ids: list[int]


class Settlement(BaseModel):
    """What a person found out about a message of which it is unknown whether it arrived."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: Literal["sent", "failed", "again"]


class Settled(Answer):
    """Where the message stands now."""

    message_id: int
    state: str


class PartitionsToRetry(BaseModel):
    """Of which campaign the days that failed are to be computed again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign: str = Field(pattern=SLUG)


class RetriedLead(Answer):
    """What is done again for a lead."""

    campaign: str
    lead_id: str
    message_ids: list[int] = Field(description="to owners and managers, which failed: they leave again")
    is_held: bool = Field(description="it waits for an owner, and is tried again within five minutes")


def operations_router(context: ServiceContext) -> APIRouter:
    """The routes, over the database and Dagster's queue."""
    router = APIRouter(tags=["operations"])
    _add_queues(router, context)
    _add_messages(router, context)
    _add_failures(router, context)
    return router


def _add_queues(router: APIRouter, context: ServiceContext) -> None:
    @router.get("/operations/held")
    def list_held(
        caller: Reader, limit: Limit = 100, cursor: Cursor = None, campaign: Campaign = None
    ) -> Page[HeldLead]:
        """Leads that wait for an owner, with the reason and what helps, by campaign and lead."""
        values = values_of(cursor, [str, str])
        with context.engine.connect() as connection:
            rows = queues.read_held(
                connection, campaign=campaign, campaigns=caller.campaigns, after=values, limit=limit + 1
            )
        found = [HeldLead.model_validate(row) for row in rows]
        return page_of(found, limit, lambda lead: [lead.campaign, lead.lead_id])

    @router.get("/operations/quarantine")
    def count_quarantined(caller: Reader, campaign: Campaign = None) -> list[QuarantineReason]:
        """How many records could not become a lead, for which reason."""
        with context.engine.connect() as connection:
            rows = queues.quarantine_reasons(connection, campaign=campaign, campaigns=caller.campaigns)
        return [QuarantineReason.model_validate(row) for row in rows]

    @router.get("/campaigns/{campaign}/quarantine")
    def list_quarantined(
        caller: Reader,
        campaign: CampaignInPath,
        limit: Limit = 100,
        cursor: Cursor = None,
        with_records: Annotated[
            bool, Query(description="the records too, which hold personal data: for whoever may operate")
        ] = False,
    ) -> Page[QuarantinedRecord]:
        """A campaign's records that could not become a lead, by day, source and key."""
        if with_records and caller.scope < Scope.OPERATE:
            raise Problem(HTTPStatus.FORBIDDEN, "records hold personal data: use a token that may operate")
        values = values_of(cursor, [date, str, str])
        with context.engine.connect() as connection:
            _require_campaign(connection, campaign)
            rows = queues.read_quarantined(
                connection, campaign, with_records=with_records, after=values, limit=limit + 1
            )
        found = [QuarantinedRecord.model_validate(row) for row in rows]
        return page_of(found, limit, lambda each: [each.day, each.source, each.content_key])


def _add_messages(router: APIRouter, context: ServiceContext) -> None:
    @router.get("/operations/messages", response_description="The latest first.")
    def list_dead_letters(
        caller: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        campaign: Campaign = None,
        channel: Annotated[Channel | None, Query()] = None,
        state: Annotated[Literal["failed", "unknown", "expired", "suppressed"] | None, Query()] = None,
    ) -> Page[DeadLetter]:
        """Messages that did not arrive or may not have: those that failed and those of unknown fate, or one state's."""
        values = values_of(cursor, [int])
        with context.engine.connect() as connection:
            rows = read_dead_letters(
                connection,
                states=DEAD if state is None else (state,),
                channel=channel,
                campaign=campaign,
                campaigns=caller.campaigns,
                before=values[0] if values else None,
                limit=limit + 1,
            )
        found = [DeadLetter.model_validate(row) for row in rows]
        return page_of(found, limit, lambda letter: [letter.message_id])

    @router.post("/operations/messages/retry", response_model=Retried, responses=CONFLICT)
    def retry_messages(
        caller: Operator, body: MessagesToRetry, asked: Asked, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Lets messages to owners and managers that failed leave again, all or none. Nothing to a lead is repeated."""

        def act(connection: Connection) -> Retried:
            _require_campaigns(connection, caller, body.message_ids)
            with _conflicts():
                outbox.try_again(connection, body.message_ids, actor=caller.actor, now=context.now())
            return Retried(message_ids=sorted(set(body.message_ids)))

        return once(context.engine, caller, idempotency_key, asked, act)

    @router.post("/operations/messages/{message_id}/settle", response_model=Settled, responses=CONFLICT)
    def settle_message(
        caller: Operator,
        message_id: Annotated[int, Path(ge=1, lt=2**63)],
        body: Settlement,
        asked: Asked,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Says of a message of unknown fate that it was sent, that it failed, or that it may be sent again."""
        to = "planned" if body.found == "again" else body.found

        def act(connection: Connection) -> Settled:
            _require_campaigns(connection, caller, [message_id])
            with _conflicts():
                outbox.settle(connection, message_id, to, actor=caller.actor, now=context.now())
            return Settled(message_id=message_id, state=to)

        return once(context.engine, caller, idempotency_key, asked, act)

    @router.post(
        "/campaigns/{campaign}/leads/{lead_id}/retry", response_model=RetriedLead, responses=CONFLICT
    )
    def retry_a_lead(
        caller: Operator,
        campaign: CampaignInPath,
        lead_id: LeadId,
        asked: Asked,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Lets what failed to be told about a lead leave again; says whether it still waits for an owner."""

        def act(connection: Connection) -> RetriedLead:
            if not queues.has_lead(connection, campaign, lead_id):
                raise Problem(HTTPStatus.NOT_FOUND, "the campaign knows no such lead")
            numbers = retry_lead(connection, campaign, lead_id, actor=caller.actor, now=context.now())
            held = queues.is_held(connection, campaign, lead_id)
            return RetriedLead(campaign=campaign, lead_id=lead_id, message_ids=numbers, is_held=held)

        return once(context.engine, caller, idempotency_key, asked, act)


def _add_failures(router: APIRouter, context: ServiceContext) -> None:
    @router.get("/operations/failures")
    def list_failures(caller: Reader) -> Failures:
        """Partitions and jobs that failed and that no later run made good, and how to mend them."""
        now = context.now()
        partitions = [
            FailedPartition(
                campaign=each.campaign,
                first_day=each.days[0],
                last_day=each.days[-1],
                days=len(each.days),
                tables=list(each.tables),
                run_id=each.run_id,
                job=each.job,
                failed_at=each.failed_at,
                sentence=each.sentence,
                remedy=each.remedy,
            )
            for each in failed_partitions(context.engine, now)
            if caller.sees(each.campaign)
        ]
        jobs = [
            FailedJobAnswer(
                job=each.job,
                run_id=each.run_id,
                failed_at=each.failed_at,
                sentence=each.sentence,
                remedy=each.remedy,
            )
            for each in (failed_jobs(context.engine, now) if caller.campaigns is None else ())
        ]
        return Failures(partitions=partitions, jobs=jobs)

    @router.post(
        "/operations/partitions/retry",
        status_code=202,
        response_model=Launched,
        responses=refusals(409, 503, body=True),
    )
    def retry_partitions(
        request: Request, caller: Operator, body: PartitionsToRetry, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Launches one run over the days of a campaign that failed, from the first to the last."""
        caller.require(body.campaign)
        with context.engine.connect() as connection:
            _require_campaign(connection, body.campaign)

        def wanted() -> WantedRun:
            failed = failed_partitions(context.engine, context.now())
            days = [day for each in failed if each.campaign == body.campaign for day in each.days]
            if not days:
                raise Problem(
                    HTTPStatus.CONFLICT, "no partition of the campaign is broken: there is nothing to retry"
                )
            return days_run(body.campaign, min(days), max(days))

        return launched_once(
            context, caller, request, wanted, idempotency_key, body.model_dump_json().encode()
        )


def _require_campaigns(connection: Connection, caller: Caller, message_ids: Sequence[int]) -> None:
    """Raises Problem (404) where there is no such message, or none for this token."""
    known = campaigns_of(connection, message_ids)
    if any(number not in known or not caller.sees(known[number]) for number in message_ids):
        raise Problem(
            HTTPStatus.NOT_FOUND, "there is no such message: GET /api/v1/operations/messages lists them"
        )


def _require_campaign(connection: Connection, campaign: str) -> None:
    if not queues.has_campaign(connection, campaign):
        raise no_campaign()


@contextmanager
def _conflicts() -> Iterator[None]:
    """What the state of a message forbids is a conflict, worded by the rule."""
    try:
        yield
    except PermanentError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None
