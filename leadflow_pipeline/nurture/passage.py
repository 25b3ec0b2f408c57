"""A lead's passage through a sequence: enrolled, asked, written to, held, freed, ended, followed by another.

What belongs here: how days and turns move every lead's passage on. What does not: where passages stand
(`whereabouts`), who leaves before the end (`leaving`), what counts as a turn (`turns`), whether conditions hold
(`knowledge`), and when a step falls due (`timetable`).

When a step falls due, it is decided at the end of the day before: first whether the lead leaves (`endings`), then
whether the step's conditions hold. Later steps that fall due in the same 24 hours are decided by the same knowledge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.by_hand import MOVE, SKIP, named_after
from leadflow_pipeline.nurture.holds import FREE, GRADUATED, PAUSED, STOPPED, reason_text
from leadflow_pipeline.nurture.knowledge import Knowledge
from leadflow_pipeline.nurture.leaving import Leaving, groups
from leadflow_pipeline.nurture.step_conditions import in_words
from leadflow_pipeline.nurture.steps import NurtureSequence
from leadflow_pipeline.nurture.timetable import Days, Moments, Positions, Timetable, end_of
from leadflow_pipeline.nurture.turns import Acts, Turns
from leadflow_pipeline.nurture.ways import BRANCH, CHANNELS, END, FIRST
from leadflow_pipeline.nurture.whereabouts import (
    COMPLETED,
    HOLDABLE,
    NEVER,
    RUNNING,
    STATE_CODE,
    STATE_OF_HOLD,
    Whereabouts,
)

DUE_WORDS = {"email": "an email falls due", "task": "a task falls due", "webhook": "a webhook falls due"}
ENROLLED_WORDS = {
    "enrolled": "the lead was routed to this sequence",
    "enrol": "enrolled by hand",
    "follows": "the sequence before it came to its end",
}


@dataclass
class Passages:
    """All leads on their way."""

    where: Whereabouts
    timetable: Timetable
    knowledge: Knowledge
    leaving: Leaving
    rules: list[NurtureSequence]
    """Of each sequence at hand, by number."""

    def live_through(
        self, turns: Turns, acts: Acts, first_day: np.datetime64, last_day: np.datetime64
    ) -> None:
        """All leads through all days: the days before each lead's k-th turn, then the turn itself."""
        reached = np.full(len(self.where.state), first_day)
        for turn in turns.in_order():
            self._uninterrupted(turn.lead, reached[turn.lead], turn.day)
            mine = acts.of(turn)
            self._enrol_routed(turn[turn.enrolment >= 0])
            self._enrol_by_hand(mine)
            self.where.hold[turn.lead] = turn.hold
            self.where.hold_code[turn.lead] = turn.code
            self.where.resumed_at[turn.lead] = turn.resumed_at
            self._hold(turn[turn.hold != FREE])
            self._free(turn[turn.hold == FREE])
            self._obey(mine)
            self._graduate(turn[turn.is_hot])
            self.leaving.leave(turn.lead, turn.day)
            self._quicken(turn[turn.is_quick])
            reached[turn.lead] = turn.day
        everyone = np.arange(len(self.where.state))
        self._uninterrupted(everyone, reached, np.full(len(reached), last_day + np.timedelta64(1, "D")))

    def _uninterrupted(self, lead: Positions, first: Days, until: Days) -> None:
        """The days from `first` to before `until`: steps fall due, passages end, and others follow."""
        while len(lead):
            self._walk(lead, first, until)
            self._complete(lead, first, until)
            lead, first, until = self._follow(lead, first, until)

    def _walk(self, lead: Positions, first: Days, until: Days) -> None:
        """Takes the steps that fall due in the days, for all leads at once, one step at a time."""
        running = self.where.is_in(lead, RUNNING) & (first < until)
        lead, first, until = lead[running], first[running], until[running]
        self._catch_up(lead, first)
        while len(lead):
            due_on = _day_before(self.where.next_touch[lead])
            due = (due_on < until) & self._has_more(lead) & self.where.is_in(lead, RUNNING)
            lead, until = lead[due], until[due]
            self._decide(lead, due_on[due])

    def _decide(self, lead: Positions, day: Days) -> None:
        """What becomes of the step that falls due for each lead."""
        self.leaving.leave(lead, day)
        stays = self.where.is_in(lead, RUNNING)
        lead, day = lead[stays], day[stays]
        at = self.where.sequence(lead), self.where.next_step[lead]
        asked = np.flatnonzero(self.timetable.ways.is_asked[at])
        unasked = ~self.timetable.ways.is_asked[at]
        self._take(lead[unasked], day[unasked])
        for sequence, place, rows in _by_step(at[0][asked], at[1][asked]):
            who, when = lead[asked[rows]], day[asked[rows]]
            conditions = self.rules[sequence].way[place - 1].when
            holds = self.knowledge.holds(conditions, self.where.asked(who, when))
            words = " and ".join(map(in_words, conditions))
            self._take(who[holds], when[holds], words)
            self._not_take(who[~holds], when[~holds], sequence, place, words)

    def _take(self, lead: Positions, day: Days, words: str = "") -> None:
        """Plans the touch of the step that falls due; at a fork only goes on."""
        ways, where = self.timetable.ways, self.where
        at = where.sequence(lead), where.next_step[lead]
        channel, place, planned_at = ways.channel[at], at[1], where.next_touch[lead]
        is_touch = channel != BRANCH
        where.steps[lead[is_touch]] += 1
        where.last_step[lead[is_touch]] = planned_at[is_touch]
        self._go_to(lead, day, planned_at, ways.passed[at])
        where.journal.add_touches(
            lead[is_touch], day[is_touch], where.enrolment[lead[is_touch]], place[is_touch], channel[is_touch],
            planned_at[is_touch],
        )  # fmt: skip
        for number in np.unique(channel):
            of_kind, name = channel == number, CHANNELS[number]
            if name in DUE_WORDS:
                where.enter("TOUCH_DUE", lead[of_kind], day[of_kind], "touch_due", DUE_WORDS[name])
            else:
                text = f"at the fork: {words}" if words else "past a fork"
                where.go_on(lead[of_kind], day[of_kind], "branch", text)

    def _not_take(self, lead: Positions, day: Days, sequence: int, place: int, words: str) -> None:
        """Waits, or goes past the step, where its conditions do not hold."""
        if not len(lead):
            return
        ways, where = self.timetable.ways, self.where
        moment, wait_days = where.next_touch[lead], ways.wait_days[sequence, place]
        label = self.rules[sequence].way[place - 1].name or f"step {place}"
        if wait_days:
            begun = where.waits_until[lead]
            limit = np.where(np.isnat(begun), moment + np.timedelta64(wait_days, "D"), begun)
            again = self.timetable.open_from(
                moment + np.timedelta64(1, "D"), lead, day, where.sequence(lead), where.next_step[lead]
            )
            waits = again <= limit
            where.waits_until[lead], where.next_touch[lead] = limit, np.where(waits, again, moment)
            where.go_on(lead[waits], day[waits], "waits", f"{label} waits for: {words}")
            lead, day, moment = lead[~waits], day[~waits], moment[~waits]
        self._go_to(lead, day, moment, np.full(len(lead), ways.failed[sequence, place]))
        is_fork = ways.channel[sequence, place] == BRANCH
        code, text = ("branch", "at the fork: not") if is_fork else ("passed_over", f"{label} left out: not")
        where.go_on(lead, day, code, f"{text} ({words})")

    def _go_to(self, lead: Positions, day: Days, moments: Moments, place: Positions) -> None:
        """Makes a step the next one, counted from `moments`."""
        where = self.where
        where.next_step[lead] = place
        where.waits_until[lead] = NEVER
        where.next_touch[lead] = self.timetable.step_due(
            moments, lead, day, where.enrolled_at(lead), where.sequence(lead), place
        )

    def _quicken(self, turn: Turns) -> None:
        """Brings the next step nearer of those who were there."""
        where = self.where
        turn = turn[where.is_in(turn.lead, RUNNING) & self._has_more(turn.lead)]
        lead, day, due = turn.lead, turn.day, where.next_touch[turn.lead]
        sooner = self.timetable.due_sooner(due, lead, day, where.sequence(lead), where.next_step[lead])
        is_sooner = (sooner < due) & (due >= end_of(day))
        lead, day = lead[is_sooner], day[is_sooner]
        where.next_touch[lead] = sooner[is_sooner]
        where.go_on(lead, day, "sooner", "the lead was there, so the next step comes sooner")

    def _complete(self, lead: Positions, first: Days, until: Days) -> None:
        """Ends the passages that have no step left, on the day after the last was planned."""
        where = self.where
        is_over = where.is_in(lead, RUNNING) & (np.isnat(where.next_touch[lead]) | ~self._has_more(lead))
        over_on = np.maximum(where.since[lead] + np.timedelta64(1, "D"), first)
        is_over &= over_on < until
        lead, day = lead[is_over], over_on[is_over]
        self.where.end(lead)
        for sequence, rows in groups(where.sequence(lead)):
            after = self.rules[sequence].after
            if after is not None:
                rest = np.timedelta64(after.rest_days or 0, "D")
                where.rests_until[lead[rows]] = end_of(day[rows]) + rest
        where.enter("COMPLETED", lead, day, "completed", "every step was taken and its time has come")

    def _follow(self, lead: Positions, first: Days, until: Days) -> tuple[Positions, Days, Days]:
        """Begins what follows the passages that ended, at once or after the rest; who began, and from which day."""
        where = self.where
        rests = (where.state[lead] == COMPLETED) & ~np.isnat(where.rests_until[lead])
        lead, first, until = lead[rests], first[rests], until[rests]
        begins_on = np.maximum(_day_before(where.rests_until[lead]), first)
        begins = begins_on < until
        begins[begins] = self.leaving.follower(lead[begins]) >= 0
        lead, day, until = lead[begins], begins_on[begins], until[begins]
        self.leaving.stop_on_colleagues(lead, day)
        begins = where.state[lead] == COMPLETED
        lead, day, until = lead[begins], day[begins], until[begins]
        names = where.enrolments.enrolment_id.take(where.enrolment[lead]).tolist()
        ids = pd.Series([named_after(f"{name}|after") for name in names], dtype="str")
        self._enrol(lead, day, where.enrolments.add(ids, self.leaving.follower(lead), end_of(day)), "follows")
        for code in np.unique(where.hold_code[lead[where.hold[lead] == PAUSED]].astype("str")):
            paused = (where.hold[lead] == PAUSED) & (where.hold_code[lead] == code)
            self.where.hold_as(PAUSED, str(code), lead[paused], day[paused])
        self.leaving.leave(lead, day)
        return lead, day, until

    def _catch_up(self, lead: Positions, day: Days) -> None:
        """Moves a step whose moment passed unplanned to the next open moment after the day."""
        where = self.where
        missed = where.next_touch[lead] < end_of(day)
        lead, day = lead[missed], day[missed]
        where.next_touch[lead] = self.timetable.open_from(
            end_of(day), lead, day, where.sequence(lead), where.next_step[lead]
        )

    def _enrol_routed(self, turn: Turns) -> None:
        """Begins the new passage, which ends an earlier one without a word of its own; after a rest, not before."""
        self._enrol(turn.lead, turn.day, turn.enrolment, "enrolled", self.where.rests_until[turn.lead])

    def _enrol_by_hand(self, acts: Acts) -> None:
        for ordered in acts[acts.enrolment >= 0].in_order():
            self._enrol(ordered.lead, ordered.day, ordered.enrolment, "enrol")

    def _enrol(
        self, lead: Positions, day: Days, enrolment: Positions, code: str, not_before: Moments | None = None
    ) -> None:
        where = self.where
        where.enrolment[lead] = enrolment
        where.steps[lead] = 0
        where.last_step[lead] = NEVER
        where.rests_until[lead] = NEVER
        where.tier[lead] = self.knowledge.tier(lead, day)
        start = np.maximum(where.enrolments.enrolled_at[enrolment], end_of(day))
        if not_before is not None:
            start = np.fmax(start, not_before)
        self._go_to(lead, day, start, np.full(len(lead), FIRST))
        where.enter("ENROLLED", lead, day, code, ENROLLED_WORDS[code])

    def _hold(self, turn: Turns) -> None:
        """Pauses, stops or graduates whoever is on the way. Who has had it all need not pause."""
        state = self.where.state[turn.lead]
        may_change = np.isin(state, HOLDABLE) & (STATE_OF_HOLD[turn.hold] != state)
        may_change &= self._has_more(turn.lead) | (turn.hold != PAUSED)
        turn = turn[may_change | (self.leaving.will_be_followed(turn.lead) & (turn.hold != PAUSED))]
        for hold in (PAUSED, STOPPED, GRADUATED):
            for code in np.unique(turn.code[turn.hold == hold].astype("str")):
                held = turn[(turn.hold == hold) & (turn.code == code)]
                self.where.hold_as(hold, str(code), held.lead, held.day)

    def _graduate(self, turn: Turns) -> None:
        """Hands over whoever is on the way and has become engaged enough."""
        is_at_hand = self.where.is_in(turn.lead, HOLDABLE) | self.leaving.will_be_followed(turn.lead)
        self.where.hold_as(GRADUATED, "engagement", turn.lead[is_at_hand], turn.day[is_at_hand])

    def _free(self, turn: Turns) -> None:
        """Lets a paused lead go on, and a stopped one that was resumed by hand after it had been stopped."""
        where = self.where
        state = where.state[turn.lead]
        was_resumed = turn.resumed_at >= end_of(where.since[turn.lead])
        is_stopped = state == STATE_CODE["STOPPED"]
        turn = turn[(state == STATE_CODE["PAUSED"]) | (is_stopped & was_resumed)]
        waits = np.isnat(where.next_touch[turn.lead]) & self._has_more(turn.lead)
        where.next_touch[turn.lead[waits]] = turn.day[waits].astype("datetime64[us]")
        self._catch_up(turn.lead, turn.day)
        where.enter("ENROLLED", turn.lead, turn.day, "resume", reason_text("resume"))

    def _obey(self, acts: Acts) -> None:
        """Skips or moves whoever is on the way, or paused, as people asked for."""
        for ordered in acts[acts.enrolment < 0].in_order():
            here = ordered[self.where.is_in(ordered.lead, HOLDABLE) & self._has_more(ordered.lead)]
            self._skip(here[here.act == SKIP])
            self._move(here[here.act == MOVE])

    def _skip(self, acts: Acts) -> None:
        """Passes over the next step: where one was planned and had not fallen due yet, that was the one."""
        where = self.where
        acts = acts[~(where.last_step[acts.lead] > acts.at)]
        place = where.next_step[acts.lead]
        following = np.where(place < self.timetable.ways.totals[where.sequence(acts.lead)], place + 1, END)
        self._go_to(acts.lead, acts.day, where.next_touch[acts.lead], following)
        where.go_on(acts.lead, acts.day, "skip", "a step was passed over by hand")

    def _move(self, acts: Acts) -> None:
        """Makes a later step the next one, at the first open moment."""
        where = self.where
        place = self._places(acts)
        is_ahead = place >= where.next_step[acts.lead]
        refused, acts, place = acts[~is_ahead], acts[is_ahead], place[is_ahead]
        where.go_on(refused.lead, refused.day, "not_moved", "the step asked for by hand does not lie ahead")
        where.next_step[acts.lead] = place
        where.waits_until[acts.lead] = NEVER
        where.next_touch[acts.lead] = self.timetable.open_from(
            end_of(acts.day), acts.lead, acts.day, where.sequence(acts.lead), place
        )
        where.go_on(acts.lead, acts.day, "move", "moved to another step by hand")

    def _places(self, acts: Acts) -> Positions:
        """The place of the step that each act names, in the lead's own sequence; END where there is none."""
        place = np.full(len(acts.lead), END, dtype="int64")
        for sequence, rows in groups(self.where.sequence(acts.lead)):
            rules = self.rules[sequence]
            places = {str(number): number for number in range(1, len(rules.way) + 1)} | rules.name_places
            place[rows] = [places.get(str(target), END) for target in acts.target[rows]]
        return place

    def _has_more(self, lead: Positions) -> npt.NDArray[np.bool_]:
        """Whether a step comes next that is still there: the rules may have changed since."""
        place = self.where.next_step[lead]
        has_more: npt.NDArray[np.bool_] = place != END
        totals = self.timetable.ways.totals[self.where.sequence(lead[has_more])]
        has_more[has_more] = place[has_more] <= totals
        return has_more


def _day_before(moments: Moments) -> Days:
    """The partition that a moment falls due after."""
    days: Days = moments.astype("datetime64[D]")
    return days - np.timedelta64(1, "D")


def _by_step(sequence: Positions, place: Positions) -> Iterator[tuple[int, int, npt.NDArray[np.int64]]]:
    """Each sequence and place, with the rows that have them."""
    for number, rows in groups(sequence):
        for at, within in groups(place[rows]):
            yield number, at, rows[within]
