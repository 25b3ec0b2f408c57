"""What the owners of a day came to, in counts and money, for metadata. It names nobody. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.day_rows import Decided
from leadflow_pipeline.route.owners.standing import NOBODY, Moved

Ints = npt.NDArray[np.int64]


def day_summary(moved: Moved, newly_held: int, held: int, decided: Decided | None) -> dict[str, Any]:
    """The metadata of a day. Money is expected value, in the campaign's currency.

    `regret` is what at most is lost against the best choice that the rules leave open, as a share of the bound;
    `greedy_share` and `chance_share` are what serving one lead after the other, and chance, would make of what the
    strategy made (1: as much).
    """
    summary: dict[str, Any] = {
        "assigned": int((moved.former == NOBODY).sum()),
        "reassigned": int((moved.former != NOBODY).sum()),
        "by_override": int(moved.is_ordered.sum()),
        "by_handoff": int(moved.is_told.sum()),
        "held": held,
        "newly_held": newly_held,
        "value": 0.0,
        "bound": 0.0,
        "regret": 0.0,
        "greedy_share": np.nan,
        "chance_share": np.nan,
        "method": None,
        "floors_missed": 0,
    }
    if decided is None:
        return summary
    choice = decided.choice
    given = np.bincount(choice.rep[choice.rep != NOBODY], minlength=len(choice.floors))
    summary |= {
        "value": round(choice.value, 2),
        "bound": round(choice.bound, 2),
        "regret": max(0.0, 1 - choice.value / choice.bound) if choice.bound > 0 else 0.0,
        "floors_missed": int((given < choice.floors).sum()),
    }
    if choice.by_strategy > 0:
        summary["method"] = choice.solved
        summary["greedy_share"] = choice.greedy / choice.by_strategy
        summary["chance_share"] = choice.chance / choice.by_strategy
    return summary


def summarise_rep_days(rep_days: pd.DataFrame) -> pd.DataFrame:
    """Reps with room, the room itself, leads given and open, and the highest load (0 to 1), indexed by day."""
    by_day = rep_days.assign(has_room=rep_days["capacity"] > 0).groupby("day")
    return by_day.agg(
        reps_with_room=("has_room", "sum"),
        capacity=("capacity", "sum"),
        assigned=("assigned", "sum"),
        open_leads=("open_leads", "sum"),
        highest_load=("load", "max"),
    )
