"""One signed request over HTTP, and what its answer means for the message.

What belongs here: headers, the wire, and the meaning of statuses and failures. What does not: keys, and where a message
goes (`webhook_way`, `lead_events.event_way`). No redirect is followed, and no answer is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import requests
from requests import exceptions as failures
from requests.adapters import BaseAdapter
from sqlalchemy import RowMapping
from urllib3.exceptions import LocationParseError

from leadflow_pipeline.delivery.transports import Delivery, FaultPoint, nothing
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.signatures import sign
from leadflow_pipeline.telemetry.correlation import HEADER, present_correlation_id
from leadflow_pipeline.vendors.http_facts import is_distrust, is_unconnected, retry_after
from leadflow_pipeline.vendors.session import utc_now

TIMEOUT: Final = (5.0, 15.0)
"""Seconds to connect and to wait for an answer; the specification recommends 15 to 30 in all."""

TEMPORARY: Final = (408, 409, 421, 423, 425, 429)
"""Statuses below 500 that say `not now`; all others say `never`."""


class SignedPost:
    """A session for such requests. `adapter`: how connections are made, where it is not any."""

    def __init__(
        self,
        clock: Callable[[], datetime] = utc_now,
        at_point: FaultPoint = nothing,
        adapter: BaseAdapter | None = None,
    ) -> None:
        self._clock = clock
        self._at_point = at_point
        self._http = requests.Session()
        self._http.trust_env = False
        if adapter is not None:
            for scheme in ("http://", "https://"):
                self._http.mount(scheme, adapter)

    def send(
        self,
        url: str,
        webhook_id: str,
        content: Mapping[str, Any],
        keys: Sequence[bytes],
        now: datetime,
        commit: Callable[[], bool],
    ) -> Delivery:
        """One request, signed with each of the keys."""
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "leadflow",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(sign(key, webhook_id, timestamp, body) for key in keys),
        }
        if (correlation_id := present_correlation_id()) is not None:
            headers[HEADER] = correlation_id
        self._at_point("before_wire")
        if not commit():
            return Delivery("abandoned", "data")
        self._at_point("on_wire")
        delivery = self._post(url, body, headers)
        self._at_point("accepted")
        return delivery

    def close(self) -> None:
        """Ends connections that are kept open."""
        self._http.close()

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Delivery:
        try:
            with self._http.post(
                url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                return self._meaning(answer.status_code, answer.headers.get("Retry-After"))
        except PermanentError as error:  # by the adapter, before a byte was sent
            return Delivery("refused", "connect", reply_text=str(error))
        except (failures.RequestException, LocationParseError, UnicodeError) as error:
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


def id_of(message: RowMapping) -> str:
    """The `webhook-id`: the same however often a message is tried."""
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
