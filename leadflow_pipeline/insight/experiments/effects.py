"""Each metric's arms and effects: shares by two proportions, values by means with CUPED, a bandit's by propensities.

What belongs here: which test answers which metric, and the company in which its p-values are. What does not: the tests
(`experiment`), and looking more than once (`looks`). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from math import inf, isfinite, isnan, nan, sqrt

from scipy.stats import norm

from leadflow_pipeline.experiment.adaptive_estimates import ArmEstimate
from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.means import Cuped, compare_means, cuped
from leadflow_pipeline.experiment.multiple_comparisons import benjamini_hochberg, holm
from leadflow_pipeline.experiment.rules import Experiment, Metric
from leadflow_pipeline.experiment.two_proportions import Proportion, compare_proportions, wilson_interval
from leadflow_pipeline.insight.experiments.results import Arm, Effect, MetricResult
from leadflow_pipeline.insight.experiments.sums import Sums


def metric_result(
    experiment: Experiment, sums: Sums, place: int, metric: Metric, primary_seen: date, as_of: date
) -> MetricResult:
    """One metric, of leads whose days are over for it, and of no later look than the primary one's."""
    seen = min(primary_seen, as_of - timedelta(days=metric.within_days))
    confidence = 1 - experiment.alpha
    leads, came = sums.leads(seen), sums.came(place, seen)
    if metric.is_value:
        return value_result(experiment.keys, metric, came, cuped(sums.moments(place, seen)), confidence)
    if experiment.bandit:
        return _bandit_result(experiment, metric, came, sums.adaptive(place, seen, confidence), confidence)
    return share_result(experiment.keys, metric, leads, came, confidence)


def share_result(
    names: Sequence[str], metric: Metric, leads: Sequence[int], came: Sequence[int], confidence: float
) -> MetricResult:
    """Shares of leads that did something; the first name is the control's."""
    shares = [Proportion(ones, every) for ones, every in zip(came, leads, strict=True)]
    arms = [
        Arm(name, each.total, each.successes, each.rate, wilson_interval(each, confidence))
        for name, each in zip(names, shares, strict=True)
    ]
    effects = []
    for name, share in list(zip(names, shares, strict=True))[1:]:
        test = compare_proportions(shares[0], share, confidence)
        effects.append(
            Effect(
                name, test.difference, test.difference_interval, test.lift, test.lift_interval, test.z,
                test.standard_error, test.p_value,
            )
        )  # fmt: skip
    return MetricResult(metric, tuple(arms), tuple(effects), (), 0.0)


def value_result(
    names: Sequence[str], metric: Metric, came: Sequence[int], found: Cuped, confidence: float
) -> MetricResult:
    """Mean values of a lead, without what the score explains; the first name is the control's."""
    critical = float(norm.isf((1 - confidence) / 2))
    arms = []
    for name, ones, each in zip(names, came, found.arms, strict=True):
        half = critical * sqrt(each.variance / each.count) if each.count > 1 else inf
        mean = each.mean if each.count else nan
        arms.append(Arm(name, each.count, ones, mean, Interval(each.mean - half, each.mean + half)))
    effects = []
    for name, each in list(zip(names, found.arms, strict=True))[1:]:
        test = compare_means(found.arms[0], each, confidence)
        effects.append(
            Effect(
                name, test.difference, test.difference_interval, test.lift, test.lift_interval, test.t,
                test.standard_error, test.p_value,
            )
        )  # fmt: skip
    return MetricResult(metric, tuple(arms), tuple(effects), (), found.variance_reduction)


def _bandit_result(
    experiment: Experiment,
    metric: Metric,
    came: Sequence[int],
    estimates: Sequence[ArmEstimate],
    confidence: float,
) -> MetricResult:
    arms = [
        Arm(name, each.leads, ones, each.value, each.interval)
        for name, ones, each in zip(experiment.keys, came, estimates, strict=True)
    ]
    critical, control = float(norm.isf((1 - confidence) / 2)), estimates[0]
    effects = []
    for name, each in list(zip(experiment.keys, estimates, strict=True))[1:]:
        difference = each.value - control.value
        error = sqrt(each.standard_error**2 + control.standard_error**2)
        known = isfinite(error) and error > 0 and not isnan(difference)
        z = difference / error if known else 0.0
        interval = Interval(difference - critical * error, difference + critical * error)
        lift = each.value / control.value - 1 if known and control.value > 0 else nan
        bounds = (interval.low, interval.high) if known and control.value > 0 else (nan, nan)
        lifts = Interval(*(bound / control.value for bound in bounds)) if known else Interval(nan, nan)
        effects.append(
            Effect(
                name, difference, interval if known else Interval(-1.0, 1.0), lift, lifts, z, error,
                float(2 * norm.sf(abs(z))),
            )
        )  # fmt: skip
    return MetricResult(metric, tuple(arms), tuple(effects), (), 0.0)


def adjusted(metrics: Sequence[MetricResult]) -> list[MetricResult]:
    """Holm among the variants for the primary metric, on which somebody acts; Benjamini and Hochberg for the others."""
    primary, others = metrics[0], metrics[1:]
    flat = [effect.p_value for each in others for effect in each.effects]
    company = iter(benjamini_hochberg(flat).tolist() if flat else ())
    return [
        with_adjusted(primary, holm([effect.p_value for effect in primary.effects]).tolist()),
        *(with_adjusted(each, [next(company) for _ in each.effects]) for each in others),
    ]


def with_adjusted(result: MetricResult, adjusted: Sequence[float]) -> MetricResult:
    return MetricResult(result.metric, result.arms, result.effects, tuple(adjusted), result.noise_removed)
