"""What reps were given and what came of it, as of each day: the part of a choice that is the rep's, not the lead's.
Pure.

What belongs here: counting what was given, and the strengths of each rep. What does not: the formulas
(`performance.py`), and who may have which lead.

A rep has a lead from the moment it was told; where it was not told, from the end of the day that decided so.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.overload import ease
from leadflow_pipeline.route.owners.performance import Minutes, performance, rep_results
from leadflow_pipeline.route.owners.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import NOBODY, Standing
from leadflow_pipeline.route.owners.weighing import Strengths
from leadflow_pipeline.route.owners.working_time import Calendar, working_minutes_between

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NOT_KNOWN = 0.5
"""Strength of a rep of whom nothing is known, and of everybody where nothing is known of anybody."""

GIVEN = ["day", "lead_id", "assignment_number", "rep"]


class Results:
    """What was given, by day. Its steps must be called for consecutive days, in order."""

    def __init__(
        self,
        given: pd.DataFrame,
        handoffs: pd.DataFrame,
        outcomes: pd.DataFrame,
        touches: pd.DataFrame,
        standing: Standing,
        rules: OwnershipRules,
        worked: pd.DataFrame | None = None,
    ) -> None:
        """`worked` is who really was given which lead, where that is not what is planned: reps are judged by it."""
        self._standing, self._rules = standing, rules
        self._is_real = worked is None
        self._outcomes, self._touches = outcomes, touches
        self._told = handoffs[["lead_id", "assignment_number", "decided_at", "first_touch_due_at"]]
        self._counts: dict[date, Ints] = {}
        known = given if worked is None else worked
        self._given = [known.rename(columns={"owner": "rep"})[GIVEN]]
        owners = standing.codes_of(given["owner"])
        for day in given["day"].unique():
            self._counts[day.date()] = self._counted(owners[(given["day"] == day).to_numpy()])

    def given_this_week(self, day: date) -> Ints:
        """Leads that each rep was given in the ISO week of a day, before the day."""
        days = [day - timedelta(days=back) for back in range(1, day.weekday() + 1)]
        none = np.zeros(len(self._standing.names), dtype="int64")
        return sum((self._counts[other] for other in days if other in self._counts), start=none)

    def count_given(self, day: date, leads: Ints, numbers: Ints) -> None:
        """Takes in who was given a lead on a day, and under which number."""
        standing = self._standing
        owners = standing.holds[leads]
        self._counts[day] = self._counted(owners)
        if len(leads) and self._is_real:
            frame = pd.DataFrame(
                {
                    "day": pd.Timestamp(day).as_unit("us"),
                    "lead_id": standing.ids[leads],
                    "assignment_number": numbers,
                    "rep": standing.names_of(owners),
                }
            )
            self._given.append(frame)

    def strengths(self, day: date, roster: Roster, load: Floats) -> Strengths:
        """What speaks for each rep of a day, by what was known at its end."""
        neutral = np.full(len(roster.reps), NOT_KNOWN)
        readiness = ease(load, self._rules.backpressure_from)
        as_of = pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)
        outcomes = self._outcomes[self._outcomes["occurred_at"] < as_of]
        touches = self._touches[self._touches["occurred_at"] < as_of]
        if not (outcomes["outcome"] == "won").any() and touches.empty:
            return Strengths(neutral, readiness, neutral)
        results = rep_results(
            self._given_before(as_of),
            outcomes,
            touches,
            as_of,
            self._rules.performance_days,
            minutes_between=_minutes_of(roster),
        )
        ids = pd.Index(roster.ids.astype(object), dtype="str")
        team = pd.Series([rep.team for rep in roster.reps], index=ids, dtype="str")
        judged = performance(results, ids, team, self._rules.target_minutes)
        sla = judged["sla"].fillna(NOT_KNOWN).to_numpy(dtype="float64")
        return Strengths(judged["comparable"].to_numpy(dtype="float64"), readiness, sla)

    def _given_before(self, as_of: pd.Timestamp) -> pd.DataFrame:
        """Who was given which lead, and when it was told, of the days that count."""
        today = as_of.tz_localize(None) - pd.Timedelta(days=1)
        since = today - pd.Timedelta(days=self._rules.performance_days)
        given = pd.concat(
            [part[(part["day"] >= since) & (part["day"] < today)] for part in self._given], ignore_index=True
        )
        return with_moments(given, self._told[self._told["decided_at"] < as_of])

    def _counted(self, owners: Ints) -> Ints:
        return np.bincount(owners[owners != NOBODY], minlength=len(self._standing.names)).astype("int64")


def with_moments(given: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Decisions (columns of `GIVEN`) with `decided_at`, when the rep had the lead, and `first_touch_due_at`; from when
    each was told (`lead_id, assignment_number, decided_at, first_touch_due_at`).
    """
    numbered = given.astype({"assignment_number": "int64", "lead_id": "str"})
    known = told.astype({"assignment_number": "int64"}).drop_duplicates(["lead_id", "assignment_number"])
    both = numbered.merge(known, on=["lead_id", "assignment_number"], how="left")
    decided = both["day"].dt.tz_localize("UTC") + pd.Timedelta(days=1)
    return both.assign(decided_at=both["decided_at"].fillna(decided))


def _minutes_of(roster: Roster) -> Minutes:
    """Working minutes between moments, by the calendars of a roster; plain ones for a rep who is not in it."""

    def minutes_between(
        reps: pd.Series[str], starts: pd.Series[pd.Timestamp], ends: pd.Series[pd.Timestamp]
    ) -> Floats:
        start, end = (
            moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
            for moments in (starts, ends)
        )
        minutes = (end - start) / np.timedelta64(1, "m")
        for rep, rows in pd.Series(reps.to_numpy()).groupby(reps.to_numpy()).indices.items():
            column = roster.column_of.get(str(rep))
            if column is not None:
                calendar = Calendar.of(roster.reps[column], roster.absences_of(str(rep)))
                minutes[rows] = working_minutes_between(start[rows], end[rows], calendar)
        return minutes

    return minutes_between
