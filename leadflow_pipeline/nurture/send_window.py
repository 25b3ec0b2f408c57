"""When an email may leave: the next open moment of a send window, on the wall clock of each lead's time zone.

What belongs here: wall clocks, weekdays and the days on which clocks change. What does not: which touch is
due.

A window from 22:00 to 06:00 runs over midnight and belongs to the weekday on which it opens. The start is
inside the window, the end is not.
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from leadflow_pipeline.nurture.rules import WEEKDAYS, SendWindow

DAY = pd.Timedelta(days=1)
CLOCK_JUMP = pd.Timedelta(hours=3)
LONGEST_WAIT = pd.Timedelta(days=16)
"""A weekly window that the change to summer time skips opens again a week later, so this is long enough."""


def next_open(moments: pd.Series, zones: pd.Series, window: SendWindow) -> pd.Series:
    """The first open moment at or after each moment.

    `moments` is `datetime64[us, UTC]`, `zones` the IANA names beside it; the result is shaped as `moments`.
    A missing moment stays missing. Zones are worked one at a time, moments of a zone all at once.
    """
    answer = moments.copy()
    for zone, members in moments.groupby(zones, sort=True):
        answer.loc[members.index] = _next_open_in(members, str(zone), window)
    return answer


def is_open(moments: pd.DatetimeIndex, zone: str, window: SendWindow) -> np.ndarray:
    """Whether the window is open at each moment (UTC), by the zone's wall clock."""
    local = moments.tz_convert(zone).tz_localize(None)
    time_of_day = local - local.normalize()
    start, end = _time_of_day(window.start), _time_of_day(window.end)
    weekday = local.dayofweek.to_numpy()
    is_sending_day = np.isin(weekday, [WEEKDAYS.index(name) for name in window.weekdays])
    if start < end:
        return np.asarray((time_of_day >= start) & (time_of_day < end) & is_sending_day)
    began_yesterday = np.isin((weekday - 1) % 7, [WEEKDAYS.index(name) for name in window.weekdays])
    return np.asarray(((time_of_day >= start) & is_sending_day) | ((time_of_day < end) & began_yesterday))


def known_zones(zones: pd.Series, otherwise: str) -> pd.Series:
    """The zones, with `otherwise` in place of what is missing or no time zone."""
    names = zones.dropna().unique()
    unknown = [name for name in names if not _is_zone(name)]
    return zones.mask(zones.isin(unknown)).fillna(otherwise)


def _next_open_in(moments: pd.Series, zone: str, window: SendWindow) -> pd.Series:
    known = moments.dropna()
    if known.empty:
        return moments
    index = pd.DatetimeIndex(known)
    openings = _openings(known.min().floor("D"), known.max().ceil("D"), zone, window)
    waiting = openings[np.searchsorted(openings, index)]
    open_now = is_open(index, zone, window)
    return pd.Series(index.where(open_now, waiting), index=known.index).reindex(moments.index)


def _openings(first: pd.Timestamp, last: pd.Timestamp, zone: str, window: SendWindow) -> pd.DatetimeIndex:
    """Moments at which the window opens, ascending; on a day when the clocks change, every open minute.

    Clocks that jump can open a window in its middle or twice in a day. Trying each minute of those few days
    says so without a rule for every kind of jump.
    """
    midnights = pd.date_range(first - 2 * DAY, last + LONGEST_WAIT, freq="D", unit="us")
    starts = (midnights.tz_localize(None) + _time_of_day(window.start)).tz_localize(
        zone, ambiguous="NaT", nonexistent="NaT"
    )
    wall = midnights.tz_convert(zone).tz_localize(None)
    changes = midnights[:-1][np.diff(wall.to_numpy()) != np.timedelta64(DAY.to_timedelta64())]
    minutes = [
        pd.date_range(day - CLOCK_JUMP, day + DAY + CLOCK_JUMP, freq="min", unit="us") for day in changes
    ]
    moments = pd.DatetimeIndex(starts.dropna().tz_convert("UTC").append(minutes).unique().sort_values())
    return moments[is_open(moments, zone, window)]


def _time_of_day(time: object) -> pd.Timedelta:
    return pd.Timedelta(str(time))


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
