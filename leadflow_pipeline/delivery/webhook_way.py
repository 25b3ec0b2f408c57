"""The way of webhooks: signed requests, as https://www.standardwebhooks.com has it.

What belongs here: with which key a message of the channel leaves for where. What does not: the request (`signed_post`),
what is said (`release.webhooks`, `lead_events`), and when it is tried again (the outbox).

A request has the same id, body and meaning however often it is tried, so one that got no answer is tried again: a
receiver that keeps to the specification takes an id once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from sqlalchemy import RowMapping

from leadflow_pipeline.campaign.enrichment_checks import is_this_machine
from leadflow_pipeline.delivery.signed_post import SignedPost, id_of
from leadflow_pipeline.delivery.transports import Delivery, FaultPoint, nothing
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import secret
from leadflow_pipeline.signatures import key_of
from leadflow_pipeline.vendors.session import utc_now


class Files(Protocol):
    """Where messages of the channel go that name no address: those to owners whom no other channel reaches."""

    def send(self, message: RowMapping, now: datetime, commit: Callable[[], bool]) -> Delivery:
        """Tries once."""

    def was_sent(self, message: RowMapping) -> bool:
        """Whether it is there."""


class Events(Protocol):
    """How events of leads leave, whose address is an endpoint's."""

    def send(self, message: RowMapping, now: datetime, commit: Callable[[], bool]) -> Delivery:
        """Tries once."""

    def close(self) -> None:
        """Ends connections that are kept open."""


class WebhookWay:
    """Signed requests to the addresses that campaign files name, and to endpoints."""

    name = "webhook"

    def __init__(
        self,
        files: Files,
        clock: Callable[[], datetime] = utc_now,
        at_point: FaultPoint = nothing,
        events: Events | None = None,
    ) -> None:
        self._files = files
        self._events = events
        self._post = SignedPost(clock, at_point)

    def send(self, message: RowMapping, now: datetime, commit: Callable[[], bool]) -> Delivery:
        """One request."""
        if self._events is not None and "event" in message["payload"]:
            return self._events.send(message, now, commit)
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
        return self._post.send(url, id_of(message), content["body"], [key], now, commit)

    def was_sent(self, message: RowMapping) -> bool:
        """Of a request only the receiver can tell."""
        is_request = "webhook" in message["payload"] or "event" in message["payload"]
        return not is_request and self._files.was_sent(message)

    def close(self) -> None:
        """Ends connections that are kept open."""
        self._post.close()
        if self._events is not None:
            self._events.close()


def is_allowed(url: str) -> bool:
    """Whether a request may go there: over https, or to this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_this_machine(parts.netloc)
