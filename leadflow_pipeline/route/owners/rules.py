"""What a campaign file may say about owners. Only the model; the rules lie beside it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow_pipeline.conditions import Condition


class MatchWeights(BaseModel):
    """What the match of a lead and a rep is made of. Only the proportions count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    specialty: float = Field(0.4, ge=0)
    performance: float = Field(0.3, ge=0)
    capacity: float = Field(0.2, ge=0)
    sla: float = Field(0.1, ge=0)

    @model_validator(mode="after")
    def something_counts(self) -> MatchWeights:
        """Refuses weights that make every rep the same."""
        if self.specialty + self.performance + self.capacity + self.sla == 0:
            raise ValueError("at least one weight of the match must be above 0")
        return self


class TeamRule(BaseModel):
    """Leads that belong to a team: they meet every condition. The first rule that a lead meets claims it.

    Reps of a team that is named in a rule get the leads of their rules only; the others share the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    team: str
    when: tuple[Condition, ...] = Field(min_length=1)
    spills: bool = Field(
        True,
        description="to the reps of the next rule the lead meets, at last to teams without a rule, where nobody of the "
        "team has room",
    )


class SpecialtyRule(BaseModel):
    """Specialties that the rep of some leads must have, all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: tuple[Condition, ...] = ()
    require_specialties: tuple[str, ...] = Field(min_length=1)


class LeadValue(BaseModel):
    """What a won lead is worth, in the campaign's currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str = Field("budget", description="a field of the lead that says it")
    otherwise: float = Field(1000.0, gt=0, description="where the field is not known, or not above 0")
    at_most: float | None = Field(
        None, gt=0, description="one lead that claims a fortune must not decide all"
    )


class SlaRules(BaseModel):
    """By when an owner must have touched a new lead, in the owner's working hours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_touch_hours: float = Field(10.0, gt=0, le=1000, description="working hours of the owner")
    warn_at: float = Field(0.5, gt=0, lt=1, description="share of the time after which the owner is reminded")
    reassign: bool = Field(True, description="give the lead to the next best owner when the time is over")
    most_reassignments: int = Field(
        1, ge=0, le=5, description="after them the lead stays, and the manager is told"
    )


class OwnershipRules(BaseModel):
    """Who gets which lead. Every lead that is routed is given an owner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: Literal["optimal", "match", "round_robin", "longest_waiting", "least_loaded"] = Field(
        "optimal",
        description="optimal: the most expected value of all leads of a day together; match: the best match for one "
        "lead after the other, the best scores first; round_robin: by weight, in turn; longest_waiting: to the rep "
        "whose last lead is longest ago; least_loaded: to the rep with the fewest open leads for its weight",
    )
    reps: tuple[str, ...] = Field((), description="who takes part; all reps where nobody is named")
    exclude_reps: tuple[str, ...] = ()
    teams: tuple[TeamRule, ...] = ()
    specialties: tuple[SpecialtyRule, ...] = ()
    specialty_fields: tuple[str, ...] = Field(
        ("industry",),
        description="fields of the lead whose words are compared with a rep's specialties and industries",
    )
    language: Literal["require", "prefer", "ignore"] = Field(
        "prefer", description="whether the rep must speak the lead's language, where it is known"
    )
    territory: Literal["require", "prefer", "ignore"] = Field(
        "require",
        description="whether a lead's place must lie in the rep's territory (require), or reps in whose territory it "
        "lies come first (prefer). Either way the most specific wins, and a less specific one has its turn when that "
        "rep is away or full",
    )
    regions: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="regions of the world that the campaign makes itself, for territories: name -> countries, or names "
        "of well-known regions",
    )
    keep_account_owner: bool = Field(
        True, description="a lead of a company goes to the rep who has its leads already"
    )
    match: MatchWeights = MatchWeights()
    value: LeadValue = LeadValue()
    performance_days: int = Field(180, ge=7, le=1095, description="how far back a rep's results count")
    target_minutes: float = Field(
        240.0, gt=0, description="working time to the first touch that a rep should keep, in minutes"
    )
    floor: float = Field(
        0.5, ge=0, le=1, description="share of its fair share that every rep with room gets at least"
    )
    exploration: int = Field(
        1,
        ge=0,
        le=100,
        description="leads a day that every rep with room gets at least, so that its results stay known",
    )
    backpressure_from: float = Field(
        0.85, gt=0, le=1, description="load from which a rep is given less and less, and others come first"
    )
    sla: SlaRules = SlaRules()

    def takes_part(self, rep: str) -> bool:
        """Whether the campaign gives leads to a rep at all."""
        return rep not in self.exclude_reps and (not self.reps or rep in self.reps)
