"""How many leads an experiment needs, before there is a result and while it runs. Pure."""

from __future__ import annotations

from datetime import date
from math import ceil, isnan, sqrt
from typing import Any

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.means import cuped
from leadflow_pipeline.experiment.power import (
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


def plan_size(
    experiment: Experiment, baseline: float, lift: float, leads_a_day: float | None
) -> dict[str, Any]:
    """Leads of each variant and in all, of an experiment whose primary metric is a share of leads.

    Holm's allowance for several variants is planned with its strictest step. Raises PermanentError for a rate that
    leaves no room for the lift.
    """
    hoped = baseline * (1 + lift)
    if not 0 < baseline < 1 or hoped >= 1:
        raise PermanentError(
            f"a lift of {lift:.0%} over {baseline:.2%} makes {hoped:.0%}: name a lower rate or lift"
        )
    alpha = experiment.alpha / (len(experiment.keys) - 1)
    weights = experiment.weights
    smallest = min(weights[1:])
    size = proportions_sample_size(
        baseline, hoped, experiment.power, alpha, smallest / weights[0], looks_factor(experiment)
    )
    in_all = ceil(max(size.control / weights[0], size.variant / smallest))
    days = None
    if leads_a_day is not None:
        days = ceil(in_all / (leads_a_day * experiment.coverage))
    return {
        "baseline": baseline,
        "lift": lift,
        "leads_each": max(size.control, size.variant),
        "planned_leads": in_all,
        "days": days,
    }


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
        needed = means_sample_size(
            difference, deviation, experiment.power, experiment.alpha, inflation=factor
        )
        power = means_power(difference, deviation, control.leads, max(smallest, 1), experiment.alpha)
        return Power(baseline, needed.variant, smallest, power)
    hoped = min(baseline * (1 + experiment.least_lift), 1.0)
    if hoped == baseline:
        return Power(baseline, None, smallest, 0.0)
    size = proportions_sample_size(baseline, hoped, experiment.power, experiment.alpha, inflation=factor)
    power = proportions_power(baseline, hoped, control.leads, smallest, experiment.alpha) if smallest else 0.0
    return Power(baseline, size.variant, smallest, power)
