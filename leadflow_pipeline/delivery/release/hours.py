"""The present by the clocks of leads: whether they may be written to at this hour, and when their day and week began.

What belongs here: one moment on many wall clocks. What does not: planning (`nurture`), and counting emails (`present`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.delivery.release.steps import said_of_each
from leadflow_pipeline.delivery.release.variants import WindowsTried
from leadflow_pipeline.nurture.timing.rules import SendWindow
from leadflow_pipeline.nurture.timing.send_window import known_zones, next_open
from leadflow_pipeline.nurture.tried_windows import NONE

COLUMNS: Final = ["day_began", "week_began", "day_ends", "week_ends"]


@dataclass(frozen=True)
class Clocks:
    """The clock and the calendar of each of some touches, and the window of its step; all on one index."""

    zones: pd.Series[str]
    countries: pd.Series[str]
    windows: pd.Series[int]
    campaign: Campaign
    choice: tuple[SendWindow, ...]
    """The windows, by their number in `windows`."""

    @classmethod
    def of(
        cls,
        touches: pd.DataFrame,
        leads: pd.DataFrame,
        campaign: Campaign,
        tried: WindowsTried | None = None,
    ) -> Clocks:
        """Of touches (sequence, step), what is known of their leads (time_zone, country), and the windows that are
        tried on them, all on the same index.
        """
        rules = campaign.nurture
        choice = [rules.send_window]
        number_of: dict[tuple[str, int], int] = {}
        for sequence in touches["sequence"].unique():
            for step, each in enumerate(rules.steps_of(sequence), 1):
                window = each.send_window or rules.send_window
                if window not in choice:
                    choice.append(window)
                number_of[sequence, step] = choice.index(window)
        windows = said_of_each(touches, lambda *step: number_of.get(step, 0)).astype("int64")
        if tried is not None:
            is_tried = windows.eq(0) & tried.numbers.ne(NONE)
            windows = windows.mask(is_tried, tried.numbers + len(choice))
            choice.extend(tried.windows)
        zones = known_zones(leads["time_zone"], campaign.time_zone)
        return cls(zones, leads["country"], windows, campaign, tuple(choice))

    def opening_after(self, moments: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
        """The first moment from each on at which the lead may be written to; `moments` are of some of the touches."""
        opened = moments.copy()
        for window, members in self._by_window(moments.index):
            zones = self._zones(members, window)
            opened.loc[members] = next_open(moments.loc[members], zones, window, self.countries.loc[members])
        return opened

    def is_open(self, now: datetime) -> pd.Series[bool]:
        """Whether the window of each touch is open."""
        present = pd.Series(pd.Timestamp(now), index=self.zones.index, dtype="datetime64[us, UTC]")
        return self.opening_after(present).eq(present)

    def days(self, now: datetime) -> pd.DataFrame:
        """Where day and week of each lead begin and end, as moments in UTC."""
        zones = self._zones(self.zones.index, self.campaign.nurture.send_window)
        known = sorted(zones.unique())
        rows = [_day_and_week(zone, now) for zone in known]
        days = pd.DataFrame(rows, index=pd.Index(known, dtype="str"), columns=COLUMNS)
        return days.astype("datetime64[us, UTC]").reindex(zones).set_index(zones.index)

    def _by_window(self, index: pd.Index) -> Iterator[tuple[SendWindow, pd.Index]]:
        windows = self.windows.loc[index]
        for number in np.unique(windows):
            yield self.choice[number], windows.index[windows == number]

    def _zones(self, index: pd.Index, window: SendWindow) -> pd.Series[str]:
        """The campaign's zone where the window goes by its clock and not by the lead's."""
        if window.use_lead_time_zone:
            return self.zones.loc[index]
        return pd.Series(self.campaign.time_zone, index=index, dtype="str")


def _day_and_week(zone: str, now: datetime) -> tuple[pd.Timestamp, ...]:
    """Midnights by the wall clock; one that a change of clocks skips is the moment of the change."""
    today = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    monday = today - timedelta(days=today.weekday())
    midnights = (today, monday, today + timedelta(days=1), monday + timedelta(days=7))
    return tuple(_in_utc(midnight, zone) for midnight in midnights)


def _in_utc(midnight: datetime, zone: str) -> pd.Timestamp:
    return pd.Timestamp(midnight.replace(tzinfo=ZoneInfo(zone))).tz_convert("UTC").as_unit("us")
