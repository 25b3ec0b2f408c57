"""What is known of an experiment, as plain values: arms, effects, looks, power, and all of them together.

What belongs here: the shapes. What does not: concluding (`analysis` and the modules that it asks), showing (`page`,
`plots`). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.life_cycle import StateChange
from leadflow_pipeline.experiment.off_policy import PolicyValue
from leadflow_pipeline.experiment.rules import Experiment, Metric
from leadflow_pipeline.experiment.sample_ratio import RatioCheck
from leadflow_pipeline.experiment.verdict import Guardrail, Verdict


@dataclass(frozen=True)
class Arm:
    """What is known of one variant with regard to one metric."""

    name: str
    leads: int
    came: int
    """Leads that did it, or were worth something."""
    value: float
    """The share of the leads, or the mean value of a lead; of a bandit's arm the estimate. NaN of nobody."""
    interval: Interval


@dataclass(frozen=True)
class Effect:
    """A variant against the control, on one metric."""

    name: str
    difference: float
    interval: Interval
    lift: float
    lift_interval: Interval
    z: float
    standard_error: float
    p_value: float
    """Of this look alone."""


@dataclass(frozen=True)
class MetricResult:
    """One metric: its arms, the control first, and the effect of each other variant."""

    metric: Metric
    arms: tuple[Arm, ...]
    effects: tuple[Effect, ...]
    adjusted: tuple[float, ...]
    """p-values with the company that they are in: of other variants, or of other metrics too."""
    noise_removed: float
    """Share of the variance that the score at exposure explains away; 0 for a metric that is no value."""


@dataclass(frozen=True)
class Look:
    """The primary metric as of one look, an entry of each tuple a variant other than the control."""

    number: int
    day: date
    """Its last day of exposure."""
    leads: int
    information: float
    """Share of the plan that has been seen; 0 where looks are not planned."""
    differences: tuple[float, ...]
    intervals: tuple[Interval, ...]
    """Where the difference may be, whichever look it is: from the boundary, or the confidence sequence."""
    z_scores: tuple[float, ...]
    boundary: float
    """|z| that decides at this look; NaN where looks are not planned."""
    p_values: tuple[float, ...]
    """Of all looks so far."""


@dataclass(frozen=True)
class Power:
    """How many leads it takes, and what there are."""

    baseline: float
    """The control's rate or mean, as known."""
    needed: int | None
    """Leads of each arm, for the lift that must not be missed; None where nothing is known to plan with."""
    have: int
    """Leads of the smallest arm whose days are over."""
    power: float
    """How likely so many find that lift."""
    deviation: float | None = None
    """Of one lead's value, without what its score explains; None of a metric that is a share of leads."""


@dataclass(frozen=True)
class ForEverybody:
    """What one variant would have brought, had every lead that took part got it: the primary metric of a lead."""

    name: str
    leads: int
    """That took part, and whose days are over."""
    estimates: tuple[PolicyValue, ...]
    """By inverse propensity, self-normalised, doubly robust."""


@dataclass(frozen=True)
class Results:
    """All that is known of an experiment."""

    experiment: Experiment
    standing: StateChange
    first_day: date | None
    as_of: date
    exposed: pd.DataFrame
    """`variant`, `leads`, `ripe` (those whose days are over), by variant and then the holdout."""
    metrics: tuple[MetricResult, ...]
    """The primary one first; guardrails last."""
    looks: tuple[Look, ...]
    ratio: RatioCheck
    guardrails: tuple[tuple[str, Guardrail], ...]
    """Variant and guardrail."""
    power: Power
    verdict: Verdict
    shares: pd.DataFrame
    """A bandit's: `variant`, `day`, `weight`."""
    holdout: MetricResult | None
    """All variants together against the leads kept out, on the primary metric; None where nobody is kept out."""
    for_everybody: tuple[ForEverybody, ...]
    """Of routing experiments and bandits."""

    @property
    def harmed(self) -> list[str]:
        """Guardrails that are hurt, in words."""
        return [f"{variant}: {guardrail}" for variant, guardrail in self.guardrails if not guardrail.holds]
