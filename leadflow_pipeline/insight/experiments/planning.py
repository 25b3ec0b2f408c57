"""How many leads an experiment needs, before there is a result and while it runs. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import ceil, isnan, sqrt

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.means import cuped
from leadflow_pipeline.experiment.power import (
    SampleSize,
    means_power,
    means_sample_size,
    proportions_power,
    proportions_sample_size,
)
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.experiment.sequential import inflation
from leadflow_pipeline.insight.experiments.results import MetricResult, Power
from leadflow_pipeline.insight.experiments.sums import Sums


def looks_factor(experiment: Experiment) -> float:
    """How many times the leads of a single look the planned looks take, if they are evenly apart."""
    looks = experiment.looks.number if experiment.looks.is_scheduled else 1
    return inflation([(look + 1) / looks for look in range(looks)], experiment.alpha, experiment.power)


@dataclass(frozen=True)
class PlannedSize:
    """Leads that an experiment takes."""

    baseline: float
    """The control's rate, or mean value of a lead."""
    deviation: float | None
    """Of one lead's value; None where the metric is a share of leads."""
    lift: float
    leads_each: int
    planned_leads: int
    """Of all variants together, by their weights."""
    days: int | None
    """At so many leads a day as were named."""


def plan_size(
    experiment: Experiment,
    baseline: float,
    lift: float,
    leads_a_day: float | None,
    deviation: float | None = None,
) -> PlannedSize:
    """Leads of each variant and in all; `deviation` is that of one lead's value, of a metric that is one.

    Holm's allowance for several variants is planned with its strictest step. Raises PermanentError for a rate that
    leaves no room for the lift, and for a mean or deviation that is not above 0.
    """
    alpha, weights = experiment.alpha / (len(experiment.keys) - 1), experiment.weights
    smallest, factor = min(weights[1:]), looks_factor(experiment)
    if experiment.primary.is_value:
        if not baseline > 0 or deviation is None or not deviation > 0:
            raise PermanentError("a value needs a mean and a deviation above 0: name both")
        size = _size(
            means_sample_size,
            baseline * lift,
            deviation,
            experiment.power,
            alpha,
            smallest / weights[0],
            factor,
        )
    else:
        hoped = baseline * (1 + lift)
        if not 0 < baseline < 1 or hoped >= 1:
            raise PermanentError(
                f"a lift of {lift:.0%} over {baseline:.2%} makes {hoped:.0%}: name a lower rate or lift"
            )
        size = _size(
            proportions_sample_size,
            baseline,
            hoped,
            experiment.power,
            alpha,
            smallest / weights[0],
            factor,
        )
    in_all = ceil(max(size.control / weights[0], size.variant / smallest))
    days = None if leads_a_day is None else ceil(in_all / (leads_a_day * experiment.coverage))
    return PlannedSize(baseline, deviation, lift, max(size.control, size.variant), in_all, days)


def power_of(experiment: Experiment, sums: Sums, seen: date, primary: MetricResult) -> Power:
    """For the lift that must not be missed, by the control as it is known."""
    control = primary.arms[0]
    smallest = min(arm.leads for arm in primary.arms)
    baseline = control.value
    if isnan(baseline) or baseline <= 0:
        return Power(baseline, None, smallest, 0.0)
    factor = looks_factor(experiment)
    if primary.metric.is_value:
        moments = cuped(sums.moments(0, seen)).arms
        deviation = sqrt(max(arm.variance for arm in moments))
        if not deviation:
            return Power(baseline, None, smallest, 0.0)
        difference = baseline * experiment.least_lift
        needed = _size_if_any(
            means_sample_size, difference, deviation, experiment.power, experiment.alpha, inflation=factor
        )
        power = means_power(difference, deviation, control.leads, max(smallest, 1), experiment.alpha)
        return Power(baseline, needed.variant if needed else None, smallest, power, deviation)
    hoped = min(baseline * (1 + experiment.least_lift), 1.0)
    if hoped == baseline:
        return Power(baseline, None, smallest, 0.0)
    size = _size_if_any(
        proportions_sample_size, baseline, hoped, experiment.power, experiment.alpha, inflation=factor
    )
    power = proportions_power(baseline, hoped, control.leads, smallest, experiment.alpha) if smallest else 0.0
    return Power(baseline, size.variant if size else None, smallest, power)


def _size(smallest_size: Callable[..., SampleSize], *supposed: float, **others: float) -> SampleSize:
    """How many leads it takes. Raises PermanentError where no experiment is large enough."""
    try:
        return smallest_size(*supposed, **others)
    except ValueError as error:
        raise PermanentError(f"{error}: name a higher rate, value or lift") from None


def _size_if_any(
    smallest_size: Callable[..., SampleSize], *supposed: float, **others: float
) -> SampleSize | None:
    """How many leads it takes; None where no experiment is large enough."""
    try:
        return smallest_size(*supposed, **others)
    except ValueError:
        return None
