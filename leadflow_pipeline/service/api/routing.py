"""Decisions about owners over HTTP: decide, predict, in batches, and what was decided.

What belongs here: from a request to what is asked, and from what became of it to an answer. What does not: deciding
(`service.decisions`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import select
from starlette.routing import Route

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.service.access.door import Operator, Reader, caller_of
from leadflow_pipeline.service.access.scopes import Caller, Scope, no_campaign
from leadflow_pipeline.service.api.idempotency import IdempotencyKey
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.api.routing_shapes import (
    COMMON,
    Decision,
    Decisions,
    ManyLeads,
    OneLead,
    StoredDecision,
    problems_of,
)
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.decisions.asked import Asked, Decided, KeyConflict, UnknownLead
from leadflow_pipeline.service.decisions.deciding import predict, was_another
from leadflow_pipeline.service.decisions.decision_queue import CampaignClosed, DecisionQueue
from leadflow_pipeline.service.decisions.newcomer_queue import Newcomer, Newcomers
from leadflow_pipeline.service.decisions.newcomers import NoLead, NoSource, source_for
from leadflow_pipeline.service.decisions.state import CampaignState
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.store.keys import subject_key
from leadflow_pipeline.store.schema import routing_decisions
from leadflow_pipeline.telemetry.correlation import present_correlation_id


def routing_router(context: ServiceContext) -> APIRouter:
    """The routes of decisions."""
    router = APIRouter(prefix="/routing", tags=["routing"])

    @router.post(
        "/decide",
        response_model=None,
        responses={
            200: {
                "model": Decision,
                "description": "Decided, and on record: whoever asks again is told the same.",
            },
            **problems_of(
                **COMMON,
                _409="The key came before with another request, the campaign is not active, or its rules make no lead "
                "of the record.",
            ),
        },
    )
    async def decide(
        request: Request, caller: Operator, asked: OneLead, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Gives a lead its owner now, once, by the rules, prices and capacity that whole days go by.

        The decision is durable before it is answered, and the pipeline honours it as a fact. A lead that has an owner
        keeps it. Send an Idempotency-Key, so that whatever happens on the way you may ask again.
        """
        return await _decide(context, request, caller, asked, idempotency_key)

    @router.post(
        "/predict",
        response_model=None,
        responses={
            200: {"model": Decision, "description": "What would be decided now. Nothing was written."},
            **problems_of(
                **COMMON, _409="The campaign is not active, or its rules make no lead of the record."
            ),
        },
    )
    async def predict_owner(request: Request, caller: Reader, asked: OneLead) -> JSONResponse:
        """What `decide` would answer now, with reasons and candidates; writes nothing."""
        caller.require(asked.campaign)
        return JSONResponse(await _predicted(context, request, asked))

    @router.post(
        "/batch",
        response_model=None,
        responses={
            200: {"model": Decisions, "description": "What became of each, in their order."},
            **problems_of(
                **COMMON, _409="The key came before with another request, or the campaign is not active."
            ),
        },
    )
    async def batch(
        request: Request, caller: Operator, asked: ManyLeads, idempotency_key: IdempotencyKey = None
    ) -> JSONResponse:
        """Gives up to 500 leads their owners, each as `decide` does; one that is not known takes no other with it."""
        caller.require(asked.campaign)
        queue = _queue(request)
        key = idempotency_key or _own_key()
        whole = subject_key("\x1f".join(asked.lead_ids))
        each = [
            _decided(
                queue,
                _asked(caller, asked.campaign, lead_id, f"{key}#{number}", whole),
            )
            for number, lead_id in enumerate(asked.lead_ids)
        ]
        found = await asyncio.gather(*each, return_exceptions=True)
        items: list[Mapping[str, Any]] = []
        for lead_id, outcome in zip(asked.lead_ids, found, strict=True):
            if isinstance(outcome, Decided):
                items.append(outcome.answer)
            elif isinstance(outcome, Problem) and outcome.status == HTTPStatus.NOT_FOUND:
                items.append({"lead_id": lead_id, "problem": outcome.sentence})
            else:
                raise outcome
        return JSONResponse({"items": items})

    @router.get(
        "/decisions",
        responses=problems_of(
            **{name: COMMON[name] for name in ("_400", "_401", "_403", "_404", "_422", "_429", "_503")}
        ),
    )
    def decisions(
        caller: Reader,
        campaign: Annotated[
            str | None, Query(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100, description="of one campaign")
        ] = None,
        lead_id: Annotated[str | None, Query(pattern=r"^[\x21-\x7e]+$", max_length=200)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[StoredDecision]:
        """What the service decided, the latest first."""
        kept = routing_decisions.c
        query = select(kept.decision_id, kept.decided_at, kept.answer).order_by(kept.decision_id.desc())
        if campaign is not None:
            caller.require(campaign)
            query = query.where(kept.campaign == campaign)
        elif caller.campaigns is not None:
            query = query.where(kept.campaign.in_(sorted(caller.campaigns)))
        if lead_id is not None:
            query = query.where(kept.lead_id == lead_id)
        after = values_of(cursor, (int,))
        if after is not None:
            query = query.where(kept.decision_id < after[0])
        with context.engine.connect() as connection:
            rows = connection.execute(query.limit(limit + 1)).all()
        found = [
            StoredDecision(
                decision_id=row.decision_id, decided_at=row.decided_at, decision=Decision(**row.answer)
            )
            for row in rows
        ]
        return page_of(found, limit, lambda each: (each.decision_id,))

    return router


def add_quick_decide(app: FastAPI, context: ServiceContext) -> None:
    """Answers `POST /routing/decide` ahead of all other routes, and without FastAPI, which documents it.

    To find one route of a hundred and to solve its dependencies costs FastAPI more than a millisecond, which is more
    than the decision.
    """

    async def decide(request: Request) -> Response:
        caller = await caller_of(request, Scope.OPERATE)
        asked, key = _read(ONE_LEAD, getattr(request.state, "json", MISSING), "body"), None
        if (sent := request.headers.get("idempotency-key")) is not None:
            key = _read(KEY, sent, "header", "idempotency-key")
        return await _decide(context, request, caller, asked, key)

    app.router.routes.insert(0, Route("/api/v1/routing/decide", decide, methods=["POST"]))


MISSING: Final = object()
KEY: Final = TypeAdapter(Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")])
ONE_LEAD: Final = TypeAdapter(OneLead)


def _read(kind: TypeAdapter[Any], value: Any, *place: str) -> Any:
    """What was sent, as FastAPI would read it. Raises RequestValidationError."""
    if value is MISSING:
        raise RequestValidationError([{"type": "missing", "loc": place, "msg": "", "input": None}])
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": (*place, *each["loc"])} for each in error.errors()]
        ) from None


async def _decide(
    context: ServiceContext, request: Request, caller: Caller, asked: OneLead, idempotency_key: str | None
) -> Response:
    caller.require(asked.campaign)
    queue = _queue(request)
    if asked.lead is None:
        known = _asked(caller, asked.campaign, str(asked.lead_id), idempotency_key)
    else:
        known = await _newcomer(context, request, caller, asked, idempotency_key)
    decided = await _decided(queue, known)
    headers = {"Idempotent-Replayed": "true"} if decided.is_replay else None
    return Response(decided.body, headers=headers, media_type="application/json")


def _queue(request: Request) -> DecisionQueue:
    queue: DecisionQueue = request.app.state.decisions
    return queue


def _newcomers(request: Request) -> Newcomers:
    newcomers: Newcomers = request.app.state.newcomers
    return newcomers


def _own_key() -> str:
    return f"ours-{secrets.token_hex(16)}"


def _asked(
    caller: Caller, campaign: str, lead_id: str, idempotency_key: str | None, whole: str = ""
) -> Asked:
    return Asked(
        campaign,
        lead_id,
        f"{caller.token_id}:{idempotency_key or _own_key()}",
        subject_key(f"decide {campaign} {lead_id} {whole}"),
        caller.actor,
        correlation_id=present_correlation_id(),
    )


async def _newcomer(
    context: ServiceContext, request: Request, caller: Caller, asked: OneLead, idempotency_key: str | None
) -> Asked:
    """The record taken in, and the lead as it stands. A key that came before with another body takes nothing in."""
    try:
        state = await _active(request, asked.campaign)
        source = source_for(state.version, asked.source)
        record = json.dumps(asked.lead, sort_keys=True, ensure_ascii=False)
        whole = subject_key(f"{source.name}\x1f{record}")
        if idempotency_key is not None and await run_in_threadpool(
            was_another,
            context.engine,
            asked.campaign,
            f"{caller.token_id}:{idempotency_key}",
            lambda lead_id: _asked(caller, asked.campaign, lead_id, idempotency_key, whole).request_key,
        ):
            raise KeyConflict
        lead = await _newcomers(request).ask(Newcomer(state.version, source, _as_text(asked.lead or {})))
    except (KeyConflict, CampaignClosed, PermanentError) as error:
        raise _as_problem(error) from None
    known = _asked(caller, asked.campaign, lead.lead_id, idempotency_key, whole)
    return replace(known, newcomer=lead)


async def _active(request: Request, campaign: str) -> CampaignState:
    """The state of a campaign that gives leads away. Raises CampaignClosed, and PermanentError where there is none."""
    state = await run_in_threadpool(_queue(request).states.of, campaign)
    if state.status != "active":
        raise CampaignClosed
    return state


def _as_text(value: Any) -> Any:
    """Numbers as texts, as the door for webhooks reads them."""
    if isinstance(value, dict):
        return {name: _as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    return json.dumps(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


async def _decided(queue: DecisionQueue, asked: Asked) -> Decided:
    try:
        return await queue.decide(asked)
    except (KeyConflict, UnknownLead, CampaignClosed, PermanentError) as error:
        raise _as_problem(error) from None


async def _predicted(context: ServiceContext, request: Request, asked: OneLead) -> Any:
    """The answer that `decide` would give now. Raises Problem."""
    newcomers = {}
    try:
        state = await _active(request, asked.campaign)
        lead_id = str(asked.lead_id)
        if asked.lead is not None:
            source = source_for(state.version, asked.source)
            newcomer = Newcomer(state.version, source, _as_text(asked.lead), is_stored=False)
            lead = await _newcomers(request).ask(newcomer)
            lead_id, newcomers = lead.lead_id, {lead.lead_id: lead}
    except (CampaignClosed, PermanentError) as error:
        raise _as_problem(error) from None
    (answer,) = await run_in_threadpool(predict, context.engine, state, [lead_id], context.now(), newcomers)
    if isinstance(answer, Exception):
        raise _as_problem(answer)
    return answer


def _as_problem(error: Exception) -> Problem:
    if isinstance(error, KeyConflict):
        return Problem(
            HTTPStatus.CONFLICT, "the idempotency key came before with another request: use a new key"
        )
    if isinstance(error, UnknownLead):
        return Problem(HTTPStatus.NOT_FOUND, "the campaign knows no such lead: it may not be harvested yet")
    if isinstance(error, CampaignClosed):
        return Problem(HTTPStatus.CONFLICT, "the campaign is paused or archived, and gives no leads away")
    if isinstance(error, NoSource | NoLead):
        return Problem(HTTPStatus.CONFLICT, str(error))
    return no_campaign()
