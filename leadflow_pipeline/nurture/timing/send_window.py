"""When an email may leave: the next open moment of a send window, on the wall clock of each lead's time zone.

What belongs here: wall clocks, weekdays, closed days and the days on which clocks change. What does not: which touch
is due, and which days are closed (`closed_days`).

A window from 22:00 to 06:00 runs over midnight and belongs to the day on which it opens: that day's weekday counts,
and whether it is closed. The start is inside the window, the end is not. A window that the clocks skip in one night is
not open that night.
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.timing.closed_days import NO_DAYS, Days, closed_days
from leadflow_pipeline.nurture.timing.rules import WEEKDAYS, SendWindow

DAY = pd.Timedelta(days=1)
CLOCK_JUMP = pd.Timedelta(hours=3)
FIRST_LOOK = pd.Timedelta(days=16)
"""A weekly window that the change to summer time skips opens again a week later: mostly this is far enough."""
FURTHEST_LOOK = pd.Timedelta(days=1_500)
"""Whoever closes more than four years of days in a row wants no email at all."""


def next_open(
    moments: pd.Series, zones: pd.Series, window: SendWindow, countries: pd.Series | None = None
) -> pd.Series:
    """The first open moment at or after each moment.

    `moments` is `datetime64[us, UTC]`, beside it `zones` (IANA names) and `countries` (ISO codes or missing; read only
    where the window keeps the holidays of leads); the result is shaped as `moments`. A missing moment stays missing.
    Zones are worked one at a time, moments of a zone all at once. Raises PermanentError for a window that never opens.
    """
    places = [zones]
    if window.keep_lead_holidays and countries is not None:
        places.append(countries.fillna("").rename("country"))
    answer = moments.copy()
    for place, members in moments.groupby(places, sort=True):
        country = str(place[1]) if len(places) > 1 else ""
        answer.loc[members.index] = _next_open_in(members, str(place[0]), window, country or None)
    return answer


def is_open(
    moments: pd.DatetimeIndex, zone: str, window: SendWindow, country: str | None = None
) -> np.ndarray:
    """Whether the window is open at each moment (UTC), by the zone's wall clock."""
    if not len(moments):
        return np.zeros(0, dtype=bool)
    years = moments.year
    return _is_open(moments, zone, window, _closed(window, country, int(years.min()), int(years.max())))


def _closed(window: SendWindow, country: str | None, first_year: int, last_year: int) -> Days:
    """The closed days of these years and of the days around them."""
    if not (window.closed or window.holidays or window.keep_lead_holidays):
        return NO_DAYS
    return closed_days(window, country, first_year - 1, last_year + 1)


def _is_open(moments: pd.DatetimeIndex, zone: str, window: SendWindow, closed: Days) -> np.ndarray:
    local = moments.tz_convert(zone).tz_localize(None)
    time_of_day = local - local.normalize()
    start, end = _time_of_day(window.start), _time_of_day(window.end)
    days = local.to_numpy().astype("datetime64[D]")
    if start < end:
        return np.asarray((time_of_day >= start) & (time_of_day < end) & _opens_on(days, window, closed))
    began_yesterday = _opens_on(np.subtract(days, np.timedelta64(1, "D")), window, closed)
    opens_today = _opens_on(days, window, closed)
    return np.asarray(((time_of_day >= start) & opens_today) | ((time_of_day < end) & began_yesterday))


def _opens_on(days: Days, window: SendWindow, closed: Days) -> np.ndarray:
    """Whether the window opens on each day."""
    weekday = (days.astype("int64") + 3) % 7  # 1970 began on a Thursday
    opens = np.isin(weekday, [WEEKDAYS.index(name) for name in window.weekdays])
    return opens & ~np.isin(days, closed) if len(closed) else opens


def known_zones(zones: pd.Series, otherwise: str) -> pd.Series:
    """The zones, with `otherwise` in place of what is missing or no time zone."""
    names = zones.dropna().unique()
    unknown = [name for name in names if not _is_zone(name)]
    return zones.mask(zones.isin(unknown)).fillna(otherwise)


def _next_open_in(moments: pd.Series, zone: str, window: SendWindow, country: str | None) -> pd.Series:
    known = moments.dropna()
    if known.empty:
        return moments
    index = pd.DatetimeIndex(known)
    look = FIRST_LOOK
    openings, closed = _openings(index, look, zone, window, country)
    while not len(openings) or openings[-1] < index.max():
        look *= 4
        if look > FURTHEST_LOOK:
            raise PermanentError(
                "the send window never opens: leave fewer days closed in nurture.send_window, or more weekdays"
            )
        openings, closed = _openings(index, look, zone, window, country)
    waiting = openings[np.searchsorted(openings, index)]
    open_now = _is_open(index, zone, window, closed)
    return pd.Series(index.where(open_now, waiting), index=known.index).reindex(moments.index)


def _openings(
    index: pd.DatetimeIndex, look: pd.Timedelta, zone: str, window: SendWindow, country: str | None
) -> tuple[pd.DatetimeIndex, Days]:
    """Moments at which the window opens from before the first until `look` after the last of these, ascending; beside
    them the closed days. On a day when the clocks change, every open minute counts as one.

    Clocks that jump can open a window in its middle or twice in a day. Trying each minute of those few days
    says so without a rule for every kind of jump.
    """
    first, last = index.min().floor("D"), index.max().ceil("D")
    midnights = pd.date_range(first - 2 * DAY, last + look, freq="D", unit="us")
    closed = _closed(window, country, midnights[0].year, midnights[-1].year)
    starts = (midnights.tz_localize(None) + _time_of_day(window.start)).tz_localize(
        zone, ambiguous="NaT", nonexistent="NaT"
    )
    wall = midnights.tz_convert(zone).tz_localize(None)
    changes = midnights[:-1][np.diff(wall.to_numpy()) != np.timedelta64(DAY.to_timedelta64())]
    minutes = [
        pd.date_range(day - CLOCK_JUMP, day + DAY + CLOCK_JUMP, freq="min", unit="us") for day in changes
    ]
    moments = pd.DatetimeIndex(starts.dropna().tz_convert("UTC").append(minutes).unique().sort_values())
    return moments[_is_open(moments, zone, window, closed)], closed


def _time_of_day(time: object) -> pd.Timedelta:
    return pd.Timedelta(str(time))


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
