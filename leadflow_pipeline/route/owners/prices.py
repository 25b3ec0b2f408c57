"""Prices of reps' time: what a place with a rep is worth when many leads want it.

What belongs here: the dual of the assignment of a day's leads: the demand at prices, prices that bring demand near to
capacity, the bound they certify, and the choice of one lead at prices. What does not: who gets which lead
(`assignment.py`).

At price p a lead wants the rep of the highest value - p. A rep whom too many want grows dearer, a rep who has room
costs nothing, and a rep who must get leads for its floor is paid for: its price is below 0. By weak duality any prices
bound what any assignment can be worth (Bertsekas, "Network Optimization: Continuous and Discrete Models", 1998, ch. 7).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BLOCK = 1 << 18
"""Numbers looked at together, so that they stay in the processor's cache."""
SAMPLE = 4096
"""Leads that the first prices are found with."""
ROUNDS_ON_SAMPLE = 80
ROUNDS_ON_ALL = 16
GROW, SHRINK = 1.3, 0.5


def best_at_prices(values: Floats, prices: Floats) -> int:
    """The rep of the highest value - price for one lead; -1 where none is allowed.

    `values[R]` is NaN where the rep may not have the lead or has no room. The lead is given away even where every
    price exceeds its value: whether the place is kept for a better one is not decided here.
    """
    net = values - prices
    allowed = net == net
    if not allowed.any():
        return -1
    return int(np.where(allowed, net, -np.inf).argmax())


def wanted(values: Floats, prices: Floats) -> tuple[Ints, Floats]:
    """The rep each lead wants at the prices (R, the number of reps: none), and what it gains, at least 0.

    `values[L,R]` is -inf where a rep is not allowed.
    """
    leads, reps = values.shape
    rep, gain = np.full(leads, reps, np.int64), np.zeros(leads)
    if not reps:
        return rep, gain
    for rows in _blocks(leads, reps):
        net = values[rows] - prices
        best = net.argmax(axis=1)
        gained = np.take_along_axis(net, best[:, None], axis=1)[:, 0]
        takes = gained >= 0
        rep[rows] = np.where(takes, best, reps)
        gain[rows] = np.where(takes, gained, 0)
    return rep, gain


def bound_at(values: Floats, capacity: Ints, floors: Ints, prices: Floats) -> float:
    """What no assignment within capacity that keeps the floors can exceed, whatever the prices are.

    The gains of all leads at the prices, and what the reps' places cost; a floor's price below 0 is paid for as many
    leads as the floor has.
    """
    _, gain = wanted(values, prices)
    places = np.where(prices > 0, capacity * prices, 0) + np.where(prices < 0, floors * prices, 0)
    return float(gain.sum() + places.sum())


def fitted_prices(values: Floats, capacity: Ints, floors: Ints) -> Floats:
    """Prices at which about as many leads want each rep as it has room for.

    Each rep's price moves by a step of its own, which grows while demand stays on one side of the room and halves when
    it changes sides (resilient propagation: Riedmiller & Braun 1993, doi:10.1109/ICNN.1993.298623). On a part of the
    leads first, then on all.
    """
    leads, reps = values.shape
    prices = np.zeros(reps)
    finite = values[np.isfinite(values)] if leads * reps <= BLOCK else _some(values)
    if not len(finite) or finite.max() <= 0:
        return prices
    steps = np.full(reps, max(float(finite.std()), float(finite.max()) * 1e-6))
    if leads > 2 * SAMPLE:
        share = leads / SAMPLE
        part = values[(np.arange(SAMPLE) * share).astype(np.int64)]
        prices, steps = _adjust(part, capacity / share, floors / share, prices, steps, ROUNDS_ON_SAMPLE)
        steps = np.maximum(steps, steps.mean())
        return _adjust(values, capacity, floors, prices, steps, ROUNDS_ON_ALL)[0]
    return _adjust(values, capacity, floors, prices, steps, ROUNDS_ON_SAMPLE)[0]


def _adjust(
    values: Floats,
    capacity: Floats | Ints,
    floors: Floats | Ints,
    prices: Floats,
    steps: Floats,
    rounds: int,
) -> tuple[Floats, Floats]:
    before = np.zeros(len(prices))
    best, least = prices, np.inf
    for _ in range(rounds):
        rep, gain = wanted(values, prices)
        demand = np.bincount(rep, minlength=len(prices) + 1)[:-1]
        places = np.where(prices > 0, capacity * prices, 0) + np.where(prices < 0, floors * prices, 0)
        bound = gain.sum() + places.sum()
        if bound < least:
            best, least = prices, bound
        room = np.where(prices > 0, capacity, np.where(prices < 0, floors, np.clip(demand, floors, capacity)))
        side = np.sign(demand - room)
        steps = np.where(side * before > 0, steps * GROW, np.where(side * before < 0, steps * SHRINK, steps))
        before = side
        moved = prices + side * steps
        prices = np.where(moved * prices < 0, 0, moved)
    return best, steps


def _some(values: Floats) -> Floats:
    rows = values[:: max(1, len(values) * values.shape[1] // BLOCK)]
    return rows[np.isfinite(rows)]


def _blocks(leads: int, reps: int) -> Iterator[slice]:
    size = max(1, BLOCK // max(1, reps))
    for first in range(0, leads, size):
        yield slice(first, first + size)
