"""What is asked about owners, and what is answered. Plain data.

What belongs here: the shapes of requests and answers. What does not: deciding.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from leadflow_pipeline.service.decisions.lead_state import LeadState

ROUTED: Final = "ROUTED"
ALREADY_ROUTED: Final = "ALREADY_ROUTED"
HELD: Final = "HELD"
STATUSES: Final = (ROUTED, ALREADY_ROUTED, HELD, "QUALIFICATION_PENDING", "REJECTED_LEAD")

Answer: TypeAlias = dict[str, Any]
"""As it is stored and told: see `service.api.routing.Decision`."""


@dataclass(frozen=True)
class Asked:
    """A request for a decision about one lead."""

    campaign: str
    lead_id: str
    idempotency_key: str
    request_key: str
    """HMAC of what was asked: the same key with another body is refused."""
    actor: str
    newcomer: LeadState | None = None
    """The lead as it stands, where it may be one that no day has computed yet."""
    correlation_id: str | None = None
    """Of the request: many are decided together, by whoever comes first."""


@dataclass(frozen=True)
class Decided:
    """What became of a request."""

    answer: Answer
    is_replay: bool = False
    text: str = ""
    """The answer as JSON, where it is at hand."""

    @property
    def body(self) -> bytes:
        """As it is sent."""
        return (self.text or as_json(self.answer)).encode()


def as_json(value: Any) -> str:
    """As it is stored and sent."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class KeyConflict(Exception):
    """The idempotency key came before with another request."""


class UnknownLead(Exception):
    """The campaign knows no such lead."""
