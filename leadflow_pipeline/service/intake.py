"""Signed webhooks that bring leads: `POST /webhooks/lead/{campaign}` and `/webhooks/lead/{campaign}/{source}`.

What belongs here: from a request to a delivery, and from its fate to an answer. What does not: storing.

Whoever cannot sign learns nothing: an unknown campaign, one without a webhook and a wrong signature get one answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Engine

from leadflow_pipeline.service.bodies import leads_in, read_body
from leadflow_pipeline.service.deliveries import Delivery, Fate, body_key
from leadflow_pipeline.service.delivery_queue import DeliveryQueue
from leadflow_pipeline.service.entrances import Entrances
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.service.signatures import SignedHeaders, is_signed

NOBODY = bytes(32)
"""The key of campaigns that there are not: comparing takes as long as for those that there are."""


def intake_router(
    engine_of: Callable[[], Engine], queue: DeliveryQueue, now: Callable[[], datetime]
) -> APIRouter:
    """The routes, over an engine, a queue that stores, and a clock."""
    router = APIRouter(prefix="/webhooks", tags=["webhooks"])
    entrances = Entrances(engine_of, now)

    @router.post("/lead/{campaign}", status_code=HTTPStatus.ACCEPTED, response_model=None)
    async def receive(
        request: Request, campaign: str, source: Annotated[str | None, Query()] = None
    ) -> JSONResponse:
        """Takes in one lead (a JSON object) or up to 1,000 (a list), signed by Standard Webhooks.

        `source` names the webhook source of the campaign file where it has several. 202: taken in. 200: it was
        before. 401: not signed for this campaign. 409: the id came before with another body.
        """
        body = await read_body(request)
        entrance = await entrances.find(campaign, source)
        headers = SignedHeaders(
            *(request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        )
        is_genuine = is_signed(headers, body, entrance.keys if entrance else (NOBODY,), now())
        if entrance is None or not is_genuine:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "not signed for this address: sign `id.timestamp.body` with a secret of the campaign, "
                "and send it within 5 minutes",
            )
        if entrance.is_closed:
            raise Problem(HTTPStatus.GONE, "the campaign is archived and takes no more leads: stop sending")
        leads = leads_in(body, request.headers.get("content-encoding"))
        key = body_key(body)
        delivery = Delivery(campaign, entrance.source, headers.webhook_id, key, leads, entrance.keys_of)
        return _answer(delivery, await queue.take(delivery))

    @router.post("/lead/{campaign}/{source}", status_code=HTTPStatus.ACCEPTED, response_model=None)
    async def receive_for_source(request: Request, campaign: str, source: str) -> JSONResponse:
        """The same, for senders whose addresses take no query."""
        return await receive(request, campaign, source)

    return router


def _answer(delivery: Delivery, fate: Fate) -> JSONResponse:
    content = {"id": delivery.webhook_id, "leads": len(delivery.leads)}
    match fate:
        case Fate.TAKEN:
            return JSONResponse(content, HTTPStatus.ACCEPTED)
        case Fate.REPEATED:
            return JSONResponse(content, HTTPStatus.OK)
        case Fate.CONFLICT:
            raise Problem(
                HTTPStatus.CONFLICT,
                "this webhook-id came before with another body: give each delivery its own",
            )
        case Fate.REFUSED:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the database cannot hold what the body says")
