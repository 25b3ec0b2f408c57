"""The plan of the score stage: due leads, their events and their last temperatures in, scored leads out.

What belongs here: the order of the steps. What does not: any rule.

What the rules say depends on nothing but which factors a lead earned and which criteria it meets. Leads alike in all of
these share one sum and one explanation, so these are computed once for each *pattern* and looked up: a million leads
have some thousands of patterns. What other voices add (a conversion model, a language model's opinion) differs from
lead to lead, and is added behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.score import activity, cooling, fit, points, temperature
from leadflow_pipeline.score.activity import Activity, IntegerArray
from leadflow_pipeline.score.conversion.features import decayed_counts, is_excluded, lead_features
from leadflow_pipeline.score.engagement import FloatArray
from leadflow_pipeline.score.explanation import as_list, as_object, breakdown_entries, reason_sentences
from leadflow_pipeline.score.fit import VerdictArray, fit_shares, icp_fit
from leadflow_pipeline.score.learned import Champions, Learned, what_model_says
from leadflow_pipeline.score.opinion.voice import Opinions, latest_opinions, opinion_voices, shares_of
from leadflow_pipeline.score.points import BooleanArray, TimesArray
from leadflow_pipeline.score.rules import IdealCustomerProfile, ScoreRules
from leadflow_pipeline.score.source_credit import CreditedRows, credit_rows
from leadflow_pipeline.score.total import RunningTotal, in_hundredths, score_lines
from leadflow_pipeline.score.voices import Heard, Voices, hear

LARGEST_CODE = np.iinfo(np.int64).max
LEADS_AT_ONCE = 100_000
"""Bounds the memory of what differs from lead to lead."""
RULES_ALONE = Champions()
NO_OPINIONS = Opinions()


@dataclass(frozen=True)
class Terms:
    """By what leads are scored."""

    profile: IdealCustomerProfile
    """The ideal customer."""
    rules: ScoreRules
    channels: Mapping[str, str]
    """Source -> channel."""
    recorded_credits: pd.DataFrame | None = None
    """What attribution credited channels with (`store.channel_credits`), if it is known."""
    champions: Champions = RULES_ALONE
    """The model of each day; where there is none the rules score alone."""
    opinions: Opinions = NO_OPINIONS
    """What a language model said of these leads; what it said after the end of a row's day does not count for it."""


@dataclass(frozen=True)
class Standing:
    """What is known of each due lead at the end of its day, rows ordered by lead, then day."""

    due: pd.DataFrame
    leads: pa.Array
    lead: IntegerArray
    day: IntegerArray
    counted: Activity
    engagement: FloatArray
    level: IntegerArray
    verdicts: Sequence[VerdictArray]
    times: Mapping[str, TimesArray]
    credited: CreditedRows

    def lead_ids(self) -> pd.Series:
        """The id of each row's lead."""
        return _texts(self.leads.take(self.lead))


@dataclass(frozen=True)
class Explained:
    """What the rules say, which follows from a pattern alone: for each pattern."""

    icp_fit: FloatArray
    rule_score: FloatArray
    """By the rules alone, whatever share they have."""
    total: RunningTotal
    entries: pa.Array
    """The rules' part of the breakdown; missing where it is empty."""
    reasons: pa.Array


def plan_scored(
    due: pd.DataFrame, events: pd.DataFrame, previous: pd.DataFrame, terms: Terms
) -> pd.DataFrame:
    """Scores each due lead as of the end of its day.

    Args:
        due: one row for each (lead_id, day), with the enriched columns as of that day and `custom.<name>`
            columns.
        events: every event of these leads before the end of the last day (`lead_id`, `behaviour`,
            `occurred_at`, `is_machine`); those after the end of a row's own day do not count for it.
        previous: `lead_id` and `temperature` of each lead's latest scored row before the first day, if it has
            one.
        terms: the campaign's, and who has a say beside its rules.

    Returns:
        The columns of `scored_leads`, one row for each of `due`, ordered by lead, then day. They do not
        depend on the order of the rows of any argument, nor on whether days are planned one by one or
        together.
    """
    champions, opinions = terms.champions, terms.opinions
    stand = _stand(due, events, previous, terms, champions.fields)
    place = champions.number_of_days(stand.due["day"])
    weights = np.array([champions.weight_of(version) for version in champions.versions] + [0.0])
    lead_ids = stand.lead_ids()
    keys = pd.DataFrame({"lead_id": lead_ids, "day": stand.due["day"]})
    opinion = latest_opinions(keys, opinions.said)
    pattern, alike = _patterns(
        [*stand.times.values(), *stand.verdicts, stand.credited.number, place, ~np.isnan(opinion)]
    )
    others = weights[place] + shares_of(opinion, opinions.share)
    explained = _explain(stand, alike, terms, 1.0 - others[alike])
    heard, likely = _hear(stand, explained, pattern, place, opinion, terms)
    versions = pa.array([*champions.versions, None], pa.large_string())
    return pd.DataFrame(
        {
            "lead_id": lead_ids,
            "day": stand.due["day"].astype("datetime64[us]"),
            "email": stand.due["email"].astype("str") if "email" in stand.due else _no_texts(len(place)),
            "source": stand.due["source"].astype("str"),
            "icp_fit": explained.icp_fit[pattern],
            "engagement": stand.engagement,
            "temperature": _texts(pa.array(temperature.NAMES, pa.large_string()).take(stand.level)),
            "cools_on": cooling.as_days(
                cooling.cooling_days(stand.counted, stand.lead, stand.day, stand.level, terms.rules)
            ),
            "conversion_probability": likely,
            "score": heard.score,
            "score_breakdown": _texts(heard.breakdown),
            "reasons": _texts(heard.reasons),
            "model_version": _texts(versions.take(np.where(place < 0, len(versions) - 1, place))),
        }
    )


def plan_features(
    due: pd.DataFrame,
    events: pd.DataFrame,
    previous: pd.DataFrame,
    terms: Terms,
    excluded: Iterable[str] = (),
) -> pd.DataFrame:
    """What a model may learn from each due lead as of the end of its day, indexed by (day, lead_id), sorted.

    The arguments are those of `plan_scored`; `due` has all enriched columns and all of the campaign's own fields.
    Features of the excluded fields are left out.
    """
    stand = _stand(due, events, previous, terms, set(due.columns))
    pattern, alike = _patterns([*stand.times.values(), *stand.verdicts, stand.credited.number])
    explained = _explain(stand, alike, terms, np.ones(len(alike)))
    features = lead_features(
        stand.due,
        decayed_counts(stand.counted, stand.lead, stand.day, terms.rules.behaviours),
        explained.rule_score[pattern],
        explained.icp_fit[pattern],
        lambda name: not is_excluded(name, excluded),
    )
    features.index = pd.MultiIndex.from_arrays([stand.due["day"], stand.lead_ids()], names=["day", "lead_id"])
    return features.sort_index()


def fields_read(profile: IdealCustomerProfile, rules: ScoreRules) -> set[str]:
    """Every field of a lead that a condition of the profile, the rules or a shipped factor asks for."""
    conditions = [*profile.criteria, *points.conditions_of(rules)]
    return {condition.field for condition in conditions}


def _stand(
    due: pd.DataFrame,
    events: pd.DataFrame,
    previous: pd.DataFrame,
    terms: Terms,
    more_fields: set[str],
) -> Standing:
    profile, rules, channels = terms.profile, terms.rules, terms.channels
    leads, lead = activity.number_leads(due["lead_id"])
    day = activity.day_numbers(due["day"])
    order = np.lexsort((day, lead))
    lead, day = lead[order], day[order]
    columns = {"day", "email", "source", *fields_read(profile, rules), *more_fields}
    due = due.loc[:, [name for name in due.columns if name in columns]].take(order).reset_index(drop=True)

    counted = activity.order_events(events, leads, tuple(rules.behaviours), rules.daily_limits)
    before = temperature.last_levels(previous, leads)
    engagement, level = temperature.levels_of_rows(counted, lead, day, before, rules)
    active = points.who_was_active(counted, lead, day, rules)
    verdicts = [fit.verdict(criterion, due) for criterion in profile.criteria]
    times = points.who_earned(due, channels, active, level)
    times |= points.who_earned_more(due, rules, profile, verdicts, counted, lead, day)
    credited = credit_rows(due["source"], day, channels, terms.recorded_credits, rules)
    times = credited.replace_declared(times)
    return Standing(due, leads, lead, day, counted, engagement, level, verdicts, times, credited)


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


def _explain(stand: Standing, alike: IntegerArray, terms: Terms, rules_share: FloatArray) -> Explained:
    """What the rules say of one row of each pattern, where they have these shares of the score."""
    profile, rules = terms.profile, terms.rules
    credited = stand.credited.take(alike)
    times = {name: often[alike] for name, often in stand.times.items()} | credited.times()
    verdicts = [verdict[alike] for verdict in stand.verdicts]
    shares = fit_shares(profile, verdicts)
    factors = (*points.factors_of(rules, profile), *credited.factors())
    nothing = RunningTotal.zero(len(alike))
    lines = score_lines(profile, shares, factors, times, rules, rules_share)
    total, hundredths = in_hundredths([line.contribution for line in lines], nothing)
    alone = total
    if (rules_share != 1).any():
        whole = score_lines(profile, shares, factors, times, rules)
        alone, _ = in_hundredths([line.contribution for line in whole], nothing)
    return Explained(
        icp_fit=icp_fit(shares, len(alike)),
        rule_score=alone.score,
        total=total,
        entries=breakdown_entries([line.name for line in lines], hundredths),
        reasons=reason_sentences(lines, hundredths, profile, verdicts),
    )


def _hear(
    stand: Standing,
    explained: Explained,
    pattern: IntegerArray,
    place: IntegerArray,
    opinion: FloatArray,
    terms: Terms,
) -> tuple[Heard, FloatArray]:
    """Score and texts of each row after all voices, and how likely its lead is to convert (NaN without a model)."""
    likely = np.full(len(pattern), np.nan)
    alone = Heard(explained.total.score, as_object(explained.entries), as_list(explained.reasons))
    has_opinion = ~np.isnan(opinion)
    if not (place >= 0).any() and not has_opinion.any():
        return Heard(alone.score[pattern], alone.breakdown.take(pattern), alone.reasons.take(pattern)), likely
    parts, told = [], []
    for rows, version in _rows_alike(place, terms.champions, has_opinion):
        patterns = pattern[rows]
        voices = Voices()
        if version is not None:
            learned = _learned(stand, explained, pattern, rows, version, terms)
            likely[rows] = learned.probability
            voices = learned.voices
        if has_opinion[rows[0]]:
            voices = voices + opinion_voices(opinion[rows], terms.opinions.share)
        if voices.lines:
            parts.append(
                hear(
                    explained.total.take(patterns),
                    explained.entries.take(patterns),
                    explained.reasons.take(patterns),
                    voices,
                )
            )
        else:
            parts.append(
                Heard(alone.score[patterns], alone.breakdown.take(patterns), alone.reasons.take(patterns))
            )
        told.append(rows)
    back = np.argsort(np.concatenate(told), kind="stable")
    return Heard(
        np.concatenate([part.score for part in parts])[back],
        pa.concat_arrays([part.breakdown for part in parts]).take(back),
        pa.concat_arrays([part.reasons for part in parts]).take(back),
    ), likely


def _rows_alike(
    place: IntegerArray, champions: Champions, has_opinion: BooleanArray
) -> Iterator[tuple[IntegerArray, str | None]]:
    """Rows that the same model scores (None: no model), all with an opinion or all without, so many at once."""
    numbers = [*range(len(champions.versions)), -1]
    for number, is_heard in product(numbers, (False, True)):
        version = champions.versions[number] if number >= 0 else None
        rows = np.flatnonzero((place == number) & (has_opinion == is_heard))
        for start in range(0, len(rows), LEADS_AT_ONCE):
            yield rows[start : start + LEADS_AT_ONCE], version


def _learned(
    stand: Standing,
    explained: Explained,
    pattern: IntegerArray,
    rows: IntegerArray,
    version: str,
    terms: Terms,
) -> Learned:
    model = terms.champions.models[version]
    wanted = set(model.single_features)
    features = lead_features(
        stand.due.take(rows),
        decayed_counts(stand.counted, stand.lead[rows], stand.day[rows], terms.rules.behaviours),
        explained.rule_score[pattern[rows]],
        explained.icp_fit[pattern[rows]],
        wanted.__contains__,
    )
    return what_model_says(model, terms.champions.weight_of(version), features)


def _texts(texts: pa.Array) -> pd.Series:
    return pd.Series(texts.to_pandas(), dtype="str")


def _no_texts(rows: int) -> pd.Series:
    return pd.Series(None, index=range(rows), dtype="str")
