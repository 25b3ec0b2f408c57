"""Where every lead's passage stands: one array a column, one place a lead.

What belongs here: the columns, taking them up where earlier days left them, and noting them down. What does not: how
a passage moves on (`passage`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.holds import FREE, PAUSED, reason_text
from leadflow_pipeline.nurture.journal import WHERE, Columns, Journal
from leadflow_pipeline.nurture.knowledge import TIERS, Asked
from leadflow_pipeline.nurture.timetable import Days, Moments, Positions, days_of, moments_of, positions
from leadflow_pipeline.nurture.ways import END

STATES = ("NONE", "ENROLLED", "TOUCH_DUE", "PAUSED", "STOPPED", "GRADUATED", "COMPLETED")
STATE_CODE = {name: code for code, name in enumerate(STATES)}
STATE_OF_HOLD = np.array([-1, STATE_CODE["PAUSED"], STATE_CODE["STOPPED"], STATE_CODE["GRADUATED"]])
RUNNING = (STATE_CODE["ENROLLED"], STATE_CODE["TOUCH_DUE"])
HOLDABLE = (*RUNNING, STATE_CODE["PAUSED"])
COMPLETED = STATE_CODE["COMPLETED"]

NEVER = np.datetime64("NaT", "us")


@dataclass
class Enrolments:
    """Every enrolment at hand: those that go on, then those that begin in the range."""

    enrolment_id: pd.Series[str]
    sequence: Positions
    enrolled_at: Moments
    sequences: pd.Index[Any]

    @classmethod
    def of(cls, begun: pd.DataFrame, sequences: pd.Index[Any]) -> Enrolments:
        """From rows of enrolment_id, sequence and enrolled_at; `sequences` are all that can come."""
        return cls(
            begun["enrolment_id"].reset_index(drop=True),
            positions(sequences, begun["sequence"]),
            moments_of(begun["enrolled_at"]),
            sequences,
        )

    def add(self, enrolment_id: pd.Series[str], sequence: Positions, enrolled_at: Moments) -> Positions:
        """The numbers of more enrolments, which begin now."""
        begins = len(self.sequence)
        self.enrolment_id = pd.concat([self.enrolment_id, enrolment_id], ignore_index=True)
        self.sequence = np.concatenate([self.sequence, sequence])
        self.enrolled_at = np.concatenate([self.enrolled_at, enrolled_at])
        return np.arange(begins, len(self.sequence))


@dataclass
class Whereabouts:
    """The passage of each lead. Places are of steps in its sequence; `END` where no step comes next."""

    enrolments: Enrolments
    enrolment: Positions
    state: npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64]
    """Touches planned so far."""
    next_step: Positions
    next_touch: Moments
    """When the next step falls due."""
    last_step: Moments
    """When the last touch was to fall due."""
    waits_until: Moments
    rests_until: Moments
    tier: Positions
    """At the enrolment."""
    since: Days
    """The day of its latest entry."""
    hold: npt.NDArray[np.int64]
    hold_code: npt.NDArray[Any]
    resumed_at: Moments
    """How it is held, and the resume that stands, as of its latest turn."""
    journal: Journal = field(default_factory=Journal, repr=False)

    @classmethod
    def going_on(cls, live: pd.DataFrame, lead_index: pd.Index[Any], enrolments: Enrolments) -> Whereabouts:
        """Every lead where its latest row left it; a lead without one has no passage yet.

        The first enrolments are those of `live`, in its order.
        """
        size = len(lead_index)

        def numbers(start: int = 0) -> npt.NDArray[np.int64]:
            return np.full(size, start, dtype="int64")

        def moments() -> Moments:
            return np.full(size, NEVER)

        where = cls(
            enrolments, enrolment=numbers(-1), state=numbers(), steps=numbers(), next_step=numbers(END),
            next_touch=moments(), last_step=moments(), waits_until=moments(), rests_until=moments(),
            tier=numbers(-1), since=np.full(size, np.datetime64("NaT", "D")),
            hold=numbers(FREE), hold_code=np.full(size, "", dtype=object), resumed_at=moments(),
        )  # fmt: skip
        lead = positions(lead_index, live["lead_id"])
        where.enrolment[lead] = np.arange(len(live))
        where.state[lead] = live["state"].map(STATE_CODE).to_numpy("int64")
        where.steps[lead] = live["steps_planned"].to_numpy("int64")
        where.next_step[lead] = live["next_step"].fillna(END).to_numpy("int64")
        where.next_touch[lead] = moments_of(live["next_touch_at"])
        where.last_step[lead] = moments_of(live["last_step_at"])
        where.waits_until[lead] = moments_of(live["waits_until"])
        where.rests_until[lead] = moments_of(live["rests_until"])
        where.tier[lead] = pd.Categorical(live["tier_at_enrolment"], TIERS).codes
        where.since[lead] = days_of(live["day"])
        return where

    def sequence(self, lead: Positions) -> Positions:
        """The sequence of each lead, by number."""
        return self.enrolments.sequence[self.enrolment[lead]]

    def enrolled_at(self, lead: Positions) -> Moments:
        """When each lead's enrolment began."""
        begun: Moments = self.enrolments.enrolled_at[self.enrolment[lead]]
        return begun

    def is_in(self, lead: Positions, states: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """Whether each lead is in one of the states."""
        return np.isin(self.state[lead], states)

    def asked(self, lead: Positions, day: Days) -> Asked:
        """Leads on days, as conditions ask about them."""
        return Asked(lead, day, self.enrolled_at(lead), self.last_step[lead], self.tier[lead])

    def enter(self, state: str, lead: Positions, day: Days, code: str, text: str) -> None:
        """Puts leads into a state, and writes down where they stand now."""
        self.state[lead] = STATE_CODE[state]
        self.note(lead, day, code, text)

    def hold_as(self, hold: int, code: str, lead: Positions, day: Days, text: str | None = None) -> None:
        """Pauses, stops or graduates leads: of what was to come only a pause leaves anything."""
        if hold != PAUSED:
            self.next_touch[lead] = NEVER
            self.rests_until[lead] = NEVER
        self.enter(STATES[STATE_OF_HOLD[hold]], lead, day, code, text or reason_text(code))

    def end(self, lead: Positions) -> None:
        """Leaves no step to come."""
        self.next_step[lead] = END
        self.next_touch[lead] = NEVER
        self.waits_until[lead] = NEVER
        self.rests_until[lead] = NEVER

    def go_on(self, lead: Positions, day: Days, code: str, text: str) -> None:
        """Writes down where leads stand that are on their way, or paused, as before.

        A touch that falls due after the day still names its state.
        """
        has_touch = (self.state[lead] == STATE_CODE["TOUCH_DUE"]) & (self.since[lead] == day)
        is_paused = self.state[lead] == STATE_CODE["PAUSED"]
        self.state[lead] = np.where(has_touch | is_paused, self.state[lead], STATE_CODE["ENROLLED"])
        self.note(lead, day, code, text)

    def note(self, lead: Positions, day: Days, code: str, text: str) -> None:
        """Writes down why leads stand where they do."""
        self.since[lead] = day
        where: Columns = {name: getattr(self, name)[lead] for name in WHERE}
        self.journal.add(lead, day, state=self.state[lead], reason=(code, text), where=where)
