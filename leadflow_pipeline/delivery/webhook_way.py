"""The way of webhooks: one signed request, as https://www.standardwebhooks.com has it.

What belongs here: signing, sending, and what an answer means for the message. What does not: what is said
(`release.webhooks`), and when it is tried again (the outbox).

A request has the same id, body and meaning however often it is tried, so one that got no answer is tried again: a
receiver that keeps to the specification takes an id once. No redirect is followed, and no answer is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import requests
from requests import exceptions as failures
from sqlalchemy import RowMapping

from leadflow_pipeline.campaign.enrichment_checks import is_this_machine
from leadflow_pipeline.delivery.transports import Delivery, FaultPoint, nothing
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import secret
from leadflow_pipeline.signatures import key_of, sign
from leadflow_pipeline.telemetry.correlation import HEADER
from leadflow_pipeline.vendors.http_facts import is_distrust, is_unconnected, retry_after
from leadflow_pipeline.vendors.session import utc_now

TIMEOUT: Final = (5.0, 15.0)
"""Seconds to connect and to wait for an answer; the specification recommends 15 to 30 in all."""

TEMPORARY: Final = (408, 409, 421, 423, 425, 429)
"""Statuses below 500 that say `not now`; all others say `never`."""


class Files(Protocol):
    """Where messages of the channel go that name no address: those to owners whom no other channel reaches."""

    def send(self, message: RowMapping, now: datetime, commit: Callable[[], bool]) -> Delivery:
        """Tries once."""

    def was_sent(self, message: RowMapping) -> bool:
        """Whether it is there."""


class WebhookWay:
    """Signed requests to the addresses that campaign files name."""

    name = "webhook"

    def __init__(
        self, files: Files, clock: Callable[[], datetime] = utc_now, at_point: FaultPoint = nothing
    ) -> None:
        self._files = files
        self._clock = clock
        self._at_point = at_point
        self._http = requests.Session()
        self._http.trust_env = False

    def send(self, message: RowMapping, now: datetime, commit: Callable[[], bool]) -> Delivery:
        """One request."""
        content = message["payload"].get("webhook")
        if content is None:
            return self._files.send(message, now, commit)
        url: str = content["url"]
        if not is_allowed(url):
            return Delivery(
                "refused", "connect", reply_text="http leads to this machine only: write https://"
            )
        try:
            key = key_of(secret(content["secret_from"]))
        except PermanentError as error:
            return Delivery("deferred", "connect", reply_text=str(error))
        body = json.dumps(content["body"], ensure_ascii=False, separators=(",", ":")).encode()
        sent_id, timestamp = _id_of(message), int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "leadflow",
            "webhook-id": sent_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(key, sent_id, timestamp, body),
        }
        if message["correlation_id"] is not None:
            headers[HEADER] = message["correlation_id"]
        self._at_point("before_wire")
        if not commit():
            return Delivery("abandoned", "data")
        self._at_point("on_wire")
        delivery = self._post(url, body, headers)
        self._at_point("accepted")
        return delivery

    def was_sent(self, message: RowMapping) -> bool:
        """Of a request only the receiver can tell."""
        return "webhook" not in message["payload"] and self._files.was_sent(message)

    def close(self) -> None:
        """Ends connections that are kept open."""
        self._http.close()

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Delivery:
        try:
            with self._http.post(
                url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                return self._meaning(answer.status_code, answer.headers.get("Retry-After"))
        except (failures.RequestException, UnicodeError) as error:
            return _failure(error)

    def _meaning(self, status: int, wait: str | None) -> Delivery:
        """What a status means. `410 Gone` and redirects are for good, as the specification has it."""
        if 200 <= status < 300:
            return Delivery("accepted", "done", status)
        text = f"the receiver answered with status {status}"
        if status in TEMPORARY or status >= 500:
            now = self._clock()
            seconds = retry_after(wait, now)
            retry_at = None if seconds is None else now + timedelta(seconds=seconds)
            return Delivery("deferred", "dot", status, text, retry_at)
        return Delivery("refused", "dot", status, text)


def is_allowed(url: str) -> bool:
    """Whether a request may go there: over https, or to this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_this_machine(parts.netloc)


def _id_of(message: RowMapping) -> str:
    return f"msg_{str(message['rfc_message_id']).strip('<>').partition('@')[0]}"


def _failure(error: Any) -> Delivery:
    """Of a request without an answer. The text never quotes the error: those hold addresses."""
    if isinstance(error, failures.SSLError) and is_distrust(error):
        return Delivery("deferred", "connect", reply_text="the receiver shows no certificate to be trusted")
    if isinstance(error, failures.ConnectTimeout) or is_unconnected(error):
        return Delivery("deferred", "connect", reply_text="the receiver cannot be reached")
    if isinstance(error, failures.Timeout | failures.ConnectionError):
        return Delivery(
            "deferred", "dot", reply_text="the receiver did not answer; the same id is tried again"
        )
    return Delivery(
        "refused", "connect", reply_text="no request can be made to this address: correct its url"
    )
