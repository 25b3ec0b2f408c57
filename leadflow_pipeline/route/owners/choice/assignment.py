"""The best assignment of many leads to reps at once: the most value within capacities, with floors.

What belongs here: who gets which lead of a day, what that is worth, what it could be worth at most, and simpler ways to
compare with. What does not: what a pair is worth (`match.py`), who may have whom (`eligibility.py`), how many a rep can
take (`capacity.py`) or has to get (`fairness.py`).

**What is kept.** No rep gets more than its capacity, no lead a rep that is not allowed. A rep gets at least its floor,
where enough leads may be had; where floors contradict each other, as many places of floors as possible are filled.
Within that the sum of the values is the largest there is. A lead stays out only where none of its allowed reps has a
place left; which ones stay out is decided by value, so a lead that one rep alone may have can lose its place to a
better one. Floors never leave a lead out that has a place: a floor is a least number, and more is no harm. Values are
not below 0, so a place is never better left empty. Who would rather place more leads than more value adds a constant to
all values.

**How.** Prices first (`prices.py`); at them each lead takes the rep it wants, which leaves a few reps with a few leads
too many or too few. Then the rest moves along chains of least loss, lead by lead, from a rep with too many over others
to a rep with room (successive shortest paths, with reps as nodes: Ahuja, Magnanti & Orlin, "Network Flows", 1993,
ch. 9.7). When that ends, no assignment is worth more: method "exact". When it would take too long, what is left is
mended greedily, and the bound tells how much that may have cost: method "dual prices".

**Ties.** The same leads and reps in the same order give the same assignment. Of several that are worth the same, which
one is found depends on that order: give leads and reps in order of their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadflow_pipeline.route.owners.choice.chains import Chains, allowed_counts
from leadflow_pipeline.route.owners.choice.prices import (
    Bools,
    Floats,
    Ints,
    best_at_prices,
    bound_at,
    fitted_prices,
)

__all__ = [
    "Assignment",
    "assign",
    "assign_by_rank",
    "best_at_prices",
    "one_after_the_other",
    "one_after_the_other_by_rank",
    "value_of",
]

MOST_WORK = 1_000_000_000
"""Numbers looked at for chains before the rest is mended greedily: ten seconds or so."""


@dataclass(frozen=True)
class Assignment:
    """Who gets which lead.

    Attributes:
        rep: `[L]` each lead's rep by its column; -1: none.
        value: the sum of the values of the pairs.
        bound: what no assignment within the same capacities that gives each rep the floor it got here can exceed.
        prices: `[R]` what a place with the rep is worth, in the money of the values: 0 where places are left, below 0
            where the rep gets leads for its floor alone. Each lead's rep is the one of its highest value - price,
            but for ties where the method is "exact".
        floors: `[R]` the floors as they could be kept.
        method: "exact": value equals bound but for rounding; "dual prices": the bound says how near it is.
    """

    rep: Ints
    value: float
    bound: float
    prices: Floats
    floors: Ints
    method: Literal["exact", "dual prices"]

    @property
    def regret(self) -> float:
        """What at most is lost against the best assignment, as a share of the bound."""
        return 1 - self.value / self.bound if self.bound > 0 else 0.0


def assign(
    values: ArrayLike,
    capacity: ArrayLike,
    floors: ArrayLike | None = None,
    *,
    most_work: int = MOST_WORK,
) -> Assignment:
    """The assignment of the most value.

    Args:
        values: `[L,R]` what each pair is worth, not below 0; NaN: not allowed.
        capacity: `[R]` leads that each rep can take, whole and not below 0.
        floors: `[R]` leads that each rep is to get at least; none where not given.
        most_work: numbers looked at for the exact solution before the rest is mended greedily.

    Raises:
        ValueError: shapes that do not fit, or a value or a number below 0 or without end.
    """
    worth, places, least = _checked(values, capacity, floors)
    leads, reps = worth.shape[0], worth.shape[1] - 1
    least = np.minimum(np.minimum(least, places), allowed_counts(worth))
    prices = fitted_prices(worth[:, :reps], places, least)
    chains = Chains(worth, places, least, prices)
    exact = chains.settle(most_work)
    rep = chains.rep if exact else _mended(worth, places, least, chains.rep)
    rep = _filled(worth, places, rep)
    counts = np.bincount(rep, minlength=reps + 1)[:reps]
    kept = np.minimum(least, counts)
    shown = chains.final_prices(kept) if exact else np.where(counts < places, np.minimum(prices, 0), prices)
    value = float(worth[np.arange(leads), rep].sum())
    bound = min(
        bound_at(worth[:, :reps], places, kept, trial) for trial in ((shown,) if exact else (shown, prices))
    )
    method: Literal["exact", "dual prices"] = "exact" if exact else "dual prices"
    return Assignment(np.where(rep == reps, -1, rep), value, max(value, bound), shown, kept, method)


def assign_by_rank(
    values: ArrayLike,
    ranks: NDArray[np.integer],
    capacity: ArrayLike,
    floors: ArrayLike | None = None,
    *,
    at_ease: ArrayLike | None = None,
) -> Assignment:
    """The same where some reps come first for a lead, and others only when those have no place left.

    First the pairs of rank 0 are assigned as if there were no others; then the leads that are left, to the places that
    are left, over those of rank 1; and so on. So no value, however high, takes a lead to a higher rank while one of its
    reps of a lower rank has a place, and no lead that comes from elsewhere takes a place from a team's own. The bound
    is of assignments in this order.

    Args:
        values: `[L,R]` as for `assign`.
        ranks: `[L,R]` 0 comes first. Only the order of a lead's allowed pairs counts.
        capacity: `[R]` as for `assign`.
        floors: `[R]` as for `assign`; what the lower ranks leave open is asked of the higher ones.
        at_ease: `[R]` how many of a rep's places are open at first (`overload.throttled`): the others are given out,
            in the same order of ranks, when no lead finds one of these any more. So leads spill to another team before
            a rep is overloaded, and no lead waits while there is room.
    """
    everything = np.asarray(values, dtype=float)
    leads, reps = everything.shape
    places = _whole("capacity", capacity, reps)
    eased = places if at_ease is None else np.minimum(_whole("places at ease", at_ease, reps), places)
    least = _whole("floors", 0 if floors is None else floors, reps)
    levels = _levels(everything, ranks)
    if len(levels) <= 1 and (eased == places).all():
        return assign(everything, places, least)
    rep = np.full(leads, -1, np.int64)
    total, prices, kept = np.zeros(reps, np.int64), np.zeros(reps), np.zeros(reps, np.int64)
    exact, value, bound = True, 0.0, 0.0
    for open_places in [eased, places] if (eased < places).any() else [places]:
        for level in levels:
            left = open_places - total
            rows, theirs = _of_level(everything, ranks, level, rep < 0, left > 0)
            if not len(rows):
                continue
            step = assign(theirs, left, np.maximum(least - total, 0))
            rep[rows] = step.rep
            total += np.bincount(step.rep[step.rep >= 0], minlength=reps)
            takes_part = ~np.isnan(theirs).all(axis=0)
            prices, kept = np.where(takes_part, step.prices, prices), kept + step.floors
            value, bound, exact = value + step.value, bound + step.bound, exact and step.method == "exact"
    prices = np.where(total < places, np.minimum(prices, 0), prices)
    return Assignment(rep, value, bound, prices, kept, "exact" if exact else "dual prices")


def one_after_the_other(
    liking: ArrayLike,
    capacity: ArrayLike,
    order: NDArray[np.integer] | None = None,
) -> Ints:
    """Each lead in its turn gets the rep with a place left that it likes most; -1: none. `[L]`.

    What a day would be worth without looking at all its leads together: with values as liking, greedy; with match
    scores, greedy by match; with random numbers, chance.

    Args:
        liking: `[L,R]`; NaN: not allowed.
        capacity: `[R]`.
        order: `[L]` positions of the leads in their turn; as they are given where not said.
    """
    wish = np.asarray(liking, dtype=float)
    wish = np.where(np.isnan(wish), -np.inf, wish)
    left = np.array(capacity, dtype=np.int64)
    leads, reps = wish.shape
    rep = np.full(leads, -1, np.int64)
    if not leads or not reps:
        return rep
    closed = np.where(left > 0, 0.0, -np.inf)
    turns = np.arange(leads) if order is None else np.asarray(order)
    favourite = (wish + closed).argmax(axis=1)
    for lead in turns:
        choice = favourite[lead]
        if not left[choice]:
            choice = (wish[lead] + closed).argmax()
        if wish[lead, choice] + closed[choice] == -np.inf:
            continue
        rep[lead] = choice
        left[choice] -= 1
        if not left[choice]:
            closed[choice] = -np.inf
    return rep


def one_after_the_other_by_rank(
    liking: ArrayLike,
    ranks: NDArray[np.integer],
    capacity: ArrayLike,
    order: NDArray[np.integer] | None = None,
) -> Ints:
    """The same in the order of ranks that `assign_by_rank` keeps: leads take their turns for reps of rank 0, then those
    that are left for reps of rank 1, and so on. `[L]`
    """
    wish = np.asarray(liking, dtype=float)
    left = np.array(capacity, dtype=np.int64)
    turns = np.arange(len(wish)) if order is None else np.asarray(order)
    place = np.empty(len(wish), np.int64)
    place[turns] = np.arange(len(wish))
    rep = np.full(len(wish), -1, np.int64)
    for level in _levels(wish, ranks):
        rows, theirs = _of_level(wish, ranks, level, rep < 0, left > 0)
        rep[rows] = one_after_the_other(theirs, left, np.argsort(place[rows]))
        left -= np.bincount(rep[rows][rep[rows] >= 0], minlength=len(left))
    return rep


def value_of(values: ArrayLike, rep: Ints) -> float:
    """The sum of the values of the pairs."""
    given = np.flatnonzero(rep >= 0)
    return float(np.asarray(values, dtype=float)[given, rep[given]].sum())


def _levels(values: Floats, ranks: NDArray[np.integer]) -> Ints:
    """The ranks of allowed pairs, in order."""
    seen = np.zeros(int(ranks.max(initial=0)) + 1, dtype=bool)
    seen[ranks[~np.isnan(values)]] = True
    return np.flatnonzero(seen)


def _of_level(
    values: Floats, ranks: NDArray[np.integer], level: int, waits: Bools, is_open: Bools
) -> tuple[Ints, Floats]:
    """The leads that wait and may have an open rep of a rank, and the values of these pairs alone.

    A lead that waits has had its chance with the reps of lower ranks: they are full.
    """
    waiting = np.flatnonzero(waits)
    here = (ranks[waiting] == level) & is_open
    here &= ~np.isnan(values[waiting])
    some = here.any(axis=1)
    theirs = values[waiting[some]]
    theirs[~here[some]] = np.nan
    return waiting[some], theirs


def _checked(values: ArrayLike, capacity: ArrayLike, floors: ArrayLike | None) -> tuple[Floats, Ints, Ints]:
    """The values with a last column for no rep, worth 0, and -inf where a rep is not allowed."""
    given = np.asarray(values)
    if given.ndim != 2:
        raise ValueError(
            f"values must have a row for each lead and a column for each rep, not shape {given.shape}"
        )
    leads, reps = given.shape
    worth = np.empty((leads, reps + 1))
    worth[:, :reps] = given
    worth[:, reps] = 0
    highest, lowest = np.fmax.reduce(worth, axis=None, initial=0), np.fmin.reduce(worth, axis=None, initial=0)
    if lowest < 0 or highest == np.inf:
        raise ValueError(
            f"values must lie between 0 and infinity, but some are {lowest if lowest < 0 else highest}: "
            "give NaN for a pair that is not allowed"
        )
    np.copyto(worth, -np.inf, where=np.isnan(worth))
    return worth, _whole("capacity", capacity, reps), _whole("floors", 0 if floors is None else floors, reps)


def _whole(name: str, given: ArrayLike, reps: int) -> Ints:
    numbers = np.broadcast_to(np.asarray(given), (reps,)) if np.ndim(given) == 0 else np.asarray(given)
    if numbers.shape != (reps,):
        raise ValueError(f"{name} must have one number for each of {reps} reps, not shape {numbers.shape}")
    whole = numbers.astype(np.int64)
    if (whole != numbers).any() or (whole < 0).any():
        raise ValueError(f"{name} must be whole numbers that are not below 0")
    return whole


def _mended(worth: Floats, places: Ints, least: Ints, rep: Ints) -> Ints:
    """Within capacity, and with floors as far as single moves reach: greedily."""
    leads, reps = worth.shape[0], worth.shape[1] - 1
    rep = rep.copy()
    row = np.arange(leads)
    for crowded in np.flatnonzero(np.bincount(rep, minlength=reps + 1)[:reps] > places):
        members = np.flatnonzero(rep == crowded)
        rep[members[np.argsort(-worth[members, crowded], kind="stable")[places[crowded] :]]] = reps
    rep = _filled(worth, places, rep)
    counts = np.bincount(rep, minlength=reps + 1)
    for poor in np.flatnonzero(counts[:reps] < least):
        spare = np.append(counts[:reps] - least, leads)
        loss = worth[row, rep] - worth[:, poor]
        for lead in np.argsort(loss, kind="stable"):
            if counts[poor] >= least[poor] or loss[lead] == np.inf:
                break
            source = rep[lead]
            if source == poor or spare[source] <= 0:
                continue
            rep[lead] = poor
            counts[source] -= 1
            counts[poor] += 1
            spare[source] -= 1
    return rep


def _filled(worth: Floats, places: Ints, rep: Ints) -> Ints:
    """With a rep for every lead that has none though an allowed one has a place: the best values first."""
    reps = worth.shape[1] - 1
    rep = rep.copy()
    left = places - np.bincount(rep, minlength=reps + 1)[:reps]
    while True:
        waiting, open_reps = np.flatnonzero(rep == reps), np.flatnonzero(left > 0)
        if not len(waiting) or not len(open_reps):
            return rep
        wish = worth[np.ix_(waiting, open_reps)]
        choice = wish.argmax(axis=1)
        best = wish[np.arange(len(waiting)), choice]
        may = np.flatnonzero(best > -np.inf)
        if not len(may):
            return rep
        for column in np.unique(choice[may]):
            members = may[choice[may] == column]
            taken = members[np.argsort(-best[members], kind="stable")[: left[open_reps[column]]]]
            rep[waiting[taken]] = open_reps[column]
            left[open_reps[column]] -= len(taken)
