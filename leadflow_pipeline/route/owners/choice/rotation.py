"""Turns: who comes next where leads are given one after the other, without looking at what they are worth.

What belongs here: weighted round robin, longest waiting first, least loaded first, and what they remember. What does
not: who may have which lead (`eligibility.py`), how many a rep can take (`capacity.py`).

**Round robin within one lead.** Of n leads of a pool a rep of weight w among weights that sum to W is due n w / W.
After every lead each rep has had within one lead of what it is due. Each lead in a rep's row has a turn before which it
would be more than one too early, and one after which it would be more than one too late; of those that may come now,
the one that must come soonest comes. That this always works out is the chairman assignment theorem (R. Tijdeman, "The
chairman assignment problem", Discrete Mathematics 32, 1980, 323-330, doi:10.1016/0012-365X(80)90269-1); that the
soonest deadline finds it holds for all jobs of one unit of time.

**Reps who come and go.** A rep is due leads only while it is there and has room. What it is ahead or behind when it
goes, about a lead at most, is kept until it comes back: no flood, and a new rep starts level. Nobody who does not know
who will leave next can keep within one lead of everything ever due (of four equal reps each leaves right after its
lead: the last is then 13/12 behind); what is behind most comes first then, and the tests say how far that goes. What a
rep that is gone for good leaves behind is shared by weight.

**What is remembered** is a plain dict for JSON, in whole numbers and weights as exact fractions, so that nothing
drifts: `{pool: {rep: {"weight": "3/2", "credit": 0, "given": 4}}}`: leads given since reps or weights of the pool last
changed, and the credit then, in parts of `UNIT`; weight "0": not there.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
State = dict[str, Any]
Memory = Mapping[str, Any]

UNIT = 10**12
"""Parts of a lead that credits are counted in when reps or weights change."""


@dataclass(frozen=True)
class Pools:
    """Leads by who may have them: those of a pool share a rotation.

    Attributes:
        keys: `[P]` what the pool is remembered by.
        members: `[P,R]` who is in it now.
        of_lead: `[L]` each lead's pool, in the order in which leads take their turns; -1: nobody may have it.
    """

    keys: tuple[str, ...]
    members: Bools
    of_lead: Ints


def pools_of(may: Bools, ids: Sequence[str], present: Bools | None = None) -> Pools:
    """The pools of leads whose `may[L,R]` is the same, remembered by the ids of their reps.

    `present[R]` says who is there now. Give `may` without regard to that: who is away for a day stays in the pool.
    """
    leads, reps = may.shape
    if not leads or not reps:
        return Pools((), np.zeros((0, reps), bool), np.full(leads, -1, np.int64))
    packed = np.packbits(may, axis=1)
    rows = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).reshape(leads)
    _, first, pool = np.unique(rows, return_index=True, return_inverse=True)
    members = np.asarray(may[first], dtype=bool)
    keys = tuple(" ".join(ids[column] for column in np.flatnonzero(row).tolist()) for row in members)
    anybody: Bools = np.asarray(members.any(axis=1))
    of_lead = np.where(anybody[pool], pool, -1)
    return Pools(keys, members if present is None else np.logical_and(members, present), of_lead)


def round_robin(
    pools: Pools,
    ids: Sequence[str],
    weights: Sequence[float | str | Fraction],
    room: Ints,
    state: Mapping[str, Any],
) -> tuple[Ints, State]:
    """Each lead's rep by weight, in turn, and what to remember. `[L]`, -1: nobody of its pool has room.

    Of equal deadlines the rep comes first that stands first in `ids`. A rep of weight 0 takes no part. A pool that is
    not remembered goes on from the remembered one with the most reps in common.
    """
    exact = [Fraction(str(weight)) for weight in weights]
    if any(weight < 0 for weight in exact):
        raise ValueError("the weight of a rep must not be below 0")
    left = np.array(room, dtype=np.int64)
    there = pools.members & (left > 0) & np.array([weight > 0 for weight in exact], dtype=bool)
    rotations: dict[int, _Rotation] = {}
    changed = np.ones(len(there), dtype=bool)
    rep = np.full(len(pools.of_lead), -1, np.int64)
    for lead, pool in enumerate(pools.of_lead.tolist()):
        if pool < 0:
            continue
        if changed[pool]:
            if pool not in rotations:
                rotations[pool] = _Rotation(_remembered(pools.keys[pool], state), ids, exact)
            rotations[pool].change(np.flatnonzero(there[pool]).tolist())
            changed[pool] = False
        choice = rotations[pool].next()
        if choice < 0:
            continue
        rep[lead] = choice
        left[choice] -= 1
        if not left[choice]:
            changed |= there[:, choice]
            there[:, choice] = False
    return rep, {**state, **{pools.keys[pool]: rotation.memory() for pool, rotation in rotations.items()}}


def longest_waiting(
    pools: Pools, ids: Sequence[str], room: Ints, state: Mapping[str, Any]
) -> tuple[Ints, State]:
    """Each lead goes to the rep of its pool who has waited longest for one; never had one: before all others.

    Of equally long waits the rep comes first that stands first in `ids`. Remembered are the turns so far, over all
    pools, and each rep's last: `{"turn": 7, "last": {rep: 5}}`.
    """
    turn = int(state.get("turn", 0))
    last = dict(state.get("last", {}))
    since = np.array([last.get(rep, 0) for rep in ids], dtype=np.int64)

    def next_of(columns: Ints) -> int:
        nonlocal turn
        choice = int(columns[since[columns].argmin()])
        turn += 1
        since[choice] = turn
        return choice

    rep = _one_by_one(pools, room, next_of)
    given = np.unique(rep[rep >= 0])
    return rep, {"turn": turn, "last": last | {ids[column]: int(since[column]) for column in given}}


def least_loaded(
    pools: Pools, ids: Sequence[str], room: Ints, open_leads: Ints, weights: Sequence[float]
) -> tuple[Ints, State]:
    """Each lead goes to the rep of its pool who would have the fewest open leads for its weight.

    Of equal loads the rep comes first that stands first in `ids`. A rep of weight 0 takes no part. Nothing has to be
    remembered but the open leads, which are what is given back: `{rep: 12}`.
    """
    size = np.asarray(weights, dtype=float)
    load = np.array(open_leads, dtype=np.int64)

    def next_of(columns: Ints) -> int:
        choice = int(columns[((load[columns] + 1) / size[columns]).argmin()])
        load[choice] += 1
        return choice

    rep = _one_by_one(pools, np.where(size > 0, room, 0), next_of)
    return rep, {ids[column]: int(number) for column, number in enumerate(load)}


def _one_by_one(pools: Pools, room: Ints, next_of: Callable[[Ints], int]) -> Ints:
    """Each lead's rep of those of its pool who have room; -1: nobody has."""
    left = np.array(room, dtype=np.int64)
    rep = np.full(len(pools.of_lead), -1, np.int64)
    columns = [np.flatnonzero(row & (left > 0)) for row in pools.members]
    for lead, pool in enumerate(pools.of_lead.tolist()):
        if pool < 0 or not len(columns[pool]):
            continue
        choice = rep[lead] = next_of(columns[pool])
        left[choice] -= 1
        if not left[choice]:
            columns = [others[others != choice] for others in columns]
    return rep


def _remembered(pool: str, state: Mapping[str, Any]) -> Memory:
    """What is remembered of the pool, else credits from the one with the most reps in common."""
    if pool in state:
        return dict(state[pool])
    reps = set(pool.split(" "))
    alike = max(sorted(state), key=lambda other: len(reps & set(state[other])), default=None)
    if alike is None:
        return {}
    return {
        rep: {"weight": "0", "credit": credit, "given": 0}
        for rep, credit in _credits_now(state[alike]).items()
        if rep in reps
    }


def _credits_now(memory: Memory) -> dict[str, int]:
    """What each remembered rep is due beyond what it got, in parts of `UNIT`."""
    weights = {rep: Fraction(entry["weight"]) for rep, entry in memory.items()}
    turn, total = sum(entry["given"] for entry in memory.values()), sum(weights.values()) or 1
    return {
        rep: entry["credit"] + UNIT * turn * weights[rep] // total - UNIT * entry["given"]
        for rep, entry in memory.items()
    }


class _Rotation:
    """The rotation of one pool. Reps are columns; credits, and leads given since reps or weights last changed."""

    def __init__(self, memory: Memory, ids: Sequence[str], weights: Sequence[Fraction]) -> None:
        column = {rep: number for number, rep in enumerate(ids)}
        scale = lcm(*(weight.denominator for weight in weights))
        self.ids, self.exact = ids, weights
        self.whole = [int(weight * scale) for weight in weights]
        self.credit, self.given = [0] * len(ids), [0] * len(ids)
        self.members: list[int] = []
        self.total, self.turn, self.left_behind = 0, 0, 0
        self.known = {column[rep] for rep in memory if rep in column}
        before = {rep: Fraction(entry["weight"]) for rep, entry in memory.items()}
        if all(rep in column and before[rep] in (0, weights[column[rep]]) for rep in memory):
            for rep, entry in memory.items():
                self.credit[column[rep]], self.given[column[rep]] = entry["credit"], entry["given"]
            self.members = sorted(column[rep] for rep in memory if before[rep] > 0)
            self.total = sum(self.whole[rep] for rep in self.members)
            self.turn = sum(self.given)
            return
        for rep, credit in _credits_now(memory).items():
            if rep in column:
                self.credit[column[rep]] = credit
            else:
                self.left_behind += credit

    def memory(self) -> dict[str, dict[str, Any]]:
        """What to remember of it."""
        members = set(self.members)
        return {
            self.ids[rep]: {
                "weight": str(self.exact[rep]) if rep in members else "0",
                "credit": self.credit[rep],
                "given": self.given[rep],
            }
            for rep in sorted(self.known | members)
        }

    def change(self, members: list[int]) -> None:
        """From here on these reps take turns."""
        if members and members != self.members:
            for rep in self.members:
                self.credit[rep] += UNIT * self.turn * self.whole[rep] // self.total - UNIT * self.given[rep]
                self.given[rep] = 0
            self.known |= set(self.members)
            self.members, self.turn = members, 0
            self.total = sum(self.whole[rep] for rep in members)
            for rep in members:
                self.credit[rep] += self.left_behind * self.whole[rep] // self.total
            self.left_behind = 0
        self.ready: list[tuple[int, int]] = []
        self.later = [(self._may(rep), rep) for rep in members]
        heapq.heapify(self.later)

    def next(self) -> int:
        """Whose turn it is; -1: nobody is there."""
        if not self.later and not self.ready:
            return -1
        self.turn += 1
        while self.later and self.later[0][0] <= self.turn:
            rep = heapq.heappop(self.later)[1]
            heapq.heappush(self.ready, (self._must(rep), rep))
        rep = heapq.heappop(self.ready or self.later)[1]
        self.given[rep] += 1
        heapq.heappush(self.later, (self._may(rep), rep))
        return rep

    def _may(self, rep: int) -> int:
        """The first turn at which the rep's next lead is not more than one too early."""
        due = (UNIT * self.given[rep] - self.credit[rep]) * self.total
        return -(-due // (UNIT * self.whole[rep]))

    def _must(self, rep: int) -> int:
        """The last turn at which the rep's next lead is not more than one too late."""
        due = (UNIT * (self.given[rep] + 1) - self.credit[rep]) * self.total
        return due // (UNIT * self.whole[rep]) + 1
