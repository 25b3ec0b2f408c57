"""Who leaves a sequence before its end: by its goal or an exit, a colleague's reply, or a rep who took the lead over.

What belongs here: asking leads on days, and ending the passages of those who leave. What does not: the days to ask on
(`endings`), facts that hold a lead whatever its sequence (`holds`), and the steps on the way (`passage`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.nurture.endings import Colleagues
from leadflow_pipeline.nurture.holds import GRADUATED, STOPPED
from leadflow_pipeline.nurture.knowledge import Doings, Knowledge
from leadflow_pipeline.nurture.step_conditions import StepCondition, in_words
from leadflow_pipeline.nurture.steps import Goal, NurtureSequence
from leadflow_pipeline.nurture.timetable import Days, Positions, end_of
from leadflow_pipeline.nurture.whereabouts import COMPLETED, HOLDABLE, Whereabouts


@dataclass(frozen=True)
class Leaving:
    """What makes leads leave."""

    where: Whereabouts
    knowledge: Knowledge
    colleagues: Colleagues | None
    """None where their replies stop nobody."""
    touches: Doings | None
    """Of reps with each lead; None where they stop nobody."""
    rules: list[NurtureSequence]
    """Of each sequence at hand, by number."""

    def leave(self, lead: Positions, day: Days) -> None:
        """Ends the passages of those who reached the goal, or who meet an exit; and of those whose colleague replied.

        Who was resumed by hand since the enrolment is asked about no exit: a person has decided.
        """
        at_hand = self.where.is_in(lead, HOLDABLE)
        lead, day = lead[at_hand], day[at_hand]
        for sequence, rows in groups(self.where.sequence(lead)):
            rules, who, when = self.rules[sequence], lead[rows], day[rows]
            if rules.goal is not None:
                self._reach_goal(rules.goal, who, when)
            for exit_ in rules.exits:
                self._exit(exit_, who, when)
        self.stop_on_colleagues(lead, day)
        self._stop_on_touches(lead, day)

    def stop_on_colleagues(self, lead: Positions, day: Days) -> None:
        """Stops those of whose company somebody replied since their enrolment; those too who rest before another."""
        if self.colleagues is None:
            return
        where = self.where
        at_hand = where.is_in(lead, HOLDABLE) | self.will_be_followed(lead)
        lead, day = lead[at_hand], day[at_hand]
        since = np.fmax(where.enrolled_at(lead), where.resumed_at[lead])
        replied = self.colleagues.replied(lead, day, since)
        self.where.hold_as(STOPPED, "colleague_reply", lead[replied], day[replied])

    def _stop_on_touches(self, lead: Positions, day: Days) -> None:
        """A rep who is in touch with a lead has taken it over from its sequence."""
        if self.touches is None:
            return
        where = self.where
        at_hand = where.is_in(lead, HOLDABLE)
        lead, day = lead[at_hand], day[at_hand]
        since = np.fmax(where.enrolments.enrolled_at[where.enrolment[lead]], where.resumed_at[lead])
        touched = self.touches.count(lead, since, end_of(day)) > 0
        self.where.hold_as(STOPPED, "owner_touch", lead[touched], day[touched])

    def will_be_followed(self, lead: Positions) -> npt.NDArray[np.bool_]:
        """Whether each lead rests before another sequence: then it can still be held."""
        where = self.where
        rests: npt.NDArray[np.bool_] = (where.state[lead] == COMPLETED) & ~np.isnat(where.rests_until[lead])
        rests[rests] = self.follower(lead[rests]) >= 0
        return rests

    def follower(self, lead: Positions) -> Positions:
        """The sequence that follows each lead's own, by number; -1 where none does."""
        after = [
            self.where.enrolments.sequences.get_loc(rules.after.follower)
            if rules.after and rules.after.follower
            else -1
            for rules in self.rules
        ]
        found: Positions = np.array(after, dtype="int64")[self.where.sequence(lead)]
        return found

    def _reach_goal(self, goal: Goal, lead: Positions, day: Days) -> None:
        conditions = goal.when
        reached = self.knowledge.holds(conditions, self.where.asked(lead, day))
        lead, day = lead[reached], day[reached]
        text = f"the goal is reached: {' and '.join(map(in_words, conditions))}"
        if goal.then == "graduate":
            self.where.hold_as(GRADUATED, "goal", lead, day, text)
            return
        self.where.end(lead)
        self.where.enter("COMPLETED", lead, day, "goal", text)

    def _exit(self, condition: StepCondition, lead: Positions, day: Days) -> None:
        where = self.where
        enrolled_at = where.enrolled_at(lead)
        asked = where.is_in(lead, HOLDABLE) & ~(where.resumed_at[lead] >= enrolled_at)
        lead, day = lead[asked], day[asked]
        leaves = self.knowledge.holds([condition], where.asked(lead, day))
        self.where.hold_as(STOPPED, "exit", lead[leaves], day[leaves], f"an exit: {in_words(condition)}")


def groups(numbers: Positions) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Each number, with the rows that have it."""
    for number in np.unique(numbers):
        yield int(number), np.flatnonzero(numbers == number)
