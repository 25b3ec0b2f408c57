"""From what leads want at prices to the best assignment: chains of moves of least loss.

What belongs here: the exact solution of an assignment, begun at prices. What does not: the prices to begin with
(`prices.py`), and what is asked and answered (`assignment.py`).

Reps are the nodes, and one more for leads without a rep ("out", the last). The way from r to s costs what is lost by
moving the lead of r that loses least by it. A place without a lead counts as a lead that is worth nothing anywhere and
comes from "out"; more such places than the floor permits cost more than any values could bring. So every rep must hold
exactly as many as it has places, and chains carry what is too much to where something is missing.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 1 << 19


def allowed_counts(worth: Floats) -> Ints:
    """How many leads each rep may have. `[R]`, of `worth[L,R+1]`."""
    counts = np.zeros(worth.shape[1] - 1, np.int64)
    size = max(1, BLOCK // worth.shape[1])
    for first in range(0, len(worth), size):
        counts += (worth[first : first + size, :-1] > -np.inf).sum(axis=0)
    return counts


class Chains:
    """An assignment on its way to the best.

    Args:
        worth: `[L,R+1]` values, -inf where not allowed, 0 in the last column.
        places, least: `[R]` capacity, and the floors within it.
        prices: `[R]` to begin with.
    """

    def __init__(self, worth: Floats, places: Ints, least: Ints, prices: Floats) -> None:
        self.worth, self.places, self.least = worth, places, least
        self.out = worth.shape[1] - 1
        self.scale = max(float(worth.max(initial=0)), 1e-300)
        self.penalty = self.scale * (self.out + 2)
        self.price = np.append(np.clip(prices, -self.penalty, None), 0.0)
        self.rep = _wanted(worth, self.price)
        counts = np.bincount(self.rep, minlength=self.out + 1)[: self.out]
        room = places - least
        self.empty = np.where(prices > 0, 0, np.where(prices < 0, room, np.clip(places - counts, 0, room)))
        self.excess = np.append(counts + self.empty - places, 0)
        order = np.argsort(self.rep, kind="stable")
        edges = np.searchsorted(self.rep[order], np.arange(self.out + 2))
        self.leads = [order[edges[node] : edges[node + 1]] for node in range(self.out + 1)]
        nodes = self.out + 1
        self.loss = np.full((nodes, nodes), np.inf)
        self.lead = np.full((nodes, nodes), -1, np.int64)
        self.work = 0

    def settle(self, most_work: int) -> bool:
        """Moves leads until every rep holds what it should; False where that would take more than `most_work`."""
        if not (self.excess != 0).any():
            return True
        if self.worth.size > most_work:
            return False
        for node in range(self.out + 1):
            self._look_at(node, np.arange(self.out + 1))
        while True:
            if self.work > most_work:
                return False
            crowded = np.flatnonzero(self.excess[: self.out] > 0)
            if len(crowded):
                source, targets = int(crowded[0]), np.append(self.excess[: self.out] < 0, True)
            elif (self.excess[: self.out] < 0).any():
                source, targets = self.out, np.append(self.excess[: self.out] < 0, False)
            else:
                return True
            self._carry(self._shortest(source, targets))

    def final_prices(self, kept: Ints) -> Floats:
        """Prices at which every lead has what it wants: midway between the lowest and the highest such. `[R]`."""
        if self.lead.max(initial=-1) < 0:
            for node in range(self.out + 1):
                self._look_at(node, np.arange(self.out + 1))
        cost = self._cost()
        cost[self.out, :-1] = np.where(
            self.places - self.empty > kept, np.minimum(self.loss[self.out, :-1], 0), self.loss[self.out, :-1]
        )
        highest = _distances(cost.T, self.out, self.scale)[:-1]
        # No rep is paid more than its floor costs: nothing, where the leads would come to it anyway.
        cost[self.out, :-1] = np.minimum(cost[self.out, :-1], np.maximum(-highest, 0))
        lowest = -_distances(cost, self.out, self.scale)[:-1]
        prices = np.append((highest + lowest) / 2, 0.0)
        closed = np.flatnonzero(~np.isfinite(highest))
        prices[closed] = -np.inf
        # A rep without a place is as dear as the lead that would gain most by it.
        prices[closed] = (prices[:, None] - cost[:, closed]).max(axis=0)
        prices = prices[:-1]
        prices[np.abs(prices) < 1e-12 * self.scale] = 0
        return prices

    def _cost(self) -> Floats:
        """The loss of the cheapest move between each two nodes, of a lead or of an empty place."""
        cost = self.loss.copy()
        permitted = self.places - self.least
        leaving = np.where(self.empty > permitted, -self.penalty, np.where(self.empty > 0, 0.0, np.inf))
        coming = np.where(self.empty < permitted, 0.0, self.penalty)
        cost[:-1, self.out] = np.minimum(cost[:-1, self.out], leaving)
        cost[self.out, :-1] = np.minimum(cost[self.out, :-1], coming)
        return cost

    def _shortest(self, source: int, targets: NDArray[np.bool_]) -> list[int]:
        """The chain of least loss from a node to one of the targets; the prices follow."""
        cost, price = self._cost(), self.price
        nearest = np.full(self.out + 1, np.inf)
        before = np.full(self.out + 1, -1, np.int64)
        nearest[source] = 0
        active = np.array([source])
        slack = 1e-13 * self.scale
        goal = np.inf
        while len(active):
            reach = (cost[active] + price) + (nearest[active] - price[active])[:, None]
            least = reach.min(axis=0)
            closer = np.flatnonzero(least < np.minimum(nearest - slack, goal))
            before[closer] = active[reach[:, closer].argmin(axis=0)]
            nearest[closer] = np.maximum(least[closer], 0)
            goal = nearest[targets].min()
            active = closer[nearest[closer] < goal]
            self.work += reach.size
        target = int(np.flatnonzero(targets & (nearest == goal))[0])
        self.price = price + np.maximum(goal - nearest, 0)
        self.price -= self.price[self.out]
        chain = [target]
        while chain[-1] != source:
            chain.append(int(before[chain[-1]]))
        return chain[::-1]

    def _carry(self, chain: list[int]) -> None:
        """Moves as many along the chain as lose the same."""
        source, target = chain[0], chain[-1]
        amount = min(abs(int(self.excess[node])) for node in (source, target) if node != self.out)
        cost = self._cost()
        moves: list[tuple[int, int, Ints | None]] = []
        for here, there in pairwise(chain):
            if self.loss[here, there] <= cost[here, there]:
                leads = np.array([self.lead[here, there]])
                if amount > 1:
                    mine = self.leads[here]
                    tied = self.worth[mine, here] - self.worth[mine, there] <= self.loss[here, there]
                    leads = mine[tied][:amount]
                    self.work += len(mine)
                amount = min(amount, len(leads))
                moves.append((here, there, leads))
            else:
                node, sign = (here, -1) if there == self.out else (there, 1)
                beyond = int(self.empty[node] - (self.places[node] - self.least[node]))
                if sign < 0:
                    amount = min(amount, beyond if beyond > 0 else int(self.empty[node]))
                elif beyond < 0:
                    amount = min(amount, -beyond)
                moves.append((here, there, None))
        for here, there, chosen in moves:
            if chosen is None:
                if there == self.out:
                    self.empty[here] -= amount
                else:
                    self.empty[there] += amount
            else:
                self._move(chosen[:amount], here, there)
        self.excess[source] -= amount
        self.excess[target] += amount

    def _move(self, leads: Ints, here: int, there: int) -> None:
        mine = self.leads[here]
        self.leads[here] = np.delete(mine, np.searchsorted(mine, leads))
        self.leads[there] = np.insert(self.leads[there], np.searchsorted(self.leads[there], leads), leads)
        self.rep[leads] = there
        self._look_at(here, np.flatnonzero(np.isin(self.lead[here], leads)))
        self._offer(there, leads)

    def _look_at(self, node: int, others: Ints) -> None:
        """Finds again the cheapest leads of a node to move to others."""
        self.loss[node, others], self.lead[node, others] = np.inf, -1
        mine = self.leads[node]
        size = max(1, BLOCK // max(1, len(others)))
        for first in range(0, len(mine), size):
            self._offer(node, mine[first : first + size], others)

    def _offer(self, node: int, leads: Ints, others: Ints | None = None) -> None:
        """Lets some leads of a node be the cheapest to move."""
        rows = self.worth[leads] if others is None else self.worth[np.ix_(leads, others)]
        losses = self.worth[leads, node][:, None] - rows
        self.work += losses.size
        where = np.arange(self.out + 1) if others is None else others
        least = losses.min(axis=0)
        better = (least < self.loss[node, where]) & (where != node)
        where, columns = where[better], np.flatnonzero(better)
        self.loss[node, where] = least[columns]
        self.lead[node, where] = leads[losses[:, columns].argmin(axis=0)]


def _distances(cost: Floats, source: int, scale: float) -> Floats:
    """Length of the shortest way from the source to each node (Bellman-Ford; no cycle is below 0)."""
    nearest = np.full(len(cost), np.inf)
    nearest[source] = 0
    active = np.array([source])
    for _ in range(len(cost)):
        reach = (cost[active] + nearest[active][:, None]).min(axis=0)
        active = np.flatnonzero(reach < nearest - 1e-13 * scale)
        if not len(active):
            break
        nearest[active] = reach[active]
    return nearest


def _wanted(worth: Floats, price: Floats) -> Ints:
    """The node each lead wants at the prices, a rep rather than none."""
    rep = np.empty(len(worth), np.int64)
    size = max(1, BLOCK // worth.shape[1])
    for first in range(0, len(worth), size):
        rep[first : first + size] = (worth[first : first + size] - price).argmax(axis=1)
    return rep
