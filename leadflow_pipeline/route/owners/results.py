"""What reps were given and what came of it, day by day: the part of a choice that is the rep's, not the lead's. Pure.

What belongs here: counting what was given, and the strengths of each rep as of a day. What does not: the formulas
(`performance.py`), and who may have which lead.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.reps_of_day import Roster
from leadflow_pipeline.route.owners.standing import NOBODY, Standing
from leadflow_pipeline.route.owners.weighing import Strengths

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Results:
    """Counts by day and rep. Its steps must be called for consecutive days, in order."""

    def __init__(self, given: pd.DataFrame, standing: Standing) -> None:
        self._standing = standing
        self._given: dict[date, Ints] = {}
        owners = standing.codes_of(given["owner"])
        for day, rows in given.groupby("day").indices.items():
            self._given[pd.Timestamp(day).date()] = self._counted(owners[rows])

    def given_this_week(self, day: date) -> Ints:
        """Leads that each rep was given in the ISO week of a day, before the day."""
        days = [day - timedelta(days=back) for back in range(1, day.weekday() + 1)]
        none = np.zeros(len(self._standing.names), dtype="int64")
        return sum((self._given[other] for other in days if other in self._given), start=none)

    def count_given(self, day: date, owners: Ints) -> None:
        """Takes in who was given a lead on a day."""
        self._given[day] = self._counted(owners)

    def strengths(self, day: date, roster: Roster, load: Floats) -> Strengths:
        half = np.full(len(roster.reps), 0.5)
        return Strengths(half, 1 - np.clip(load, 0, 1), half)

    def _counted(self, owners: Ints) -> Ints:
        return np.bincount(owners[owners != NOBODY], minlength=len(self._standing.names)).astype("int64")
