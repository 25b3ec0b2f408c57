"""What came back of a message, in the words of the pipeline, whichever way it came.

What belongs here: the one shape that tracking, mailbox and providers turn theirs into. What does not: reading theirs,
and what becomes of it (`recording`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal[
    "delivered", "open", "click", "reply", "auto_reply", "bounce", "soft_bounce", "complaint", "unsubscribe"
]
"""`bounce` is one for good: the mailbox is not there. `soft_bounce` may pass. `auto_reply` is no reply."""


@dataclass(frozen=True)
class Happening:
    """Something that happened to one message of the outbox, or to the lead it was written to.

    `event_id` is the same whenever the same thing is told again. `detail` goes into the activity log: codes, classes
    and counts, no personal data.
    """

    event_id: str
    kind: Kind
    message_id: int
    occurred_at: datetime
    origin: str
    """Whence we know: `pixel`, `link`, `page`, `mailbox`, or the provider's name."""
    is_machine: bool = False
    machine_reason: str | None = None
    away_until: datetime | None = None
    """Of an `auto_reply`: until when nobody is there, where it says so."""
    has_left: bool = False
    """Of an `auto_reply`: whether it plainly says that whoever the message went to works there no more."""
    everywhere: bool = True
    """Of an `unsubscribe`: from all campaigns, and not only from the message's own."""
    detail: Mapping[str, Any] = field(default_factory=dict)
