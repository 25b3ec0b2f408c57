"""A stand-in for Slack's web API: `chat.postMessage`, and its documented errors.

What belongs here: what Slack answers. What does not: what a message becomes by it.

The traps it keeps: an error of the application is a 200 with `"ok": false`; `ts` is a text; the same message posted
twice is there twice, because nothing tells Slack that it is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    json_reply,
    refused,
)

MOST_BLOCKS = 50
MOST_HEADER_CHARACTERS = 150
MOST_SECTION_CHARACTERS = 3_000

OF_THE_MESSAGE = (
    "channel_not_found", "not_in_channel", "is_archived", "msg_too_long", "no_text", "too_many_attachments",
    "invalid_arg_name", "invalid_array_arg", "invalid_charset", "invalid_form_data", "invalid_post_type",
    "missing_post_type",
)  # fmt: skip
OF_THE_TOKEN = ("not_authed", "invalid_auth", "account_inactive")
PERHAPS_DONE = ("fatal_error", "internal_error")


def not_ok(error: str) -> Reply:
    """How Slack says no."""
    return json_reply({"ok": False, "error": error})


class FakeSlack(FakeServer):
    """POST /api/chat.postMessage. `posted` is what stands in the channels, in order."""

    prefix = "/api"
    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        **{error: refused(not_ok(error)) for error in (*OF_THE_MESSAGE, *OF_THE_TOKEN, *PERHAPS_DONE)},
        "rate_limited": refused(not_ok("rate_limited")),
        "ratelimited": refused(json_reply({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "1"})),
        "ratelimited for long": refused(
            json_reply({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "3600"})
        ),
        "another error": refused(not_ok("some_new_error")),
        "no name": refused(json_reply({"ok": False, "error": "<b>Ida Example</b>"})),
    }

    def __init__(self, channels: Sequence[str] = ("sales",), *, key: str = "test-key") -> None:
        super().__init__(key=key)
        self.channels = set(channels)
        self.posted: list[dict[str, Any]] = []

    def memory(self) -> dict[str, Any]:
        return {**super().memory(), "posted": self.posted}

    def restore(self, memory: Mapping[str, Any]) -> None:
        super().restore(memory)
        self.posted = list(memory["posted"])

    def respond(self, received: Received) -> Reply:
        if (received.method, received.path) != ("POST", "/chat.postMessage"):
            return not_ok("unknown_method")
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return not_ok("invalid_auth")
        message = received.json() or {}
        if message.get("channel") not in self.channels:
            return not_ok("channel_not_found")
        if not message.get("text"):
            return not_ok("no_text")
        if not are_blocks(message.get("blocks", [])):
            return not_ok("invalid_blocks")
        self.posted.append(message)
        ts = f"17780000{len(self.posted):02}.000100"
        return json_reply(
            {"ok": True, "channel": message["channel"], "ts": ts, "message": {"text": message["text"]}}
        )


def are_blocks(blocks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether Slack would show these blocks."""
    if len(blocks) > MOST_BLOCKS:
        return False
    for block in blocks:
        text = block.get("text", {}).get("text", "-")
        most = MOST_HEADER_CHARACTERS if block["type"] == "header" else MOST_SECTION_CHARACTERS
        if block["type"] not in ("header", "section", "divider", "context") or not 0 < len(text) <= most:
            return False
    return True
