"""Routing rules and the four sequences a lead can be routed to. Only the model: the decision is beside it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Tier(StrEnum):
    """How well a lead fits, from the best to the least: it decides the sequence."""

    HOT = "HOT"
    WARM = "WARM"
    COOL = "COOL"
    COLD = "COLD"


class ContentSequenceType(StrEnum):
    """The four sequences, from the most to the least eager."""

    AGGRESSIVE_CLOSE = "aggressive_close"
    REGULAR_NURTURE = "regular_nurture"
    LONG_TERM_NURTURE = "long_term_nurture"
    COLD_OUTREACH = "cold_outreach"


class ContentSequence(BaseModel):
    """What a sequence is for, how long it takes and how many emails it has.

    Its emails belong to nurture.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sequence_type: ContentSequenceType
    duration_days: int = Field(ge=1)
    email_count: int = Field(ge=1)
    goal: str
    description: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, fit for JSON."""
        return self.model_dump(mode="json")

    @classmethod
    def hot_sequence(cls) -> ContentSequence:
        """Seven days, three emails, to schedule a demo."""
        return cls(
            name="Aggressive Close", sequence_type=ContentSequenceType.AGGRESSIVE_CLOSE,
            duration_days=7, email_count=3, goal="Schedule demo",
        )  # fmt: skip

    @classmethod
    def warm_sequence(cls) -> ContentSequence:
        """Fourteen days, four emails, to qualify the need."""
        return cls(
            name="Regular Nurture", sequence_type=ContentSequenceType.REGULAR_NURTURE,
            duration_days=14, email_count=4, goal="Qualify need",
        )  # fmt: skip

    @classmethod
    def cool_sequence(cls) -> ContentSequence:
        """Thirty days, six emails, to build a relationship."""
        return cls(
            name="Long-Term Nurture", sequence_type=ContentSequenceType.LONG_TERM_NURTURE,
            duration_days=30, email_count=6, goal="Build relationship",
        )  # fmt: skip

    @classmethod
    def cold_sequence(cls) -> ContentSequence:
        """Sixty days, eight emails, to introduce the product."""
        return cls(
            name="Cold Outreach", sequence_type=ContentSequenceType.COLD_OUTREACH,
            duration_days=60, email_count=8, goal="Introduce product",
        )  # fmt: skip


DEFAULT_INTENT_SIGNALS: dict[str, float] = {
    "recent_job_change": 0.25,
    "company_funded_recently": 0.25,
    "company_hiring": 0.25,
    "is_decision_maker": 0.5,
}


CUSTOM_SIGNAL = "custom."
"""Beginning of a signal that is a field of the campaign's own."""


class RoutingRules(BaseModel):
    """Tier thresholds (inclusive), the intent boost, and what may be routed at all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enable_auto_routing: bool = True
    hot_sequence: ContentSequence = Field(default_factory=ContentSequence.hot_sequence)
    warm_sequence: ContentSequence = Field(default_factory=ContentSequence.warm_sequence)
    cool_sequence: ContentSequence = Field(default_factory=ContentSequence.cool_sequence)
    cold_sequence: ContentSequence = Field(default_factory=ContentSequence.cold_sequence)
    hot_tier_min_score: float = Field(0.85, ge=0, le=1)
    warm_tier_min_score: float = Field(0.70, ge=0, le=1)
    cool_tier_min_score: float = Field(0.50, ge=0, le=1)
    intent_boost_enabled: bool = True
    intent_score_threshold: float = Field(0.5, ge=0, le=1)
    intent_boost: float = Field(0.15, ge=0, le=1, description="added to icp_fit, capped at 1")
    intent_signals: dict[str, float] = Field(
        default_factory=lambda: dict(DEFAULT_INTENT_SIGNALS),
        max_length=32,
        description="signal -> weight, 0 to 1; where given, it replaces the default signals as a whole. A "
        "signal is one of those, or custom.<name> for a field of the campaign's own that says true or yes",
    )
    max_leads: int | None = Field(
        None, ge=1, description="leads routed a day at most; the others wait for the next day"
    )
    reroute_on_tier_rise: bool = Field(
        False, description="a lead whose tier rises is routed again, as a new decision"
    )
    nurture_low_score: bool = Field(
        False, description="send leads rejected only for a low score to the COLD sequence"
    )

    def sequence_of(self, tier: Tier) -> ContentSequence:
        """The sequence that leads of a tier enter."""
        match tier:
            case Tier.HOT:
                return self.hot_sequence
            case Tier.WARM:
                return self.warm_sequence
            case Tier.COOL:
                return self.cool_sequence
            case Tier.COLD:
                return self.cold_sequence

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, fit for JSON; sequences as dictionaries."""
        return self.model_dump(mode="json")

    @field_validator("intent_signals")
    @classmethod
    def signals_are_known(cls, signals: dict[str, float]) -> dict[str, float]:
        """Refuses a signal that no lead can show, and a weight that is none."""
        for name, weight in signals.items():
            if name not in DEFAULT_INTENT_SIGNALS and not name.startswith(CUSTOM_SIGNAL):
                raise ValueError(
                    f"no lead shows the intent signal {name}: use {', '.join(DEFAULT_INTENT_SIGNALS)}, "
                    f"or {CUSTOM_SIGNAL}{name} for a field of the campaign's own"
                )
            if not 0 <= weight <= 1:
                raise ValueError(
                    f"the weight of the intent signal {name} must lie in 0 to 1, but is {weight:g}"
                )
        return signals

    @model_validator(mode="after")
    def tiers_are_ordered(self) -> RoutingRules:
        """Refuses thresholds that would make a tier unreachable."""
        if not self.hot_tier_min_score > self.warm_tier_min_score > self.cool_tier_min_score:
            raise ValueError(
                "tier thresholds must fall from hot to cool, but are "
                f"hot {self.hot_tier_min_score:g}, warm {self.warm_tier_min_score:g}, "
                f"cool {self.cool_tier_min_score:g}"
            )
        return self
