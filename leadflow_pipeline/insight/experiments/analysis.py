"""What may be concluded from an experiment: intervals, boundaries, checks and the verdict, from sums.

What belongs here: which test answers which question, look by look. What does not: the tests themselves
(`experiment`), the sums (`counts`), and how results are shown (`page`, `plots`). Pure.

A look is made of whole weeks of exposures, each lead with all days that its metric gives it: a look that is past never
changes. Weekly looks are judged by a group-sequential boundary, looks at any time by a confidence sequence. A bandit's
arms are estimated by the propensities with which leads got them, and never win by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil, inf, isfinite, isnan, nan, sqrt

import numpy as np
import pandas as pd
from scipy.stats import norm

from leadflow_pipeline.experiment.adaptive_estimates import ArmEstimate, estimate_arms
from leadflow_pipeline.experiment.arrays import Floats, Interval
from leadflow_pipeline.experiment.life_cycle import (
    StateChange,
    first_day_of,
    last_day_of,
    standing_on,
)
from leadflow_pipeline.experiment.means import Cuped, compare_means, cuped
from leadflow_pipeline.experiment.multiple_comparisons import benjamini_hochberg, holm
from leadflow_pipeline.experiment.power import (
    means_power,
    means_sample_size,
    proportions_power,
    proportions_sample_size,
)
from leadflow_pipeline.experiment.rules import HOLDOUT, Experiment, Metric
from leadflow_pipeline.experiment.sample_ratio import RatioCheck, check_ratio
from leadflow_pipeline.experiment.sequential import (
    SMALLEST_STEP,
    always_valid_p_value,
    boundaries,
    confidence_sequence,
    sequential_p_value,
)
from leadflow_pipeline.experiment.tallies import ArmMoments
from leadflow_pipeline.experiment.two_proportions import (
    Proportion,
    compare_proportions,
    lift_interval,
    wilson_interval,
)
from leadflow_pipeline.experiment.verdict import (
    DAYS_A_WEEK,
    Demands,
    Guardrail,
    Reason,
    Standing,
    VariantResult,
    Verdict,
    verdict,
)
from leadflow_pipeline.insight.experiments.counts import Counts
from leadflow_pipeline.insight.experiments.planning import looks_factor

LEAST_CONVERTED = 10
"""Conversions of each arm before a share is spoken of as normal."""


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

    @property
    def harmed(self) -> list[str]:
        """Guardrails that are hurt, in words."""
        return [f"{variant}: {guardrail}" for variant, guardrail in self.guardrails if not guardrail.holds]


def analyse(experiment: Experiment, changes: Sequence[StateChange], as_of: date, counts: Counts) -> Results:
    """Results as of the end of a day, which is the last that `counts` know of. `changes` are the campaign's."""
    sums, primary = _Sums(experiment, counts), experiment.primary
    begun, ended = first_day_of(changes, experiment.key), last_day_of(changes, experiment.key)
    first_day = begun or as_of + timedelta(days=1)
    plan = _Plan.of(experiment, first_day, ended)
    looks = () if experiment.bandit else _looks(experiment, sums, plan, as_of)
    seen = as_of - timedelta(days=primary.within_days)
    if experiment.looks.is_scheduled and not experiment.bandit:
        seen = looks[-1].day if looks else first_day - timedelta(days=1)
    metrics = _adjusted(
        [
            _metric_result(experiment, sums, place, metric, seen, as_of)
            for place, metric in enumerate(experiment.all_metrics)
        ]
    )
    ratio = _ratio(experiment, counts, as_of)
    guardrails = _guardrails(experiment, metrics)
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
        power=_power(experiment, sums, seen, metrics[0]),
        verdict=_verdict(experiment, metrics[0], looks, plan, ratio, guardrails),
        shares=counts.shares,
    )


@dataclass(frozen=True)
class _Plan:
    """The looks of an experiment."""

    first_day: date
    ended: date | None
    """The first day on which it takes in nobody more."""
    most: int | None
    """Looks at most; None where they are not planned."""

    @classmethod
    def of(cls, experiment: Experiment, first_day: date, ended: date | None) -> _Plan:
        """As declared, and no more of them than there are leads to see."""
        most = experiment.looks.number if experiment.looks.is_scheduled else None
        if ended is not None:
            weeks = max(ceil((ended - first_day).days / DAYS_A_WEEK), 1)
            most = weeks if most is None else min(most, weeks)
        return cls(first_day, ended, most)

    def last_days(self, within_days: int, as_of: date) -> list[date]:
        """The last day of exposure of each look whose leads' days are over: the ends of weeks."""
        over = (as_of - self.first_day).days + 1 - within_days
        weeks = max(over, 0) // DAYS_A_WEEK
        weeks = weeks if self.most is None else min(weeks, self.most)
        return [self.first_day + timedelta(days=DAYS_A_WEEK * week - 1) for week in range(1, weeks + 1)]

    def is_last(self, look: Look) -> bool:
        """Whether nothing is to be seen after a look, or nothing left to be found out."""
        return look.information >= 1 or (self.most is not None and look.number >= self.most)

    def days_of(self, look: Look | None) -> int:
        """Days of exposure that a look has seen."""
        if look is None:
            return 0
        after = look.day + timedelta(days=1)
        return (min(after, self.ended) if self.ended else after).toordinal() - self.first_day.toordinal()


class _Sums:
    """The sums of one experiment, by variant, of exposures up to a day."""

    def __init__(self, experiment: Experiment, counts: Counts) -> None:
        self._keys = experiment.keys
        self._exposed, self._came, self._scores = counts.exposed, counts.came, counts.scores
        self._shares = counts.shares

    def leads(self, last: date) -> list[int]:
        """Leads of each variant that were exposed by a day."""
        return [int(number) for number in self._by_variant(self._exposed, last, "leads")]

    def came(self, metric: int, last: date) -> list[int]:
        """Those of them that did what a metric counts."""
        rows = self._came[self._came["metric"] == metric]
        return [int(number) for number in self._by_variant(rows, last, "leads")]

    def moments(self, metric: int, last: date) -> list[ArmMoments]:
        """Of a value metric, with the score at exposure as the covariate."""
        rows = self._came[self._came["metric"] == metric]
        leads = self._by_variant(self._exposed, last, "leads")
        value, squared, product = (
            self._by_variant(rows, last, name) for name in ("value", "value_squared", "value_score")
        )
        score, score_squared = (
            self._by_variant(self._scores, last, name) for name in ("score", "score_squared")
        )
        return [
            _moments(*sums) for sums in zip(leads, value, squared, score, score_squared, product, strict=True)
        ]

    def adaptive(self, metric: int, last: date, confidence: float) -> tuple[ArmEstimate, ...]:
        """Of a bandit's arms, from each day's shares. A bandit's metrics are shares of leads."""
        table = self._shares[self._shares["day"] <= pd.Timestamp(last)]
        shares = table.set_index(["day", "variant"])["weight"].unstack().reindex(columns=list(self._keys))  # noqa: PD010
        arm, day, reward = [], [], []
        came = self._came[self._came["metric"] == metric]
        for number, key in enumerate(self._keys):
            of_day = self._exposed[self._exposed["variant"] == key].set_index("day")["leads"]
            hits = came[came["variant"] == key].set_index("day")["leads"]
            leads = of_day.reindex(shares.index).fillna(0).to_numpy(dtype="int64")
            ones = hits.reindex(shares.index).fillna(0).to_numpy(dtype="int64")
            for each, value in ((ones, 1.0), (leads - ones, 0.0)):
                day.append(np.repeat(np.arange(len(shares)), each))
                arm.append(np.full(int(each.sum()), number))
                reward.append(np.full(int(each.sum()), value))
        return estimate_arms(
            np.concatenate(day),
            np.concatenate(arm),
            np.concatenate(reward),
            shares.to_numpy(dtype="float64"),
            confidence,
        )

    def _by_variant(self, rows: pd.DataFrame, last: date, column: str) -> Floats:
        """A column summed over days, an entry a variant."""
        seen = rows[rows["day"] <= pd.Timestamp(last)]
        summed = seen.groupby("variant")[column].sum()
        return summed.reindex(list(self._keys)).fillna(0).to_numpy(dtype="float64")


def _moments(
    leads: float, value: float, squared: float, score: float, score_squared: float, product: float
) -> ArmMoments:
    count = int(leads)
    if not count:
        return ArmMoments(0, 0.0, 0.0)
    bessel = count / max(count - 1, 1)
    mean, covariate = value / count, score / count
    return ArmMoments(
        count=count,
        mean=mean,
        variance=max(squared / count - mean**2, 0.0) * bessel,
        covariate_mean=covariate,
        covariate_variance=max(score_squared / count - covariate**2, 0.0) * bessel,
        covariance=(product / count - mean * covariate) * bessel,
    )


def _metric_result(
    experiment: Experiment, sums: _Sums, place: int, metric: Metric, primary_seen: date, as_of: date
) -> MetricResult:
    """One metric, of leads whose days are over for it, and of no later look than the primary one's."""
    seen = min(primary_seen, as_of - timedelta(days=metric.within_days))
    confidence = 1 - experiment.alpha
    leads, came = sums.leads(seen), sums.came(place, seen)
    if metric.is_value:
        return _value_result(experiment, metric, came, cuped(sums.moments(place, seen)), confidence)
    if experiment.bandit:
        return _bandit_result(experiment, metric, came, sums.adaptive(place, seen, confidence), confidence)
    shares = [Proportion(ones, every) for ones, every in zip(came, leads, strict=True)]
    arms = [
        Arm(name, each.total, each.successes, each.rate, wilson_interval(each, confidence))
        for name, each in zip(experiment.keys, shares, strict=True)
    ]
    effects = []
    for name, share in list(zip(experiment.keys, shares, strict=True))[1:]:
        test = compare_proportions(shares[0], share, confidence)
        effects.append(
            Effect(
                name, test.difference, test.difference_interval, test.lift, test.lift_interval, test.z,
                test.standard_error, test.p_value,
            )
        )  # fmt: skip
    return MetricResult(metric, tuple(arms), tuple(effects), (), 0.0)


def _value_result(
    experiment: Experiment, metric: Metric, came: Sequence[int], found: Cuped, confidence: float
) -> MetricResult:
    critical = float(norm.isf((1 - confidence) / 2))
    arms = []
    for name, ones, each in zip(experiment.keys, came, found.arms, strict=True):
        half = critical * sqrt(each.variance / each.count) if each.count > 1 else inf
        mean = each.mean if each.count else nan
        arms.append(Arm(name, each.count, ones, mean, Interval(each.mean - half, each.mean + half)))
    effects = []
    for name, each in list(zip(experiment.keys, found.arms, strict=True))[1:]:
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


def _adjusted(metrics: Sequence[MetricResult]) -> list[MetricResult]:
    """Holm among the variants for the primary metric, on which somebody acts; Benjamini and Hochberg for the others."""
    primary, others = metrics[0], metrics[1:]
    flat = [effect.p_value for each in others for effect in each.effects]
    company = iter(benjamini_hochberg(flat).tolist() if flat else ())
    return [
        _with_adjusted(primary, holm([effect.p_value for effect in primary.effects]).tolist()),
        *(_with_adjusted(each, [next(company) for _ in each.effects]) for each in others),
    ]


def _with_adjusted(result: MetricResult, adjusted: Sequence[float]) -> MetricResult:
    return MetricResult(result.metric, result.arms, result.effects, tuple(adjusted), result.noise_removed)


def _looks(experiment: Experiment, sums: _Sums, plan: _Plan, as_of: date) -> tuple[Look, ...]:
    """The primary metric at each look that saw leads the one before had not."""
    found: list[Look] = []
    errors: float | None = None
    for number, day in enumerate(plan.last_days(experiment.primary.within_days, as_of), start=1):
        leads = sum(sums.leads(day))
        information = _information(experiment, number, leads)
        if experiment.looks.is_scheduled and found and plan.is_last(found[-1]):
            break
        is_news = not found or (
            information - found[-1].information >= SMALLEST_STEP
            if experiment.looks.is_scheduled
            else leads > found[-1].leads
        )
        if not leads or not is_news:
            continue
        result = _metric_result(experiment, sums, 0, experiment.primary, day, date.max)
        look = Look(
            number=number,
            day=day,
            leads=leads,
            information=information,
            differences=tuple(effect.difference for effect in result.effects),
            intervals=(),
            z_scores=tuple(effect.z for effect in result.effects),
            boundary=nan,
            p_values=(),
        )
        if experiment.looks.is_scheduled:
            found.append(_planned_look(experiment, result, [*found, look], plan.is_last(look)))
        else:
            errors = errors or _planned_error(experiment, result)
            found.append(_look_at_any_time(experiment, result, [*found, look], errors))
    return tuple(found)


def _information(experiment: Experiment, number: int, leads: int) -> float:
    """Share of the plan: of the leads where they are planned, else of the weeks."""
    if not experiment.looks.is_scheduled:
        return 0.0
    if experiment.planned_leads is not None:
        return leads / experiment.planned_leads
    return number / experiment.looks.number


def _planned_look(experiment: Experiment, result: MetricResult, looks: Sequence[Look], is_last: bool) -> Look:
    """The latest of these looks, judged by its boundary."""
    newest, fractions = looks[-1], [look.information for look in looks]
    bound = float(boundaries(fractions, experiment.alpha, is_last)[-1])
    return replace(
        newest,
        intervals=tuple(
            _around(effect.difference, bound * effect.standard_error) for effect in result.effects
        ),
        boundary=bound,
        p_values=tuple(
            sequential_p_value([look.z_scores[place] for look in looks], fractions, is_last)
            for place in range(len(result.effects))
        ),
    )


def _around(middle: float, half: float) -> Interval:
    return Interval(middle - half, middle + half) if isfinite(half) else Interval(-inf, inf)


def _planned_error(experiment: Experiment, result: MetricResult) -> float:
    """The standard error that the experiment is planned to reach: with it the lift that must not be missed is found.

    By the control's rate or mean at the first look, which does not change any more: it must be the same at every look.
    """
    control = result.arms[0].value
    least = abs(control) * experiment.least_lift if control else experiment.least_lift
    return least / float(norm.isf(experiment.alpha / 2) + norm.ppf(experiment.power))


def _look_at_any_time(
    experiment: Experiment, result: MetricResult, looks: Sequence[Look], planned_error: float
) -> Look:
    """The latest of these looks, judged by the confidence sequence."""
    confidence = 1 - experiment.alpha
    now = [
        always_valid_p_value(effect.difference, effect.standard_error, planned_error, experiment.alpha)
        for effect in result.effects
    ]
    before = looks[-2].p_values if len(looks) > 1 else (1.0,) * len(now)
    return replace(
        looks[-1],
        intervals=tuple(
            confidence_sequence(effect.difference, effect.standard_error, planned_error, confidence)
            for effect in result.effects
        ),
        p_values=tuple(min(pair) for pair in zip(now, before, strict=True)),
    )


def _ratio(experiment: Experiment, counts: Counts, as_of: date) -> RatioCheck:
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


def _exposed(experiment: Experiment, counts: Counts, as_of: date) -> pd.DataFrame:
    ripe_until = pd.Timestamp(as_of - timedelta(days=experiment.primary.within_days))
    table = counts.exposed.assign(ripe=counts.exposed["leads"].where(counts.exposed["day"] <= ripe_until, 0))
    names = [*experiment.keys, *([HOLDOUT] if experiment.holdout else [])]
    summed = table.groupby("variant")[["leads", "ripe"]].sum()
    return summed.reindex(names).fillna(0).astype("int64").rename_axis("variant").reset_index()


def _guardrails(experiment: Experiment, metrics: Sequence[MetricResult]) -> tuple[tuple[str, Guardrail], ...]:
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


def _power(experiment: Experiment, sums: _Sums, seen: date, primary: MetricResult) -> Power:
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


def _verdict(
    experiment: Experiment,
    primary: MetricResult,
    looks: Sequence[Look],
    plan: _Plan,
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
