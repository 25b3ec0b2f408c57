"""Figures of routing over some days: spread, evenness, and the share of what could have been had. Pure.

What belongs here: sums and formulas. What does not: reading (`reading`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Spread:
    """Of some numbers: how many, the middle, and what 95 of 100 stay below. None where there are none."""

    count: int
    median: float | None
    most: float | None

    @classmethod
    def of(cls, numbers: pd.Series) -> Spread:
        """Missing ones are left out."""
        known = numbers.dropna()
        if known.empty:
            return cls(0, None, None)
        return cls(len(known), float(known.median()), float(known.quantile(0.95)))


@dataclass(frozen=True)
class Balance:
    """How evenly leads are spread over reps, each by its room."""

    reps: int
    """That had room or were given a lead."""
    given: int
    room: int
    gini: float | None
    """0: all reps have the same share of their room taken; towards 1: one alone has."""
    highest_load: float | None
    lowest_load: float | None
    floors_missed: int
    """Days of a rep on which it was given fewer than it was to get."""


def balance_of(rep_days: pd.DataFrame) -> Balance:
    """`rep_days`: rep, capacity and assigned in all, the highest load, and floors_missed. A row a rep."""
    taking_part = rep_days[(rep_days["capacity"] > 0) | (rep_days["assigned"] > 0)]
    if taking_part.empty:
        return Balance(0, 0, 0, None, None, None, 0)
    room = taking_part["capacity"].clip(lower=1)
    return Balance(
        reps=len(taking_part),
        given=int(taking_part["assigned"].sum()),
        room=int(taking_part["capacity"].sum()),
        gini=gini((taking_part["assigned"] / room).tolist()),
        highest_load=float(taking_part["load"].max()),
        lowest_load=float(taking_part["load"].min()),
        floors_missed=int(taking_part["floors_missed"].sum()),
    )


def gini(shares: Sequence[float]) -> float | None:
    """Half the mean difference of two of them, as a share of the mean (Gini, 1912); None where all are 0."""
    values = np.sort(np.asarray(shares, dtype=np.float64))
    total = values.sum()
    if not total:
        return None
    ranks = np.arange(1, len(values) + 1)
    found = float((2 * (ranks * values).sum()) / (len(values) * total) - (len(values) + 1) / len(values))
    return max(found, 0.0)


@dataclass(frozen=True)
class Optimum:
    """What the choice of owners was expected to be worth, against what no choice could exceed."""

    leads: int
    value: float
    bound: float
    share: float | None


def optimum_of(days: pd.DataFrame, prices: pd.DataFrame) -> Optimum:
    """The share of a bound, by weak duality: at any prices no assignment is worth more than what all leads gain at them
    and what the reps' places cost (Bertsekas, "Network Optimization", 1998, ch. 7).

    Args:
        days: a row a day with `leads`, `value` (expected, of the owners chosen) and `gain` (sum over leads of the best
            value - price among the candidates that were told).
        prices: a row a day and rep: `price`, `capacity`, `floor`. A price below 0 is paid for a floor.
    """
    if days.empty:
        return Optimum(0, 0.0, 0.0, None)
    places = prices["capacity"].where(prices["price"] > 0, prices["floor"])
    bound = float(days["gain"].sum() + (prices["price"] * places).sum())
    value = float(days["value"].sum())
    share = min(value / bound, 1.0) if bound > 0 else None
    return Optimum(int(days["leads"].sum()), value, max(bound, value), share)
