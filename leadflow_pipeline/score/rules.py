"""What a campaign file may say about fit, behaviour and points. The model; the arithmetic lives beside it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from leadflow_pipeline.conditions import Condition
from leadflow_pipeline.score.dimensions import DIMENSIONS
from leadflow_pipeline.score.factors import BehaviourFactor, OwnFactor


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
    at_most_a_day: int | None = Field(
        None,
        ge=1,
        description="of a lead's events on one UTC day only the earliest so many count, for anything",
    )


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
    "dimensions": 100,
}  # fmt: skip
"""The five shipped groups make 100; `factors` holds the campaign's own, `dimensions` the ready-made ones."""

EXCLUSIVE_GROUPS: tuple[str, ...] = ("source", "temperature")
"""A lead earns exactly one factor of these at most, so what the others would have paid was not missed."""


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


class SourceCredit(BaseModel):
    """How attribution says what a lead's source is worth."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    at_least_conversions: int = Field(
        30, ge=1, description="with fewer conversions to learn from, the declared points stand"
    )
    prior_leads: float = Field(
        50.0,
        gt=0,
        description="how many average leads each channel is thought to have brought beside its own: draws a channel "
        "of few leads towards the average",
    )


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
    groups: dict[str, float] = Field(
        default_factory=dict, description="group of the campaign's own -> most points it may add"
    )
    recent_activity_days: int = Field(7, ge=1, description="how long an event counts as recent activity")
    interactions_at_least: int = Field(3, ge=1, description="events that earn the interactions points")
    behaviours: dict[str, Behaviour] = Field(
        default_factory=lambda: dict(DEFAULT_BEHAVIOURS),
        description="behaviour -> its worth; one left out keeps its default, 0 points make it no interaction",
    )
    temperature: TemperatureLevels = TemperatureLevels()
    factors: tuple[OwnFactor, ...] = Field(
        (), description="points for conditions of the campaign's own, over a field or a behaviour"
    )
    dimensions: dict[str, float] = Field(
        default_factory=dict, description="ready-made factor -> points; one left out is switched off"
    )
    source_credit: bool | SourceCredit = Field(
        False,
        description="true, or its terms: a lead's source earns in proportion to what attribution credits its channel "
        "with for each lead, as recorded once a week, instead of the declared points of its source",
    )
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

    @field_validator("dimensions")
    @classmethod
    def dimensions_are_known(cls, dimensions: dict[str, float]) -> dict[str, float]:
        """Refuses a dimension that is not shipped, and points that no factor may have."""
        _refuse_unknown(dimensions, DIMENSIONS, "dimension", "a condition of your own belongs in `factors`")
        beyond = sorted(name for name, points in dimensions.items() if not -100 <= points <= 100)
        if beyond:
            raise ValueError(f"the points of {', '.join(beyond)} are not between -100 and 100")
        return dimensions

    @model_validator(mode="after")
    def factors_fit_in(self) -> ScoreRules:
        """Refuses two lines of one name in the breakdown, and factors of groups and behaviours there are none of."""
        taken = {*DEFAULT_POINTS, *self.dimensions}
        names = [factor.name for factor in self.factors]
        repeated = sorted({name for name in names if names.count(name) > 1 or name in taken})
        if repeated:
            raise ValueError(f"factors use the taken name {', '.join(repeated)}: give each its own")
        clashing = sorted(set(self.groups) & set(DEFAULT_CAPS))
        if clashing:
            raise ValueError(f"groups declare the shipped {', '.join(clashing)}: set its cap in `caps`")
        if negative := sorted(group for group, cap in self.groups.items() if cap < 0):
            raise ValueError(
                f"the cap of {', '.join(negative)} is below zero: use 0 for a group that adds nothing"
            )
        for factor in self.factors:
            _refuse_unknown([factor.group], self.groups_for_factors, "group", "declare it in `groups`")
            if isinstance(factor, BehaviourFactor):
                remedy = "declare it in `behaviours` (0 points if it is worth no engagement)"
                _refuse_unknown(factor.behaviours, self.behaviours, "behaviour", remedy)
        return self

    @property
    def credit_of_sources(self) -> SourceCredit | None:
        """The terms on which attribution says what sources earn; None where declared points do."""
        if isinstance(self.source_credit, bool):
            return SourceCredit() if self.source_credit else None
        return self.source_credit

    @property
    def groups_for_factors(self) -> tuple[str, ...]:
        """The groups that a factor of the campaign's own may be in: of an exclusive one a lead has one at most."""
        shipped = (group for group in DEFAULT_CAPS if group not in EXCLUSIVE_GROUPS)
        return (*shipped, *self.groups)

    @property
    def daily_limits(self) -> dict[str, int]:
        """Behaviour -> how many of a lead's events of one day count, for those that have a limit."""
        limits = {name: behaviour.at_most_a_day for name, behaviour in self.behaviours.items()}
        return {name: limit for name, limit in limits.items() if limit is not None}

    @property
    def all_caps(self) -> dict[str, float]:
        """Group -> cap, shipped groups first, in the order in which they are added up."""
        return {**self.caps, **self.groups}


def _refuse_unknown(given: Iterable[str], known: Iterable[str], kind: str, remedy: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"there is no {kind} {', '.join(unknown)}: use one of {', '.join(sorted(known))}, or {remedy}"
        )
