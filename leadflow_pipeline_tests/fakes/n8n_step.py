"""A stand-in for an HTTP step of a recipe: an n8n webhook that takes a lead's fields and gives fields back.

What belongs here: what a webhook of n8n answers, with its failures. What does not: what a recipe makes of it.

The traps it keeps: a workflow that answers at once says "Workflow was started" and gives no fields; "all incoming
items" makes a list of one; a workflow that is not active is a 404; a workflow that fails is a 500 without a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    json_reply,
    refused,
    text_reply,
)

PATH = "/webhook/enrich"
NOT_REGISTERED = {
    "code": 404,
    "message": 'The requested webhook "POST enrich" is not registered.',
    "hint": "The workflow must be active for a production URL to run successfully.",
}

Step = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def intent_of(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the step says of a lead where a test does not care: signals that follow from its email's length."""
    length = len(str(fields.get("email") or ""))
    return {
        "company_hiring": length % 2 == 0,
        "recent_job_change": length % 3 == 0,
        "territory": f"T{length % 4}",
    }


class FakeN8nStep(FakeServer):
    """POST /webhook/enrich with a lead's fields as a JSON object; `step` makes the answer's fields."""

    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        "bad key": refused(text_reply("Authorization data is wrong!", 403)),
        "not active": refused(json_reply(NOT_REGISTERED, 404)),
        "workflow failed": refused(json_reply({"code": 0, "message": "Error in workflow"}, 500)),
        "answers at once": refused(json_reply({"message": "Workflow was started"})),
        "a list of one": lambda server, received: json_reply([server.fields(received)]),
        "an empty list": refused(json_reply([])),
        "no fields": refused(json_reply({})),
        "null": refused(json_reply(None)),
        "a number": refused(json_reply(42)),
        "too many requests": refused(json_reply({"message": "slow down"}, 429, {"Retry-After": "1"})),
        "too many requests for long": refused(
            json_reply({"message": "slow down"}, 429, {"Retry-After": "3600"})
        ),
        "too big": refused(json_reply({"note": "x" * 2_000_000})),
        "unasked fields": lambda server, received: json_reply(
            {**server.fields(received), "lead_id": "another", "score": 100, "email": "other@leads.example"}
        ),
    }

    def __init__(self, step: Step = intent_of, *, key: str = "test-key") -> None:
        super().__init__(key=key)
        self.step = step

    @property
    def step_url(self) -> str:
        """The whole address of the step."""
        return self.url + PATH

    def respond(self, received: Received) -> Reply:
        if received.headers.get("authorization", f"Bearer {self.key}") != f"Bearer {self.key}":
            return text_reply("Authorization data is wrong!", 403)
        if (received.method, received.path) != ("POST", PATH):
            return json_reply(NOT_REGISTERED, 404)
        return json_reply(self.fields(received))

    def fields(self, received: Received) -> dict[str, Any]:
        """What the step makes of what came in, charged once for each lead."""
        asked = received.json() or {}
        self.charge(str(asked.get("email") or asked.get("lead_id")), 1)
        return dict(self.step(asked))
