"""Working time against a slow clock that is looked at minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route.owners.reps.rep import Rep, WorkingHours
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence
from leadflow_pipeline.route.owners.reps.working_time import (
    WEEKDAYS,
    Calendar,
    add_working_time,
    working_minutes_between,
)

TEN_TO_SIX = WorkingHours(start=time(10), end=time(18))


def moments(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[us]")


def deadline(start: str, hours: float, calendar: Calendar) -> str:
    return str(add_working_time(moments(start), hours, calendar)[0].astype("datetime64[m]"))


def test_wednesday_afternoon_and_ten_hours_is_thursday_afternoon() -> None:
    assert deadline("2026-01-07T15:00", 10, Calendar("UTC", TEN_TO_SIX)) == "2026-01-08T17:00"


def test_a_weekend_a_holiday_and_an_absence_do_not_count() -> None:
    hours = WorkingHours(start=time(10), end=time(18), holidays=(date(2026, 1, 12),))
    rep = Rep(rep="mara", working_hours=hours)
    away = Absence("mara", date(2026, 1, 13), date(2026, 1, 14))
    calendar = Calendar.of(rep, [away, Absence("somebody-else", date(2026, 1, 1), date(2026, 12, 31))])
    assert deadline("2026-01-09T17:00", 2, calendar) == "2026-01-15T11:00"


def test_the_clock_is_the_reps_own() -> None:
    calendar = Calendar("America/New_York", TEN_TO_SIX)
    assert deadline("2026-01-07T08:00", 1, calendar) == "2026-01-07T16:00"
    assert deadline("2026-07-07T08:00", 1, calendar) == "2026-07-07T15:00"


def test_the_hour_that_is_left_out_is_not_worked_and_the_one_that_comes_twice_is_worked_twice() -> None:
    every_day = WorkingHours(start=time(2), end=time(3), weekdays=WEEKDAYS)
    berlin = Calendar("Europe/Berlin", every_day)
    spring = moments("2026-03-28T23:00"), moments("2026-03-29T22:00")
    autumn = moments("2026-10-24T22:00"), moments("2026-10-25T23:00")
    assert working_minutes_between(*spring, berlin).tolist() == [0]
    assert working_minutes_between(*autumn, berlin).tolist() == [120]
    assert deadline("2026-10-24T22:00", 1.5, berlin) == "2026-10-25T01:30"


def test_a_night_belongs_to_the_evening_it_begins_on() -> None:
    nights = Calendar("UTC", WorkingHours(start=time(22), end=time(6), weekdays=("fri",)))
    assert deadline("2026-01-09T12:00", 5, nights) == "2026-01-10T03:00"
    assert working_minutes_between(
        moments("2026-01-09T00:00"), moments("2026-01-12T00:00"), nights
    ).tolist() == [480]


def test_the_end_of_a_day_is_that_days() -> None:
    calendar = Calendar("UTC", TEN_TO_SIX)
    assert deadline("2026-01-07T10:00", 8, calendar) == "2026-01-07T18:00"
    assert deadline("2026-01-07T03:00", 0, calendar) == "2026-01-07T03:00"


def test_what_is_missing_stays_missing() -> None:
    calendar = Calendar("UTC", TEN_TO_SIX)
    starts = moments("NaT", "2026-01-07T15:00")
    assert np.isnat(add_working_time(starts, 1, calendar)).tolist() == [True, False]
    assert np.isnan(working_minutes_between(starts, starts, calendar)).tolist() == [True, False]
    assert add_working_time(moments(), 1, calendar).shape == (0,)


def test_who_is_away_for_good_has_no_deadline() -> None:
    calendar = Calendar("UTC", TEN_TO_SIX, ((date(2026, 1, 1), date(2090, 1, 1)),))
    assert np.isnat(add_working_time(moments("2026-01-07T15:00"), 1, calendar)).all()


def test_negative_hours_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0"):
        add_working_time(moments("2026-01-07T15:00"), -1, Calendar())


ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
)
CHANGES = (date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 4), date(2026, 10, 25))
"""Days on which some of those zones put the clock forward or back."""

quarter = st.integers(0, 95).map(lambda number: time(number // 4, number % 4 * 15))
MINUTES = 6 * 1440


@cache
def shown_from(first: datetime, zone: str) -> list[tuple[date, time]]:
    """What the clock of a zone shows in each of six days' minutes."""
    local = ((first + timedelta(minutes=number)).astimezone(ZoneInfo(zone)) for number in range(MINUTES))
    return [(moment.date(), moment.time()) for moment in local]


some_hours = st.tuples(quarter, quarter, st.sets(st.sampled_from(WEEKDAYS), min_size=1)).filter(
    lambda drawn: drawn[0] != drawn[1]
)


@settings(max_examples=30)
@given(
    zone=st.sampled_from(ZONES),
    hours=some_hours,
    near=st.sampled_from(CHANGES),
    holiday=st.integers(-2, 4),
    away=st.tuples(st.integers(-2, 4), st.integers(0, 2)),
    start=st.integers(0, 3 * 1440),
    length=st.integers(0, 3 * 1440),
    promised=st.integers(1, 20 * 60),
)
def test_it_is_what_the_clock_shows_minute_by_minute(
    zone: str,
    hours: tuple[time, time, set[str]],
    near: date,
    holiday: int,
    away: tuple[int, int],
    start: int,
    length: int,
    promised: int,
) -> None:
    opens, closes, weekdays = hours
    first = datetime.combine(near - timedelta(days=2), time(), UTC)
    off = near + timedelta(days=holiday)
    absent = near + timedelta(days=away[0]), near + timedelta(days=sum(away))
    calendar = Calendar(
        zone,
        WorkingHours(start=opens, end=closes, weekdays=tuple(sorted(weekdays)), holidays=(off,)),
        (absent,),
    )

    def works(day: date, clock: time) -> bool:
        if opens > closes and clock < closes:
            day -= timedelta(days=1)
        elif not (clock >= opens and (clock < closes or opens > closes)):
            return False
        return WEEKDAYS[day.weekday()] in weekdays and day != off and not absent[0] <= day <= absent[1]

    slow = np.array([works(day, clock) for day, clock in shown_from(first, zone)])
    exact = np.datetime64(first.replace(tzinfo=None), "us") + np.arange(len(slow)) * np.timedelta64(1, "m")
    minute = np.timedelta64(1, "m")
    assert (working_minutes_between(exact, exact + minute, calendar) == slow).all()

    one, other = exact[[start]], exact[[start + length]]
    assert working_minutes_between(one, other, calendar).tolist() == [slow[start : start + length].sum()]
    assert working_minutes_between(other, one, calendar).tolist() == [-slow[start : start + length].sum()]

    over = np.flatnonzero(np.cumsum(slow[start:]) == promised)
    if len(over):
        expected = exact[start + over[0]] + np.timedelta64(1, "m")
        assert add_working_time(one, promised / 60, calendar)[0] == expected
