"""A lead's passage through a sequence: enrolled, written to, held, freed, completed.

What belongs here: the state of every lead's passage and how days and turns move it on, and the journal of
what happened. What does not: what counts as a turn (`holds`, `plan`), and when a step falls due
(`timetable`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.holds import FREE, GRADUATED, PAUSED, STOPPED, reason_text
from leadflow_pipeline.nurture.journal import Journal
from leadflow_pipeline.nurture.timetable import (
    Days,
    Moments,
    Positions,
    Timetable,
    days_of,
    end_of,
    moments_of,
    positions,
)

STATES = ("NONE", "ENROLLED", "TOUCH_DUE", "PAUSED", "STOPPED", "GRADUATED", "COMPLETED")
STATE_CODE = {name: code for code, name in enumerate(STATES)}
STATE_OF_HOLD = np.array([-1, STATE_CODE["PAUSED"], STATE_CODE["STOPPED"], STATE_CODE["GRADUATED"]])
RUNNING = (STATE_CODE["ENROLLED"], STATE_CODE["TOUCH_DUE"])
HOLDABLE = (*RUNNING, STATE_CODE["PAUSED"])

NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True)
class Enrolments:
    """Every enrolment at hand: those that go on, then those that begin in the range."""

    enrolment_id: pd.Series[str]
    sequence: Positions
    enrolled_at: Moments
    sequences: pd.Index[Any]

    @classmethod
    def of(cls, live: pd.DataFrame, starts: pd.DataFrame) -> Enrolments:
        """From rows of `nurtured_leads` that may go on, and routed rows that begin one."""
        begun = pd.concat(
            [
                live[["enrolment_id", "sequence", "enrolled_at"]],
                starts.rename(columns={"sequence_start_at": "enrolled_at"})[
                    ["enrolment_id", "sequence", "enrolled_at"]
                ],
            ],
            ignore_index=True,
        )
        codes, sequences = pd.factorize(begun["sequence"], sort=True)
        return cls(begun["enrolment_id"], codes.astype("int64"), moments_of(begun["enrolled_at"]), sequences)


@dataclass(frozen=True)
class Turns:
    """Turns in the fate of leads, by lead and day.

    Each begins an enrolment (or none: -1), says how the lead is held from then on, and whether its
    engagement on that day was enough to hand it to sales.
    """

    lead: Positions
    day: Days
    enrolment: Positions
    hold: npt.NDArray[np.int64]
    code: npt.NDArray[Any]
    resumed_at: Moments
    is_hot: npt.NDArray[np.bool_]

    def __getitem__(self, rows: npt.NDArray[Any]) -> Turns:
        columns = (
            self.lead, self.day, self.enrolment, self.hold, self.code, self.resumed_at, self.is_hot,
        )  # fmt: skip
        return Turns(*(column[rows] for column in columns))


@dataclass
class Passages:
    """The passage of each lead, one array a column, one place a lead."""

    enrolments: Enrolments
    timetable: Timetable
    journal: Journal
    enrolment: Positions
    state: npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64]
    next_touch: Moments
    since: Days = field(repr=False)

    @classmethod
    def going_on(
        cls, live: pd.DataFrame, lead_index: pd.Index[Any], enrolments: Enrolments, timetable: Timetable
    ) -> Passages:
        """Every lead where its latest row left it; a lead without one has no passage yet."""
        size = len(lead_index)
        passages = cls(
            enrolments, timetable, Journal(),
            enrolment=np.full(size, -1, dtype="int64"),
            state=np.zeros(size, dtype="int64"),
            steps=np.zeros(size, dtype="int64"),
            next_touch=np.full(size, NEVER),
            since=np.full(size, np.datetime64("NaT", "D")),
        )  # fmt: skip
        lead = positions(lead_index, live["lead_id"])
        passages.enrolment[lead] = np.arange(len(live))
        passages.state[lead] = live["state"].map(STATE_CODE).to_numpy("int64")
        passages.steps[lead] = live["steps_planned"].to_numpy("int64")
        passages.next_touch[lead] = moments_of(live["next_touch_at"])
        passages.since[lead] = days_of(live["day"])
        return passages

    def live_through(self, turns: Turns, first_day: np.datetime64, last_day: np.datetime64) -> None:
        """All leads through all days: the days before each lead's k-th turn, then the turn itself."""
        reached = np.full(len(self.state), first_day)
        rank = _rank(turns.lead)
        for number in range(rank.max(initial=-1) + 1):
            turn = turns[rank == number]
            self._uninterrupted(turn.lead, reached[turn.lead], turn.day)
            self._enrol(turn[turn.enrolment >= 0])
            self._hold(turn[turn.hold != FREE])
            self._free(turn[turn.hold == FREE])
            self._graduate(turn[turn.is_hot])
            reached[turn.lead] = turn.day
        everyone = np.arange(len(self.state))
        self._uninterrupted(everyone, reached, np.full(len(reached), last_day + np.timedelta64(1, "D")))

    def _uninterrupted(self, lead: Positions, first: Days, until: Days) -> None:
        """Plans the touches of the days from `first` to before `until`; completes who has had the last."""
        running = np.isin(self.state[lead], RUNNING) & (first < until)
        lead, first, until = lead[running], first[running], until[running]
        self._catch_up(lead, first)
        plannable = lead, until
        while True:
            due_on = _day_before(self.next_touch[plannable[0]])
            due = (due_on < plannable[1]) & (self.steps[plannable[0]] < self._totals(plannable[0]))
            if not due.any():
                break
            plannable = plannable[0][due], plannable[1][due]
            self._touch(plannable[0], due_on[due])
        is_over = np.isnat(self.next_touch[lead]) | (self.steps[lead] >= self._totals(lead))
        over_on = np.maximum(self.since[lead] + np.timedelta64(1, "D"), first)
        completed = is_over & (over_on < until)
        self.next_touch[lead[completed]] = NEVER
        self._enter(
            "COMPLETED",
            lead[completed],
            over_on[completed],
            "completed",
            "every email was planned and its time has come",
        )

    def _catch_up(self, lead: Positions, day: Days) -> None:
        """Moves a touch whose moment passed unplanned to the next open moment after the day."""
        missed = self.next_touch[lead] < end_of(day)
        lead, day = lead[missed], day[missed]
        self.next_touch[lead] = self.timetable.open_from(end_of(day), lead, day)

    def _touch(self, lead: Positions, day: Days) -> None:
        planned_at = self.next_touch[lead]
        self.steps[lead] += 1
        sequence = self.enrolments.sequence[self.enrolment[lead]]
        self.next_touch[lead] = self.timetable.step_after(planned_at, lead, day, sequence, self.steps[lead])
        self.journal.add_touches(lead, day, self.enrolment[lead], self.steps[lead], planned_at)
        self._enter("TOUCH_DUE", lead, day, "touch_due", "an email falls due")

    def _enrol(self, turn: Turns) -> None:
        """Begins the new passage, which ends an earlier one without a word of its own."""
        lead, enrolment = turn.lead, turn.enrolment
        self.enrolment[lead] = enrolment
        self.steps[lead] = 0
        start = np.maximum(self.enrolments.enrolled_at[enrolment], end_of(turn.day))
        sequence = self.enrolments.sequence[enrolment]
        self.next_touch[lead] = self.timetable.step_after(start, lead, turn.day, sequence, self.steps[lead])
        self._enter("ENROLLED", lead, turn.day, "enrolled", "the lead was routed to this sequence")

    def _hold(self, turn: Turns) -> None:
        """Pauses, stops or graduates whoever is on the way. Who has had it all need not pause."""
        state = self.state[turn.lead]
        is_on_the_way = np.isin(state, HOLDABLE) & (STATE_OF_HOLD[turn.hold] != state)
        has_more = self.steps[turn.lead] < self._totals(turn.lead)
        turn = turn[is_on_the_way & (has_more | (turn.hold != PAUSED))]
        for hold in (PAUSED, STOPPED, GRADUATED):
            for code in np.unique(turn.code[turn.hold == hold]):
                self._hold_as(hold, str(code), turn[(turn.hold == hold) & (turn.code == code)])

    def _graduate(self, turn: Turns) -> None:
        """Hands over whoever is on the way and has become engaged enough."""
        self._hold_as(GRADUATED, "engagement", turn[np.isin(self.state[turn.lead], HOLDABLE)])

    def _hold_as(self, hold: int, code: str, turn: Turns) -> None:
        if hold != PAUSED:
            self.next_touch[turn.lead] = NEVER
        self._enter(STATES[STATE_OF_HOLD[hold]], turn.lead, turn.day, code, reason_text(code))

    def _free(self, turn: Turns) -> None:
        """Lets a paused lead go on, and a stopped one that was resumed by hand after it had been stopped."""
        state = self.state[turn.lead]
        was_resumed = turn.resumed_at >= end_of(self.since[turn.lead])
        is_stopped = state == STATE_CODE["STOPPED"]
        turn = turn[(state == STATE_CODE["PAUSED"]) | (is_stopped & was_resumed)]
        waits = np.isnat(self.next_touch[turn.lead]) & (self.steps[turn.lead] < self._totals(turn.lead))
        self.next_touch[turn.lead[waits]] = turn.day[waits].astype("datetime64[us]")
        self._catch_up(turn.lead, turn.day)
        self._enter("ENROLLED", turn.lead, turn.day, "resume", reason_text("resume"))

    def _enter(self, state: str, lead: Positions, day: Days, code: str, text: str) -> None:
        self.state[lead] = STATE_CODE[state]
        self.since[lead] = day
        self.journal.add(
            lead, day, state=STATE_CODE[state], reason=(code, text),
            enrolment=self.enrolment[lead], steps=self.steps[lead], next_touch=self.next_touch[lead],
        )  # fmt: skip

    def _totals(self, lead: Positions) -> npt.NDArray[np.int64]:
        return self.timetable.totals[self.enrolments.sequence[self.enrolment[lead]]]


def _day_before(moments: Moments) -> Days:
    """The partition that a moment falls due after."""
    days: Days = moments.astype("datetime64[D]")
    return days - np.timedelta64(1, "D")


def _rank(lead: Positions) -> npt.NDArray[np.int64]:
    """0 for the first row of each lead, 1 for its second, ...; rows of a lead stand together."""
    begins = np.r_[True, lead[1:] != lead[:-1]][: len(lead)]
    place = np.arange(len(lead))
    return place - np.maximum.accumulate(np.where(begins, place, 0)) if len(lead) else place
