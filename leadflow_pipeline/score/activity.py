"""Which events count for which lead on which day, answered for all leads and days at once.

What belongs here: the events of the due leads in one total order, and the positions at which a day ends in
it. What does not: what an event is worth (`engagement`) or earns (`points`).

An event counts for `(lead, day)` when it occurred before the midnight (UTC) that ends the day, was not made
by a machine, is of a behaviour the rules know, and is not one too many of its kind on its day (`at_most_a_day`
keeps the earliest of a UTC day, so what came later that day changes nothing that came before). Since moments
are compared only with midnights, an event's day decides; so a lead and a day fold into one integer, and the
events before the end of a day are found by one binary search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

IntegerArray: TypeAlias = npt.NDArray[np.int64]

MICROSECONDS_A_DAY = 86_400_000_000
KEYS_A_LEAD = 1 << 22
"""Days that a lead's keys have room for: 5,700 years on either side of 1970."""
NEVER = -KEYS_A_LEAD
"""Where a day is asked for and there is none."""

NO_LIMIT = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Activity:
    """The events that count, ordered by lead, moment and behaviour: all that a sum over them can depend on.

    Leads are numbered, days count from 1970-01-01. The order does not depend on how the events came in, so
    neither does any floating-point sum taken along it.
    """

    keys: IntegerArray
    """Lead and day of each event, ascending."""
    moments: IntegerArray
    """Microseconds since 1970."""
    behaviours: npt.NDArray[np.int16]
    """Index into `names`."""
    names: tuple[str, ...]

    def first(self, leads: IntegerArray) -> IntegerArray:
        """Position of each lead's first event."""
        return np.searchsorted(self.keys, leads * KEYS_A_LEAD - KEYS_A_LEAD // 2)

    def end(self, leads: IntegerArray, days: IntegerArray) -> IntegerArray:
        """Position after each lead's last event of the day or earlier."""
        return np.searchsorted(self.keys, event_keys(leads, days), side="right")

    def count(self, behaviours: Sequence[str], start: IntegerArray, end: IntegerArray) -> IntegerArray:
        """How many events of these behaviours there are in each interval of positions [start, end)."""
        running = self._running_count(behaviours)
        return running[end] - running[start]

    def last_day(self, behaviours: Sequence[str], start: IntegerArray, end: IntegerArray) -> IntegerArray:
        """The day of the last event of these behaviours in each interval of positions [start, end).

        NEVER where there is none.
        """
        running = self._running_count(behaviours)
        days = self.moments[self._is_one_of(behaviours)] // MICROSECONDS_A_DAY
        last = np.full(len(end), NEVER, dtype=np.int64)
        has_one = running[end] > running[start]
        last[has_one] = days[running[end][has_one] - 1]
        return last

    def _running_count(self, behaviours: Sequence[str]) -> IntegerArray:
        running: IntegerArray = np.concatenate([[0], np.cumsum(self._is_one_of(behaviours))])
        return running

    def _is_one_of(self, behaviours: Sequence[str]) -> npt.NDArray[np.bool_]:
        return np.isin(self.behaviours, [self.names.index(name) for name in behaviours])


def order_events(
    events: pd.DataFrame,
    leads: pa.Array,
    behaviours: Sequence[str],
    at_most_a_day: Mapping[str, int] | None = None,
) -> Activity:
    """The events that count for these leads.

    Args:
        events: `lead_id`, `behaviour`, `occurred_at`, `is_machine`, one row an event, in any order.
        leads: ids of the leads; a lead's number is its position.
        behaviours: the behaviours that the rules know.
        at_most_a_day: behaviour -> of a lead's events of one UTC day, only the earliest so many count.
    """
    names = tuple(sorted(behaviours))
    lead = positions_in(events["lead_id"], leads)
    behaviour = positions_in(events["behaviour"], pa.array(names, type=pa.large_string()))
    is_human = ~events["is_machine"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    counts = (lead >= 0) & (behaviour >= 0) & is_human
    lead, behaviour = lead[counts], behaviour[counts]
    moment = _microseconds(events["occurred_at"])[counts]
    order = np.lexsort((moment * len(names) + behaviour, lead))
    moment = moment[order]
    keys = event_keys(lead[order], moment // MICROSECONDS_A_DAY)
    kind = behaviour[order].astype(np.int16)
    if at_most_a_day:
        limits = np.array([at_most_a_day.get(name, NO_LIMIT) for name in names], dtype=np.int64)
        kept = _within_daily_limit(keys, kind, limits)
        keys, moment, kind = keys[kept], moment[kept], kind[kept]
    return Activity(keys, moment, kind, names)


def _within_daily_limit(
    keys: IntegerArray, behaviours: npt.NDArray[np.int16], limits: IntegerArray
) -> npt.NDArray[np.bool_]:
    """Which of the ordered events are among the earliest of their lead, day and behaviour.

    Events at the same moment are alike in all that counts, so it does not matter which of them is the last.
    """
    kept = np.ones(len(keys), dtype=bool)
    limited = np.flatnonzero(limits[behaviours] < NO_LIMIT)
    by_kind = limited[np.lexsort((behaviours[limited], keys[limited]))]  # stable: the earliest stays first
    starts = np.ones(len(by_kind), dtype=bool)
    starts[1:] = (np.diff(keys[by_kind]) != 0) | (np.diff(behaviours[by_kind]) != 0)
    begins = np.flatnonzero(starts)
    rank = np.arange(len(by_kind)) - np.repeat(begins, np.diff(begins, append=len(by_kind)))
    kept[by_kind] = rank < limits[behaviours[by_kind]]
    return kept


def event_keys(leads: IntegerArray, days: IntegerArray) -> IntegerArray:
    """One integer for each lead and day, ordered by lead, then day."""
    return leads * KEYS_A_LEAD + days


def day_numbers(days: pd.Series) -> IntegerArray:
    """Days since 1970-01-01 of naive midnights."""
    return days.to_numpy(dtype="datetime64[D]").astype(np.int64)


def number_leads(lead_ids: pd.Series) -> tuple[pa.Array, IntegerArray]:
    """The distinct ids in ascending order, and the number (position among them) of each row's lead."""
    distinct = pc.unique(as_arrow(lead_ids))
    leads = distinct.take(pc.array_sort_indices(distinct))
    return leads, positions_in(lead_ids, leads)


def positions_in(values: pd.Series, known: pa.Array) -> IntegerArray:
    """Position of each text among the known ones, -1 where it is not one of them."""
    positions = pc.index_in(as_arrow(values), value_set=known)
    return np.asarray(pc.fill_null(positions, -1)).astype(np.int64)


def as_arrow(values: pd.Series) -> pa.Array:
    """A text column as one Arrow array, on which look-ups are several times faster than on Python texts."""
    column = pa.array(values, type=pa.large_string(), from_pandas=True)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _microseconds(moments: pd.Series) -> IntegerArray:
    in_utc = pd.to_datetime(moments, utc=True).dt.tz_localize(None)
    return in_utc.to_numpy(dtype="datetime64[us]").astype(np.int64)
