"""What carries over from one day to the next of each rep, and the rows of `rep_days` that it lies in. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.reps.reps_of_day import Roster

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Carried:
    """Prices and turns. Always read from rows of `rep_days`, so that a day alone goes on as it does in a range."""

    prices: dict[str, float] = field(default_factory=dict)
    rotation: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Pool -> rep -> where it stands in the pool's turns."""

    @classmethod
    def of(cls, rep_days: pd.DataFrame) -> Carried:
        """What the rows of one day say."""
        carried = cls()
        columns = (rep_days[name].tolist() for name in ("rep", "price", "rotation"))
        for rep, price, rotation in zip(*columns, strict=True):
            carried.prices[rep] = float(price)
            for pool, turn in (json.loads(rotation) if rotation != "{}" else {}).items():
                carried.rotation.setdefault(pool, {})[rep] = turn
        return carried

    def prices_of(self, roster: Roster) -> Floats:
        """What a place with each rep of a roster is worth; 0 for one that is new."""
        return np.array([self.prices.get(rep, 0.0) for rep in roster.ids.tolist()], dtype="float64")


def rep_rows(
    day: pd.Timestamp,
    roster: Roster,
    counts: dict[str, Ints],
    load: Floats,
    prices: Floats,
    rotation: dict[str, dict[str, Any]],
) -> pd.DataFrame:
    """The rows of a day: every rep of the roster who has not left."""
    turns: dict[str, dict[str, Any]] = {}
    for pool, reps in rotation.items():
        for rep, turn in reps.items():
            turns.setdefault(rep, {})[pool] = turn
    ids = roster.ids.tolist()
    stays = np.array([rep.status != "left" for rep in roster.reps], dtype=bool)
    frame = pd.DataFrame(
        {
            "day": np.repeat(day.to_datetime64(), len(ids)),
            "rep": np.array(ids, dtype=object),
            **counts,
            "load": load.round(6),
            # Adding 0 makes a negative zero none.
            "price": prices.round(4) + 0.0,
            "rotation": [json.dumps(turns.get(rep, {}), sort_keys=True) for rep in ids],
        }
    )
    return frame[stays].reset_index(drop=True)
