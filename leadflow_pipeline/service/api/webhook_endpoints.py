"""`/webhook-endpoints`: who is told what became of leads, what was delivered, and what could not be.

What belongs here: from requests to `delivery.lead_events`. What does not: any rule. A secret is answered to whoever
made it: it is derived from the pepper, and neither the table nor the remembered answer of an idempotency key has it. A
token of some campaigns sees the endpoints that hear of those alone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from leadflow_pipeline.delivery.lead_events import endpoints as book
from leadflow_pipeline.delivery.lead_events.deliveries import DEAD, deliveries, retry_dead
from leadflow_pipeline.delivery.lead_events.endpoints import Endpoint, EndpointRefused, NoSuchEndpoint, Wanted
from leadflow_pipeline.delivery.lead_events.event_way import try_endpoint
from leadflow_pipeline.delivery.lead_events.news import KINDS
from leadflow_pipeline.service.access.door import Administrator, Operator
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.changing import Change, Changing
from leadflow_pipeline.service.api.etags import IfMatch, require_match, tagged
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.api.parameters import MOST_SLUG, SLUG, Strict
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.settings import get_settings

EndpointInPath = Annotated[
    str, Path(pattern=r"^we_[0-9a-f]{12}$", max_length=15, description="the endpoint's id")
]
Kind = Literal["lead.scored", "lead.qualified", "lead.routed", "lead.graduated"]
Slug = Annotated[str, Field(pattern=SLUG, max_length=MOST_SLUG)]
MOST_RETRIED = 1_000


class EndpointBody(BaseModel):
    """What an endpoint is to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        min_length=1,
        max_length=book.LONGEST_URL,
        pattern=r"^https?://[\x21-\x7e]+$",
        description="https, of a public address: looked at again before each request",
    )
    events: list[Kind] = Field(list(KINDS), min_length=1, max_length=len(KINDS))
    campaigns: list[Slug] | None = Field(None, min_length=1, max_length=1_000, description="null: all")
    include: list[Literal["email"]] = Field(
        [], max_length=1, description="personal data that it is sent beside ids"
    )
    description: str = Field("", max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")

    def wanted(self) -> Wanted:
        """As the book of endpoints takes it."""
        campaigns = None if self.campaigns is None else tuple(self.campaigns)
        return Wanted(self.url, tuple(self.events), campaigns, tuple(self.include), self.description)


class EndpointAnswer(BaseModel):
    """An endpoint. `hears_since`: it is told of nothing from before."""

    endpoint_id: str
    url: str
    description: str
    events: list[str]
    campaigns: list[str] | None
    include: list[str]
    key_number: int
    key_rotated_at: datetime | None
    created_at: datetime
    hears_since: datetime
    disabled_at: datetime | None
    disabled_reason: str | None


class EndpointWithSecret(EndpointAnswer):
    """An endpoint, and the secret that its requests are signed with: it is shown now and not again."""

    secret: str


class DeliveryRow(BaseModel):
    """A message to an endpoint. `number` counts its lead's events."""

    message_id: int
    campaign: str
    lead_id: str
    kind: str
    number: int
    state: str
    state_reason: str | None
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    not_after: datetime
    sent_at: datetime | None


class RetryBody(BaseModel):
    """Which dead letters leave once more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_ids: list[Annotated[int, Field(ge=1, lt=2**63)]] | None = Field(
        None,
        min_length=1,
        max_length=MOST_RETRIED,
        description="null: all of the endpoint's, the earliest first",
    )


class Retried(BaseModel):
    """How many leave once more."""

    endpoint_id: str
    messages: int


class Tried(BaseModel):
    """What came of a test."""

    endpoint_id: str
    is_accepted: bool
    status: int | None
    reason: str | None


def webhook_endpoints_router(context: ServiceContext) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/webhook-endpoints", tags=["webhooks to others"])

    @router.get("", responses=refusals())
    def list_all(caller: Operator, limit: Limit = 100, cursor: Cursor = None) -> Page[EndpointAnswer]:
        """Who is told what became of leads, by id."""
        after = str((values_of(cursor, (str,)) or [""])[0])
        with context.engine.connect() as connection:
            found = book.read_endpoints(connection)
        rows = [_answer(each) for each in found if each.endpoint_id > after and _sees(caller, each.campaigns)]
        return page_of(rows[: limit + 1], limit, lambda row: (row.endpoint_id,))

    @router.post(
        "",
        status_code=HTTPStatus.CREATED,
        response_model=EndpointWithSecret,
        responses=refusals(409, body=True),
    )
    def add(caller: Administrator, body: Annotated[EndpointBody, Strict], change: Changing) -> JSONResponse:
        """Adds an endpoint, which hears of what happens from now on, and answers with its secret."""
        _require(caller, body)

        def act(connection: Connection) -> EndpointAnswer:
            with _refused():
                endpoint = book.add_endpoint(
                    connection,
                    body.wanted(),
                    actor=caller.actor,
                    now=context.now(),
                    to_private=_to_private(),
                )
            return _answer(endpoint)

        return _with_secret(change, context, caller, act, HTTPStatus.CREATED)

    @router.get("/{endpoint_id}", response_model=EndpointAnswer, responses=refusals(is_tagged=True))
    def get(request: Request, caller: Operator, endpoint_id: EndpointInPath) -> Response:
        """One endpoint, without its secret."""
        with context.engine.connect() as connection:
            return tagged(request, _answer(_endpoint(connection, caller, endpoint_id)))

    @router.put("/{endpoint_id}", response_model=EndpointAnswer, responses=refusals(409, 412, body=True))
    def put(
        caller: Administrator,
        endpoint_id: EndpointInPath,
        body: Annotated[EndpointBody, Strict],
        change: Changing,
        if_match: IfMatch = None,
    ) -> JSONResponse:
        """Changes an endpoint. What waits for it goes to its new address."""
        _require(caller, body)

        def act(connection: Connection) -> EndpointAnswer:
            require_match(if_match, _answer(_endpoint(connection, caller, endpoint_id)))
            with _refused():
                changed = book.change_endpoint(
                    connection, endpoint_id, body.wanted(), actor=caller.actor, to_private=_to_private()
                )
            return _answer(changed)

        return change.carried_out(context.engine, caller, act)

    @router.post("/{endpoint_id}/rotate", response_model=EndpointWithSecret, responses=refusals(409))
    def rotate(caller: Administrator, endpoint_id: EndpointInPath, change: Changing) -> JSONResponse:
        """Gives an endpoint a new secret. Requests are signed with the one before too, for a day."""

        def act(connection: Connection) -> EndpointAnswer:
            _endpoint(connection, caller, endpoint_id)
            rotated = book.rotate_key(connection, endpoint_id, actor=caller.actor, now=context.now())
            return _answer(rotated)

        return _with_secret(change, context, caller, act)

    @router.post("/{endpoint_id}/disable", response_model=EndpointAnswer, responses=refusals(409))
    def disable(caller: Administrator, endpoint_id: EndpointInPath, change: Changing) -> JSONResponse:
        """Tells an endpoint no more. What waits for it becomes a dead letter."""

        def act(connection: Connection) -> EndpointAnswer:
            _endpoint(connection, caller, endpoint_id)
            ended = book.disable_endpoint(connection, endpoint_id, actor=caller.actor, now=context.now())
            return _answer(ended)

        return change.carried_out(context.engine, caller, act)

    @router.post("/{endpoint_id}/enable", response_model=EndpointAnswer, responses=refusals(409))
    def enable(caller: Administrator, endpoint_id: EndpointInPath, change: Changing) -> JSONResponse:
        """Tells an endpoint again, of what happens from now on."""

        def act(connection: Connection) -> EndpointAnswer:
            _endpoint(connection, caller, endpoint_id)
            begun = book.enable_endpoint(connection, endpoint_id, actor=caller.actor, now=context.now())
            return _answer(begun)

        return change.carried_out(context.engine, caller, act)

    @router.post("/{endpoint_id}/test", responses=refusals())
    def test(caller: Operator, endpoint_id: EndpointInPath) -> Tried:
        """Sends a signed `leadflow.test` now, and says what the receiver answered. Changes nothing."""
        with context.engine.connect() as connection:
            endpoint = _endpoint(connection, caller, endpoint_id)
        number = secrets.randbits(48)
        delivery = try_endpoint(endpoint, context.now(), number, to_private=_to_private())
        return Tried(
            endpoint_id=endpoint_id,
            is_accepted=delivery.outcome == "accepted",
            status=delivery.reply_code,
            reason=delivery.reply_text,
        )

    @router.get("/{endpoint_id}/deliveries", responses=refusals())
    def list_deliveries(
        caller: Operator, endpoint_id: EndpointInPath, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[DeliveryRow]:
        """What was sent to an endpoint and what is on its way, the latest first."""
        return _deliveries(context, caller, endpoint_id, (), limit, cursor)

    @router.get("/{endpoint_id}/dead", responses=refusals())
    def list_dead(
        caller: Operator, endpoint_id: EndpointInPath, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[DeliveryRow]:
        """What an endpoint refused, or could not be told for three days, the latest first."""
        return _deliveries(context, caller, endpoint_id, DEAD, limit, cursor)

    @router.post("/{endpoint_id}/retry", response_model=Retried, responses=refusals(409, body=True))
    def retry(
        caller: Operator, endpoint_id: EndpointInPath, body: Annotated[RetryBody, Strict], change: Changing
    ) -> JSONResponse:
        """Sends dead letters once more. They come late; their `number` says which of a lead's events is the later."""

        def act(connection: Connection) -> Retried:
            _endpoint(connection, caller, endpoint_id)
            moved = retry_dead(
                connection, endpoint_id, body.message_ids, actor=caller.actor, now=context.now()
            )
            return Retried(endpoint_id=endpoint_id, messages=len(moved))

        return change.carried_out(context.engine, caller, act)

    return router


def _deliveries(
    context: ServiceContext,
    caller: Caller,
    endpoint_id: str,
    states: tuple[str, ...],
    limit: int,
    cursor: str | None,
) -> Page[DeliveryRow]:
    before = values_of(cursor, (int,))
    with context.engine.connect() as connection:
        _endpoint(connection, caller, endpoint_id)
        found = deliveries(
            connection,
            endpoint_id,
            states=states,
            before=before[0] if before else None,
            limit=limit + 1,
        )
    return page_of([DeliveryRow(**row) for row in found], limit, lambda row: (row.message_id,))


def _endpoint(connection: Connection, caller: Caller, endpoint_id: str) -> Endpoint:
    """Raises Problem (404) where there is none, or none for this token."""
    try:
        endpoint = book.read_endpoint(connection, endpoint_id)
    except NoSuchEndpoint:
        raise _no_endpoint() from None
    if not _sees(caller, endpoint.campaigns):
        raise _no_endpoint()
    return endpoint


def _no_endpoint() -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND, "there is no such webhook endpoint: GET /api/v1/webhook-endpoints lists them"
    )


def _sees(caller: Caller, campaigns: tuple[str, ...] | None) -> bool:
    if campaigns is None:
        return caller.campaigns is None
    return all(caller.sees(campaign) for campaign in campaigns)


def _require(caller: Caller, body: EndpointBody) -> None:
    """Raises Problem for an endpoint that would hear of campaigns that the token is not good for."""
    if body.campaigns is None:
        caller.require_all_campaigns()
    for campaign in body.campaigns or ():
        caller.require(campaign)


@contextmanager
def _refused() -> Iterator[None]:
    """Says why it can be no endpoint (409): by the settings here, which no document of ours can know."""
    try:
        yield
    except EndpointRefused as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None


def _with_secret(
    change: Change,
    context: ServiceContext,
    caller: Caller,
    act: Callable[[Connection], EndpointAnswer],
    status: HTTPStatus = HTTPStatus.OK,
) -> JSONResponse:
    """The answer with the secret, which is put in last, so that it is kept nowhere."""
    answer = change.carried_out(context.engine, caller, act, status)
    said: dict[str, Any] = json.loads(bytes(answer.body))
    said["secret"] = book.secret_of_key(said["endpoint_id"], said["key_number"])
    replayed = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("content-length", "content-type")
    }
    return JSONResponse(said, answer.status_code, replayed)


def _answer(endpoint: Endpoint) -> EndpointAnswer:
    return EndpointAnswer.model_validate(endpoint, from_attributes=True)


def _to_private() -> bool:
    return get_settings().webhooks_to_private_hosts
