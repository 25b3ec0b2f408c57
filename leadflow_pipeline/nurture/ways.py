"""Which way leads take through the steps of sequences, as arrays that answer for all leads at once.

What belongs here: places and the ways between them. What does not: whether conditions hold (`knowledge`), and when a
step falls due (`timetable`).

Arrays are shaped `[sequences, places]`; place 0 is the end, steps have places from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.steps import GoTo, NurtureSequence, Step, Wait

Places = npt.NDArray[np.int64]

END = 0
CHANNELS = ("branch", "email", "task", "webhook")
BRANCH = CHANNELS.index("branch")
FIRST = 1


@dataclass(frozen=True)
class Ways:
    """The steps of sequences and the ways between them."""

    totals: Places
    """Steps of each sequence."""
    channel: Places
    """Of each step, by its number in CHANNELS."""
    keeps_window: npt.NDArray[np.bool_]
    delay: npt.NDArray[np.timedelta64]
    is_asked: npt.NDArray[np.bool_]
    """Whether the step has conditions."""
    passed: Places
    """Where one goes from a step that was taken."""
    failed: Places
    """Where one goes from a step whose conditions do not hold, in the end."""
    wait_days: Places
    """For how long it is asked again before that."""

    @classmethod
    def of(cls, sequences: Sequence[NurtureSequence]) -> Ways:
        """The ways through these sequences, in their order."""
        totals = np.array([len(sequence.way) for sequence in sequences], dtype="int64")
        shape = (len(sequences), totals.max(initial=0) + 1)
        ways = cls(
            totals,
            np.full(shape, BRANCH, dtype="int64"),
            np.zeros(shape, dtype=bool),
            np.zeros(shape, dtype="timedelta64[us]"),
            *(np.zeros(shape, dtype=kind) for kind in (bool, "int64", "int64", "int64")),
        )
        for row, sequence in enumerate(sequences):
            for place, step in enumerate(sequence.way, FIRST):
                at = row, place
                ways.channel[at] = CHANNELS.index(getattr(step, "channel"))  # noqa: B009
                ways.keeps_window[at] = step.keeps_window
                ways.delay[at] = np.timedelta64(round(step.delay_days * MICROSECONDS_A_DAY), "us")
                ways.is_asked[at] = bool(step.when)
                ways.passed[at] = step_after(sequence, place)
                ways.failed[at] = _failed(sequence, place, step)
                ways.wait_days[at] = step.otherwise.wait_days if isinstance(step.otherwise, Wait) else 0
        return ways


MICROSECONDS_A_DAY = 86_400_000_000


def step_after(sequence: NurtureSequence, place: int) -> int:
    """The place of the step that follows one that was taken; END where none does."""
    step = sequence.way[place - 1]
    if step.then is None:
        return _next(sequence, place)
    return _place_of(sequence, step.then)


def unreachable(sequence: NurtureSequence) -> list[int]:
    """The places of steps that no lead can come to, whatever it does."""
    reached = {FIRST}
    for place, step in enumerate(sequence.way, FIRST):
        if place in reached:
            reached.add(step_after(sequence, place))
            if step.when:
                reached.add(_failed(sequence, place, step))
    return [place for place in range(FIRST, len(sequence.way) + 1) if place not in reached]


def most_on_a_way(sequence: NurtureSequence) -> tuple[int, float]:
    """The most emails that one lead can get, and the most days that a way to a step can take, waits included."""
    emails, days = [0] * (len(sequence.way) + 1), [0.0] * (len(sequence.way) + 1)
    for place in range(len(sequence.way), 0, -1):
        step = sequence.way[place - 1]
        passed, failed = step_after(sequence, place), _failed(sequence, place, step)
        emails[place] = emails[passed] + (CHANNELS.index(getattr(step, "channel")) == 1)  # noqa: B009
        wait = step.otherwise.wait_days if isinstance(step.otherwise, Wait) else 0
        days[place] = step.delay_days + wait + days[passed]
        if step.when:
            emails[place] = max(emails[place], emails[failed])
            days[place] = max(days[place], step.delay_days + wait + days[failed])
    return emails[FIRST], days[FIRST]


def followers(rules: NurtureRules, names: Sequence[str]) -> Iterator[str]:
    """These sequences, and those that can follow them, each once."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        after = rules.sequence_of(name).after
        if after is not None and after.follower is not None:
            waiting.append(after.follower)


def _failed(sequence: NurtureSequence, place: int, step: Step) -> int:
    otherwise = step.otherwise.then if isinstance(step.otherwise, Wait) else step.otherwise
    return _next(sequence, place) if otherwise == "skip" else _place_of(sequence, otherwise)


def _place_of(sequence: NurtureSequence, way: object) -> int:
    return sequence.name_places[way.go_to] if isinstance(way, GoTo) else END


def _next(sequence: NurtureSequence, place: int) -> int:
    return place + 1 if place < len(sequence.way) else END
