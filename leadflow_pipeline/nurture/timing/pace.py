"""The pace of a lead: sooner after it was there, later while it is silent.

What belongs here: which days quicken a lead, who is silent, and what becomes of a wait. What does not: which step comes
next (`nurture.passage`), and windows (`send_window`).

Nothing rests on opens, and nothing on what a machine did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.timing.rules import Pace

Moments = npt.NDArray[np.datetime64]
Days = npt.NDArray[np.datetime64]
Positions = npt.NDArray[np.int64]
Durations = npt.NDArray[np.timedelta64]

SIGNS_OF_LIFE = ("click", "visit", "reply", "meeting")
"""Behaviours that no machine has, beside those that a campaign names."""

MICROSECONDS_A_DAY = 86_400_000_000
SECONDS_PER_LEAD = 1 << 34
"""Room for seconds since 1970 in a key of lead and second."""


def quickened(events: pd.DataFrame, pace: Pace | None) -> pd.DataFrame:
    """The days on which leads did what brings their next step nearer: lead_id, day, unique.

    `events` has lead_id, behaviour, occurred_at and is_machine.
    """
    if pace is None or events.empty:
        return pd.DataFrame({"lead_id": events["lead_id"].head(0), "day": _days(events.head(0))})
    chosen = events.loc[events["behaviour"].isin(pace.sooner_on) & _by_people(events)]
    return pd.DataFrame({"lead_id": chosen["lead_id"], "day": _days(chosen)}).drop_duplicates(
        ignore_index=True
    )


def sooner(next_touch: Moments, day_ends: Moments, pace: Pace) -> Moments:
    """When the next touch comes after a lead was there on a day that ended at `day_ends`: never later than before."""
    wait = (next_touch - day_ends).astype("timedelta64[us]").astype("int64")
    least = round(pace.least_days * MICROSECONDS_A_DAY)
    shorter = np.minimum(wait, np.maximum((wait * pace.sooner).astype("int64"), least))
    nearer: Moments = day_ends + shorter.astype("timedelta64[us]")
    return nearer


@dataclass(frozen=True)
class SignsOfLife:
    """When leads last gave a sign of life, as of any moment; leads by position."""

    keys: Positions
    """Lead and second of each sign as one number, ascending."""

    @classmethod
    def of(cls, events: pd.DataFrame, lead_index: pd.Index[Any], pace: Pace) -> SignsOfLife:
        """From events (lead_id, behaviour, occurred_at, is_machine); leads not in the index are passed over."""
        chosen = events.loc[events["behaviour"].isin([*SIGNS_OF_LIFE, *pace.sooner_on]) & _by_people(events)]
        lead = lead_index.get_indexer(pd.Index(chosen["lead_id"])).astype("int64")
        at = chosen["occurred_at"].dt.tz_convert(None).to_numpy().astype("datetime64[s]")
        return cls(np.sort(_keys(lead, at)[lead >= 0]))

    def before(self, lead: Positions, moments: Moments) -> Moments:
        """The last sign of each lead before each moment, to the second; NaT where there was none."""
        found = np.searchsorted(self.keys, _keys(lead, moments), side="left") - 1
        is_own = found >= 0
        is_own[is_own] = self.keys[found[is_own]] // SECONDS_PER_LEAD == lead[is_own]
        signs = np.full(len(lead), np.datetime64("NaT", "us"))
        seconds = self.keys[found[is_own]] % SECONDS_PER_LEAD
        signs[is_own] = seconds.astype("datetime64[s]").astype("datetime64[us]")
        return signs


def slower(
    delays: Durations,
    lead: Positions,
    day_ends: Moments,
    enrolled_at: Moments,
    signs: SignsOfLife,
    pace: Pace,
) -> Durations:
    """The delays of leads as of the ends of days: longer for those that are silent."""
    last = signs.before(lead, day_ends)
    since = np.where(np.isnat(last), enrolled_at, np.maximum(last, enrolled_at))
    is_silent = day_ends - since >= np.timedelta64(round(pace.silent_after_days * MICROSECONDS_A_DAY), "us")
    plain = delays.astype("timedelta64[us]").astype("int64")
    most = round(pace.most_days * MICROSECONDS_A_DAY)
    longer = np.maximum(plain, np.minimum((plain * pace.later).astype("int64"), most))
    return np.where(is_silent, longer, plain).astype("timedelta64[us]")


def _by_people(events: pd.DataFrame) -> pd.Series[bool]:
    return ~events["is_machine"].fillna(value=False).astype(bool)


def _days(events: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    days: pd.Series[pd.Timestamp] = events["occurred_at"].dt.tz_convert(None).dt.floor("D")
    return days.astype("datetime64[us]")


def _keys(lead: Positions, moments: Moments) -> Positions:
    keys: Positions = lead * SECONDS_PER_LEAD + moments.astype("datetime64[s]").astype("int64")
    return keys
