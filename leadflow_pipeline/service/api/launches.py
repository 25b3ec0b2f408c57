"""Runs launched by requests: what every route that launches one answers.

What belongs here: from a request to a launched run, once for each idempotency key. What does not: which run
(`launching.wanted`), and how (`launching.launcher`).

A route:

    @router.post("/campaigns/{campaign}/train", status_code=202, response_model=Launched, responses=refusals(409))
    def train(request: Request, caller: Administrator, campaign: Slug, idempotency_key: IdempotencyKey = None):
        return launched_once(context, caller, request, training_run(campaign), idempotency_key)

`asked` is to hold the body's meaning (`body.model_dump_json().encode()`) where there is a body.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http import HTTPStatus

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.errors import FateUnknown
from leadflow_pipeline.launching.launcher import LaunchUnderWay, OtherRequest, launch, wanted_before
from leadflow_pipeline.launching.wanted import WantedRun
from leadflow_pipeline.launching.webserver import WebserverAway, WebserverRefused
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.idempotency import request_key
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import SECONDS_TO_RETRY_AFTER, Problem
from leadflow_pipeline.store.keys import subject_key
from leadflow_pipeline.telemetry.correlation import present_correlation_id


class Launched(BaseModel):
    """A run that was put into Dagster's queue."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    page: str = Field(description="where people see it in the Dagster UI")
    job: str
    campaign: str | None
    partitions: int = Field(description="how many it computes: days of the campaign, or the campaign itself")
    first_partition: str | None
    last_partition: str | None
    stages: list[str] = Field(description="only these; empty: all")


def launched_once(
    context: ServiceContext,
    caller: Caller,
    request: Request,
    wanted: WantedRun | Callable[[], WantedRun],
    idempotency_key: str | None,
    body: bytes = b"",
) -> Response:
    """202 and the run. The same key with the same request gives the same run; blocks, so call it in a thread.

    `wanted` may be a function, for a run that depends on how things stand: it is called for a new request only.
    `body` is what was asked for, beside the address. Raises Problem: 409 for a key that came before with another
    request, 503 where Dagster does not answer (send it again: it is safe).
    """
    ticket = secrets.token_hex(16)
    if idempotency_key is not None:
        ticket = subject_key(f"launch\x1f{caller.token_id}\x1f{idempotency_key}")
    asked = request_key(request, body)
    try:
        before = wanted_before(context.engine, ticket, asked)
        wanted = before or (wanted() if callable(wanted) else wanted)
        run = launch(
            context.engine,
            wanted,
            ticket=ticket,
            asked=asked,
            actor=caller.actor,
            now=context.now(),
            correlation_id=present_correlation_id(),
        )
    except OtherRequest as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None
    except (WebserverAway, WebserverRefused, LaunchUnderWay, FateUnknown) as error:
        raise dagster_problem(error) from None
    answer = Launched(
        run_id=run.run_id,
        page=run.page,
        job=wanted.job,
        campaign=wanted.campaign,
        partitions=len(wanted.partitions),
        first_partition=wanted.partitions[0] if wanted.partitions else None,
        last_partition=wanted.partitions[-1] if wanted.partitions else None,
        stages=list(wanted.stages),
    )
    headers = {} if run.is_new else {"Idempotent-Replayed": "true"}
    return Response(answer.model_dump_json(), HTTPStatus.ACCEPTED, headers, "application/json")


def dagster_problem(error: Exception) -> Problem:
    """503, with the remedy."""
    headers = {"Retry-After": SECONDS_TO_RETRY_AFTER}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers)
