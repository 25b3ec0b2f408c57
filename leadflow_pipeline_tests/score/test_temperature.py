"""Levels with hysteresis: entered at the threshold, left only well below it, whoever looked in between."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline_tests.score.frames import DAY, events, leads, previous, rules_of, score

LEVELS = {"hot": 60, "warm": 25, "hysteresis": 5}
FOREVER = 1e9
"""A half-life so long that engagement is the points themselves."""


def temperatures(steps: list[float], last: str | None = None) -> list[str]:
    """The levels of a lead whose engagement takes these values on consecutive days.

    Each step is an event of the day whose worth is gone by the next midnight but one.
    """
    kinds = {f"k{step:g}": {"points": step, "half_life_days": FOREVER} for step in steps}
    days = [DAY + pd.Timedelta(days=number) for number in range(len(steps))]
    levels, before = [], {} if last is None else {"a": last}
    for day, kind in zip(days, kinds_of(steps), strict=True):
        scored = score(
            leads({"day": day}),
            events(("a", kind, day - pd.Timedelta(days=1)), ("a", "gone", day - pd.Timedelta(days=1))),
            previous(before),
            rules=rules_of(behaviours=kinds, temperature=LEVELS),
        )
        levels += scored["temperature"].tolist()
        before = {"a": levels[-1]}
    return levels


def kinds_of(steps: list[float]) -> list[str]:
    return [f"k{step:g}" for step in steps]


@pytest.mark.parametrize(
    ("engagement", "expected"),
    [
        ([59.9, 60, 55, 54.9, 59.9], ["warm", "hot", "hot", "warm", "warm"]),
        ([25, 20, 19.9, 24.9], ["warm", "warm", "cold", "cold"]),
        ([70, 22, 58, 60], ["hot", "warm", "warm", "hot"]),
        ([70, 0, 57], ["hot", "cold", "warm"]),
    ],
)
def test_a_level_is_entered_at_its_threshold_and_left_only_below_the_hysteresis(engagement, expected):
    assert temperatures(engagement) == expected


@pytest.mark.parametrize(
    ("last", "expected"), [("hot", "hot"), ("warm", "warm"), ("cold", "warm"), (None, "warm")]
)
def test_the_previous_day_is_remembered(last, expected):
    assert temperatures([57], last) == [expected]


def test_a_lead_that_cooled_in_silence_is_not_hot_again_by_its_past():
    """Hot a year ago and silent since: a meeting that alone makes it warm finds it cold, not hot."""
    happened = events(*[("a", "reply", "2025-01-05")] * 2, ("a", "meeting", "2026-03-10"))
    rules = rules_of(behaviours={"meeting": {"points": 57, "half_life_days": FOREVER}})
    scored = score(leads({"day": pd.Timestamp("2025-01-05")}, {"day": DAY}), happened, rules=rules)
    assert scored["temperature"].tolist() == ["hot", "warm"]


@settings(max_examples=20)
@given(
    happened=st.lists(
        st.tuples(st.sampled_from(["open", "click", "reply", "meeting"]), st.integers(0, 29)),
        min_size=1,
        max_size=12,
    ),
    looks=st.sets(st.integers(0, 29)),
)
def test_looking_more_often_changes_no_level(happened, looks):
    def on(number: int) -> pd.Timestamp:
        return DAY + pd.Timedelta(days=number)

    busy = {number for _, number in happened}
    facts = events(*[("a", behaviour, on(number)) for behaviour, number in happened])
    seldom = score(leads(*[{"day": on(number)} for number in sorted(busy)]), facts)
    often = score(leads(*[{"day": on(number)} for number in sorted(busy | looks)]), facts)
    shared = often[often["day"].isin(seldom["day"])].reset_index(drop=True)
    assert shared["temperature"].tolist() == seldom["temperature"].tolist()
