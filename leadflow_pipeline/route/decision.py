"""What routing decides, and about whom: the lead as routing sees it, the decision, and its kinds.

What belongs here: plain data. What does not: how a decision is made (`lead_router.py` for one lead,
`frame_router.py` for many).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from leadflow_pipeline.route.rules import ContentSequenceType


class RoutingStatus(StrEnum):
    """What became of a lead that routing looked at."""

    ROUTED = "ROUTED"
    ALREADY_ROUTED = "ALREADY_ROUTED"
    QUALIFICATION_PENDING = "QUALIFICATION_PENDING"
    REJECTED_LEAD = "REJECTED_LEAD"


class Verdict(IntEnum):
    """Why a lead has its routing status. Those up to WAITING weighed the lead's fit."""

    ROUTED = 0
    REROUTED = 1
    WAITING = 2
    STAYS = 3
    ALREADY_ROUTED = 4
    WON = 5
    LOST = 6
    REJECTED = 7
    SWITCHED_OFF = 8
    UNSCORED = 9
    NOT_QUALIFIED = 10


STATUS_OF: dict[Verdict, RoutingStatus] = {
    Verdict.ROUTED: RoutingStatus.ROUTED,
    Verdict.REROUTED: RoutingStatus.ROUTED,
    Verdict.WAITING: RoutingStatus.QUALIFICATION_PENDING,
    Verdict.STAYS: RoutingStatus.ALREADY_ROUTED,
    Verdict.ALREADY_ROUTED: RoutingStatus.ALREADY_ROUTED,
    Verdict.WON: RoutingStatus.REJECTED_LEAD,
    Verdict.LOST: RoutingStatus.REJECTED_LEAD,
    Verdict.REJECTED: RoutingStatus.REJECTED_LEAD,
    Verdict.SWITCHED_OFF: RoutingStatus.QUALIFICATION_PENDING,
    Verdict.UNSCORED: RoutingStatus.QUALIFICATION_PENDING,
    Verdict.NOT_QUALIFIED: RoutingStatus.QUALIFICATION_PENDING,
}


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead as routing sees it.

    `status` is QUALIFIED, MANUAL_REVIEW, REJECTED, WON, LOST, ROUTED or ALREADY_ROUTED, in any case; anything
    else means that qualification is pending. `enrichment_data` holds the intent signals by name.
    """

    lead_id: str | int
    status: str
    icp_fit: float | None = None
    enrichment_data: Mapping[str, Any] | None = None
    outcome: str | None = None
    """won or lost, as of now."""
    is_low_score_only: bool = False
    """Rejected for nothing but its score."""
    standing_tier: str | None = None
    """Tier of its latest routing; None for a lead never routed."""
    standing_sequence: str | None = None
    routing_number: int = 0
    """How often it was routed so far."""
    tier_override: str | None = None
    sequence_override: str | None = None

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Lead:
        """A lead from a mapping with these fields; what it has beyond them is left alone."""
        return cls(**{name: mapping[name] for name in LEAD_FIELDS if name in mapping})


LEAD_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Lead))


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """The decision about one lead. Only a lead that is ROUTED has a time from which its sequence runs."""

    lead_id: str | int
    status: RoutingStatus
    sequence_type: ContentSequenceType | None
    reasoning: str
    scheduled_for: datetime | None = None
    boosted_by_intent: bool = False
    tier: str | None = None
