"""Signed webhooks that bring leads: `POST /webhooks/lead/{campaign}` and `/webhooks/lead/{campaign}/{source}`.

What belongs here: from a request to a delivery, and from its fate to an answer. What does not: storing.

A body that two readers could understand differently, or that no text of the database holds, is refused (`strict_json`):
its sender has it still, and the reason, whereas a lead that was taken in altered would be noticed by nobody.

Whoever cannot sign learns nothing: an unknown campaign, one without a webhook and a wrong signature get one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Engine

from leadflow_pipeline.service.bodies import MOST_BYTES, MOST_LEADS, leads_in, read_body
from leadflow_pipeline.service.deliveries import Delivery, Fate, body_key
from leadflow_pipeline.service.entrances import Entrances
from leadflow_pipeline.service.groups import Groups
from leadflow_pipeline.service.problems import Problem, not_now
from leadflow_pipeline.signatures import SignedHeaders, is_signed

NOBODY = bytes(32)
"""The key of campaigns that there are not: comparing takes as long as for those that there are."""

ANSWERS: Mapping[int | str, dict[str, Any]] = {
    202: {"description": "Taken in: the leads are in the database."},
    200: {"description": "The same delivery was taken in before; nothing changed."},
    400: {"description": "The body is no JSON in UTF-8: NaN and Infinity are none."},
    401: {"description": "Not signed with a secret of this address, or not within 5 minutes."},
    408: {"description": "The body did not arrive in time: send it again."},
    409: {"description": "The id came before with another body; nothing changed."},
    410: {"description": "The campaign is archived: stop sending."},
    413: {"description": f"The body is longer than {MOST_BYTES >> 10} KiB."},
    415: {"description": "The body is compressed."},
    422: {
        "description": "The body is JSON, but holds no leads that can be taken in, or an object has a member twice, a "
        "text NUL or half of a surrogate pair."
    },
    503: {"description": "Not now: send it again, with the same id, after Retry-After seconds."},
}

LEAD = {"type": "object", "example": {"contact": {"email": "ida@leads.example", "name": "Ida Example"}}}
BODY = {
    "requestBody": {
        "required": True,
        "description": "One lead, or a list of them. The campaign file maps their members to fields.",
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [LEAD, {"type": "array", "items": LEAD, "minItems": 1, "maxItems": MOST_LEADS}]
                }
            }
        },
    }
}


def signed_headers(
    webhook_id: Annotated[str, Header(description="names the delivery: the same when it is sent again")] = "",
    webhook_timestamp: Annotated[str, Header(description="when it was signed, in seconds since 1970")] = "",
    webhook_signature: Annotated[
        str, Header(description="`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64; several, spaced")
    ] = "",
) -> SignedHeaders:
    """The headers of Standard Webhooks."""
    return SignedHeaders(webhook_id, webhook_timestamp, webhook_signature)


def intake_router(
    engine_of: Callable[[], Engine], queue: Groups[Delivery, Fate], now: Callable[[], datetime]
) -> APIRouter:
    """The routes, over an engine, a queue that stores, and a clock."""
    router = APIRouter(prefix="/webhooks", tags=["webhooks"], responses=dict(ANSWERS))
    entrances = Entrances(engine_of, now)

    @router.post("/lead/{campaign}", status_code=HTTPStatus.ACCEPTED, openapi_extra=BODY)
    async def receive(
        request: Request,
        campaign: str,
        headers: Annotated[SignedHeaders, Depends(signed_headers)],
        source: Annotated[str | None, Query(description="of the campaign file, where it has several")] = None,
    ) -> JSONResponse:
        """Takes in one lead (a JSON object) or up to 1,000 (a list), signed by Standard Webhooks."""
        body = await read_body(request)
        entrance = await entrances.find(campaign, source)
        is_genuine = is_signed(headers, body, entrance.keys if entrance else (NOBODY,), now())
        if entrance is not None and not is_genuine and entrance.lacks_keys:
            raise not_now("this address is not set up yet")
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
        return _answer(delivery, await queue.ask(delivery))

    @router.post("/lead/{campaign}/{source}", status_code=HTTPStatus.ACCEPTED, openapi_extra=BODY)
    async def receive_for_source(
        request: Request,
        campaign: str,
        source: str,
        headers: Annotated[SignedHeaders, Depends(signed_headers)],
    ) -> JSONResponse:
        """The same, for senders whose addresses take no query."""
        return await receive(request, campaign, headers, source)

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
