"""The hour at which a lead tends to answer, as of a day, and touches moved to it.

What belongs here: hours out of behaviours. What does not: whether a moment is in the window (`send_window`).

Of a lead's behaviours in the time looked at, counted by local hour and smoothed over the hours beside, with the
campaign's own hours as so many behaviours more (a Dirichlet prior), the hour with the most of them is preferred, among
those at whose beginning the window is open. The campaign's hours are those of its own clock. What a lead does at an
hour also tells when it was written to; so the hour is a habit, not an effect, and an experiment of kind `send_times`
says whether it pays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.timing.rules import PreferredHour, SendWindow

Moments = npt.NDArray[np.datetime64]
Days = npt.NDArray[np.datetime64]
Positions = npt.NDArray[np.int64]
Hours = npt.NDArray[np.int64]

NONE = -1
HOURS = 24
SMOOTHING = (0.25, 0.5, 0.25)
DAYS_PER_LEAD = 1 << 22


@dataclass(frozen=True)
class PreferredHours:
    """Behaviours of leads by hour (UTC), added up along the days; leads by position."""

    keys: Positions
    """Lead and day of each behaviour as one number, ascending."""
    sums: npt.NDArray[np.int64]
    """Behaviours by hour among the first n of them: `[n + 1, 24]`."""
    days: Days
    """Days of the campaign's behaviours, ascending."""
    day_sums: npt.NDArray[np.int64]
    rules: PreferredHour
    window: SendWindow
    time_zone: str

    @classmethod
    def of(
        cls,
        events: pd.DataFrame,
        lead_index: pd.Index[Any],
        rules: PreferredHour,
        window: SendWindow,
        time_zone: str,
    ) -> PreferredHours:
        """From all events of the campaign (lead_id, behaviour, occurred_at, is_machine) and its time zone."""
        by_people = ~events["is_machine"].fillna(value=False).astype(bool)
        chosen = events.loc[events["behaviour"].isin(rules.behaviours) & by_people]
        moments = chosen["occurred_at"].dt.tz_convert(None).to_numpy().astype("datetime64[us]")
        days, hours = _day_and_hour(moments)
        in_days = np.argsort(days, kind="stable")
        lead = lead_index.get_indexer(pd.Index(chosen["lead_id"])).astype("int64")
        known = lead >= 0
        keys = lead[known] * DAYS_PER_LEAD + days[known].astype("int64")
        order = np.argsort(keys, kind="stable")
        return cls(
            keys[order],
            _running_sums(hours[known][order]),
            days[in_days],
            _running_sums(hours[in_days]),
            rules,
            window,
            time_zone,
        )

    def at(
        self, lead: Positions, day: Days, zones: pd.Series[str], window: SendWindow | None = None
    ) -> Hours:
        """The preferred hour of each lead as of the end of each day, by the wall clock of its zone; -1 where too little
        is known. `window` where it is not the campaign's.
        """
        first = lead * DAYS_PER_LEAD + (day.astype("int64") - self.rules.within_days + 1)
        begin = np.searchsorted(self.keys, first, side="left")
        end = np.searchsorted(self.keys, lead * DAYS_PER_LEAD + day.astype("int64"), side="right")
        preferred = np.full(len(lead), NONE, dtype="int64")
        is_known = end - begin >= self.rules.least_behaviours
        if not is_known.any():
            return preferred
        counts = (self.sums[end[is_known]] - self.sums[begin[is_known]]).astype(float)
        local = _rolled(counts, _offsets(day[is_known], zones[is_known]))
        preferred[is_known] = self._best(local, self._prior(day[is_known]), window or self.window)
        return preferred

    def _best(
        self, counts: npt.NDArray[np.float64], prior: npt.NDArray[np.float64], window: SendWindow
    ) -> Hours:
        weights = _smoothed(counts) + self.rules.prior_weight * prior
        is_open = np.array([_is_inside(time(hour), window) for hour in range(HOURS)])
        best = np.where(is_open, weights, -1.0).argmax(axis=1)
        return np.where(is_open.any(), best, NONE).astype("int64")

    def _prior(self, day: Days) -> npt.NDArray[np.float64]:
        """The campaign's hours as of each day, by its own wall clock; they add up to 1."""
        distinct, place = np.unique(day, return_inverse=True)
        begin = np.searchsorted(
            self.days, distinct - np.timedelta64(self.rules.within_days - 1, "D"), side="left"
        )
        end = np.searchsorted(self.days, distinct, side="right")
        counts = (self.day_sums[end] - self.day_sums[begin]).astype(float)
        zone = pd.Series(self.time_zone, index=range(len(distinct)), dtype="str")
        local = _smoothed(_rolled(counts, _offsets(distinct, zone)))
        total = local.sum(axis=1, keepdims=True)
        shares: npt.NDArray[np.float64] = np.where(total > 0, local / np.maximum(total, 1.0), 1 / HOURS)
        return shares[place]


def moved_to(moments: Moments, hours: Hours, zones: pd.Series[str]) -> Moments:
    """Each moment moved to its hour of the same local day, or of the next where that hour has passed; moments without
    a preferred hour (-1), and those whose hour the clocks skip, stay.
    """
    moved = moments.copy()
    places = np.flatnonzero((hours != NONE) & ~np.isnat(moments))
    for zone, members in pd.Series(places).groupby(zones.to_numpy()[places], sort=True):
        at = members.to_numpy()
        local = pd.DatetimeIndex(moments[at]).tz_localize("UTC").tz_convert(str(zone)).tz_localize(None)
        wanted = local.normalize() + pd.to_timedelta(hours[at], unit="h")
        wanted = wanted.where(wanted >= local.floor("h"), wanted + pd.Timedelta(days=1))
        utc = (
            wanted.tz_localize(str(zone), ambiguous="NaT", nonexistent="NaT")
            .tz_convert("UTC")
            .tz_localize(None)
        )
        answer = utc.to_numpy().astype("datetime64[us]")
        # Whoever is in the middle of its hour stays there.
        answer = np.maximum(answer, moments[at])
        moved[at] = np.where(np.isnat(answer), moments[at], answer)
    return moved


def _day_and_hour(moments: Moments) -> tuple[Days, Hours]:
    hours = moments.astype("datetime64[h]")
    days = hours.astype("datetime64[D]")
    return days, (hours - days).astype("int64")


def _running_sums(hours: Hours) -> npt.NDArray[np.int64]:
    marks = np.zeros((len(hours) + 1, HOURS), dtype="int64")
    marks[np.arange(1, len(hours) + 1), hours] = 1
    sums: npt.NDArray[np.int64] = marks.cumsum(axis=0)
    return sums


def _smoothed(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    before, own, after = SMOOTHING
    smooth: npt.NDArray[np.float64] = (
        before * np.roll(counts, 1, axis=1) + own * counts + after * np.roll(counts, -1, axis=1)
    )
    return smooth


def _rolled(counts: npt.NDArray[np.float64], offsets: Hours) -> npt.NDArray[np.float64]:
    """Counts by UTC hour as counts by local hour."""
    source = (np.arange(HOURS)[None, :] - offsets[:, None]) % HOURS
    local: npt.NDArray[np.float64] = np.take_along_axis(counts, source, axis=1)
    return local


def _offsets(day: Days, zones: pd.Series[str]) -> Hours:
    """By how many hours each zone's wall clock is ahead of UTC on each day, to the nearest hour."""
    noon = pd.DatetimeIndex(day.astype("datetime64[us]") + np.timedelta64(12, "h")).tz_localize("UTC")
    ahead = np.zeros(len(day), dtype="int64")
    names = zones.to_numpy()
    for zone in pd.unique(names):
        here = np.flatnonzero(names == zone)
        local = noon[here].tz_convert(str(zone)).tz_localize(None)
        minutes = (local - noon[here].tz_localize(None)).total_seconds() / 60
        ahead[here] = np.round(np.asarray(minutes) / 60).astype("int64")
    return ahead


def _is_inside(moment: time, window: SendWindow) -> bool:
    if window.start < window.end:
        return window.start <= moment < window.end
    return moment >= window.start or moment < window.end
