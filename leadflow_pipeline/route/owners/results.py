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

from leadflow_pipeline.route.owners.choice.overload import ease
from leadflow_pipeline.route.owners.choice.performance import (
    LOST_AFTER_DAYS,
    Minutes,
    handoff_results,
    performance,
    summed,
)
from leadflow_pipeline.route.owners.choice.weighing import Strengths
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.reps.working_time import Calendar, working_minutes_between
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import NOBODY, Standing

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NOT_KNOWN = 0.5
"""Strength of a rep of whom nothing is known, and of everybody where nothing is known of anybody."""

ONE_DAY = pd.Timedelta(days=1)
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
        # Leads are numbers here, in the order of their ids: numbers are found sooner than words.
        known = given if worked is None else worked
        leads = [standing.ids.to_series(), known["lead_id"], handoffs["lead_id"]]
        self._ids = pd.Index(np.sort(pd.concat(leads).astype(object).unique()))
        self._outcomes, self._touches = self._numbered(outcomes), self._numbered(touches)
        told = handoffs[["lead_id", "assignment_number", "decided_at", "first_touch_due_at"]]
        self._told = self._numbered(told.astype({"assignment_number": "int64"}))
        self._counts: dict[date, Ints] = {}
        self._given = [self._numbered(known.rename(columns={"owner": "rep"})[GIVEN])]
        self._results = pd.DataFrame()
        self._learned: tuple[pd.Timestamp, Roster] | None = None
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
            self._given.append(self._numbered(frame))

    def strengths(self, day: date, roster: Roster, load: Floats) -> Strengths:
        """What speaks for each rep of a day, by what was known at its end."""
        neutral = np.full(len(roster.reps), NOT_KNOWN)
        readiness = ease(load, self._rules.backpressure_from)
        as_of = pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)
        outcomes = self._outcomes[self._outcomes["occurred_at"] < as_of]
        touches = self._touches[self._touches["occurred_at"] < as_of]
        if not (outcomes["outcome"] == "won").any() and touches.empty:
            return Strengths(neutral, readiness, neutral)
        self._learn(roster, outcomes, touches, as_of)
        since = as_of.tz_localize(None) - pd.Timedelta(days=self._rules.performance_days + 1)
        results = summed(self._results[self._results["day"] >= since], as_of, self._rules.performance_days)
        ids = pd.Index(roster.ids.astype(object), dtype="str")
        team = pd.Series([rep.team for rep in roster.reps], index=ids, dtype="str")
        judged = performance(results, ids, team, self._rules.target_minutes)
        sla = judged["sla"].fillna(NOT_KNOWN).to_numpy(dtype="float64")
        return Strengths(judged["comparable"].to_numpy(dtype="float64"), readiness, sla)

    def _learn(
        self, roster: Roster, outcomes: pd.DataFrame, touches: pd.DataFrame, as_of: pd.Timestamp
    ) -> None:
        """Brings what came of each hand-over up to a moment: anew for leads with news alone, unless calendars changed.

        The rows are as if all were computed anew, to the last bit.
        """
        given = pd.concat(self._given, ignore_index=True).astype({"assignment_number": "int64"})
        self._given = [given]
        given = given[given["day"] + ONE_DAY < as_of.tz_localize(None)]
        kept = self._results.iloc[:0]
        if self._learned and self._learned[1].has_calendars_of(roster):
            is_news = self._which_have_news(given, outcomes, touches, self._learned[0], as_of)
            kept = self._results[~is_news[self._results["lead_id"]]]
            given, outcomes, touches = (rows[is_news[rows["lead_id"]]] for rows in (given, outcomes, touches))
        told = self._told[self._told["decided_at"] < as_of]
        fresh = handoff_results(
            with_moments(given, told), outcomes, touches, as_of, minutes_between=_minutes_of(roster)
        )
        both = pd.concat([kept, fresh], ignore_index=True) if len(kept) else fresh
        # All rows of a lead are in one of the two, in order of their numbers.
        order = np.argsort(both["lead_id"].to_numpy(), kind="stable")
        self._results, self._learned = both.take(order).reset_index(drop=True), (as_of, roster)

    def _which_have_news(
        self,
        given: pd.DataFrame,
        outcomes: pd.DataFrame,
        touches: pd.DataFrame,
        before: pd.Timestamp,
        as_of: pd.Timestamp,
    ) -> npt.NDArray[np.bool_]:
        """Of each lead whether anything is another at `as_of` than it was at `before`."""
        known, grace = self._results, pd.Timedelta(days=LOST_AFTER_DAYS)
        is_late = known["is_untouched"] & (known["first_touch_due_at"] < as_of)
        is_lost_now = known["decided_at"].between(before - grace, as_of - grace, inclusive="left")
        told = self._told["decided_at"].between(before, as_of, inclusive="left")
        news = pd.concat(
            [
                known.loc[is_late | is_lost_now, "lead_id"],
                given.loc[given["day"] + ONE_DAY >= before.tz_localize(None), "lead_id"],
                self._told.loc[told, "lead_id"],
                outcomes.loc[outcomes["occurred_at"] >= before, "lead_id"],
                touches.loc[touches["occurred_at"] >= before, "lead_id"],
            ]
        )
        is_news = np.zeros(len(self._ids), dtype=bool)
        is_news[news.to_numpy()] = True
        return is_news

    def _numbered(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of leads that are known here, with their numbers in the place of their ids."""
        numbered = rows.assign(lead_id=self._ids.get_indexer(pd.Index(rows["lead_id"])))
        return numbered[numbered["lead_id"] >= 0]

    def _counted(self, owners: Ints) -> Ints:
        return np.bincount(owners[owners != NOBODY], minlength=len(self._standing.names)).astype("int64")


def with_moments(given: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Decisions (columns of `GIVEN`) with `decided_at`, when the rep had the lead, and `first_touch_due_at`; from when
    each was told (`lead_id, assignment_number, decided_at, first_touch_due_at`).
    """
    numbered = given.astype({"assignment_number": "int64"})
    known = told.astype({"assignment_number": "int64"}).drop_duplicates(["lead_id", "assignment_number"])
    both = numbered.merge(known, on=["lead_id", "assignment_number"], how="left")
    decided = both["day"].dt.tz_localize("UTC") + ONE_DAY
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
