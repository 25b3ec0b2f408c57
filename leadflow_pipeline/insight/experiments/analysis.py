"""What may be concluded from an experiment: intervals, boundaries, checks and the verdict, from sums.

What belongs here: putting the answers together, and the verdict. What does not: each answer (`effects`, `looks`,
`alarms`, `planning`, `holdouts`, `policies`), the tests themselves (`experiment`), the sums (`counts`), and how results
are shown (`page`, `plots`). Pure.

Weekly looks are judged by a group-sequential boundary, looks at any time by a confidence sequence. A bandit's arms are
estimated by the propensities with which leads got them, and never win by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.life_cycle import (
    StateChange,
    first_day_of,
    last_day_of,
    standing_on,
)
from leadflow_pipeline.experiment.rules import HOLDOUT, Experiment
from leadflow_pipeline.experiment.sample_ratio import RatioCheck
from leadflow_pipeline.experiment.verdict import (
    Demands,
    Guardrail,
    Reason,
    Standing,
    VariantResult,
    Verdict,
    verdict,
)
from leadflow_pipeline.insight.experiments.alarms import guardrails_of, ratio_of
from leadflow_pipeline.insight.experiments.counts import Counts
from leadflow_pipeline.insight.experiments.effects import adjusted, metric_result
from leadflow_pipeline.insight.experiments.holdouts import against_holdout
from leadflow_pipeline.insight.experiments.looks import Plan, looks_at
from leadflow_pipeline.insight.experiments.planning import power_of
from leadflow_pipeline.insight.experiments.policies import for_everybody
from leadflow_pipeline.insight.experiments.results import Look, MetricResult, Results
from leadflow_pipeline.insight.experiments.sums import Sums

LEAST_CONVERTED = 10
"""Conversions of each arm before a share is spoken of as normal."""


def analyse(experiment: Experiment, changes: Sequence[StateChange], as_of: date, counts: Counts) -> Results:
    """Results as of the end of a day, which is the last that `counts` know of. `changes` are the campaign's."""
    sums, primary = Sums(experiment.keys, counts), experiment.primary
    begun, ended = first_day_of(changes, experiment.key), last_day_of(changes, experiment.key)
    first_day = begun or as_of + timedelta(days=1)
    plan = Plan.of(experiment, first_day, ended)
    looks = () if experiment.bandit else looks_at(experiment, sums, plan, as_of)
    seen = as_of - timedelta(days=primary.within_days)
    if experiment.looks.is_scheduled and not experiment.bandit:
        seen = looks[-1].day if looks else first_day - timedelta(days=1)
    metrics = adjusted(
        [
            metric_result(experiment, sums, place, metric, seen, as_of)
            for place, metric in enumerate(experiment.all_metrics)
        ]
    )
    ratio = ratio_of(experiment, counts, as_of)
    guardrails = guardrails_of(experiment, metrics)
    return Results(
        experiment=experiment,
        standing=standing_on(changes, experiment.key, as_of + timedelta(days=1)),
        first_day=begun,
        as_of=as_of,
        exposed=_exposed(experiment, counts, as_of),
        metrics=tuple(metrics),
        looks=looks,
        ratio=ratio,
        guardrails=guardrails,
        power=power_of(experiment, sums, seen, metrics[0]),
        verdict=_verdict(experiment, metrics[0], looks, plan, ratio, guardrails),
        shares=counts.shares,
        holdout=against_holdout(experiment, counts, seen),
        for_everybody=for_everybody(experiment, counts, seen),
    )


def _exposed(experiment: Experiment, counts: Counts, as_of: date) -> pd.DataFrame:
    ripe_until = pd.Timestamp(as_of - timedelta(days=experiment.primary.within_days))
    table = counts.exposed.assign(ripe=counts.exposed["leads"].where(counts.exposed["day"] <= ripe_until, 0))
    names = [*experiment.keys, *([HOLDOUT] if experiment.holdout else [])]
    summed = table.groupby("variant")[["leads", "ripe"]].sum()
    return summed.reindex(names).fillna(0).astype("int64").rename_axis("variant").reset_index()


def _verdict(
    experiment: Experiment,
    primary: MetricResult,
    looks: Sequence[Look],
    plan: Plan,
    ratio: RatioCheck,
    guardrails: Sequence[tuple[str, Guardrail]],
) -> Verdict:
    newest = looks[-1] if looks else None
    p_values = newest.p_values if newest else (1.0,) * len(primary.effects)
    control, *others = primary.arms
    variants = [
        VariantResult(
            arm.name, arm.leads, arm.came, arm.value, effect.z, p_value, effect.lift_interval,
            tuple(guardrail for name, guardrail in guardrails if name == arm.name),
        )
        for arm, effect, p_value in zip(others, primary.effects, p_values, strict=True)
    ]  # fmt: skip
    of_control = VariantResult(
        control.name, control.leads, control.came, control.value, 0.0, 1.0, Interval(0.0, 0.0)
    )
    demands = Demands(
        alpha=experiment.alpha,
        least_exposed=experiment.minimum_leads,
        least_converted=0 if primary.metric.is_value else LEAST_CONVERTED,
        least_weeks=experiment.minimum_weeks,
    )
    is_last = experiment.looks.is_scheduled and newest is not None and plan.is_last(newest)
    found = verdict(of_control, variants, ratio, plan.days_of(newest), demands, is_last)
    if experiment.bandit is None:
        return found
    by_hand = Reason("decision", False, "a bandit goes on until a person ends it: leads follow the results")
    return Verdict(
        Standing.RUNNING,
        None,
        (by_hand, *(reason for reason in found.reasons if reason.name in ("sample ratio", "size"))),
    )


def is_won(results: Results) -> bool:
    """Whether everything agrees on a winner."""
    return results.verdict.standing is Standing.WINNER
