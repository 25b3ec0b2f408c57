"""An experiment on a page: the verdict and its reasons, arms, effects, guardrails, power; and all of it as plain data.

What belongs here: choosing and wording what is shown. What does not: concluding (`analysis`), drawing (`plots`), laying
out (`insight.pages`). Nothing here is about one lead.
"""

from __future__ import annotations

from math import isfinite, isnan
from typing import Any

import pandas as pd

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.rules import Metric
from leadflow_pipeline.experiment.verdict import Standing
from leadflow_pipeline.insight.experiments import plots
from leadflow_pipeline.insight.experiments.results import Arm, MetricResult, Results
from leadflow_pipeline.insight.pages import UNKNOWN, Section

FOR_EVERYBODY = "Had everybody got it"
"""Heading of what each variant would have brought."""


def title_of(results: Results) -> str:
    """`gentler-warm, running since 2026-03-02, known up to 2026-04-30`."""
    standing, key = results.standing, results.experiment.key
    if standing.state == "draft":
        return f"{key}, not started"
    winner = f" for {standing.winner}" if standing.winner else ""
    return f"{key}, {standing.state}{winner} since {standing.from_day}, known up to {results.as_of}"


def sections_of(results: Results) -> dict[str, Section]:
    """Headings and what stands under them, the verdict first; of an experiment that nobody met, no more than that."""
    if not results.exposed["leads"].sum():
        return {"Verdict": verdict_words(results)}
    primary, *others = results.metrics
    further = [each for each in others if each.metric not in results.experiment.guardrail_metrics]
    return {
        "Verdict": verdict_words(results),
        "Why": pd.DataFrame(
            {
                "needed": [reason.name for reason in results.verdict.reasons],
                "holds": ["yes" if reason.holds else "no" for reason in results.verdict.reasons],
                "what is known": [reason.words for reason in results.verdict.reasons],
            }
        ),
        f"{primary.metric.name[:1].upper()}{primary.metric.name[1:]}": arms_table(primary),
        effect_heading(results): effects_table([primary]),
        "Leads by variant": results.exposed,
        **({"Against the holdout": effects_table([results.holdout])} if results.holdout else {}),
        **({FOR_EVERYBODY: policies_table(results)} if results.for_everybody else {}),
        **({"What else is of interest": effects_table(further)} if further else {}),
        "Guardrails": _guardrail_section(results),
        "Power": power_words(results),
    }


def effect_heading(results: Results) -> str:
    """Of the primary metric."""
    return f"Effect on {results.experiment.primary.name}"


def plots_of(results: Results) -> dict[str, bytes]:
    """Pictures, by the heading that they belong to; none of an experiment that nobody met."""
    if not results.exposed["leads"].sum():
        return {}
    if results.experiment.bandit is not None:
        return {
            effect_heading(results): plots.plot_shares(results),
            "Leads by variant": plots.plot_sizes(results),
        }
    effect = {effect_heading(results): plots.plot_effect(results)}
    boundary = (
        {"How far from a decision": plots.plot_boundary(results)}
        if results.experiment.looks.is_scheduled
        else {}
    )
    return effect | boundary | {"Leads by variant": plots.plot_sizes(results)}


def verdict_words(results: Results) -> str:
    """In a few sentences what may be done."""
    verdict, experiment = results.verdict, results.experiment
    hypothesis = f"Tried because: {experiment.hypothesis}"
    if not results.exposed["leads"].sum():
        return f"Nobody has met it yet.\n\n{hypothesis}"
    if experiment.bandit is not None:
        said = (
            "A bandit gives each variant the share that its results earn, and does not end by itself. Rates are "
            "weighted by how likely each lead was to get its variant: plain means would be wrong."
        )
    elif verdict.standing is Standing.WINNER:
        said = f"{verdict.winner} wins."
        if results.standing.state != "decided":
            said += (
                " It is decided by itself after the next look at it."
                if experiment.auto_decide
                else f" leadflow experiment decide CAMPAIGN {experiment.key} {verdict.winner} gives it to everybody."
            )
    elif verdict.standing is Standing.INCONCLUSIVE:
        said = "It is over, and no winner was found: keep what is simplest, or try something bolder."
    else:
        said = "No winner yet."
    alarm = f"\n\nDo not believe any of it: {results.ratio}." if results.ratio.alarms else ""
    return f"{said}{alarm}\n\n{hypothesis}"


def arms_table(result: MetricResult) -> pd.DataFrame:
    """Each variant with its rate, or mean, of the leads whose days are over."""
    return pd.DataFrame(
        [
            {
                "variant": arm.name,
                "leads": arm.leads,
                "of them": arm.came,
                "mean" if result.metric.is_value else "rate": written(arm.value, result.metric),
                "between": _between(arm.interval, result.metric) if arm.leads else UNKNOWN,
            }
            for arm in result.arms
        ]
    )


def effects_table(results: list[MetricResult]) -> pd.DataFrame:
    """What variants are to the control, a row for each of each metric; p-values with their company allowed for."""
    return pd.DataFrame(
        [
            {
                "metric": each.metric.name,
                "variant": effect.name,
                "control": written(each.arms[0].value, each.metric),
                "difference": written(effect.difference, each.metric, signed=True),
                "between": UNKNOWN if isnan(effect.difference) else _between(effect.interval, each.metric),
                "lift": _lift(effect.lift),
                "p": UNKNOWN if isnan(effect.difference) or isnan(effect.interval.low) else _p(p_value),
            }
            for each in results
            for effect, p_value in zip(each.effects, each.adjusted, strict=True)
        ]
    )


def policies_table(results: Results) -> pd.DataFrame:
    """What each variant would have brought for all leads that took part, and what speaks against believing it."""
    metric = results.experiment.primary
    return pd.DataFrame(
        [
            {
                "variant": each.name,
                "estimate": estimate.method,
                "of a lead": written(estimate.value, metric),
                "between": UNKNOWN if isnan(estimate.value) else _between(estimate.interval, metric),
                f"of all {each.leads:,}": _of_all(estimate.value, each.leads),
                "beware": "; ".join(estimate.warnings) or "-",
            }
            for each in results.for_everybody
            for estimate in each.estimates
        ]
    )


def power_words(results: Results) -> str:
    """How many leads it takes, and how far that is."""
    power, experiment = results.power, results.experiment
    if power.needed is None:
        return "How many leads it takes is not known before the control has some result."
    lift = f"{experiment.least_lift:.0%}"
    return (
        f"To find a lift of {lift} over {written(power.baseline, experiment.primary)} with a power of "
        f"{experiment.power:.0%}, each variant needs {power.needed:,} leads whose days are over; the smallest has "
        f"{power.have:,}. So many find that lift with a probability of {power.power:.0%}."
    )


def as_data(results: Results) -> dict[str, Any]:
    """All of it for scripts; what is not known is null."""
    experiment = results.experiment
    return {
        "experiment": experiment.key,
        "kind": experiment.kind,
        "state": results.standing.state,
        "winner": results.standing.winner,
        "first_day": results.first_day,
        "as_of": results.as_of,
        "exposed": results.exposed.to_dict("records"),
        "metrics": [_metric_data(each) for each in results.metrics],
        "looks": [
            {
                "number": look.number,
                "day": look.day,
                "leads": look.leads,
                "information": look.information,
                "boundary": _known(look.boundary),
                "variants": {
                    name: {
                        "difference": _known(difference),
                        "interval": _pair(interval),
                        "z": _known(z),
                        "p_value": _known(p_value),
                    }
                    for name, difference, interval, z, p_value in zip(
                        experiment.keys[1:],
                        look.differences,
                        look.intervals,
                        look.z_scores,
                        look.p_values,
                        strict=True,
                    )
                },
            }
            for look in results.looks
        ],
        "sample_ratio": {
            "observed": dict(zip(experiment.keys, results.ratio.observed, strict=True)),
            "expected": dict(zip(experiment.keys, results.ratio.expected, strict=True)),
            "p_value": results.ratio.p_value,
            "alarms": results.ratio.alarms,
        },
        "guardrails": [
            {
                "variant": variant,
                "name": guardrail.name,
                "rise": _pair(Interval(-guardrail.lift.high, -guardrail.lift.low)),
                "holds": guardrail.holds,
            }
            for variant, guardrail in results.guardrails
        ],
        "power": {
            "baseline": _known(results.power.baseline),
            "needed_each": results.power.needed,
            "smallest": results.power.have,
            "power": results.power.power,
        },
        "verdict": {
            "standing": results.verdict.standing.value,
            "winner": results.verdict.winner,
            "reasons": [
                {"name": reason.name, "holds": reason.holds, "words": reason.words}
                for reason in results.verdict.reasons
            ],
        },
        "holdout": _metric_data(results.holdout) if results.holdout else None,
        "for_everybody": [
            {
                "variant": each.name,
                "leads": each.leads,
                "estimates": [
                    {
                        "method": estimate.method,
                        "value": _known(estimate.value),
                        "interval": _pair(estimate.interval),
                        "effective_leads": estimate.effective_sample_size,
                        "warnings": list(estimate.warnings),
                    }
                    for estimate in each.estimates
                ],
            }
            for each in results.for_everybody
        ],
        "shares": [
            {"day": day.date(), "variant": variant, "weight": weight}
            for day, variant, weight in zip(
                pd.to_datetime(results.shares["day"]),
                results.shares["variant"],
                results.shares["weight"],
                strict=True,
            )
        ],
    }


def written(value: float, metric: Metric, *, signed: bool = False) -> str:
    """A rate in percent, or money; a dash for what is not known."""
    if isnan(value):
        return UNKNOWN
    if metric.is_value:
        return f"{value:+,.2f}" if signed else f"{value:,.2f}"
    return f"{value * 100:+.2f} points" if signed else f"{value:.2%}"


def _metric_data(result: MetricResult) -> dict[str, Any]:
    return {
        "metric": result.metric.name,
        "noise_removed": float(result.noise_removed),
        "arms": [_arm_data(arm) for arm in result.arms],
        "effects": [
            {
                "variant": effect.name,
                "difference": _known(effect.difference),
                "interval": _pair(effect.interval),
                "lift": _known(effect.lift),
                "lift_interval": _pair(effect.lift_interval),
                "z": _known(effect.z),
                "p_value": _known(effect.p_value),
                "p_value_adjusted": _known(adjusted),
            }
            for effect, adjusted in zip(result.effects, result.adjusted, strict=True)
        ],
    }


def _arm_data(arm: Arm) -> dict[str, Any]:
    return {
        "variant": arm.name,
        "leads": arm.leads,
        "came": arm.came,
        "value": _known(arm.value),
        "interval": _pair(arm.interval),
    }


def _guardrail_section(results: Results) -> Section:
    if not results.guardrails:
        return "None is watched."
    return pd.DataFrame(
        [
            {
                "guardrail": guardrail.name,
                "variant": variant,
                "holds": "yes" if guardrail.holds else "no",
                "rises by": _between_lifts(-guardrail.lift.high, -guardrail.lift.low),
            }
            for variant, guardrail in results.guardrails
        ]
    )


def _between(interval: Interval, metric: Metric) -> str:
    if not isfinite(interval.low) or not isfinite(interval.high):
        return UNKNOWN
    if metric.is_value:
        return f"{interval.low:,.2f} to {interval.high:,.2f}"
    return f"{interval.low:.2%} to {interval.high:.2%}"


def _between_lifts(low: float, high: float) -> str:
    if not isfinite(high):
        return UNKNOWN if low <= -1 else f"{low:+.0%} or more"
    return f"{low:+.0%} to {high:+.0%}"


def _of_all(value: float, leads: int) -> str:
    return UNKNOWN if isnan(value) else f"{value * leads:,.0f}"


def _lift(lift: float) -> str:
    return f"{lift:+.1%}" if isfinite(lift) else UNKNOWN


def _p(p_value: float) -> str:
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _pair(interval: Interval) -> list[float | None]:
    return [_known(interval.low), _known(interval.high)]
