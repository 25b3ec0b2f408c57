"""A stand-in for a registry's RDAP service, and for the bootstrap server that leads to it (RFC 7484, RFC 9083).

What belongs here: what such a service answers of a domain. What does not: what a client makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    json_reply,
    refused,
)

RDAP = {"Content-Type": "application/rdap+json"}


class FakeRdap(FakeServer):
    """GET /domain/{name}. `registered` says since when; /bootstrap/domain/{name} redirects here as rdap.org does."""

    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        "not found": refused(json_reply({"errorCode": 404, "title": "Not Found"}, 404, RDAP)),
        "bad request": refused(json_reply({"errorCode": 400, "title": "Bad Request"}, 400, RDAP)),
        "too many requests": refused(json_reply({"errorCode": 429}, 429, {**RDAP, "Retry-After": "2"})),
        "too many requests for long": refused(
            json_reply({"errorCode": 429}, 429, {**RDAP, "Retry-After": "3600"})
        ),
        "without events": refused(json_reply({"objectClassName": "domain"}, headers=RDAP)),
        "events in another shape": refused(
            json_reply({"events": [None, {"eventAction": 1}, "x"]}, headers=RDAP)
        ),
        "date nobody can read": refused(
            json_reply({"events": [{"eventAction": "registration", "eventDate": "long ago"}]}, headers=RDAP)
        ),
    }

    def __init__(self, registered: Mapping[str, date] | None = None, *, key: str = "test-key") -> None:
        super().__init__(key=key)
        self.registered = dict(registered or {"leads.example": date(1997, 9, 15)})

    def respond(self, received: Received) -> Reply:
        if received.path.startswith("/bootstrap/"):
            return Reply(302, headers={"Location": self.url + received.path.removeprefix("/bootstrap")})
        day = self.registered.get(received.path.removeprefix("/domain/"))
        if day is None:
            return json_reply({"errorCode": 404, "title": "Not Found"}, 404, RDAP)
        return json_reply(
            {
                "objectClassName": "domain",
                "ldhName": received.path.removeprefix("/domain/").upper(),
                "events": [
                    {"eventAction": "expiration", "eventDate": "2031-09-14T04:00:00Z"},
                    {"eventAction": "registration", "eventDate": f"{day.isoformat()}T04:00:00Z"},
                    {"eventAction": "last update of RDAP database", "eventDate": "2025-03-01T00:00:00Z"},
                ],
                "status": ["active"],
            },
            headers=RDAP,
        )
