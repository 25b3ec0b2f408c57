"""The rows of `owner_decisions`, day by day. Pure.

What belongs here: putting the decisions of a day into rows. What does not: deciding (`choosing.py`), and the words
(`telling.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.choice.weighing import Weighed
from leadflow_pipeline.route.owners.choosing import FULL, Choice
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.standing import NOBODY, OVERRIDE, Moved, Standing
from leadflow_pipeline.route.owners.telling import told_candidates, told_choices, told_held

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

HANDOFF, OVERRIDE_ENDED = "handoff", "override_ended"
NO_CANDIDATES = '{"best": []}'
REASONS = {
    OVERRIDE: "a person named the owner: the override stands",
    HANDOFF: "it was told to this rep, and what was told stands",
    OVERRIDE_ENDED: "the override has ended, and the lead goes back to the rep who had it before",
}
COLUMNS = (
    "day", "lead_id", "status", "assignment_number", "owner", "previous_owner", "method", "match_score",
    "expected_value", "price", "reasons", "candidates",
)  # fmt: skip


@dataclass(frozen=True)
class Decided:
    """The choice for the leads of a day that needed an owner, with what it rested on."""

    leads: Ints
    """In order: their positions in the standing."""
    roster: Roster
    weighed: Weighed
    choice: Choice
    chances: Floats
    money: Floats

    @property
    def causes(self) -> npt.NDArray[np.object_]:
        """Why nobody has each lead that nobody was given."""
        return np.where(self.weighed.barred_by == "", FULL, self.weighed.barred_by)


class DecisionRows:
    """Collects the rows of `owner_decisions`."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._parts: list[pd.DataFrame] = []

    def add_moved(self, day: pd.Timestamp, moved: Moved, decided: Decided | None, left: Ints) -> Ints:
        """Rows of leads that have a new owner; the positions within `decided` of those that its choice gave away."""
        count = len(moved.leads)
        # Nobody decided today: it goes back to whom it was given before, or was told before it was routed.
        method = np.where(moved.former == NOBODY, HANDOFF, OVERRIDE_ENDED).astype(object)
        method[moved.is_ordered] = OVERRIDE
        method[moved.is_told] = HANDOFF
        reasons = np.array([json.dumps([REASONS[name]]) for name in method], dtype=object)
        candidates = np.full(count, NO_CANDIDATES, dtype=object)
        numbers = np.full((3, count), np.nan)
        chosen = np.zeros(0, dtype="int64")
        if decided is not None:
            place, was_in_need = _places(moved.leads, decided.leads)
            is_chosen = was_in_need & ~moved.is_ordered & ~moved.is_told
            chosen = place[is_chosen]
            ids = decided.roster.ids
            rep = decided.choice.rep[chosen]
            method[is_chosen] = decided.choice.method[chosen]
            reasons[is_chosen], candidates[is_chosen] = told_choices(
                decided.choice, decided.weighed, ids, decided.chances, decided.money, chosen
            )
            numbers[:, is_chosen] = (
                decided.weighed.match[chosen, rep],
                decided.weighed.value[chosen, rep],
                decided.choice.prices[rep],
            )
            others = was_in_need & moved.is_told
            candidates[others] = told_candidates(decided.choice, decided.weighed, ids, place[others])
        has_left = np.isin(moved.former, left)
        names = self._standing.names_of(moved.former)
        for row in np.flatnonzero(has_left):
            reasons[row] = f"{reasons[row][:-1]}, {json.dumps(f'{names[row]} has left')}]"
        status = np.where(moved.former == NOBODY, "ASSIGNED", "REASSIGNED")
        self._add(
            day, moved.leads, status, moved.numbers, self._standing.holds[moved.leads], moved.former, method,
            numbers, reasons, candidates,
        )  # fmt: skip
        return chosen

    def add_held(self, day: pd.Timestamp, leads: Ints, decided: Decided) -> Ints:
        """Rows of leads that are held from now on, or for another cause than before; these leads."""
        place, _ = _places(leads, decided.leads)
        causes = decided.causes[place]
        is_news = self._standing.hold(leads, causes)
        leads, place, causes = leads[is_news], place[is_news], causes[is_news]
        reasons = np.array(told_held(causes), dtype=object)
        candidates = np.array(
            told_candidates(decided.choice, decided.weighed, decided.roster.ids, place), dtype=object
        )
        nobody = np.full(len(leads), NOBODY, dtype="int64")
        self._add(
            day, leads, np.full(len(leads), "HELD"), self._standing.given[leads] + 1, nobody,
            self._standing.former[leads], causes, np.full((3, len(leads)), np.nan), reasons, candidates,
        )  # fmt: skip
        return leads

    def frame(self) -> pd.DataFrame:
        """All rows, in the order of days and leads."""
        frame = (
            pd.concat(self._parts, ignore_index=True) if self._parts else pd.DataFrame(columns=list(COLUMNS))
        )
        return frame.sort_values(["day", "lead_id"], ignore_index=True)

    def _add(
        self,
        day: pd.Timestamp,
        leads: Ints,
        status: npt.NDArray[Any],
        assignment_number: Ints,
        owner: Ints,
        previous: Ints,
        method: npt.NDArray[np.object_],
        numbers: Floats,
        reasons: npt.NDArray[np.object_],
        candidates: npt.NDArray[np.object_],
    ) -> None:
        if not len(leads):
            return
        names = self._standing.names_of
        self._parts.append(
            pd.DataFrame(
                {
                    "day": np.repeat(day.to_datetime64(), len(leads)),
                    "lead_id": self._standing.ids[leads],
                    "status": status,
                    "assignment_number": assignment_number,
                    "owner": names(owner),
                    "previous_owner": names(previous),
                    "method": method,
                    "match_score": numbers[0].round(6),
                    "expected_value": numbers[1].round(4),
                    "price": numbers[2].round(4),
                    "reasons": reasons,
                    "candidates": candidates,
                }
            )
        )


def _places(leads: Ints, among: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Where each lead stands in an ordered array, and whether it does."""
    if not len(among):
        return np.zeros(len(leads), dtype="int64"), np.zeros(len(leads), dtype=bool)
    place = np.minimum(np.searchsorted(among, leads), len(among) - 1)
    return place, among[place] == leads
