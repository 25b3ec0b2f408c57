"""What makes results unbelievable or a variant harmful: the sample ratio and the guardrails. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import inf, isfinite

import pandas as pd
from scipy.stats import norm

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.rules import HOLDOUT, Experiment
from leadflow_pipeline.experiment.sample_ratio import RatioCheck, check_ratio
from leadflow_pipeline.experiment.two_proportions import Proportion, lift_interval
from leadflow_pipeline.experiment.verdict import Guardrail
from leadflow_pipeline.insight.experiments.counts import Counts
from leadflow_pipeline.insight.experiments.results import Arm, Effect, MetricResult


def ratio_of(experiment: Experiment, counts: Counts, as_of: date) -> RatioCheck:
    """Of everybody exposed so far, ripe or not: a mismatch is to be found soon."""
    exposed = counts.exposed[counts.exposed["day"] <= pd.Timestamp(as_of)]
    by_variant = exposed.groupby("variant")["leads"].sum()
    observed = [int(by_variant.get(key, 0)) for key in experiment.keys]
    if not experiment.bandit:
        return check_ratio(observed, experiment.weights)
    of_day = exposed[exposed["variant"] != HOLDOUT].groupby("day")["leads"].sum()
    shares = counts.shares.assign(leads=counts.shares["day"].map(of_day).fillna(0))
    expected = (shares["weight"] * shares["leads"]).groupby(shares["variant"]).sum()
    weights = [float(expected.get(key, 0.0)) for key in experiment.keys]
    return check_ratio(observed, weights if min(weights) > 0 else experiment.weights)


def guardrails_of(
    experiment: Experiment, metrics: Sequence[MetricResult]
) -> tuple[tuple[str, Guardrail], ...]:
    """Each guardrail of each variant; what a guardrail counts is bad, so the signs are turned.

    Where it is enough that no harm is shown, all of them together cry wolf no more often than alpha: Bonferroni.
    """
    watched = {each.metric: each for each in metrics}
    questions = max(len(experiment.guardrails) * (len(experiment.keys) - 1), 1)
    alpha = experiment.alpha / questions if experiment.tolerated_harm is None else experiment.alpha
    found = []
    for name, metric in zip(experiment.guardrails, experiment.guardrail_metrics, strict=True):
        result = watched[metric]
        for arm, effect in zip(result.arms[1:], result.effects, strict=True):
            rise = _rise(experiment, result.arms[0], arm, effect, 1 - alpha)
            guardrail = Guardrail(name, Interval(-rise.high, -rise.low), experiment.tolerated_harm)
            found.append((effect.name, guardrail))
    return tuple(found)


def _rise(experiment: Experiment, control: Arm, arm: Arm, effect: Effect, confidence: float) -> Interval:
    """Where the relative rise of what a guardrail counts may be."""
    if experiment.bandit is None:
        return lift_interval(
            Proportion(control.came, control.leads), Proportion(arm.came, arm.leads), confidence
        )
    if not control.value > 0 or not isfinite(effect.standard_error):
        return Interval(-1.0, inf)
    half = float(norm.isf((1 - confidence) / 2)) * effect.standard_error
    return Interval((effect.difference - half) / control.value, (effect.difference + half) / control.value)
