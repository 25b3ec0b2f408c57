"""The plan of the score stage: due leads, their events and their last temperatures in, scored leads out.

What belongs here: the order of the steps. What does not: any rule.

A score depends on nothing but which factors a lead earned and which criteria it meets. Leads alike in all of
these share one score and one explanation, so these are computed once for each *pattern* and looked up: a
million leads have some thousands of patterns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.score import activity, cooling, fit, points, temperature
from leadflow_pipeline.score.activity import IntegerArray
from leadflow_pipeline.score.engagement import FloatArray
from leadflow_pipeline.score.explanation import breakdown_json, reasons_json
from leadflow_pipeline.score.fit import VerdictArray, fit_shares, icp_fit
from leadflow_pipeline.score.points import TimesArray
from leadflow_pipeline.score.rules import IdealCustomerProfile, ScoreRules
from leadflow_pipeline.score.source_credit import CreditedRows, credit_rows
from leadflow_pipeline.score.total import in_hundredths, score_lines

LARGEST_CODE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Explained:
    """What follows from a pattern alone, for each pattern."""

    icp_fit: FloatArray
    score: FloatArray
    breakdown: pa.Array
    reasons: pa.Array


def plan_scored(
    due: pd.DataFrame,
    events: pd.DataFrame,
    previous: pd.DataFrame,
    profile: IdealCustomerProfile,
    rules: ScoreRules,
    channels: Mapping[str, str],
    recorded_credits: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Scores each due lead as of the end of its day.

    Args:
        due: one row for each (lead_id, day), with the enriched columns as of that day and `custom.<name>`
            columns.
        events: every event of these leads before the end of the last day (`lead_id`, `behaviour`,
            `occurred_at`, `is_machine`); those after the end of a row's own day do not count for it.
        previous: `lead_id` and `temperature` of each lead's latest scored row before the first day, if it has
            one.
        profile: the ideal customer.
        rules: the campaign's scoring rules.
        channels: source -> channel.
        recorded_credits: what attribution credited channels with (`store.channel_credits`), if it is known.

    Returns:
        The columns of `scored_leads`, one row for each of `due`, ordered by lead, then day. They do not
        depend on the order of the rows of any argument, nor on whether days are planned one by one or
        together.
    """
    leads, lead = activity.number_leads(due["lead_id"])
    day = activity.day_numbers(due["day"])
    order = np.lexsort((day, lead))
    lead, day = lead[order], day[order]
    columns = {"day", "email", "source", *fields_read(profile, rules)}
    due = due.loc[:, [name for name in due.columns if name in columns]].take(order).reset_index(drop=True)

    counted = activity.order_events(events, leads, tuple(rules.behaviours), rules.daily_limits)
    before = temperature.last_levels(previous, leads)
    engagement, level = temperature.levels_of_rows(counted, lead, day, before, rules)
    active = points.who_was_active(counted, lead, day, rules)
    verdicts = [fit.verdict(criterion, due) for criterion in profile.criteria]
    times = points.who_earned(due, channels, active, level)
    times |= points.who_earned_more(due, rules, profile, verdicts, counted, lead, day)
    credited = credit_rows(due["source"], day, channels, recorded_credits, rules)
    times = credited.replace_declared(times)

    pattern, alike = _patterns([*times.values(), *verdicts, credited.number])
    explained = _explain(
        {name: often[alike] for name, often in times.items()},
        credited.take(alike),
        [verdict[alike] for verdict in verdicts],
        profile,
        rules,
    )
    return pd.DataFrame(
        {
            "lead_id": _texts(leads.take(lead)),
            "day": due["day"].astype("datetime64[us]"),
            "email": due["email"].astype("str") if "email" in due else _no_texts(len(due)),
            "source": due["source"].astype("str"),
            "icp_fit": explained.icp_fit[pattern],
            "engagement": engagement,
            "temperature": _texts(pa.array(temperature.NAMES, pa.large_string()).take(level)),
            "cools_on": cooling.as_days(cooling.cooling_days(counted, lead, day, level, rules)),
            "conversion_probability": np.full(len(due), np.nan),
            "score": explained.score[pattern],
            "score_breakdown": _texts(explained.breakdown.take(pattern)),
            "reasons": _texts(explained.reasons.take(pattern)),
            "model_version": _no_texts(len(due)),
        }
    )


def fields_read(profile: IdealCustomerProfile, rules: ScoreRules) -> set[str]:
    """Every field of a lead that a condition of the profile, the rules or a shipped factor asks for."""
    conditions = [*profile.criteria, *points.conditions_of(rules)]
    return {condition.field for condition in conditions}


def _patterns(columns: Sequence[TimesArray | VerdictArray]) -> tuple[IntegerArray, IntegerArray]:
    """The number of each row's pattern, and for each pattern a row that has it. Columns hold whole numbers."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    largest = 0
    for column in columns:
        lowest, digits = _range(column)
        if largest > LARGEST_CODE // digits - 1:
            codes, distinct = pd.factorize(codes)
            largest = len(distinct)
        codes = codes * digits + column - lowest
        largest = largest * digits + digits - 1
    pattern, distinct = pd.factorize(codes)
    alike = np.empty(len(distinct), dtype=np.int64)
    alike[pattern] = np.arange(len(pattern))
    return pattern, alike


def _range(column: TimesArray | VerdictArray) -> tuple[int, int]:
    """The lowest value of a column, and how many whole numbers there are from it to the highest."""
    if column.dtype == np.bool_ or not len(column):
        return 0, 2
    lowest = int(column.min())
    return lowest, int(column.max()) - lowest + 1


def _explain(
    times: Mapping[str, TimesArray],
    credited: CreditedRows,
    verdicts: Sequence[VerdictArray],
    profile: IdealCustomerProfile,
    rules: ScoreRules,
) -> Explained:
    shares = fit_shares(profile, verdicts)
    factors = (*points.factors_of(rules, profile), *credited.factors())
    lines = score_lines(profile, shares, factors, {**times, **credited.times()}, rules)
    hundredths = in_hundredths(lines)
    return Explained(
        icp_fit=icp_fit(shares, len(hundredths[0])),
        score=np.sum(hundredths, axis=0) / 100,
        breakdown=breakdown_json(lines, hundredths),
        reasons=reasons_json(lines, hundredths, profile, verdicts),
    )


def _texts(texts: pa.Array) -> pd.Series:
    return pd.Series(texts.to_pandas(), dtype="str")


def _no_texts(rows: int) -> pd.Series:
    return pd.Series(None, index=range(rows), dtype="str")
