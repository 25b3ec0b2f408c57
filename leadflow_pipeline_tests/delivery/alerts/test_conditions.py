"""What is alarming, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow_pipeline.delivery.alerts.conditions import CONDITIONS, Alarm, Key, Reading, alarms_of

ENOUGH = 10_000


@pytest.mark.parametrize(
    ("condition", "well", "alarming"),
    [
        ("sla", 0.95, 0.9499),
        ("load", 0.85, 0.851),
        ("experiment", 0, 1),
        ("model", 0, 1),
        ("errors", 0.2, 0.21),
        ("late", 6, 6.1),
        ("outbox", 60, 61),
        ("complaints", 0.001, 0.0011),
    ],
)
def test_each_condition_begins_just_beyond_its_limit(condition: str, well: float, alarming: float) -> None:
    assert _alarms(Reading(condition, "x", well, ENOUGH)) == []
    (alarm,) = _alarms(Reading(condition, "x", alarming, ENOUGH))
    assert alarm.key == (condition, "x")
    assert "leadflow" in alarm.remedy, "it says what to do"
    assert not alarm.sentence.endswith("."), "the message adds the stop"


@given(
    st.sampled_from(sorted(CONDITIONS)),
    st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=30),
)
def test_a_value_between_the_two_limits_changes_nothing(name: str, values: list[float]) -> None:
    condition, is_on = CONDITIONS[name], False
    for value in values:
        was_on = is_on
        is_on = bool(_alarms(Reading(name, "x", value, ENOUGH), {(name, "x")} if was_on else set()))
        low, high = sorted((condition.begins, condition.ends))
        if low < value < high:
            assert is_on == was_on
    assert condition.begins != condition.ends


def test_too_few_cases_begin_nothing_and_end_nothing() -> None:
    few = Reading("sla", "spring", 0.5, 19)
    assert _alarms(few) == []
    assert _alarms(few, {("sla", "spring")}), "what is on is not over because nobody was due"


def test_what_is_measured_twice_is_told_of_once() -> None:
    assert len(_alarms(Reading("late", "x", 9), Reading("late", "x", 12), Reading("late", "y", 9))) == 2


def _alarms(*given: Reading | set[Key]) -> list[Alarm]:
    readings = [each for each in given if isinstance(each, Reading)]
    standing = next((each for each in given if isinstance(each, set)), set())
    return alarms_of(readings, standing)
