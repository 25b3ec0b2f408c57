"""Slack: posting one message to a channel or a person.

What belongs here: the shape of `chat.postMessage`, and what each of its errors means for a message. What does not:
rates, statuses and time limits (the session), words and blocks (`delivery.notices`).

Sources: Slack's own OpenAPI description (slackapi/slack-api-specs, chat.postMessage) for request, answer and errors;
the common errors of its Web API documentation for `fatal_error` and `internal_error`, which say of themselves that
some of the operation may have succeeded; docs.slack.dev, "Rate limits", for about one message a second and channel and
429 with `Retry-After`. An error of the application comes with status 200 and `"ok": false`.

Slack documents no key by which it would recognise a message it has been sent before, so nothing here can be repeated
once it has left: a post without an answer is of unknown fate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from leadflow_pipeline.errors import Deferred, FateUnknown, PermanentError
from leadflow_pipeline.vendors.reading import json_object
from leadflow_pipeline.vendors.session import COME_BACK, Rate, Refused, VendorSession, utc_now

VENDOR: Final = "slack"
BASE_URL: Final = "https://slack.com/api"
RATE: Final = Rate(requests=1, per_seconds=1)

BUSY: Final = ("rate_limited", "ratelimited", "service_unavailable", "request_timeout", "team_added_to_org")
"""Nothing was posted, and later it may be."""

PERHAPS_DONE: Final = ("fatal_error", "internal_error")

OF_THE_TOKEN: Final = (
    "not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "missing_scope",
    "no_permission", "org_login_required", "ekm_access_denied", "access_denied", "not_allowed_token_type",
)  # fmt: skip
"""No message at all leaves before somebody mends the token: none of them is at fault."""

REMEDIES: Final = {
    "channel_not_found": "correct handover.slack_channel, or the rep's slack_user",
    "not_in_channel": "invite the bot into the channel",
    "is_archived": "name a channel that is not archived",
    "msg_too_long": "shorten handover.brief",
}
ERROR_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,60}")


class TokenRefused(PermanentError):
    """The vendor takes nothing with this token."""


def headers(key: str) -> dict[str, str]:
    """What every request to Slack carries; the key is a bot's token."""
    return {"Authorization": f"Bearer {key}"}


class Slack:
    """Slack's API over a session that was opened with `headers(key)`."""

    def __init__(self, session: VendorSession, now: Callable[[], datetime] = utc_now) -> None:
        self._session = session
        self._now = now

    def post(self, message: Mapping[str, Any]) -> str:
        """Posts a message (`channel`, `text`, `blocks`); its `ts`, which names it in the channel.

        Raises TokenRefused, Refused (this message, for good), Deferred (nothing was posted), FateUnknown.
        """
        response = self._session.call("POST", "chat.postMessage", json=dict(message), is_repeatable=False)
        answer = json_object(response, "Slack", is_repeatable=False)
        if answer.get("ok") is True:
            return str(answer.get("ts", ""))
        raise refusal(answer.get("error"), response.status_code, self._now())


def refusal(error: Any, status: int, now: datetime) -> Exception:
    """What `"ok": false` with this error means."""
    name = error if isinstance(error, str) and ERROR_NAME.fullmatch(error) else "an error without a name"
    if name in PERHAPS_DONE:
        return FateUnknown(f"Slack answered {name}, which may mean that the message was posted: look there")
    if name in BUSY:
        return Deferred(f"Slack takes no message now ({name})", now + COME_BACK)
    if name in OF_THE_TOKEN:
        return TokenRefused(f"Slack takes nothing with this token ({name}): correct LEADFLOW_SLACK_TOKEN")
    remedy = REMEDIES.get(name, "see Slack's documentation of chat.postMessage")
    return Refused(f"Slack refused the message ({name}): {remedy}", status)
