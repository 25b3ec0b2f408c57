"""What a provider told of one recipient of one message, in the words of the pipeline. Pure.

What belongs here: the shape that all providers' events are turned into, and what several of them need to read theirs.
What does not: any one provider's words, and what becomes of an event (`storing`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from leadflow_pipeline.inbound.mail.bounces.reasons import STATUS, reason_of
from leadflow_pipeline.inbound.mail.bounces.report import is_of_the_address

EventKind = Literal["delivered", "bounce", "soft_bounce", "complaint", "unsubscribe"]

REPLY_CODE = re.compile(r"(?<!\d)([245]\d\d)(?!\d)")


class UnreadableEvent(Exception):
    """A provider's body is not what the provider documents. The message is one plain sentence without data."""


@dataclass(frozen=True)
class ProviderEvent:
    """One thing that happened to one recipient."""

    event_id: str
    kind: EventKind
    occurred_at: datetime
    recipient: str | None
    """The address, which goes no further than the door: it is kept as a key."""
    message_ids: tuple[str, ...] = ()
    """Message-IDs and the provider's own, by which our message may be found; the likeliest first."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Codes and classes, no personal data."""


def bounce_kind(is_permanent: bool, status: str | None) -> EventKind:
    """Whether a bounce says that the mailbox is not there for good, by the rule that mails are read by.

    The status of the receiving server outweighs the provider's class: providers call a refusal by policy permanent,
    and it is, for that message. Where the status says nothing, the provider is believed.
    """
    reason = reason_of(status, None, "")
    is_silent = reason == "undefined" and not (status or "").startswith("4")
    is_hard = is_permanent and (is_silent or is_of_the_address(reason, status))
    return "bounce" if is_hard else "soft_bounce"


def status_in(*texts: object) -> str | None:
    """The first enhanced status code (5.1.1) in these texts; None where there is none."""
    for text in texts:
        found = STATUS.search(str(text or ""))
        if found:
            return ".".join(found.groups())
    return None


def reply_code_in(*texts: object) -> str | None:
    """The first reply code of three digits in these texts."""
    for text in texts:
        found = REPLY_CODE.search(str(text or "")[:64])
        if found:
            return found.group(1)
    return None


def moment_of(value: object) -> datetime | None:
    """A moment as providers write it: seconds since 1970, ISO 8601, or `2011-10-08 12:32:14`; UTC where no zone is
    told. None for what is no moment, or none that an email could have had."""
    try:
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, int | float) or (
            isinstance(value, str) and re.fullmatch(r"\d{9,11}(\.\d+)?", value)
        ):
            found = datetime.fromtimestamp(float(value), UTC)
        else:
            found = datetime.fromisoformat(str(value).strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if datetime(1990, 1, 1, tzinfo=UTC) < found < datetime(2200, 1, 1, tzinfo=UTC) else None


def digest_of(*parts: object) -> str:
    """An id for what has none of its own: the same whenever the same is told again."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def address_of(value: object) -> str | None:
    """A recipient as it is written: an address, perhaps with a name before it. None for what is no address."""
    found = re.search(r"[^\s<>\"(),;:]+@[^\s<>\"(),;:]+", value[:1_000]) if isinstance(value, str) else None
    return found.group(0) if found and found.group(0).isprintable() else None


def message_id_of(value: object) -> str | None:
    """A Message-ID with its angle brackets. None for what is none."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > 998 or not text.isprintable() or " " in text:
        return None
    return text if text.startswith("<") else f"<{text}>"
