"""The send window against a clock that is stepped minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.nurture.timing.rules import WEEKDAYS, SendWindow
from leadflow_pipeline.nurture.timing.send_window import known_zones, next_open

ZONES = [
    "UTC",
    "Europe/Lisbon",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Asia/Kathmandu",
]
MINUTE = timedelta(minutes=1)


def is_open_by_the_clock(moment: datetime, zone: ZoneInfo, window: SendWindow) -> bool:
    local = moment.astimezone(zone)
    now, today, yesterday = local.time(), local.date(), local.date() - timedelta(days=1)

    def opens_on(day: date) -> bool:
        return WEEKDAYS[day.weekday()] in window.weekdays and day not in window.closed

    if window.start < window.end:
        return window.start <= now < window.end and opens_on(today)
    return (now >= window.start and opens_on(today)) or (now < window.end and opens_on(yesterday))


def step_until_open(moment: datetime, zone: str, window: SendWindow) -> datetime:
    clock = ZoneInfo(zone)
    if is_open_by_the_clock(moment, clock, window):
        return moment
    moment = moment.replace(second=0, microsecond=0)
    while not is_open_by_the_clock(moment, clock, window):
        moment += MINUTE
    return moment


def ask(moment: datetime, zone: str, window: SendWindow) -> datetime:
    answer = next_open(
        pd.Series([moment]).astype("datetime64[us, UTC]"), pd.Series([zone], dtype="str"), window
    )
    return answer.iloc[0].to_pydatetime()


def between(first: str, last: str) -> st.SearchStrategy[datetime]:
    begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    return st.datetimes(begin, end, timezones=st.just(UTC))


def times() -> st.SearchStrategy[time]:
    return st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))


@settings(max_examples=60)
@given(
    moment=st.one_of(
        between("2025-01-01", "2026-12-31"),
        # around the nights on which clocks change
        between("2026-03-27", "2026-03-30"),
        between("2026-10-23", "2026-11-02"),
    ),
    zone=st.sampled_from(ZONES),
    span=st.tuples(times(), times()).filter(lambda span: span[0] != span[1]),
    weekdays=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    closed_after=st.sets(st.integers(-1, 9), max_size=6),
)
def test_it_is_the_first_open_minute(
    moment: datetime, zone: str, span: tuple[time, time], weekdays: set[str], closed_after: set[int]
) -> None:
    closed = tuple(moment.date() + timedelta(days=days) for days in sorted(closed_after))
    window = SendWindow(start=span[0], end=span[1], weekdays=tuple(sorted(weekdays)), closed=closed)
    assert ask(moment, zone, window) == step_until_open(moment, zone, window)


@pytest.mark.parametrize(
    ("moment", "zone", "start", "end", "opens"),
    [
        # 02:30 does not exist on the night to summer time: the window opens with the jump
        ("2026-03-08T05:00Z", "America/New_York", "02:30", "05:00", "2026-03-08T07:00Z"),
        # 01:30 comes twice on the night to winter time: the window opens at the first, and again at the second
        ("2026-11-01T05:00Z", "America/New_York", "01:30", "01:45", "2026-11-01T05:30Z"),
        ("2026-11-01T05:50Z", "America/New_York", "01:30", "01:45", "2026-11-01T06:30Z"),
        # over midnight: half past five on Saturday still belongs to Friday, half past six no longer
        ("2026-05-09T05:30Z", "UTC", "22:00", "06:00", "2026-05-09T05:30Z"),
        ("2026-05-09T06:30Z", "UTC", "22:00", "06:00", "2026-05-11T22:00Z"),
        # the end is outside
        ("2026-05-05T17:00Z", "UTC", "09:00", "17:00", "2026-05-06T09:00Z"),
    ],
)
def test_nights_when_clocks_change_and_windows_over_midnight(
    moment: str, zone: str, start: str, end: str, opens: str
) -> None:
    weekdays = WEEKDAYS if zone != "UTC" else WEEKDAYS[:5]
    window = SendWindow(start=time.fromisoformat(start), end=time.fromisoformat(end), weekdays=weekdays)
    assert ask(datetime.fromisoformat(moment), zone, window) == datetime.fromisoformat(opens)


def test_a_weekly_window_that_the_clock_skips_opens_a_week_later() -> None:
    window = SendWindow(start=time(2, 0), end=time(2, 30), weekdays=("sun",))
    opens = ask(datetime(2026, 3, 8, 0, tzinfo=UTC), "America/New_York", window)
    assert opens == datetime(2026, 3, 15, 6, tzinfo=UTC)


def test_missing_moments_stay_missing_and_unknown_zones_get_another() -> None:
    moments = pd.Series([pd.NaT, pd.Timestamp("2026-05-05T10:00Z")]).astype("datetime64[us, UTC]")
    zones = known_zones(pd.Series(["nonsense", None], dtype="str"), "UTC")
    assert zones.tolist() == ["UTC", "UTC"]
    assert next_open(moments, zones, SendWindow()).isna().tolist() == [True, False]


def test_public_holidays_are_closed() -> None:
    """1 May 2026 is a Friday, a holiday in Germany and none in the United States."""
    friday = datetime(2026, 5, 1, 10, tzinfo=UTC)
    monday = datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert ask(friday, "UTC", SendWindow(holidays=("DE",))) == monday
    assert ask(friday, "UTC", SendWindow(holidays=("US",))) == friday
    own = SendWindow(keep_lead_holidays=True)
    answers = next_open(
        pd.Series([friday] * 4).astype("datetime64[us, UTC]"),
        pd.Series(["UTC"] * 4, dtype="str"),
        own,
        pd.Series(["DE", "US", None, "ZZ"], dtype="str"),
    )
    assert answers.tolist() == [monday, friday, friday, friday]


def test_corpus_christi_is_closed_in_bavaria_only() -> None:
    thursday = datetime(2026, 6, 4, 10, tzinfo=UTC)
    assert ask(thursday, "UTC", SendWindow(holidays=("DE-BY",))) > thursday
    assert ask(thursday, "UTC", SendWindow(holidays=("DE",))) == thursday


def test_a_place_without_holidays_is_refused() -> None:
    with pytest.raises(ValueError, match="no public holidays are known of ZZ: list the days under closed"):
        SendWindow(holidays=("ZZ",))


def test_a_window_that_never_opens_is_refused_and_a_long_closure_is_waited_out() -> None:
    start = datetime(2026, 5, 4, 10, tzinfo=UTC)
    closed = tuple(start.date() + timedelta(days=days) for days in range(400))
    window = SendWindow(start=time(9), end=time(17), weekdays=("mon",), closed=closed)
    assert ask(start, "UTC", window) == datetime(2027, 6, 14, 9, tzinfo=UTC)
