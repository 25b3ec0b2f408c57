"""Looks: when an experiment may be judged, and the primary metric as of each look.

What belongs here: the plan of looks, and intervals that hold at whichever look one stops. What does not: the boundary
and the confidence sequence (`experiment.sequential`), the verdict (`analysis`). Pure.

A look is made of whole weeks of exposures, each lead with all days that its metric gives it: a look that is past never
changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil, inf, isfinite, nan

from scipy.stats import norm

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.experiment.sequential import (
    SMALLEST_STEP,
    always_valid_p_value,
    boundaries,
    confidence_sequence,
    sequential_p_value,
)
from leadflow_pipeline.experiment.verdict import DAYS_A_WEEK
from leadflow_pipeline.insight.experiments.effects import metric_result
from leadflow_pipeline.insight.experiments.results import Look, MetricResult
from leadflow_pipeline.insight.experiments.sums import Sums


@dataclass(frozen=True)
class Plan:
    """The looks of an experiment."""

    first_day: date
    ended: date | None
    """The first day on which it takes in nobody more."""
    most: int | None
    """Looks at most; None where they are not planned."""

    @classmethod
    def of(cls, experiment: Experiment, first_day: date, ended: date | None) -> Plan:
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


def looks_at(experiment: Experiment, sums: Sums, plan: Plan, as_of: date) -> tuple[Look, ...]:
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
        result = metric_result(experiment, sums, 0, experiment.primary, day, date.max)
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
