"""What a campaign file may say about experiments. Only the models, and what one experiment alone can get wrong.

What belongs here: the section `experiments:`. What does not: words of other sections (`campaign.experiment_checks`),
whether an experiment runs (`life_cycle`), and who gets what (`exposure`).

The first variant is the one that the others are compared with: the control. It usually changes nothing.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["routing", "sequences", "emails", "send_times"]

SETTING_OF_KIND: dict[Kind, str] = {
    "routing": "match",
    "sequences": "sequences",
    "emails": "emails",
    "send_times": "send_window",
}
"""Kind -> the setting that a variant of it may have."""

HOLDOUT = "holdout"
"""In the place of a variant, for leads that are kept out."""

Guardrail = Literal["unsubscribe", "complaint", "bounce", "lost"]
GUARDRAILS: tuple[Guardrail, ...] = ("unsubscribe", "complaint", "bounce", "lost")

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]


class Variant(BaseModel):
    """One way of doing it. Without a setting it is what the rest of the campaign file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Slug
    weight: float | None = Field(
        None, gt=0, le=1, description="share of the leads; where no variant says it, all get the same"
    )
    match: dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        None, description="routing: weights of the match in the place of ownership.match"
    )
    sequences: dict[str, str] | None = Field(
        None, description="sequences: tier -> the sequence that its leads enter instead"
    )
    emails: dict[str, Any] | None = Field(
        None, description="emails: sequence -> its emails in other words; their number and delays stay"
    )
    send_window: dict[str, Any] | None = Field(
        None, description="send_times: when emails may leave, as nurture.send_window has it"
    )


class ExclusionGroup(BaseModel):
    """Experiments of one group share no lead: each has a stretch of the group of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Slug
    start: float = Field(0.0, ge=0, lt=1, description="where the experiment's stretch begins, 0 to 1")
    end: float = Field(1.0, gt=0, le=1, description="where it ends")

    @model_validator(mode="after")
    def has_length(self) -> ExclusionGroup:
        """Refuses a stretch that holds nobody."""
        if self.start >= self.end:
            raise ValueError(
                f"the stretch of {self.group} must end after it starts, but is {self.start:g} to {self.end:g}"
            )
        return self

    def meets(self, other: ExclusionGroup) -> bool:
        """Whether the two have a stretch in common."""
        return self.group == other.group and self.start < other.end and other.start < self.end


class Metric(BaseModel):
    """What is measured of each lead: whether it did something or ended so, or what it was worth.

    Counted are the days after the exposure, which is at the end of its day: `within_days: 7` are the seven days that
    follow.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("behaviour", "outcome", "value")
            ]
        },
    )

    behaviour: str | None = Field(None, description="a behaviour of engagement events, e.g. reply")
    outcome: Literal["won", "lost", "meeting"] | None = None
    value: Literal["won", "meeting"] | None = Field(
        None, description="the money of this outcome; 0 for leads without it"
    )
    within_days: int = Field(14, ge=1, le=730)

    @model_validator(mode="after")
    def measures_one_thing(self) -> Metric:
        """Refuses a metric that measures nothing, or two things."""
        if sum(named is not None for named in (self.behaviour, self.outcome, self.value)) != 1:
            raise ValueError("a metric must name one behaviour, one outcome or one value")
        return self

    @property
    def is_value(self) -> bool:
        """Whether it is money and not a share of leads."""
        return self.value is not None

    @property
    def name(self) -> str:
        """`reply within 14 days`, `value of won within 60 days`."""
        what = self.behaviour or self.outcome or f"value of {self.value}"
        return f"{what} within {self.within_days} day{'s' if self.within_days > 1 else ''}"


class Looks(BaseModel):
    """When the results may be judged. Whoever looks more often than this finds winners that are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schedule: Literal["weekly", "ad_hoc"] = Field(
        "weekly",
        description="weekly: once a week, as often as `number` says; ad_hoc: at any time, by a wider interval",
    )
    number: int = Field(8, ge=1, le=52, description="weekly looks until the experiment is over")

    @property
    def is_scheduled(self) -> bool:
        """Whether looks are numbered."""
        return self.schedule == "weekly"


class Bandit(BaseModel):
    """Shares that follow the results: variants that do better get more leads, day by day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["thompson", "top_two"] = Field(
        "thompson",
        description="thompson: as likely as a variant is the best; top_two: half of that to the runner-up",
    )
    floor: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="share that every variant keeps, so that its results stay known; at most 1 / variants",
    )


class Experiment(BaseModel):
    """One experiment. Nothing of it applies before `leadflow experiment start`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Slug = Field(description="names it for good, and decides with the lead which variant a lead gets")
    hypothesis: str = Field(min_length=1, pattern=r"\S", description="what is expected, and why")
    kind: Kind
    variants: tuple[Variant, ...] = Field(
        min_length=2, max_length=20, description="the first is what the others are compared with"
    )
    coverage: float = Field(1.0, gt=0, le=1, description="share of the leads that take part")
    exclusion_group: ExclusionGroup | None = Field(None, description="experiments that must not share a lead")
    holdout: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of the leads kept out of the whole group (or of this experiment), for comparison",
    )
    primary: Metric = Field(description="what decides")
    metrics: tuple[Metric, ...] = Field((), description="what else is of interest; it decides nothing")
    guardrails: tuple[Guardrail, ...] = Field(
        GUARDRAILS, description="what must not get worse for a variant to win"
    )
    tolerated_harm: float | None = Field(
        None,
        ge=0,
        le=10,
        description="relative rise of a guardrail that is acceptable, and must be excluded; none: it is enough that no "
        "harm is shown",
    )
    looks: Looks = Looks()
    alpha: float = Field(0.05, gt=0, lt=0.5, description="how often a winner that is none may be found")
    power: float = Field(0.8, gt=0.5, lt=1)
    least_lift: float = Field(
        0.1, gt=0, le=10, description="relative lift of the primary metric that must not be missed"
    )
    planned_leads: int | None = Field(
        None,
        ge=2,
        description="leads in all that weekly looks are planned for (leadflow experiment power says how many it "
        "takes); without it the weeks are the plan",
    )
    minimum_leads: int = Field(100, ge=1, description="of each variant, before anything is decided")
    minimum_weeks: int = Field(2, ge=1, le=104, description="full weeks, before anything is decided")
    bandit: Bandit | None = Field(None, description="without it the shares are fixed")
    auto_decide: bool = Field(False, description="a winner that all checks agree on is decided by itself")

    @property
    def control(self) -> Variant:
        """The variant that the others are compared with."""
        return self.variants[0]

    @property
    def weights(self) -> tuple[float, ...]:
        """Each variant's share of the leads that take part."""
        given = [variant.weight for variant in self.variants if variant.weight is not None]
        return tuple(given) if given else (1 / len(self.variants),) * len(self.variants)

    @property
    def keys(self) -> tuple[str, ...]:
        """The variants by name, in order."""
        return tuple(variant.key for variant in self.variants)

    @property
    def all_metrics(self) -> tuple[Metric, ...]:
        """The primary one first, then the others, then guardrails over the same days."""
        return tuple(dict.fromkeys((self.primary, *self.metrics, *self.guardrail_metrics)))

    @property
    def guardrail_metrics(self) -> tuple[Metric, ...]:
        """Guardrails as metrics, over as many days as the primary one."""
        days = self.primary.within_days
        return tuple(
            Metric(outcome="lost", within_days=days)
            if name == "lost"
            else Metric(behaviour=name, within_days=days)
            for name in self.guardrails
        )

    @property
    def who_gets_what(self) -> dict[str, Any]:
        """All that decides which lead meets which variant, and what the variant is: it must not change once begun."""
        decides = {"key", "kind", "variants", "coverage", "exclusion_group", "holdout", "bandit"}
        given = self.model_dump(mode="json", include=decides)
        weights = self.weights
        for position, variant in enumerate(given["variants"]):
            variant["weight"] = weights[position]
        if self.bandit is not None:
            given["primary"] = self.primary.model_dump(mode="json")
        return given

    @model_validator(mode="after")
    def variants_fit(self) -> Experiment:
        """Refuses variants that are named twice, whose weights make no whole, or that change what they cannot."""
        keys = [variant.key for variant in self.variants]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"the variant {twice[0]} of {self.key} is given twice")
        if HOLDOUT in keys:
            raise ValueError(
                f"{HOLDOUT} names the leads that are kept out, so no variant of {self.key} may be"
            )
        given = [variant.weight for variant in self.variants if variant.weight is not None]
        if given and len(given) < len(keys):
            raise ValueError(
                f"some variants of {self.key} have a weight and some have none: give all or none"
            )
        if given and not math.isclose(sum(given), 1, abs_tol=1e-9):
            raise ValueError(f"the weights of {self.key} must sum to 1, but make {sum(given):g}")
        own = SETTING_OF_KIND[self.kind]
        for variant in self.variants:
            for setting in SETTING_OF_KIND.values():
                if setting != own and getattr(variant, setting) is not None:
                    raise ValueError(
                        f"{self.key} tries {self.kind}, so its variant {variant.key} may change {own} alone, "
                        f"not {setting}"
                    )
        settings = [getattr(variant, own) or None for variant in self.variants]
        for (one, left), (other, right) in combinations(zip(keys, settings, strict=True), 2):
            if left == right:
                raise ValueError(f"the variants {one} and {other} of {self.key} do the same")
        return self

    @model_validator(mode="after")
    def bandit_fits(self) -> Experiment:
        """Refuses a bandit whose floor leaves nothing, whose shares are said twice, or whose reward is money."""
        if self.bandit is None:
            return self
        if self.bandit.floor * len(self.variants) > 1:
            raise ValueError(
                f"a floor of {self.bandit.floor:g} for each of {len(self.variants)} variants of {self.key} makes more "
                "than 1"
            )
        if any(variant.weight is not None for variant in self.variants):
            raise ValueError(f"the bandit of {self.key} finds the weights itself: remove them")
        if self.primary.is_value:
            raise ValueError(
                f"the bandit of {self.key} needs a primary metric that is a behaviour or an outcome"
            )
        return self
