"""Turns of a day: rotations (`rotation.py`) under the state that `rep_days` keeps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.route.owners.choice.rotation import (
    least_loaded,
    longest_waiting,
    pools_of,
    round_robin,
)
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster

Ints = npt.NDArray[np.int64]
Turns = Mapping[str, Mapping[str, Any]]

WAITING = "longest_waiting"
"""In the place of a pool: who had the last turn is remembered over all pools."""
STRATEGIES = ("round_robin", WAITING, "least_loaded")
"""Those that give leads in turn."""


def in_turn(
    may: npt.NDArray[np.bool_], roster: Roster, room: Ints, open_leads: Ints, turns: Turns, strategy: str
) -> tuple[Ints, dict[str, dict[str, Any]]]:
    """Each lead's rep, for leads in the order of their turns, and where the rotations stand then.

    `may[L,R]` leaves out nobody for being away, so that they keep their places. Who has left takes no part, and is
    settled with those who stay. `open_leads[R]` is what each rep has already.
    """
    stays = np.flatnonzero([rep.status != "left" for rep in roster.reps])
    ids = roster.ids[stays].tolist()
    pools = pools_of(may[:, stays], ids, roster.is_available[stays])
    weights = [roster.reps[column].weight for column in stays]
    after: dict[str, dict[str, Any]]
    if strategy == WAITING:
        last = {rep: int(turn["last"]) for rep, turn in turns.get(WAITING, {}).items()}
        before = {"turn": max(last.values(), default=0), "last": last}
        rep, state = longest_waiting(pools, ids, room[stays], before)
        after = {WAITING: {rep: {"last": turn} for rep, turn in state["last"].items()}}
    elif strategy == "least_loaded":
        # Nothing to remember: open leads are counted anew.
        rep, after = least_loaded(pools, ids, room[stays], open_leads[stays], weights)[0], {}
    else:
        rep, after = round_robin(pools, ids, weights, room[stays], turns)
    return np.where(rep < 0, -1, np.append(stays, -1)[rep]), {
        **{pool: dict(reps) for pool, reps in turns.items()},
        **after,
    }
