"""Webhooks of email providers: `POST /webhooks/provider/{ses|sendgrid|generic}`.

What belongs here: who may tell us, from a body to lines of the journal, and the answer. What does not: any provider's
words (`inbound.providers`), and what follows.

Each provider has the signature that it knows; whoever is not set up here, or cannot sign, changes nothing. Events are
kept on the disk before they are answered, with keys in the place of addresses. One that is told again has the same id,
and changes nothing.

SES and SendGrid quote what foreign servers and people wrote, of which nothing is used: a NUL or half of a surrogate
pair in it must not cost the complaints of a whole batch. Whoever translates for `generic` can leave them out.
"""

from __future__ import annotations

import logging
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.inbound.providers import generic, sendgrid, ses, sns
from leadflow_pipeline.inbound.providers.events import ProviderEvent, UnreadableEvent
from leadflow_pipeline.inbound.providers.storing import event_line
from leadflow_pipeline.service.bodies import read_body
from leadflow_pipeline.service.certificates import Certificates
from leadflow_pipeline.service.problems import Problem, not_now
from leadflow_pipeline.service.strict_json import parsed
from leadflow_pipeline.service.tracking_journal import Journal, JournalFull
from leadflow_pipeline.settings import Settings, get_settings
from leadflow_pipeline.signatures import SignedHeaders, is_signed, key_of

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 20
"""SendGrid sends up to 768 KB at once."""

ANSWERS: Mapping[int | str, dict[str, Any]] = {
    200: {"description": "Kept; what was told before changes nothing."},
    400: {"description": "The body is no JSON in UTF-8."},
    401: {"description": "Not signed by this provider for this address."},
    404: {"description": "There is no such provider, or it is not set up here."},
    408: {"description": "The body did not arrive in time: send it again."},
    413: {"description": f"The body is longer than {MOST_BYTES >> 10} KiB."},
    422: {"description": "The body is JSON, but not what the provider documents."},
    503: {"description": "Not now: send it again later."},
}
SIGNING = {
    "ses": "LEADFLOW_SES_TOPICS", "sendgrid": "LEADFLOW_SENDGRID_PUBLIC_KEY",
    "generic": "LEADFLOW_PROVIDER_WEBHOOK_SECRET",
}  # fmt: skip
"""Provider -> the setting without which nobody can tell us anything in its name."""


EVENT: Mapping[str, Any] = {
    "type": "object",
    "example": {
        "event": "bounce",
        "message_id": "<1@mail.example.org>",
        "occurred_at": "2026-03-01T10:00:00Z",
        "permanent": True,
        "status": "5.1.1",
        "id": "evt_1",
    },
}
"""No more: what is in it is read as leniently as providers write it (`inbound.providers.generic`)."""


def _list_of(items: Mapping[str, Any], most: int | None = None) -> dict[str, Any]:
    return {"type": "array", "items": items} | ({} if most is None else {"maxItems": most})


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def provider_router(
    journal: Journal,
    now: Callable[[], datetime],
    certificates: Certificates | None = None,
    settings_of: Callable[[], Settings] = get_settings,
) -> APIRouter:
    """The routes, over a journal, a clock, and whoever has SNS's certificates."""
    router = APIRouter(prefix="/webhooks/provider", tags=["webhooks"], responses=dict(ANSWERS))
    known = certificates or Certificates()

    @router.post("/ses", openapi_extra=_body({"type": "object"}))
    async def from_ses(request: Request) -> JSONResponse:
        """Notifications and events of Amazon SES, delivered by SNS; a subscription to a topic of ours is confirmed."""
        topics = _set_up("ses", settings_of().ses_topics).split()
        body = await read_body(request, MOST_BYTES)
        envelope = _parsed(body, any_text=True)
        # The topic first: whoever has an account there can have SNS sign for a topic of their own.
        if not isinstance(envelope, dict) or envelope.get("TopicArn") not in topics:
            raise _not_signed()
        try:
            certificate = await run_in_threadpool(known.at, envelope.get("SigningCertURL"))
        except TransientError:
            raise not_now("the certificate of SNS cannot be fetched") from None
        if certificate is None or not sns.is_signed(envelope, certificate):
            raise _not_signed()
        if envelope["Type"] == "Notification":
            return await keep(ses.PROVIDER, _events(ses.events_in, envelope))
        if envelope["Type"] == "SubscriptionConfirmation":
            try:
                if not await run_in_threadpool(known.confirm, envelope.get("SubscribeURL")):
                    raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the SubscribeURL confirms nothing")
            except TransientError:
                raise not_now("the subscription cannot be confirmed") from None
            log.info("a subscription to SNS was confirmed")
        return JSONResponse({"events": 0})

    @router.post("/sendgrid", openapi_extra=_body(_list_of({"type": "object"})))
    async def from_sendgrid(request: Request) -> JSONResponse:
        """SendGrid's signed event webhook."""
        public_key = _set_up("sendgrid", settings_of().sendgrid_public_key)
        body = await read_body(request, MOST_BYTES)
        signature = request.headers.get(sendgrid.SIGNATURE_HEADER, "")
        timestamp = request.headers.get(sendgrid.TIMESTAMP_HEADER, "")
        try:
            is_genuine = sendgrid.is_signed(public_key, signature, timestamp, body)
        except PermanentError as error:
            log.error("webhooks of SendGrid cannot be verified: %s", error)
            raise not_now("this address is not set up yet") from None
        if not is_genuine:
            raise _not_signed()
        return await keep(sendgrid.PROVIDER, _events(sendgrid.events_in, _parsed(body, any_text=True)))

    @router.post("/generic", openapi_extra=_body({"oneOf": [EVENT, _list_of(EVENT, generic.MOST_EVENTS)]}))
    async def from_any(request: Request) -> JSONResponse:
        """Events of any other provider, by Standard Webhooks."""
        secret = settings_of().provider_webhook_secret
        named = _set_up("generic", secret.get_secret_value() if secret else None)
        body = await read_body(request, MOST_BYTES)
        try:
            keys = [key_of(each) for each in named.split()]
        except PermanentError as error:
            log.error("webhooks of the provider cannot be verified: %s", error)
            raise not_now("this address is not set up yet") from None
        headers = SignedHeaders(
            *(request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        )
        if not is_signed(headers, body, keys, now()):
            raise _not_signed()
        return await keep(generic.PROVIDER, _events(generic.events_in, _parsed(body)))

    async def keep(provider: str, events: Sequence[ProviderEvent]) -> JSONResponse:
        try:
            for event in events:
                await journal.keep(event_line(provider, event))
        except JournalFull:
            raise not_now("the disk takes no more") from None
        return JSONResponse({"events": len(events)})

    return router


def _set_up(provider: str, value: str | None) -> str:
    if not value:
        sentence = f"this provider is not set up here: set {SIGNING[provider]}"
        raise Problem(HTTPStatus.NOT_FOUND, sentence)
    return value


def _not_signed() -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED, "not signed by this provider for this address: see its signing settings"
    )


def _parsed(body: bytes, *, any_text: bool = False) -> Any:
    return parsed(body.removeprefix(BOM_UTF8), any_text=any_text)


def _events(reader: Callable[[Any], list[ProviderEvent]], body: Any) -> list[ProviderEvent]:
    try:
        return reader(body)
    except UnreadableEvent as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
