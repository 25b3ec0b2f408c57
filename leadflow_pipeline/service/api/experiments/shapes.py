"""What is asked of experiments, and what is answered: shapes alone.

What belongs here: the models of requests and answers. What does not: filling them (`routes`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.experiment.rules import Experiment, Kind
from leadflow_pipeline.service.api.parameters import Day, Fine, Reason

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
State = Literal["draft", "running", "stopped", "decided"]


class Body(BaseModel):
    """Of a request: nothing but what is documented."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StateBody(Body):
    """When an experiment starts or stops, and why."""

    from_day: Day | None = Field(None, description="the first day that it holds for; left out: today (UTC)")
    reason: Reason = "decided by the API"
    accept_days_due: bool = Field(
        False,
        description="carry it out even where days that are computed become due again; else refused (409)",
    )


class DecideBody(StateBody):
    """What everybody gets from a day on."""

    winner: Slug | None = Field(description="a variant, or null: what the rest of the campaign file says")


class AnalyseBody(Body):
    """What a question about an experiment supposes; all of it may be left out."""

    as_of: Day | None = Field(None, description="the last day that counts; left out: yesterday (UTC)")
    baseline: float | None = Field(
        None, ge=0, le=1e12, description="rate of the control, or its mean value of a lead; else as known"
    )
    deviation: float | None = Field(
        None, ge=0, le=1e12, description="standard deviation of one lead's value; else as known"
    )
    lift: float | None = Field(None, ge=0.0001, le=10, description="relative lift to find; else least_lift")
    leads_a_day: float | None = Field(
        None, ge=0.01, le=1e9, description="leads that take part a day, to say how long it takes"
    )


class ExperimentRow(BaseModel):
    """An experiment of a list."""

    campaign: str
    experiment: str
    kind: Kind
    hypothesis: str
    variants: list[str]
    state: State
    from_day: date | None = Field(description="since when it is in this state; null: it was never started")
    winner: str | None
    next_state: State | None = Field(description="decided already for a day to come")
    next_from_day: date | None


class StateDecision(BaseModel):
    """A decision about an experiment."""

    state: State
    winner: str | None
    from_day: date
    actor: str
    reason: str
    decided_at: datetime


class ExperimentAnswer(ExperimentRow):
    """All that is declared and decided."""

    campaign_version: int
    declared: Experiment
    decisions: list[StateDecision]


class Created(BaseModel):
    """The campaign has a new version with it; it waits to be started."""

    campaign: str
    experiment: str
    campaign_version: int


class StateChanged(BaseModel):
    """What came of a decision."""

    campaign: str
    experiment: str
    state: State
    winner: str | None
    from_day: date
    days_due_again: int = Field(description="days that are computed already and become due again by it")


Interval = Annotated[list[Fine | None], Field(min_length=2, max_length=2)]
"""From and to; null: without end, or not known."""


class Exposed(BaseModel):
    """Leads that met a variant."""

    variant: str
    leads: int
    ripe: int = Field(description="those whose days are over")


class ArmAnswer(BaseModel):
    """A variant on one metric."""

    variant: str
    leads: int
    came: int
    value: Fine | None
    interval: Interval


class EffectAnswer(BaseModel):
    """A variant beside the control on one metric."""

    variant: str
    difference: Fine | None
    interval: Interval
    lift: Fine | None
    lift_interval: Interval
    z: Fine | None
    p_value: Fine | None
    p_value_adjusted: Fine | None


class MetricAnswer(BaseModel):
    """One metric."""

    metric: str
    noise_removed: Fine
    arms: list[ArmAnswer]
    effects: list[EffectAnswer]


class LookOfVariant(BaseModel):
    """A variant at a look."""

    difference: Fine | None
    interval: Interval
    z: Fine | None
    p_value: Fine | None


class LookAnswer(BaseModel):
    """The primary metric as of one look."""

    number: int
    day: date
    leads: int
    information: Fine
    boundary: Fine | None
    variants: dict[str, LookOfVariant]


class RatioAnswer(BaseModel):
    """Whether each variant has as many leads as it should."""

    observed: dict[str, int]
    expected: dict[str, Fine]
    p_value: Fine
    alarms: bool


class GuardrailAnswer(BaseModel):
    """Whether a variant makes something worse that must not be."""

    variant: str
    name: str
    rise: Interval
    holds: bool


class PowerAnswer(BaseModel):
    """How many leads it takes, and what there are."""

    baseline: Fine | None
    needed_each: int | None
    smallest: int
    power: Fine


class ReasonAnswer(BaseModel):
    """What a winner needs, and whether it holds."""

    name: str
    holds: bool
    words: str


class VerdictAnswer(BaseModel):
    """What may be concluded."""

    standing: str
    winner: str | None
    reasons: list[ReasonAnswer]


class EstimateAnswer(BaseModel):
    """What a variant would have brought, by one method."""

    method: str
    value: Fine | None
    interval: Interval
    effective_leads: Fine
    warnings: list[str]


class ForEverybodyAnswer(BaseModel):
    """Had every lead got the variant."""

    variant: str
    leads: int
    estimates: list[EstimateAnswer]


class ShareAnswer(BaseModel):
    """A bandit's share of a variant on a day."""

    day: date
    variant: str
    weight: Fine


class ResultsAnswer(BaseModel):
    """What came of an experiment."""

    experiment: str
    kind: Kind
    state: State
    winner: str | None
    first_day: date | None
    as_of: date
    exposed: list[Exposed]
    metrics: list[MetricAnswer] = Field(description="the primary one first, guardrails last")
    looks: list[LookAnswer]
    sample_ratio: RatioAnswer
    guardrails: list[GuardrailAnswer]
    power: PowerAnswer
    verdict: VerdictAnswer
    holdout: MetricAnswer | None
    for_everybody: list[ForEverybodyAnswer]
    shares: list[ShareAnswer]


class SizeAnswer(BaseModel):
    """How many leads it takes."""

    baseline: Fine
    deviation: Fine | None
    lift: Fine
    leads_each: int
    planned_leads: int
    days: int | None


class AnalysisAnswer(BaseModel):
    """Results, and how many leads it takes to find what is looked for."""

    results: ResultsAnswer
    size: SizeAnswer | None = Field(description="null: the control has no result yet, and none was named")
    why_no_size: str | None
