"""Rows about leads in time: which one was each lead's latest on a day. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]

DAYS = 1 << 20
"""More days than calendars have, so that a lead and a day are one number."""


class Timeline:
    """Rows with `lead_id` and `day`, of leads that are known by their position among `ids`; others are left out."""

    def __init__(self, rows: pd.DataFrame, ids: pd.Index) -> None:
        lead = ids.get_indexer(pd.Index(rows["lead_id"])).astype("int64")
        key = lead * DAYS + day_numbers(rows["day"])
        order = np.argsort(key, kind="stable")
        order = order[lead[order] >= 0]
        self.rows = rows.take(order).reset_index(drop=True)
        self.leads = lead[order]
        self._key = key[order]

    def at(self, leads: Ints, day: pd.Timestamp) -> Ints:
        """The position of each lead's latest row of a day or before; -1 where there is none."""
        if not len(self._key):
            return np.full(len(leads), -1, dtype="int64")
        wanted = leads * DAYS + day_number(day)
        position = np.searchsorted(self._key, wanted, side="right") - 1
        is_theirs = (position >= 0) & (self.leads[position] == leads)
        return np.where(is_theirs, position, -1)

    def frame_at(self, leads: Ints, day: pd.Timestamp) -> pd.DataFrame:
        """The rows themselves, one for each lead in the order given, missing where there is none."""
        position = self.at(leads, day)
        if (position >= 0).all():
            return self.rows.take(position).reset_index(drop=True)
        return self.rows.reindex(position).reset_index(drop=True)


def day_number(day: pd.Timestamp) -> int:
    """Days since 1970."""
    return (day - pd.Timestamp(0)).days


def day_numbers(days: pd.Series[pd.Timestamp]) -> Ints:
    """The same for a column."""
    return days.to_numpy(dtype="datetime64[D]").astype("int64")
