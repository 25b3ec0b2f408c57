"""How events leave: to the endpoint as it is now, signed with its present keys.

What belongs here: the endpoint of a message, and what an answer means for it. What does not: the request
(`signed_post`), and when it is tried again (the outbox).

An endpoint that does not answer is left alone for a while: else each of its messages would cost those of all others the
seconds that it is waited for. Requests lead into the public network only, unless a setting says otherwise; that is
looked at as each leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, RowMapping

from leadflow_pipeline.delivery.lead_events.endpoints import (
    GONE,
    Endpoint,
    NoSuchEndpoint,
    disable_endpoint,
    keys_of,
    read_endpoint,
)
from leadflow_pipeline.delivery.lead_events.news import TEST
from leadflow_pipeline.delivery.lead_events.telling import KEPT
from leadflow_pipeline.delivery.signed_post import SignedPost, id_of
from leadflow_pipeline.delivery.transports import Delivery, FaultPoint, nothing
from leadflow_pipeline.vendors.public_connections import PublicOnly
from leadflow_pipeline.vendors.session import utc_now

LEFT_ALONE: Final = timedelta(minutes=1)
"""How long an endpoint is not asked that did not answer."""

GIVEN_UP: Final = KEPT - timedelta(days=3)
"""How long before it would be too old a webhook that fails is a dead letter: tried for days, ever more seldom."""

HTTP_GONE: Final = 410
DISPATCHER: Final = "dispatch"


class EventWay:
    """Signed requests to endpoints."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], datetime] = utc_now,
        at_point: FaultPoint = nothing,
        *,
        to_private: bool = False,
    ) -> None:
        self._engine = engine
        self._post = SignedPost(clock, at_point, None if to_private else PublicOnly())
        self._silent_until: dict[str, datetime] = {}

    def send(self, message: RowMapping, now: datetime, commit: Callable[[], bool]) -> Delivery:
        """One request."""
        endpoint_id = message["recipient"]
        silent_until = self._silent_until.get(endpoint_id)
        if silent_until is not None and now < silent_until:
            return Delivery(
                "deferred",
                "connect",
                reply_text="the receiver did not answer just now",
                retry_at=silent_until,
            )
        try:
            with self._engine.connect() as connection:
                endpoint = read_endpoint(connection, endpoint_id)
        except NoSuchEndpoint as error:
            return Delivery("refused", "connect", reply_text=str(error))
        if endpoint.disabled_at is not None:
            return Delivery(
                "refused", "connect", reply_text=f"its endpoint is disabled ({endpoint.disabled_reason})"
            )
        keys = keys_of(endpoint, now)
        delivery = self._post.send(
            endpoint.url, id_of(message), message["payload"]["event"], keys, now, commit
        )
        if delivery.reply_code == HTTP_GONE:
            with self._engine.begin() as connection:
                disable_endpoint(connection, endpoint_id, actor=DISPATCHER, now=now, reason=GONE)
        if delivery.outcome == "deferred" and delivery.reply_code is None:
            self._silent_until[endpoint_id] = now + LEFT_ALONE
        if delivery.outcome == "deferred" and now >= message["not_after"] - GIVEN_UP:
            said = f"given up: {delivery.reply_text}"
            return replace(delivery, outcome="refused", reply_text=said, retry_at=None)
        return delivery

    def close(self) -> None:
        """Ends connections that are kept open."""
        self._post.close()


def try_endpoint(endpoint: Endpoint, now: datetime, number: int, *, to_private: bool) -> Delivery:
    """Sends an endpoint a test, at once and once, even where it is disabled; it changes nothing."""
    post = SignedPost(adapter=None if to_private else PublicOnly())
    body = {"type": TEST, "timestamp": now.isoformat(), "data": {"endpoint_id": endpoint.endpoint_id}}
    webhook_id = f"msg_test_{endpoint.endpoint_id}_{number}"
    try:
        return post.send(endpoint.url, webhook_id, body, keys_of(endpoint, now), now, lambda: True)
    finally:
        post.close()
