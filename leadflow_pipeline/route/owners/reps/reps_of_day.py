"""The reps as they were known on a day: who there is, who works, who is away.

What belongs here: choosing, of all records and absences, those of a day. What does not: reading them (`roster.py`),
and who may have which lead (`eligibility.py`). Pure.

As of a day D a rep's record is the one with the latest first day up to D, and of two of them the one recorded later.
A record that is added with a later day thus changes no day before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.route.owners.reps.rep import Rep


@dataclass(frozen=True)
class RepRecord:
    """What is known of a rep from a day on."""

    record_id: int
    from_day: date
    rep: Rep


@dataclass(frozen=True, order=True)
class Absence:
    """Days on which a rep is away, both included, of the rep's own calendar."""

    rep: str
    first_day: date
    last_day: date

    def covers(self, day: date) -> bool:
        """Whether the rep is away on the day."""
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True, eq=False)
class Roster:
    """All reps of a day, whatever their status, in the order of their ids: a column each in every array about reps."""

    campaign: str
    day: date
    reps: tuple[Rep, ...]
    absences: tuple[Absence, ...]
    """Those that stand, of any day: working time needs them."""

    @classmethod
    def of(cls, campaign: str, day: date, reps: Iterable[Rep], absences: Iterable[Absence] = ()) -> Roster:
        """The roster of these reps, put in order."""
        return cls(campaign, day, tuple(sorted(reps, key=lambda rep: rep.rep)), tuple(sorted(set(absences))))

    @cached_property
    def ids(self) -> npt.NDArray[np.str_]:
        """The reps' ids."""
        return np.array([rep.rep for rep in self.reps], dtype=np.str_)

    @cached_property
    def column_of(self) -> dict[str, int]:
        """Id -> column."""
        return {rep.rep: column for column, rep in enumerate(self.reps)}

    @cached_property
    def is_active(self) -> npt.NDArray[np.bool_]:
        """Whose record says so."""
        return np.array([rep.status == "active" for rep in self.reps], dtype=bool)

    @cached_property
    def is_absent(self) -> npt.NDArray[np.bool_]:
        """Who is away on the day or on the next: the plan of a day is told on the next."""
        absent = {
            absence.rep
            for absence in self.absences
            if absence.covers(self.day) or absence.covers(self.day + timedelta(days=1))
        }
        return np.array([rep.rep in absent for rep in self.reps], dtype=bool)

    @cached_property
    def is_available(self) -> npt.NDArray[np.bool_]:
        """Active and not away."""
        return self.is_active & ~self.is_absent

    def has_calendars_of(self, other: Roster) -> bool:
        """Whether everybody's working time is the same in both."""
        return self.absences == other.absences and (self.reps is other.reps or self.reps == other.reps)

    def absences_of(self, rep: str) -> tuple[Absence, ...]:
        """When one rep is away."""
        return tuple(absence for absence in self.absences if absence.rep == rep)


class Rosters(Mapping[date, Roster]):
    """The roster of each of some days. Days between which nothing changes share their reps."""

    def __init__(
        self, campaign: str, days: Iterable[date], records: Iterable[RepRecord], absences: Iterable[Absence]
    ) -> None:
        self._campaign = campaign
        self._days = tuple(sorted(set(days)))
        self._history = Histories(records)
        self._absences = tuple(sorted(set(absences)))
        self._rosters: dict[date, Roster] = {}

    def __getitem__(self, day: date) -> Roster:
        if day not in self._rosters:
            if day not in self._days:
                raise KeyError(day)
            self._rosters[day] = Roster(self._campaign, day, self._history.reps_on(day), self._absences)
        return self._rosters[day]

    def __iter__(self) -> Iterator[date]:
        return iter(self._days)

    def __len__(self) -> int:
        return len(self._days)


class Histories:
    """Every rep's records in the order in which they came to hold."""

    def __init__(self, records: Iterable[RepRecord]) -> None:
        self._of_rep: dict[str, list[RepRecord]] = {}
        for record in sorted(records, key=lambda record: (record.from_day, record.record_id)):
            self._of_rep.setdefault(record.rep.rep, []).append(record)
        changes = {record.from_day for history in self._of_rep.values() for record in history}
        self._changes = sorted(changes)
        self._reps: dict[int, tuple[Rep, ...]] = {}

    def reps_on(self, day: date) -> tuple[Rep, ...]:
        """Each rep that was known on the day, in the order of their ids."""
        stretch = bisect_right(self._changes, day)
        if stretch not in self._reps:
            standing = (record_on(self._of_rep[rep], day) for rep in sorted(self._of_rep))
            self._reps[stretch] = tuple(record.rep for record in standing if record is not None)
        return self._reps[stretch]


def record_on(history: Sequence[RepRecord], day: date) -> RepRecord | None:
    """The record of one rep that holds on a day, of its records in the order of (from_day, record_id)."""
    until = bisect_right(history, day, key=lambda record: record.from_day)
    return history[until - 1] if until else None
