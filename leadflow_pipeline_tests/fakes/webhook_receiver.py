"""A stand-in for whoever receives webhooks: verifies each with the library of Standard Webhooks, takes an id once, and
misbehaves.

What belongs here: verifying, and counting what was taken and what came again. What does not: what events say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    refused,
)


class FakeWebhookReceiver(FakeServer):
    """Takes what is signed with `secret`. `taken` is each body once, in the order it was first taken; `times` is how
    often each id came."""

    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        "gone": refused(Reply(410)),
        "redirect": refused(Reply(302, headers={"Location": "/elsewhere"})),
        "bad request": refused(Reply(400)),
        "too many requests": refused(Reply(429, headers={"Retry-After": "30"})),
    }

    def __init__(self, secret: str = "") -> None:
        super().__init__()
        self.secret = secret
        self.taken: list[dict[str, Any]] = []
        self.times: Counter[str] = Counter()
        self.bodies: dict[str, bytes] = {}

    def respond(self, received: Received) -> Reply:
        try:
            event = Webhook(self.secret).verify(received.body, dict(received.headers))
        except WebhookVerificationError:
            return Reply(401)
        webhook_id = received.headers["webhook-id"]
        if self.bodies.setdefault(webhook_id, received.body) != received.body:
            return Reply(409)
        self.times[webhook_id] += 1
        if self.times[webhook_id] == 1:
            self.taken.append(event)
        return Reply(204)

    def numbers(self) -> dict[str, list[int]]:
        """The numbers of each lead's events, in the order in which they were taken."""
        found: dict[str, list[int]] = {}
        for event in self.taken:
            found.setdefault(event["data"]["lead_id"], []).append(event["data"]["number"])
        return found
