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
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BLOCK = 1 << 18
"""Numbers looked at together, so that they stay in the processor's cache."""
SAMPLE = 2048
"""Leads that the first prices are found with, where there are many."""
MOST_ROUNDS = 50
PATIENCE = 15
"""Rounds in which nothing has become better: of leads that are all alike no price sends one here and one there."""
FAST, SLOW = 0.5, 0.8
"""What the blur of a round is of the one before: where no price has far to go, and where one has."""
SHARP = 1e-8
"""Of the first blur: sharp enough."""
FAR = 7.0
"""Times the blur: a rep that gains a lead so much less than its best has no part in its demand (less than 0.001)."""
WARMER = 4.0
"""Times the blur that a part of the leads ended with, for all of them to begin with."""
LONGEST_STEP = 5.0
"""Times the blur: how far a price moves in a round. Demand is not what it was farther away."""
FEW = 3
"""Times leads over reps: when no more leads than that want a rep without room, chains are faster than more rounds."""


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

    Demand is blurred, so that it changes smoothly with prices: a lead wants reps in proportion to exp(gain / blur), as
    with entropic transport (Cuturi 2013, arXiv:1306.0895). Newton's method then moves all prices together, since a
    dearer rep sends its leads to others; the blur is made smaller from round to round until demand is sharp. On a part
    of the leads first, then on all.
    """
    leads, reps = values.shape
    finite = values[np.isfinite(values)] if leads * reps <= BLOCK else _some(values)
    prices = np.zeros(reps)
    if not len(finite) or finite.max() <= 0:
        return prices
    blur = max(float(finite.std()), float(finite.max()) * 1e-6)
    if leads > 2 * SAMPLE:
        share = leads / SAMPLE
        part = values[(np.arange(SAMPLE) * share).astype(np.int64)]
        # A rep has a few leads of the part and room for a fraction more or less: sharper prices would fit that alone.
        enough = max(SAMPLE / 10, reps / 2)
        prices, blur = _sharpened(part, capacity / share, floors / share, prices, blur, enough)
        blur *= WARMER
    return _sharpened(values, capacity, floors, prices, blur, FEW * leads / reps)[0]


def _sharpened(
    values: Floats, capacity: Floats | Ints, floors: Floats | Ints, prices: Floats, blur: float, enough: float
) -> tuple[Floats, float]:
    """Prices at which no more than `enough` leads are missing or too many, or the best found, and the blur there."""
    best, best_blur, fewest, sharpest, in_vain = prices, blur, np.inf, blur * SHARP, 0
    for _ in range(MOST_ROUNDS):
        blurred, sharp, slope = _demand(values, prices, blur)
        misplaced = float(np.abs(sharp - _room(sharp, capacity, floors, prices)).sum())
        if misplaced < fewest:
            best, best_blur, fewest, in_vain = prices, blur, misplaced, 0
        in_vain += 1
        if misplaced <= enough or in_vain > PATIENCE:
            break
        excess = blurred - _room(blurred, capacity, floors, prices)
        # A rep at price 0 with demand between floor and capacity stays there.
        free = np.flatnonzero((prices != 0) | (excess != 0))
        slope = slope[np.ix_(free, free)]
        slope[np.diag_indices(len(free))] += 1e-4 * max(1.0, float(np.mean(capacity))) / blur
        step = np.zeros(len(prices))
        wish = np.linalg.solve(slope, excess[free])
        step[free] = np.clip(wish, -LONGEST_STEP * blur, LONGEST_STEP * blur)
        moved = prices + step
        prices = np.where(moved * prices < 0, 0, moved)
        blur *= FAST if np.abs(wish).max(initial=0) <= LONGEST_STEP * blur else SLOW
        if blur < sharpest:
            break
    return best, best_blur


def _room(demand: Floats, capacity: Floats | Ints, floors: Floats | Ints, prices: Floats) -> Floats:
    """What demand should be: all places of a rep that costs something, the floor of one that is paid for."""
    at_zero = np.clip(demand, floors, capacity)
    return np.asarray(np.where(prices > 0, capacity, np.where(prices < 0, floors, at_zero)), dtype=float)


def _demand(values: Floats, prices: Floats, blur: float) -> tuple[Floats, Floats, Floats]:
    """How many leads want each rep: blurred, and in fact; and how much the blurred demand falls with prices. `[R,R]`"""
    reps = len(prices)
    blurred, sharp, together = np.zeros(reps), np.zeros(reps), np.zeros((reps, reps))
    sparse: list[tuple[Ints, Ints, Floats]] = []
    for rows in _blocks(len(values), reps):
        net = values[rows] - prices
        best = net.argmax(axis=1)
        gain = net[np.arange(len(net)), best]
        sharp += np.bincount(best[gain >= 0], minlength=reps)
        gain = np.maximum(gain, 0)
        lead, rep = np.nonzero(net > (gain - FAR * blur)[:, None])
        part = np.exp((net[lead, rep] - gain[lead]) / blur)
        part /= (np.bincount(lead, part, minlength=len(net)) + np.exp(-gain / blur))[lead]
        blurred += np.bincount(rep, part, minlength=reps)
        if len(part) * 8 > net.size:
            dense = np.zeros(net.shape)
            dense[lead, rep] = part
            together += dense.T @ dense
        else:
            sparse.append((lead + rows.start, rep, part))
    if sparse:
        lead, rep, part = (np.concatenate(columns) for columns in zip(*sparse, strict=True))
        parts = scipy.sparse.csr_array((part, (lead, rep)), shape=(len(values), reps))
        together += (parts.T @ parts).toarray()
    return blurred, sharp, (np.diag(blurred) - together) / blur


def _some(values: Floats) -> Floats:
    rows = values[:: max(1, len(values) * values.shape[1] // BLOCK)]
    return rows[np.isfinite(rows)]


def _blocks(leads: int, reps: int) -> Iterator[slice]:
    size = max(1, BLOCK // max(1, reps))
    for first in range(0, leads, size):
        yield slice(first, first + size)
