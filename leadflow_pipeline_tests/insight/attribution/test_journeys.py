"""From touches to journeys: what counts for a conversion, and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.insight.attribution.journeys import DAY, Journeys, _in_order, cut_into_journeys
from leadflow_pipeline.insight.attribution.models import all_credits
from leadflow_pipeline.insight.attribution.rules import AttributionRules

MORNING = pd.Timestamp("2026-03-01", tz="UTC")

Told = Sequence[tuple[str, float, str]]
"""Person, day, channel."""


def moments(days: Sequence[float]) -> pd.Series:
    return MORNING + pd.to_timedelta(pd.Series(days, dtype="float64"), unit="D")


def touches_of(told: Told) -> pd.DataFrame:
    person, day, channel = zip(*told, strict=True) if told else ((), (), ())
    return pd.DataFrame(
        {
            "person": pd.Series(person, dtype="str"),
            "channel": pd.Series(channel, dtype="str"),
            "occurred_at": moments(day),
        }
    )


def conversions_of(told: Sequence[tuple[str, float, float]]) -> pd.DataFrame:
    person, day, value = zip(*told, strict=True) if told else ((), (), ())
    return pd.DataFrame(
        {
            "person": pd.Series(person, dtype="str"),
            "occurred_at": moments(day),
            "value": pd.Series(value, dtype="float64"),
        }
    )


def written(journeys: Journeys) -> list[tuple[str, float]]:
    """Each journey as a path, and how often it converted."""
    names = np.array([*journeys.channels, ""])
    parts = np.split(names[journeys.touches], journeys.starts[1:-1])
    paths = [" > ".join(part) for part in parts] if len(journeys.lengths) else []
    return sorted(zip(paths, journeys.conversions.tolist(), strict=True))


def test_only_touches_before_the_conversion_and_inside_the_window_count() -> None:
    touches = touches_of([("a", 0, "old"), ("a", 31, "ads"), ("a", 40, "email"), ("a", 50, "late")])
    journeys = cut_into_journeys(touches, conversions_of([("a", 50, 100)]), look_back_days=30)
    assert written(journeys) == [("ads > email", 1.0), ("late", 0.0)]
    assert journeys.ages.tolist() == [19.0, 10.0, 0.0]
    assert journeys.value.tolist() == [100.0, 0.0]


def test_a_touch_exactly_as_old_as_the_window_counts() -> None:
    journeys = cut_into_journeys(touches_of([("a", 0, "ads")]), conversions_of([("a", 30, 1)]), 30)
    assert written(journeys) == [("ads", 1.0)]


def test_each_conversion_has_what_came_since_the_one_before_it_else_the_whole_window() -> None:
    touches = touches_of([("a", 0, "ads"), ("a", 1, "email"), ("a", 5, "website")])
    conversions = conversions_of([("a", 2, 10), ("a", 6, 20), ("a", 7, 30)])
    assert written(cut_into_journeys(touches, conversions, 90)) == [
        ("ads > email", 1.0), ("ads > email > website", 1.0), ("website", 1.0),
    ]  # fmt: skip


def test_nobody_gets_anothers_touches_and_nothing_is_lost_without_any() -> None:
    touches = touches_of([("b", 1, "ads"), ("b", 3, "email")])
    conversions = conversions_of([("a", 2, 7), ("b", 2, np.nan), ("c", 9, 5)])
    journeys = cut_into_journeys(touches, conversions, 90)
    assert written(journeys) == [("ads", 1.0), ("email", 0.0)]
    assert (journeys.unattributed_conversions, journeys.unattributed_value) == (2.0, 12.0)
    credits = all_credits(journeys, AttributionRules()).groupby("model")[["conversions", "value"]].sum()
    assert (credits["conversions"] == 3).all()
    assert (credits["value"] == 12).all()


def test_no_touch_and_no_conversion_are_no_journey() -> None:
    assert all_credits(cut_into_journeys(touches_of([]), conversions_of([]), 90), AttributionRules()).empty
    journeys = cut_into_journeys(touches_of([("a", 0, "ads")]), conversions_of([]), 90)
    assert written(journeys) == [("ads", 0.0)]
    assert (all_credits(journeys, AttributionRules())["conversions"] == 0).all()
    alone = all_credits(
        cut_into_journeys(touches_of([]), conversions_of([("a", 1, 2)]), 90), AttributionRules()
    )
    assert set(alone["channel"]) == {"(no touch)"}


def test_a_milestone_is_the_last_touch_no_later_than_it() -> None:
    touches = touches_of([("a", 0, "website"), ("a", 1, "ads"), ("a", 2, "email"), ("b", 5, "ads")])
    journeys = cut_into_journeys(
        touches,
        conversions_of([("a", 9, 1)]),
        90,
        made_leads=touches_of([("a", 1, "")]),
        meetings=touches_of([("a", 8, ""), ("b", 4, ""), ("c", 4, "")]),
    )
    assert journeys.made_lead.tolist() == [False, True, False, False]
    assert journeys.made_opportunity.tolist() == [False, False, True, False]


people = st.sampled_from("abc")
days = st.integers(0, 60).map(float)
some_touches = st.lists(st.tuples(people, days, st.sampled_from(["ads", "email", "website"])), max_size=25)
some_conversions = st.lists(st.tuples(people, days, st.integers(0, 500).map(float)), max_size=8)


@settings(max_examples=40)
@given(some_touches, some_conversions, st.integers(1, 40), st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing_and_every_credit_sums_up(
    touches: list[tuple[str, float, str]],
    conversions: list[tuple[str, float, float]],
    window: int,
    shuffler: object,
) -> None:
    rules = AttributionRules(markov_order=2)
    credits = all_credits(cut_into_journeys(touches_of(touches), conversions_of(conversions), window), rules)
    sums = credits.groupby("model")[["conversions", "value"]].sum()
    assert np.allclose(sums["conversions"], len(conversions), atol=1e-9, rtol=0)
    assert np.allclose(sums["value"], sum(value for *_, value in conversions), atol=1e-9, rtol=0)
    assert (credits[["conversions", "value"]] >= -1e-9).all(axis=None)
    shuffler.shuffle(touches)  # type: ignore[attr-defined]
    shuffler.shuffle(conversions)  # type: ignore[attr-defined]
    again = all_credits(cut_into_journeys(touches_of(touches), conversions_of(conversions), window), rules)
    pd.testing.assert_frame_equal(credits, again)


@given(some_touches, some_conversions, st.integers(1, 40))
def test_cutting_is_what_the_words_say(
    touches: list[tuple[str, float, str]], conversions: list[tuple[str, float, float]], window: int
) -> None:
    journeys = cut_into_journeys(touches_of(touches), conversions_of(conversions), window)
    assert written(journeys) == sorted(cut_by_hand(touches, conversions, window))


def cut_by_hand(
    touches: Told, conversions: Sequence[tuple[str, float, float]], window: float
) -> list[tuple[str, float]]:
    """The same one person and one conversion at a time."""
    paths = []
    for person in "abc":
        theirs = sorted((day, channel) for who, day, channel in touches if who == person)
        sold = sorted(day for who, day, _ in conversions if who == person)
        before = -np.inf
        for day in sold:
            all_of_window = [touch for touch in theirs if day - window <= touch[0] < day]
            since = [touch for touch in all_of_window if touch[0] >= before]
            path = " > ".join(channel for _, channel in since or all_of_window)
            paths += [(path, 1.0)] if path else []
            before = day
        rest = " > ".join(channel for day, channel in theirs if day >= before)
        paths += [(rest, 0.0)] if rest else []
    return paths


@pytest.mark.parametrize("years", [0, 1, 30, 9000])
@pytest.mark.parametrize("people", [1, 5, 40_000])
def test_touches_come_in_order_however_many_people_and_years_there_are(years: int, people: int) -> None:
    draw = np.random.default_rng(years + people)
    person = draw.integers(0, people, 500)
    moment = draw.integers(-years, years + 1, 500) * 365 * DAY + draw.integers(0, 50, 500)
    channel = draw.integers(0, 70, 500)
    order = np.lexsort((channel, moment, person))
    found = _in_order(person, moment, channel)
    assert (found[0] == moment[order]).all()
    assert (found[1] == channel[order]).all()
