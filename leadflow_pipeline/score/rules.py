"""What a campaign file may say about fit, behaviour and points. The model; the arithmetic lives beside it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from leadflow_pipeline.conditions import Condition


class FitCriterion(Condition):
    """A condition with the weight it has in `icp_fit`."""

    name: str = Field(description="named in reasons and breakdowns")
    weight: float = Field(1.0, gt=0, allow_inf_nan=False)
    if_unknown: float = Field(
        0.0, ge=0, le=1, description="credit where the field is missing: 0 none, 1 full"
    )


class IdealCustomerProfile(BaseModel):
    """Weighted criteria. `icp_fit` is the credited share of all weights, 0 to 1; with no criteria it is 0."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    criteria: tuple[FitCriterion, ...] = ()

    @model_validator(mode="after")
    def names_are_unique(self) -> IdealCustomerProfile:
        """Refuses two criteria of one name."""
        names = [criterion.name for criterion in self.criteria]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"criteria share the name {', '.join(repeated)}: give each its own")
        return self


class Behaviour(BaseModel):
    """What one kind of event is worth to engagement, and how fast that fades."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    points: float = Field(ge=0, le=100, description="added to engagement at the moment of the event")
    half_life_days: float = Field(14.0, gt=0)


DEFAULT_BEHAVIOURS: dict[str, Behaviour] = {
    "open": Behaviour(points=5, half_life_days=7),
    "click": Behaviour(points=15, half_life_days=14),
    "visit": Behaviour(points=10, half_life_days=7),
    "form": Behaviour(points=35, half_life_days=21),
    "reply": Behaviour(points=45, half_life_days=21),
    "meeting": Behaviour(points=60, half_life_days=30),
}

DEFAULT_POINTS: dict[str, float] = {
    "company": 10, "job_title": 8, "phone": 5, "linkedin": 5,
    "email_open": 2, "email_click": 5,
    "recent_activity": 10, "interactions": 8, "inbound": 12,
    "source_referral": 20, "source_ads": 12, "source_social": 8,
    "temperature_hot": 15, "temperature_warm": 8, "temperature_cold": 0,
}  # fmt: skip
"""A lead that earns each of them once (one source, one temperature) has 100."""

DEFAULT_CAPS: dict[str, float] = {
    "demographic": 28, "engagement": 7, "behavioural": 30, "source": 20, "temperature": 15, "factors": 100,
}  # fmt: skip
"""The five shipped groups make 100; `factors` holds the campaign's own."""


class TemperatureLevels(BaseModel):
    """Engagement at which a lead warms up, and how far it must fall below before it cools down again."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    hot: float = Field(60.0, ge=0, le=100)
    warm: float = Field(25.0, ge=0, le=100)
    hysteresis: float = Field(
        5.0, ge=0, le=50, description="a level is left only this far below where it is entered"
    )

    @model_validator(mode="after")
    def levels_are_ordered(self) -> TemperatureLevels:
        """Refuses a hot level that is not above the warm one, or a hysteresis that makes cold unreachable."""
        if self.hot <= self.warm:
            raise ValueError(f"hot ({self.hot:g}) must be above warm ({self.warm:g})")
        if self.hysteresis > self.warm:
            raise ValueError(f"hysteresis ({self.hysteresis:g}) must not exceed warm ({self.warm:g})")
        return self


class ScoringFactor(Condition):
    """A condition of the campaign's own that earns points where it is true. Unknown earns nothing."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$", description="named in the breakdown")
    points: float = Field(ge=-100, le=100)


class ScoreRules(BaseModel):
    """Points of each factor, worth of each behaviour, temperature levels, and the blend with the fit."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    points: dict[str, float] = Field(
        default_factory=lambda: dict(DEFAULT_POINTS),
        description="factor -> points; a factor left out keeps its default",
    )
    caps: dict[str, float] = Field(
        default_factory=lambda: dict(DEFAULT_CAPS),
        description="group -> most points the group may add; a group left out keeps its default",
    )
    recent_activity_days: int = Field(7, ge=1, description="how long an event counts as recent activity")
    interactions_at_least: int = Field(3, ge=1, description="events that earn the interactions points")
    behaviours: dict[str, Behaviour] = Field(
        default_factory=lambda: dict(DEFAULT_BEHAVIOURS),
        description="behaviour -> its worth; one left out keeps its default, 0 points make it no interaction",
    )
    temperature: TemperatureLevels = TemperatureLevels()
    factors: tuple[ScoringFactor, ...] = Field((), description="points for conditions of the campaign's own")
    fit_weight: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the score that comes from icp_fit x 100; the rest comes from points",
    )

    @field_validator("points")
    @classmethod
    def points_are_of_known_factors(cls, points: dict[str, float]) -> dict[str, float]:
        """Completes the points with the defaults; refuses a factor that does not exist."""
        _refuse_unknown(points, DEFAULT_POINTS, "factor", "a condition of your own belongs in `factors`")
        return {**DEFAULT_POINTS, **points}

    @field_validator("caps")
    @classmethod
    def caps_are_of_known_groups(cls, caps: dict[str, float]) -> dict[str, float]:
        """Completes the caps with the defaults; refuses a group that does not exist, and a cap below zero."""
        _refuse_unknown(caps, DEFAULT_CAPS, "group", "leave it out")
        negative = sorted(group for group, cap in caps.items() if cap < 0)
        if negative:
            raise ValueError(
                f"the cap of {', '.join(negative)} is below zero: use 0 for a group that adds nothing"
            )
        return {**DEFAULT_CAPS, **caps}

    @field_validator("behaviours")
    @classmethod
    def behaviours_are_complete(cls, behaviours: dict[str, Behaviour]) -> dict[str, Behaviour]:
        """Completes the behaviours with the defaults."""
        return {**DEFAULT_BEHAVIOURS, **behaviours}

    @model_validator(mode="after")
    def factor_names_are_unique(self) -> ScoreRules:
        """Refuses two lines of one name in the breakdown."""
        names = [factor.name for factor in self.factors]
        repeated = sorted({name for name in names if names.count(name) > 1 or name in DEFAULT_POINTS})
        if repeated:
            raise ValueError(f"factors use the taken name {', '.join(repeated)}: give each its own")
        return self


def _refuse_unknown(given: Iterable[str], known: Iterable[str], kind: str, remedy: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"there is no {kind} {', '.join(unknown)}: use one of {', '.join(sorted(known))}, or {remedy}"
        )
