"""How many leads an experiment needs, before there is a result. Pure."""

from __future__ import annotations

from math import ceil
from typing import Any

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.power import proportions_sample_size
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.experiment.sequential import inflation


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
