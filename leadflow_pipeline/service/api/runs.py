"""`/campaigns/{campaign}/execute|runs|schedule`: launching the daily chain, and seeing what became of it.

What belongs here: from requests to a wanted run. What does not: launching it (`launches`), and what a run computes.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from leadflow_pipeline.campaign import VERSION_TAG, campaign_summary, set_status_in
from leadflow_pipeline.errors import FateUnknown, PermanentError
from leadflow_pipeline.launching.reading import ScheduleSeen, daily_schedule, run_of, runs_of
from leadflow_pipeline.launching.wanted import WantedRun, days_run
from leadflow_pipeline.launching.webserver import WebserverAway, WebserverRefused
from leadflow_pipeline.partition_keys import last_complete_day
from leadflow_pipeline.score.model_registry import MODEL_TAG, NO_MODEL, full_version
from leadflow_pipeline.service.access.door import Administrator, Operator, Reader
from leadflow_pipeline.service.access.scopes import no_campaign
from leadflow_pipeline.service.api.changing import Changing
from leadflow_pipeline.service.api.idempotency import IdempotencyKey
from leadflow_pipeline.service.api.launches import Launched, dagster_problem, launched_once
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.api.parameters import CampaignSlug, Day, Strict
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.due_days import DueDays, days_to_compute, first_due_day, rows_written

AWAY = (WebserverAway, WebserverRefused, FateUnknown)

RunStatus = Literal[
    "QUEUED", "NOT_STARTED", "STARTING", "STARTED", "SUCCESS", "FAILURE", "CANCELING", "CANCELED", "MANAGED"
]
Work = Annotated[
    Literal["full-pipeline", "harvest", "identity", "enrich", "score", "qualify", "route", "nurture"],
    Path(description="every stage, or one of them on what the stages before it left"),
]
RunId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]


class ExecuteBody(BaseModel):
    """Which days, and under which rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_day: Day | None = Field(None, description="left out: the first that is due")
    last_day: Day | None = Field(None, description="left out: yesterday (UTC)")
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="of the campaign file; left out: the latest"
    )
    model: str | None = Field(
        None,
        pattern=r"^([0-9a-f]{6,64}|none)$",
        description="the conversion model that scores, or none; left out: each day's champion",
    )


class RunAnswer(BaseModel):
    """A run as it is now."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    page: str = Field(description="where people see it in the Dagster UI")
    job: str
    status: RunStatus
    campaign: str | None
    first_partition: str | None
    last_partition: str | None
    correlation_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class RunStep(BaseModel):
    """A step of a run."""

    model_config = ConfigDict(frozen=True)

    step: str
    status: str
    started_at: datetime | None
    ended_at: datetime | None


class RunDetail(RunAnswer):
    """A run, its steps, and how many rows it left in each table."""

    steps: list[RunStep]
    rows: dict[str, int]


class ScheduleBody(BaseModel):
    """Whether the campaign takes part in the daily schedule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["active", "paused"]


class ScheduleAnswer(BaseModel):
    """Whether a campaign runs by itself, and what is due. What is due comes from the database, not from a clock."""

    model_config = ConfigDict(frozen=True)

    campaign: str
    status: Literal["active", "paused", "archived"]
    due_from: date | None = Field(description="null: no day is due")
    due_to: date | None
    days_due: int
    is_schedule_running: bool | None = Field(
        description="of Dagster's schedule, for all campaigns; null: the webserver does not answer"
    )
    cron: str | None
    next_at: datetime | None = Field(description="when it looks next at what is due")


def runs_router(context: ServiceContext) -> APIRouter:
    """The routes, over the database and the Dagster webserver."""
    router = APIRouter(tags=["runs"])

    @router.post(
        "/campaigns/{campaign}/execute/{work}",
        status_code=202,
        response_model=Launched,
        responses=refusals(409, body=True),
    )
    def execute(
        request: Request,
        caller: Operator,
        campaign: CampaignSlug,
        work: Work,
        body: Annotated[ExecuteBody | None, Strict] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Launches a run that computes days of the campaign; without days: those that are due. It waits in Dagster's
        queue like any other, and sends nothing. 409 where no day is due or the campaign is not active."""
        wanted_days = body or ExecuteBody()

        def wanted() -> WantedRun:
            _require_active(context, campaign)
            days = _chosen(context, campaign, wanted_days, is_stage=work != "full-pipeline")
            tags = _tags(context, campaign, wanted_days)
            stages = () if work == "full-pipeline" else (work,)
            return days_run(campaign, days.first, days.last, stages=stages, tags=tags)

        asked = wanted_days.model_dump_json().encode()
        return launched_once(context, caller, request, wanted, idempotency_key, asked)

    @router.get("/campaigns/{campaign}/runs", responses=refusals())
    def list_runs(
        _: Reader,
        campaign: CampaignSlug,
        limit: Limit = 100,
        cursor: Cursor = None,
        status: Annotated[RunStatus | None, Query()] = None,
    ) -> Page[RunAnswer]:
        """The campaign's runs, the newest first, whoever launched them."""
        values = values_of(cursor, [str])
        _status_of(context, campaign)
        try:
            found = runs_of(
                campaign, limit + 1, values[0] if values else None, () if status is None else (status,)
            )
        except AWAY as error:
            raise dagster_problem(error) from None
        items = [RunAnswer.model_validate(asdict(each)) for each in found]
        return page_of(items, limit, lambda item: [item.run_id])

    @router.get("/campaigns/{campaign}/runs/{run_id}", responses=refusals())
    def get_run(_: Reader, campaign: CampaignSlug, run_id: RunId) -> RunDetail:
        """A run: how far it is, its steps, and the rows it left."""
        _status_of(context, campaign)
        try:
            found = run_of(run_id)
        except AWAY as error:
            raise dagster_problem(error) from None
        if found is None or found[0].campaign != campaign:
            raise Problem(
                HTTPStatus.NOT_FOUND, "there is no such run of this campaign: its runs are listed above it"
            )
        run, steps = found
        return RunDetail.model_validate(
            {
                **asdict(run),
                "steps": [asdict(step) for step in steps],
                "rows": rows_written(context.engine, run_id),
            }
        )

    @router.get("/campaigns/{campaign}/schedule", responses=refusals())
    def get_schedule(_: Reader, campaign: CampaignSlug) -> ScheduleAnswer:
        """Whether the campaign runs by itself, and what is due."""
        return schedule_of(context, campaign, _status_of(context, campaign))

    @router.post(
        "/campaigns/{campaign}/schedule", response_model=ScheduleAnswer, responses=refusals(409, body=True)
    )
    def change_schedule(
        caller: Administrator,
        change: Changing,
        campaign: CampaignSlug,
        body: Annotated[ScheduleBody, Strict],
    ) -> Response:
        """Pauses or resumes the campaign's part in the daily schedule, and with it its emails: a campaign that is not
        computed must not go on writing. An archived campaign is resumed by `/resume` alone (409)."""
        seen = _schedule_seen()

        def act(connection: Connection) -> ScheduleAnswer:
            present = campaign_summary(connection, campaign, to_change=True)
            if present is None:
                raise no_campaign()
            if present.status == "archived":
                raise Problem(HTTPStatus.CONFLICT, "the campaign is archived: resume it first")
            set_status_in(connection, campaign, body.status, actor=caller.actor)
            return _schedule_answer(context, connection, campaign, body.status, seen)

        return change.carried_out(context.engine, caller, act)

    return router


def schedule_of(context: ServiceContext, campaign: str, status: str) -> ScheduleAnswer:
    """What is due of a campaign, and when that is looked at."""
    seen = _schedule_seen()
    with context.engine.connect() as connection:
        return _schedule_answer(context, connection, campaign, status, seen)


def _schedule_seen() -> ScheduleSeen | None:
    try:
        return daily_schedule()
    except AWAY:
        return None


def _schedule_answer(
    context: ServiceContext, connection: Connection, campaign: str, status: str, seen: ScheduleSeen | None
) -> ScheduleAnswer:
    complete = last_complete_day(context.now())
    first = first_due_day(connection, campaign, get_settings().first_day, complete)
    return ScheduleAnswer.model_validate(
        {
            "campaign": campaign,
            "status": status,
            "due_from": first,
            "due_to": complete if first else None,
            "days_due": (complete - first).days + 1 if first else 0,
            "is_schedule_running": seen.is_running if seen else None,
            "cron": seen.cron if seen else None,
            "next_at": seen.next_at if seen else None,
        }
    )


def _status_of(context: ServiceContext, campaign: str) -> str:
    """Raises Problem (404)."""
    with context.engine.connect() as connection:
        present = campaign_summary(connection, campaign)
    if present is None:
        raise no_campaign()
    return present.status


def _require_active(context: ServiceContext, campaign: str) -> None:
    if _status_of(context, campaign) != "active":
        raise Problem(
            HTTPStatus.CONFLICT,
            "the campaign is paused or archived, so nothing of it is computed: resume it first",
        )


def _chosen(context: ServiceContext, campaign: str, body: ExecuteBody, *, is_stage: bool) -> DueDays:
    """The days of a run. Raises Problem (409) for days that cannot be as of now, and where none is due."""
    complete, earliest = last_complete_day(context.now()), get_settings().first_day
    last = body.last_day or complete
    if last > complete or (body.first_day or last) > last or (body.first_day or last) < earliest:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"the days must be in order, from {earliest} (LEADFLOW_FIRST_DAY) to {complete}, the last that has ended "
            "(UTC)",
        )
    days = days_to_compute(
        context.engine, campaign, body.first_day, last, earliest=earliest, complete=complete
    )
    if days is None and is_stage:
        return DueDays(campaign, last, last)
    if days is None:
        raise Problem(HTTPStatus.CONFLICT, "no day is due: name first_day and last_day to compute them again")
    return days


def _tags(context: ServiceContext, campaign: str, body: ExecuteBody) -> dict[str, str]:
    """How a run names a version and a model. Raises Problem (409) for those that there are not."""
    tags = {}
    if body.version is not None:
        with context.engine.connect() as connection:
            present = campaign_summary(connection, campaign)
        if present is None or body.version > present.version:
            raise Problem(HTTPStatus.CONFLICT, "the campaign has no such version: it lists those it has")
        tags[VERSION_TAG] = str(body.version)
    if body.model is not None:
        try:
            tags[MODEL_TAG] = (
                NO_MODEL if body.model == NO_MODEL else full_version(context.engine, campaign, body.model)
            )
        except PermanentError:
            raise Problem(
                HTTPStatus.CONFLICT, "no model, or more than one, of this campaign begins so"
            ) from None
    return tags
