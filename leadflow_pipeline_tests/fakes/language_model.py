"""A stand-in for an OpenAI-compatible API: chat completions that hold an opinion, and every way in which they do not.

What belongs here: the documented shapes and errors of `POST /v1/chat/completions`. What does not: what a score makes
of it. By default the model is obedient: it does what a lead's fields tell it, which is the worst a model can do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    html_reply,
    json_reply,
    refused,
)

PATH = "/chat/completions"
MODEL = "small-model"

Mind = Callable[[Mapping[str, Any]], Any]
"""What a model answers to the facts about a lead: a text, or what is written as JSON."""


def obedient(lead: Mapping[str, Any]) -> Any:
    """72, unless a field tells it another number."""
    told = re.search(r"(?:answer|score)\W+(\d+)", json.dumps(lead), re.IGNORECASE)
    return {"score": int(told.group(1)) if told else 72, "why": "as it seems"}


def error(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An error as the API documents it."""
    return json_reply(
        {"error": {"message": message, "type": kind, "param": None, "code": kind}}, status, headers
    )


def completion(content: Any, **message: Any) -> dict[str, Any]:
    """A chat completion whose message has this content."""
    text = content if isinstance(content, str | None) else json.dumps(content)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None, **message},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320},
    }


def says(content: Any, **message: Any) -> Failure:
    """An answer that was carried out and paid for, with this content."""
    return lambda server, received: server.paid(received, completion(content, **message))


def shaped(answer: Any) -> Failure:
    """An answer that was paid for and has another shape than the documented one."""
    return lambda server, received: server.paid(received, answer)


TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "send_email", "arguments": "{}"}}

NO_OPINION: Mapping[str, Failure] = {
    "refusal": says(None, refusal="I'm sorry, I cannot help with that."),
    "tool call": says(None, tool_calls=[TOOL_CALL]),
    "content and a tool call": says({"score": 99}, tool_calls=[TOOL_CALL]),
    "nothing": says(""),
    "prose": says("I think 85 of 100."),
    "prose around json": says('Sure! Here you are:\n```json\n{"score": 85}\n```\nAnything else?'),
    "truncated content": says('{"score": 8'),
    "a list": says([85]),
    "a bare number": says("85"),
    "nested": says({"result": {"score": 85}}),
    "more than was asked for": says({"score": 85, "tier": "HOT"}),
    "a text for a number": says({"score": "85"}),
    "a truth value": says({"score": True}),
    "null": says({"score": None}),
    "not a number": says('{"score": NaN}'),
    "infinite": says('{"score": 1e999}'),
    "above": says({"score": 100.01}),
    "below": says({"score": -1}),
    "a huge number": says('{"score": 1' + "0" * 400 + "}"),
    "a huge text": says({"score": 85, "why": "x" * 100_000}),
    "deep": says('{"score": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    "a reason of another kind": says({"score": 85, "why": ["because"]}),
    "content in parts": shaped(completion([{"type": "text", "text": '{"score": 85}'}])),
    "no choices": shaped({**completion({"score": 85}), "choices": []}),
    "choices of another kind": shaped({**completion({"score": 85}), "choices": ["85"]}),
    "another object": shaped({"object": "list", "data": []}),
}
"""Answers that were paid for and are none."""


class FakeLanguageModel(FakeServer):
    """POST /v1/chat/completions; `mind` makes the answer. A credit is charged for each answer, by what was shown."""

    prefix = "/v1"
    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        **NO_OPINION,
        "bad key": refused(error(401, "invalid_api_key", "Incorrect API key provided.")),
        "no permission": refused(error(403, "insufficient_permissions", "You have no access to this model.")),
        "no such model": refused(error(404, "model_not_found", "The model does not exist.")),
        "bad request": refused(error(400, "invalid_request_error", "Unsupported parameter.")),
        "too many requests": refused(error(429, "rate_limit_exceeded", "slow down", {"Retry-After": "1"})),
        "too many requests for long": refused(
            error(429, "rate_limit_exceeded", "slow down", {"Retry-After": "3600"})
        ),
        "no credit left": refused(error(429, "insufficient_quota", "You exceeded your current quota.")),
        "overloaded": refused(error(503, "overloaded", "The engine is currently overloaded.")),
        "login page": refused(html_reply("Please log in")),
    }

    def __init__(self, mind: Mind = obedient, *, key: str = "test-key") -> None:
        super().__init__(key=key)
        self.mind = mind

    def respond(self, received: Received) -> Reply:
        if received.headers.get("authorization") not in (None, f"Bearer {self.key}"):
            return error(401, "invalid_api_key", "Incorrect API key provided.")
        if (received.method, received.path) != ("POST", PATH):
            return error(404, "not_found", "Unknown request URL.")
        return self.paid(received, completion(self.mind(self.lead(received))))

    def paid(self, received: Received, answer: Any) -> Reply:
        """An answer, and its charge."""
        self.charge(json.dumps(self.lead(received), sort_keys=True), 1)
        return json_reply(answer)

    def lead(self, received: Received) -> dict[str, Any]:
        """The facts in a request, which stand in its user message."""
        (user,) = [message for message in received.json()["messages"] if message["role"] == "user"]
        shown: dict[str, Any] = json.loads(user["content"])
        return shown
