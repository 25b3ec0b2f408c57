"""The records of one lead, joined.

What belongs here: later values win, missing values keep what was known, defaults fill what nobody ever said.
What does not: cleaning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Positions = np.ndarray[Any, np.dtype[np.int64]]


def group_starts(keys: pd.Series) -> Positions:
    """For each row the position of the first row of its group; `keys` is sorted by group."""
    is_first = keys.ne(keys.shift()).to_numpy(dtype=bool)
    positions = np.arange(len(keys), dtype=np.int64)
    return np.maximum.accumulate(np.where(is_first, positions, 0))


def last_known(values: pd.Series, starts: Positions) -> pd.Series:
    """Each row's latest value that is not missing, of the row itself or an earlier one of its group."""
    known = values.notna().to_numpy()
    if known.all():
        return values
    positions = np.arange(len(values), dtype=np.int64)
    latest = np.maximum.accumulate(np.where(known, positions, -1))
    source = np.where(latest >= starts, latest, positions)
    if (source == positions).all():
        return values
    filled = values.take(source)
    filled.index = values.index
    return filled


def with_defaults(values: pd.Series, defaults: pd.Series, starts: Positions) -> pd.Series:
    """Values already joined by `last_known`, with defaults where nothing is known.

    The first default of a lead stays until a real value comes: else a later source's default would look like
    news, and days computed one by one, which see the default as what was known, would differ from days
    computed together.
    """
    given = defaults.notna().to_numpy()
    count = np.cumsum(given)
    before_group = (count - given)[starts] if len(starts) else count
    first = defaults.where(given & (count - before_group == 1))
    return values.fillna(last_known(first, starts))
