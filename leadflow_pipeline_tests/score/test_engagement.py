"""Engagement decays by half in a half-life, counts what people did, and nothing after the day."""

import pandas as pd
import pytest

from leadflow_pipeline_tests.score.frames import DAY, events, leads, rules_of, score


def engagement(*happened, **rules) -> float:
    return float(score(leads({}), events(*happened), rules=rules_of(**rules))["engagement"].iloc[0])


VISITS = {"behaviours": {"visit": {"points": 40, "half_life_days": 7}}}


@pytest.mark.parametrize(
    ("moment", "expected"), [("2026-03-04", 20.0), ("2026-02-25", 10.0), ("2026-02-18", 5.0)]
)
def test_an_event_is_worth_half_after_a_half_life(moment, expected):
    assert engagement(("a", "visit", moment), **VISITS) == expected


def test_events_add_up_to_100_at_most():
    assert engagement(*[("a", "visit", "2026-03-04")] * 3, **VISITS) == 60.0
    assert engagement(*[("a", "visit", "2026-03-04")] * 9, **VISITS) == 100.0


@pytest.mark.parametrize(
    "event",
    [
        ("a", "visit", "2026-03-11"),
        ("a", "visit", "2026-03-04", True),
        ("a", "teleport", "2026-03-04"),
        ("z", "visit", "2026-03-04"),
    ],
    ids=["the midnight that ends the day", "a machine's", "unknown to the rules", "another lead's"],
)
def test_what_counts_nothing(event):
    assert engagement(event, **VISITS) == 0.0


def test_the_last_microsecond_of_the_day_counts():
    assert engagement(("a", "visit", "2026-03-10 23:59:59.999999"), **VISITS) == 40.0


def test_an_event_before_1970_counts_for_what_is_left_of_it():
    assert engagement(("a", "visit", "1969-12-31 12:00"), **VISITS) == 0.0


def test_a_level_is_not_missed_by_the_last_bit_of_a_sum():
    rules = {
        "behaviours": {"a": {"points": 0.1}, "b": {"points": 0.2}},
        "temperature": {"hot": 0.3, "warm": 0.2, "hysteresis": 0},
    }
    late = DAY + pd.Timedelta(hours=23, minutes=59, seconds=59.999)
    scored = score(leads({}), events(("a", "a", late), ("a", "b", late)), rules=rules_of(**rules))
    assert [scored["engagement"].tolist(), scored["temperature"].tolist()] == [[0.3], ["hot"]]
