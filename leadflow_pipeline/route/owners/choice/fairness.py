"""Fair shares of leads: what every rep gets at least, and whether groups of reps get what they are due.

What belongs here: floors, and the audit of parity. What does not: who may have which lead (`eligibility.py`), and how
floors are kept (`assignment.py`). An attribute of reps is looked at here to audit, never to decide.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BLOCK = 1 << 20
FOUR_FIFTHS = 0.8
"""A group that gets less than this share of what the best served group gets, for what each is due, is looked into
(the rule of thumb of 29 CFR 1607.4 D)."""
FEWEST_REPS = 5
"""Below this a group's figures say more of single persons than of the group."""
DRAWS = 2000


def fair_shares(may: Bools, weights: ArrayLike) -> Floats:
    """How many leads each rep is due: every lead is shared by weight among those who may have it. `[R]`, of `[L,R]`."""
    weight = np.asarray(weights, dtype=float)
    shares = np.zeros(len(weight))
    size = max(1, BLOCK // max(1, len(weight)))
    for first in range(0, len(may), size):
        rows = may[first : first + size].astype(float)
        total = rows @ weight
        shares += np.divide(1, total, out=np.zeros_like(total), where=total > 0) @ rows
    return np.asarray(shares * weight)


def floors(may: Bools, weights: ArrayLike, places: ArrayLike, share: float, exploration: int) -> Ints:
    """How many leads each rep is to get at least. `[R]`

    `share` of its fair share, rounded down, and at least `exploration`, so that what is known of it stays true; within
    its places and the leads it may have. Where there are fewer places than leads, fair shares are of the leads that
    can be given. A rep of weight 0 has no floor.
    """
    room, weight = np.asarray(places, dtype=np.int64), np.asarray(weights, dtype=float)
    takes = np.where(room > 0, weight, 0)
    fair = fair_shares(may, takes)
    due = fair.sum()
    if due > 0:
        fair *= min(1.0, float(room[takes > 0].sum()) / due)
    least = np.maximum(np.floor(fair * share + 1e-9).astype(np.int64), exploration)
    return np.where(takes > 0, np.minimum(np.minimum(least, room), may.sum(axis=0)), 0)


def parity(
    got: ArrayLike,
    due: ArrayLike,
    group: pd.Series[str],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Whether groups of reps get what they are due, of leads or of value.

    Args:
        got: `[R]` leads (or value) that each rep got.
        due: `[R]` its fair share of the same (`fair_shares`).
        group: `[R]` each rep's value of the attribute; missing ones are a group of their own, "not said".
        level: of the intervals.
        seed: of the resampling of reps.

    Returns:
        A row for each group, the largest due first: `group`; `reps`; `got`; `due`; `got_share` and `due_share` of all;
        `ratio` of these two, 1 where the group gets what it is due, with `low` and `high` (percentile bootstrap, reps
        drawn within their group); `to_best`, its ratio over that of the best served group that is not small, with
        `to_best_low` and `to_best_high`; `is_small`, fewer than 5 reps: without interval, and not compared;
        `is_below`, the ratio to the best is below four fifths; `is_surely_below`, the whole interval is.
    """
    received, fair = np.asarray(got, dtype=float), np.asarray(due, dtype=float)
    names = pd.Series(group).astype("str").where(pd.Series(group).notna(), "not said").to_numpy()
    groups, of_rep = np.unique(names.astype(str), return_inverse=True)
    reps = np.bincount(of_rep, minlength=len(groups))
    is_small = reps < FEWEST_REPS
    draw = np.random.default_rng(seed)
    sums = np.zeros((2, DRAWS + 1, len(groups)))
    for number in range(len(groups)):
        mine = np.flatnonzero(of_rep == number)
        drawn = np.vstack([np.arange(len(mine)), draw.integers(0, len(mine), (DRAWS, len(mine)))])
        sums[0, :, number] = received[mine][drawn].sum(axis=1)
        sums[1, :, number] = fair[mine][drawn].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = sums / sums.sum(axis=2, keepdims=True)
        ratio = share[0] / share[1]
        compared = np.where(is_small | np.isnan(ratio), -np.inf, ratio)
        best = compared.max(axis=1, initial=-np.inf, keepdims=True)
        to_best = np.where(np.isfinite(best) & ~is_small, ratio / best, np.nan)
    tail = (1 - level) / 2

    def interval(of: Floats) -> Floats:
        drawn = np.where(is_small, np.nan, of[1:])
        filled = np.where(np.isnan(drawn), 1.0, drawn)
        return np.where(np.isnan(drawn).all(axis=0), np.nan, np.quantile(filled, [tail, 1 - tail], axis=0))

    bounds, best_bounds = interval(ratio), interval(to_best)
    return (
        pd.DataFrame(
            {
                "group": groups,
                "reps": reps,
                "got": sums[0, 0],
                "due": sums[1, 0],
                "got_share": share[0, 0],
                "due_share": share[1, 0],
                "ratio": ratio[0],
                "low": bounds[0],
                "high": bounds[1],
                "to_best": to_best[0],
                "to_best_low": best_bounds[0],
                "to_best_high": best_bounds[1],
                "is_small": is_small,
                "is_below": to_best[0] < FOUR_FIFTHS,
                "is_surely_below": best_bounds[1] < FOUR_FIFTHS,
            }
        )
        .sort_values(["due", "group"], ascending=[False, True], kind="stable")
        .reset_index(drop=True)
    )
