"""Working time of a rep: by when so many of its working hours are over, and how many lie between two moments.

What belongs here: working hours, time zones, daylight saving, holidays and absences, made one line of time. What does
not: what is promised in working time, and to whom. Pure.

A moment is working time if the rep's clock then shows a time within the working hours of a working day. So a window
that falls into the hour which daylight saving leaves out is shorter or empty, and one in the hour that comes twice
counts twice. A window over midnight belongs to the day on which it begins: that day must be a working day, no holiday,
and not of an absence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.route.owners.reps.rep import WORKDAYS, Rep, WorkingHours
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence

Moments = npt.NDArray[np.datetime64]
"""datetime64[us], UTC."""

WEEKDAYS = (*WORKDAYS, "sat", "sun")
HOUR = 3_600_000_000
DAY = 24 * HOUR
"""In microseconds, as all whole numbers here."""

LONGEST_SEARCH = 32
"""Years after the start in which a deadline is looked for; a rep who is away longer has none."""


@dataclass(frozen=True)
class Calendar:
    """When a rep works."""

    time_zone: str = "UTC"
    hours: WorkingHours = field(default_factory=WorkingHours)
    absences: tuple[tuple[date, date], ...] = ()
    """First and last day, both away."""

    @classmethod
    def of(cls, rep: Rep, absences: Iterable[Absence] = ()) -> Calendar:
        """The calendar of a rep; absences of others are left out."""
        away = sorted((each.first_day, each.last_day) for each in absences if each.rep == rep.rep)
        return cls(rep.time_zone, rep.working_hours, tuple(away))


class _Line(NamedTuple):
    """Windows of working time in their order, and how much working time is over at the end of each."""

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    over: npt.NDArray[np.int64]


def add_working_time(starts: Moments, hours: float, calendar: Calendar) -> Moments:
    """The first moment at which `hours` of working time are over since each start; a missing start has none.

    Raises ValueError for negative hours. NaT where there is so little working time within 32 years.
    """
    if hours < 0:
        raise ValueError(f"working time is added in hours from 0, but {hours:g} was asked for")
    begins, is_known = _whole(starts)
    deadlines = np.full(len(begins), np.datetime64("NaT", "us"))
    if not is_known.any():
        return deadlines
    known = begins[is_known]
    wanted = round(hours * HOUR)
    first, last = _year(int(known.min())), _year(int(known.max()))
    for further in (1, 4, LONGEST_SEARCH):
        line = _line(calendar, first, last + further)
        target = _over_at(line, known) + wanted
        window = np.searchsorted(line.over, target)
        is_found = window < len(line.over)
        if is_found.all():
            break
    window = np.where(is_found, window, 0)
    found = np.full(len(known), np.datetime64("NaT", "us"))
    if len(line.over):
        found[is_found] = (line.ends[window] - (line.over[window] - target))[is_found].astype(
            "datetime64[us]"
        )
    deadlines[is_known] = known.astype("datetime64[us]") if wanted == 0 else found
    return deadlines


def working_minutes_between(starts: Moments, ends: Moments, calendar: Calendar) -> npt.NDArray[np.float64]:
    """Minutes of working time from each start to its end: negative where the end is first, NaN where one is missing."""
    begins, begins_known = _whole(starts)
    stops, stops_known = _whole(ends)
    minutes = np.full(len(begins), np.nan)
    both = begins_known & stops_known
    if both.any():
        moments = np.concatenate([begins[both], stops[both]])
        line = _line(calendar, _year(int(moments.min())), _year(int(moments.max())))
        minutes[both] = (_over_at(line, stops[both]) - _over_at(line, begins[both])) / (HOUR // 60)
    return minutes


def _whole(moments: Moments) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    exact = np.asarray(moments).astype("datetime64[us]")
    return exact.astype(np.int64), ~np.isnat(exact)


def _year(moment: int) -> int:
    return int(np.datetime64(moment, "us").astype("datetime64[Y]").astype(int)) + 1970


def _over_at(line: _Line, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How much of the line's working time is over at each moment."""
    window = np.searchsorted(line.starts, moments, side="right") - 1
    rest = np.maximum(np.append(line.ends, 0)[window] - moments, 0)
    return np.where(window < 0, 0, np.append(line.over, 0)[window] - rest)


@lru_cache(maxsize=4096)
def _line(calendar: Calendar, first_year: int, last_year: int) -> _Line:
    """All windows of these years, and a little before and after: what the time zone makes of a year's ends."""
    first, last = date(first_year, 1, 1) - timedelta(days=3), date(last_year, 12, 31) + timedelta(days=3)
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)
    days = days[_is_workday(days, calendar)]
    midnights = days.astype("datetime64[us]").astype(np.int64)
    begin, end = _clock(calendar.hours.start), _clock(calendar.hours.end)
    opens, closes = midnights + begin, midnights + (end if end > begin else end + DAY)
    stretches = _stretches_of_years(calendar.time_zone, first_year, last_year)
    # On the clock windows never meet; where the clock is put back, parts of one may come before another's.
    parts = [
        (np.maximum(opens - stretch.offset, stretch.begin), np.minimum(closes - stretch.offset, stretch.end))
        for stretch in stretches
    ]
    starts, ends = (np.concatenate(side) for side in zip(*parts, strict=True))
    order = np.argsort(starts, kind="stable")
    order = order[(starts < ends)[order]]
    starts, ends = starts[order], ends[order]
    return _Line(starts, ends, np.cumsum(ends - starts))


def _is_workday(days: npt.NDArray[np.datetime64], calendar: Calendar) -> npt.NDArray[np.bool_]:
    weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    works = np.isin(weekday, [WEEKDAYS.index(day) for day in calendar.hours.weekdays])
    works &= ~np.isin(days, np.array(calendar.hours.holidays, dtype="datetime64[D]"))
    for first, last in calendar.absences:
        works &= (days < np.datetime64(first, "D")) | (days > np.datetime64(last, "D"))
    return works


def _clock(time_of_day: object) -> int:
    hour, minute, second, part = (
        getattr(time_of_day, name) for name in ("hour", "minute", "second", "microsecond")
    )
    return int(((hour * 60 + minute) * 60 + second) * 1_000_000 + part)


class _Stretch(NamedTuple):
    """A stretch of time in which the clock of a zone is not put forward or back."""

    begin: int
    end: int
    offset: int


def _stretches_of_years(time_zone: str, first_year: int, last_year: int) -> list[_Stretch]:
    """The stretches that cover the years and a week on either side."""
    stretches: list[_Stretch] = []
    for year in range(first_year - 1, last_year + 2):
        for stretch in _stretches(time_zone, year):
            if stretches and stretches[-1].offset == stretch.offset:
                stretches[-1] = stretches[-1]._replace(end=stretch.end)
            else:
                stretches.append(stretch)
    return stretches


@lru_cache(maxsize=8192)
def _stretches(time_zone: str, year: int) -> tuple[_Stretch, ...]:
    """The stretches of one year in UTC."""
    zone = ZoneInfo(time_zone)
    begin = _microseconds(datetime(year, 1, 1, tzinfo=UTC))
    end = _microseconds(datetime(year + 1, 1, 1, tzinfo=UTC))
    stretches = [_Stretch(begin, end, _offset(zone, begin))]
    for moment in range(begin + DAY, end, DAY):
        if (offset := _offset(zone, moment)) != stretches[-1].offset:
            change = _change_between(zone, moment - DAY, moment)
            stretches[-1] = stretches[-1]._replace(end=change)
            stretches.append(_Stretch(change, end, offset))
    return tuple(stretches)


def _change_between(zone: ZoneInfo, before: int, after: int) -> int:
    """The second at which the clock is put forward or back, between two moments that differ in their offset."""
    old = _offset(zone, before)
    while after - before > 1_000_000:
        middle = (before + after) // 2_000_000 * 1_000_000
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def _offset(zone: ZoneInfo, moment: int) -> int:
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).astimezone(zone)
    offset = local.utcoffset() or timedelta()
    return round(offset.total_seconds() * 1_000_000)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
