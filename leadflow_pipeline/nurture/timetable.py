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

from leadflow_pipeline.nurture.rules import SendWindow
from leadflow_pipeline.nurture.send_window import known_zones, next_open
from leadflow_pipeline.nurture.steps import NurtureSequence
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
    """Address and time zone of leads, as known on each day."""

    email: AsOf
    time_zone: AsOf

    @classmethod
    def of(cls, leads: pd.DataFrame, lead_index: pd.Index[Any]) -> LeadHistory:
        """From rows of day, lead_id, email and time_zone; leads not in `lead_index` are passed over."""
        lead = positions(lead_index, leads["lead_id"])
        leads, lead = leads.loc[lead >= 0], lead[lead >= 0]
        keys = keys_of(lead, days_of(leads["day"]))
        return cls(AsOf.of(keys, leads["email"]), AsOf.of(keys, leads["time_zone"]))


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
class Timetable:
    """The steps of each sequence at hand, and when they fall due."""

    sequences: pd.Index[Any]
    ways: Ways
    window: SendWindow
    history: LeadHistory
    time_zone: str

    @classmethod
    def of(
        cls,
        declared: Sequence[NurtureSequence],
        sequences: pd.Index[Any],
        window: SendWindow,
        history: LeadHistory,
        time_zone: str,
    ) -> Timetable:
        """The timetable of these sequences, named `sequences`; `time_zone` is the campaign's."""
        return cls(sequences, Ways.of(declared), window, history, time_zone)

    def step_due(
        self, moments: Moments, lead: Positions, day: Days, sequence: Positions, place: Positions
    ) -> Moments:
        """When the step at `place` is due, counted from `moments`, decided on `day`; NaT at the end."""
        due = np.full(len(moments), np.datetime64("NaT"), dtype="datetime64[us]")
        remains = (place != END) & (place <= self.ways.totals[sequence])
        at = sequence[remains], place[remains]
        due[remains] = self.open_from(
            moments[remains] + self.ways.delay[at], lead[remains], day[remains], *at
        )
        return due

    def open_from(
        self, moments: Moments, lead: Positions, day: Days, sequence: Positions, place: Positions
    ) -> Moments:
        """The first moment from each on at which the step may fall due for the lead, as known on `day`."""
        opened = moments.copy()
        waits = self.ways.keeps_window[sequence, np.minimum(place, self.ways.keeps_window.shape[1] - 1)]
        opened[waits] = self._window_opens(moments[waits], lead[waits], day[waits])
        return opened

    def _window_opens(self, moments: Moments, lead: Positions, day: Days) -> Moments:
        if not len(moments):
            return moments
        zones = pd.Series(self.time_zone, index=range(len(moments)), dtype="str")
        if self.window.use_lead_time_zone:
            zones = known_zones(self.history.time_zone.at(lead, day), self.time_zone)
        opened = next_open(pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC")), zones, self.window)
        return moments_of(opened)
