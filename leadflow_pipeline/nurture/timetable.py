"""When the steps of a sequence fall due: delays, the send window, and what was known of a lead on the day it
matters.

What belongs here: the arithmetic of planned times. What does not: which steps are planned (see `passage`).

Arrays throughout: `datetime64[D]` days, `datetime64[us]` moments in UTC, leads by position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.steps import NurtureSequence
from leadflow_pipeline.nurture.timing.pace import SignsOfLife, slower, sooner
from leadflow_pipeline.nurture.timing.preferred_hour import PreferredHours, moved_to
from leadflow_pipeline.nurture.timing.rules import Pace, SendWindow
from leadflow_pipeline.nurture.timing.send_window import known_zones, next_open
from leadflow_pipeline.nurture.tried_windows import NONE, TriedWindows
from leadflow_pipeline.nurture.ways import END, Ways

Positions = npt.NDArray[np.int64]
Days = npt.NDArray[np.datetime64]
Moments = npt.NDArray[np.datetime64]

DAYS_PER_LEAD = 1 << 22
"""Room for days since 1970 in a key of lead and day."""


def end_of(days: Days) -> Moments:
    """The midnight that ends each day."""
    midnights: Moments = (days + np.timedelta64(1, "D")).astype("datetime64[us]")
    return midnights


def keys_of(lead: Positions, day: Days) -> Positions:
    """One number for each lead and day, in their order."""
    keys: Positions = lead * DAYS_PER_LEAD + day.astype("int64")
    return keys


def latest(keys: Positions, wanted: Positions) -> Positions:
    """Where in sorted `keys` the latest row of each wanted lead and day is; -1 where there is none."""
    found = np.searchsorted(keys, wanted, side="right") - 1
    is_own = found >= 0
    is_own[is_own] = keys[found[is_own]] // DAYS_PER_LEAD == wanted[is_own] // DAYS_PER_LEAD
    return np.where(is_own, found, -1)


@dataclass(frozen=True)
class AsOf:
    """Texts of leads over days; the latest at or before a day counts."""

    keys: Positions
    values: pd.Series[str]

    @classmethod
    def of(cls, keys: Positions, values: pd.Series[str]) -> AsOf:
        """From one row per lead and day, in any order; a missing value never hides an earlier known one."""
        known = values.notna().to_numpy()
        order = np.flatnonzero(known)[np.argsort(keys[known], kind="stable")]
        return cls(keys[order], values.take(order))

    def at(self, lead: Positions, day: Days) -> pd.Series[str]:
        """The value of each lead on each day; missing where nothing was known yet."""
        found = latest(self.keys, keys_of(lead, day))
        values = self.values.take(np.maximum(found, 0)) if len(self.values) else self.values.reindex(found)
        return values.reset_index(drop=True).mask(found < 0)


@dataclass(frozen=True)
class LeadHistory:
    """Address, time zone and country of leads, as known on each day."""

    email: AsOf
    time_zone: AsOf
    country: AsOf

    @classmethod
    def of(cls, leads: pd.DataFrame, lead_index: pd.Index[Any]) -> LeadHistory:
        """From rows of day, lead_id, email, time_zone and country; leads not in `lead_index` are passed over."""
        lead = positions(lead_index, leads["lead_id"])
        leads, lead = leads.loc[lead >= 0], lead[lead >= 0]
        keys = keys_of(lead, days_of(leads["day"]))
        return cls(*(AsOf.of(keys, leads[column]) for column in ("email", "time_zone", "country")))


def positions(lead_index: pd.Index[Any], lead_ids: pd.Series[Any]) -> Positions:
    """The place of each lead in the index; -1 for one that is not in it."""
    return lead_index.get_indexer(pd.Index(lead_ids)).astype("int64")


def days_of(days: pd.Series[Any]) -> Days:
    """A column of days as an array of them."""
    return days.to_numpy().astype("datetime64[D]")


def moments_of(moments: pd.Series[Any]) -> Moments:
    """A column of moments as an array of them in UTC."""
    plain: Moments = moments.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    return plain


@dataclass(frozen=True)
class Habits:
    """What leads did, as far as it moves their steps: their pace and their hours. None where the rules heed neither."""

    pace: Pace | None
    signs: SignsOfLife | None
    hours: PreferredHours | None

    @classmethod
    def of(
        cls, events: pd.DataFrame, lead_index: pd.Index[Any], rules: NurtureRules, time_zone: str
    ) -> Habits:
        """From all events of the campaign before the end of the days at hand."""
        signs = SignsOfLife.of(events, lead_index, rules.pace) if rules.pace else None
        hours = (
            PreferredHours.of(events, lead_index, rules.preferred_hour, rules.send_window, time_zone)
            if rules.preferred_hour
            else None
        )
        return cls(rules.pace, signs, hours)


@dataclass(frozen=True)
class Timetable:
    """The steps of each sequence at hand, and when they fall due."""

    sequences: pd.Index[Any]
    ways: Ways
    windows: tuple[SendWindow, ...]
    window_of: Positions
    """Of each step, by its number in `windows`; shaped as in `ways`."""
    history: LeadHistory
    habits: Habits
    time_zone: str
    tried: TriedWindows | None = None
    """Windows that experiments put in the place of the campaign's."""

    @classmethod
    def of(
        cls,
        declared: Sequence[NurtureSequence],
        sequences: pd.Index[Any],
        window: SendWindow,
        history: LeadHistory,
        habits: Habits,
        time_zone: str,
        tried: TriedWindows | None = None,
    ) -> Timetable:
        """The timetable of these sequences, named `sequences`; window and `time_zone` are the campaign's."""
        ways = Ways.of(declared)
        windows = [window]
        window_of = np.zeros(ways.channel.shape, dtype="int64")
        for row, sequence in enumerate(declared):
            for place, step in enumerate(sequence.way, 1):
                if step.send_window is not None:
                    if step.send_window not in windows:
                        windows.append(step.send_window)
                    window_of[row, place] = windows.index(step.send_window)
        return cls(sequences, ways, tuple(windows), window_of, history, habits, time_zone, tried)

    def step_due(
        self, moments: Moments, lead: Positions, day: Days, enrolled_at: Moments, sequence: Positions,
        place: Positions,
    ) -> Moments:  # fmt: skip
        """When the step at `place` is due, counted from `moments`, decided on `day`; NaT at the end."""
        due = np.full(len(moments), np.datetime64("NaT"), dtype="datetime64[us]")
        remains = (place != END) & (place <= self.ways.totals[sequence])
        at = sequence[remains], place[remains]
        lead, day, delay = lead[remains], day[remains], self.ways.delay[at]
        if self.habits.pace is not None and self.habits.signs is not None:
            delay = slower(
                delay, lead, end_of(day), enrolled_at[remains], self.habits.signs, self.habits.pace
            )
        due[remains] = self.open_from(moments[remains] + delay, lead, day, *at)
        return due

    def due_sooner(
        self, due: Moments, lead: Positions, day: Days, sequence: Positions, place: Positions
    ) -> Moments:
        """When the next step is due of leads that were there on a day; never later than it was."""
        if self.habits.pace is None:
            return due
        nearer = sooner(due, end_of(day), self.habits.pace)
        return np.minimum(due, self.open_from(nearer, lead, day, sequence, place))

    def open_from(
        self, moments: Moments, lead: Positions, day: Days, sequence: Positions, place: Positions
    ) -> Moments:
        """The first moment from each on at which the step may fall due for the lead, as known on `day`."""
        opened = moments.copy()
        at = sequence, np.minimum(place, self.ways.keeps_window.shape[1] - 1)
        waits = self.ways.keeps_window[at]
        window_of, windows = self.window_of[at], self.windows
        if self.tried is not None:
            tried = np.where(waits & (window_of == 0), self.tried.at(lead, day), NONE)
            window_of = np.where(tried == NONE, window_of, len(windows) + tried)
            windows = (*windows, *self.tried.windows)
        for number in np.unique(window_of[waits]):
            here = waits & (window_of == number)
            opened[here] = self._window_opens(moments[here], lead[here], day[here], windows[number])
        return opened

    def _window_opens(self, moments: Moments, lead: Positions, day: Days, window: SendWindow) -> Moments:
        zones = pd.Series(self.time_zone, index=range(len(moments)), dtype="str")
        if window.use_lead_time_zone:
            zones = known_zones(self.history.time_zone.at(lead, day), self.time_zone)
        countries = self.history.country.at(lead, day) if window.keep_lead_holidays else None
        opened = _opened(moments, zones, window, countries)
        if self.habits.hours is None:
            return opened
        wanted = moved_to(opened, self.habits.hours.at(lead, day, zones, window), zones)
        return np.where(_opened(wanted, zones, window, countries) == wanted, wanted, opened)


def _opened(
    moments: Moments, zones: pd.Series[str], window: SendWindow, countries: pd.Series[str] | None
) -> Moments:
    return moments_of(
        next_open(pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC")), zones, window, countries)
    )
