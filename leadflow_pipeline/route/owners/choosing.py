"""The choice of owners for the leads of one day.

What belongs here: which rule goes first, and what each strategy makes of values and places. What does not: who needs an
owner (`standing.py`), the optimum itself (`assignment.py`), and words (`telling.py`). Pure.

In order: the rep whose named account a lead is; the rep who has the company's leads already; the strategy. Of several
leads of a company that is nobody's yet the one that is worth most is given by the strategy, and the others follow it.
What a rule gives takes its place first, the leads that are worth most before others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.accounts import accounts_of, first_of_each
from leadflow_pipeline.route.owners.carried_reps import Carried
from leadflow_pipeline.route.owners.choice.assignment import (
    Assignment,
    assign_by_rank,
    one_after_the_other_by_rank,
    value_of,
)
from leadflow_pipeline.route.owners.choice.fairness import floors
from leadflow_pipeline.route.owners.choice.overload import throttled
from leadflow_pipeline.route.owners.choice.prices import bound_at
from leadflow_pipeline.route.owners.choice.weighing import Weighed
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import NOBODY
from leadflow_pipeline.route.owners.turns import in_turn

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NAMED_ACCOUNT, ACCOUNT = "named_account", "account"
FULL = "capacity"
"""Why a lead is held that somebody might have, had one of them room."""

CHANCE_SEED = 20_260_101
"""Of the random assignment that the day is compared with: always the same, so that a day computed again is."""


@dataclass(frozen=True)
class Places:
    """How many leads each rep can be given on a day. `[R]`"""

    room: Ints
    spared: Ints
    """Of these, how many are given only when everybody else's places are: the rep is nearly full."""
    floors: Ints
    """How many the strategy is to give at least."""
    open_leads: Ints
    """How many leads each rep has already."""

    @classmethod
    def of(
        cls,
        room: Ints,
        load: Floats,
        open_leads: Ints,
        weighed: Weighed,
        roster: Roster,
        rules: OwnershipRules,
    ) -> Places:
        """With floors of the day's leads, and with less for whom the load weighs on."""
        open_first = throttled(room, load, rules.backpressure_from)
        weights = [rep.weight for rep in roster.reps]
        least = floors(weighed.allowed, weights, open_first, rules.floor, rules.exploration)
        return cls(room, room - open_first, least, open_leads)


@dataclass
class Choice:
    """Who gets which lead of a day, and what is to be known of it. Reps are columns of the roster."""

    rep: Ints
    """`[L]`, NOBODY where nobody may or can have it."""
    method: npt.NDArray[np.object_]
    prices: Floats
    """`[R]` what a place with the rep was worth."""
    floors: Ints
    """`[R]` leads that the rep was to get at least from the strategy."""
    left: Ints
    """`[R]` places that are left."""
    had_room: npt.NDArray[np.bool_]
    """`[R]` who had a place when the day began."""
    value: float = 0.0
    bound: float = 0.0
    solved: str = "exact"
    by_strategy: float = 0.0
    greedy: float = 0.0
    chance: float = 0.0
    """What the strategy's part is worth, and what it would be worth greedily and by chance."""
    is_priced: bool = False
    rotation: dict[str, Any] = field(default_factory=dict)


def choose(
    weighed: Weighed,
    leads: pd.DataFrame,
    worth: Floats,
    account_owner: Ints,
    places: Places,
    roster: Roster,
    rules: OwnershipRules,
    carried: Carried,
) -> Choice:
    """Gives the leads of a day away.

    `leads` has `company_domain`, `company_key` and `score`, in the order of ids; `account_owner[L]` is the column of
    the rep who has the company's leads, NOBODY where there is none.
    """
    count = len(worth)
    choice = Choice(
        rep=np.full(count, NOBODY, dtype="int64"),
        method=np.full(count, "", dtype=object),
        prices=carried.prices_of(roster),
        floors=places.floors,
        left=places.room.copy(),
        had_room=places.room > 0,
        rotation=dict(carried.rotation),
    )
    strategy = _Strategy(choice, weighed, leads["score"].to_numpy(dtype="float64"), places, roster, rules)
    _give_to(choice, weighed, worth, weighed.named, NAMED_ACCOUNT)
    if rules.keep_account_owner:
        accounts = accounts_of(leads)
        _give_to(choice, weighed, worth, account_owner, ACCOUNT)
        leading = first_of_each(accounts, np.where(choice.rep == NOBODY, worth, -1))
        strategy.give(leading, places.spared, places.floors)
        _give_to(choice, weighed, worth, _reps_of_accounts(accounts, choice.rep), ACCOUNT)
    else:
        strategy.give(np.ones(count, dtype=bool), places.spared, places.floors)
    nobody = np.zeros_like(places.room)
    strategy.give(np.ones(count, dtype=bool), places.spared, nobody)
    if places.spared.any():
        strategy.give(np.ones(count, dtype=bool), nobody, nobody)
    choice.value = value_of(weighed.value, choice.rep)
    return choice


def _give_to(choice: Choice, weighed: Weighed, worth: Floats, wish: Ints, method: str) -> None:
    """Gives leads to the rep that a rule names, where the rep may have them, as far as places last."""
    rows = np.flatnonzero((choice.rep == NOBODY) & (wish != NOBODY))
    rows = rows[weighed.allowed[rows, wish[rows]]]
    if not len(rows):
        return
    order = rows[np.lexsort((rows, -worth[rows], wish[rows]))]
    rep = wish[order]
    turn = np.arange(len(order)) - np.searchsorted(rep, rep)
    gets = order[turn < choice.left[rep]]
    choice.rep[gets], choice.method[gets] = wish[gets], method
    choice.left -= np.bincount(wish[gets], minlength=len(choice.left))
    choice.bound += float(weighed.value[gets, wish[gets]].sum())


@dataclass
class _Strategy:
    """The campaign's strategy at work on the leads that are left."""

    choice: Choice
    weighed: Weighed
    score: Floats
    day: Places
    roster: Roster
    rules: OwnershipRules

    def give(self, wanted: npt.NDArray[np.bool_], spared: Ints, floors: Ints) -> None:
        """Gives away those of the wanted leads that nobody has, reps that come first for a lead before others."""
        choice, weighed = self.choice, self.weighed
        rows = np.flatnonzero(wanted & (choice.rep == NOBODY) & weighed.allowed.any(axis=1))
        places = np.maximum(choice.left - spared, 0)
        if not len(rows) or not places.any():
            return
        value, rank = weighed.value[rows], weighed.rank[rows]
        best = assign_by_rank(value, rank, places, np.minimum(floors, places))
        rep = best.rep if self.rules.strategy == "optimal" else self._in_order(rows, places)
        self._compare(value, rank, places, rep, best)
        # Of a second time in a day only what is dearer counts: most leads were given at the first time's prices.
        prices = np.maximum(choice.prices, best.prices) if choice.is_priced else best.prices
        choice.prices, choice.is_priced = np.where(places > 0, prices, choice.prices), True
        choice.rep[rows] = rep
        choice.method[rows[rep != NOBODY]] = self.rules.strategy
        choice.left -= np.bincount(rep[rep != NOBODY], minlength=len(choice.left))

    def _compare(
        self, value: Floats, rank: npt.NDArray[np.int16], places: Ints, rep: Ints, best: Assignment
    ) -> None:
        """Adds what the leads are worth as given, at best, greedily and by chance, ranks kept in each."""
        choice = self.choice
        greedy = one_after_the_other_by_rank(value, rank, places)
        dice = np.random.default_rng(CHANCE_SEED).random(value.shape)
        chance = one_after_the_other_by_rank(np.where(np.isnan(value), np.nan, dice), rank, places)
        choice.greedy += value_of(value, greedy)
        choice.chance += value_of(value, chance)
        choice.by_strategy += value_of(value, rep)
        # What is given one after the other does not give its places as the best does: no order binds its bound.
        choice.bound += best.bound if self.rules.strategy == "optimal" else _bound(value, places, best.prices)
        choice.solved = best.method if choice.solved == "exact" else choice.solved

    def _in_order(self, rows: Ints, places: Ints) -> Ints:
        """The rep of each lead where they are given one after the other: the best scores first."""
        weighed, rules = self.weighed, self.rules
        order = np.lexsort((rows, -np.nan_to_num(self.score[rows])))
        if rules.strategy == "match":
            liking = np.where(weighed.allowed[rows], weighed.match[rows], np.nan)
            return one_after_the_other_by_rank(liking, weighed.rank[rows], places, order)
        rep = np.full(len(rows), NOBODY, dtype="int64")
        left = places.copy()
        # Reps of a higher rank take their turns only for leads whose own have no place left.
        for level in np.unique(weighed.rank[rows][weighed.allowed[rows]]):
            turns = order[rep[order] == NOBODY]
            may = weighed.could(rows[turns]) & (weighed.rank[rows[turns]] == level)
            open_leads = self.day.open_leads + (self.day.room - self.choice.left) + (places - left)
            rep[turns], self.choice.rotation = in_turn(
                may, self.roster, left, open_leads, self.choice.rotation, rules.strategy
            )
            given = rep[turns]
            left -= np.bincount(given[given != NOBODY], minlength=len(left))
        return rep


def _bound(value: Floats, places: Ints, prices: Floats) -> float:
    """What no choice within the places is worth more than."""
    nothing = np.zeros_like(places)
    return bound_at(np.where(np.isnan(value), -np.inf, value), places, nothing, np.maximum(prices, 0))


def _reps_of_accounts(accounts: Ints, rep: Ints) -> Ints:
    """For each lead the rep that another lead of its company was given to; NOBODY where none was."""
    given = pd.Series(rep, dtype="int64").where(rep != NOBODY)
    of_account = given.groupby(accounts).transform("min")
    return of_account.fillna(NOBODY).to_numpy(dtype="int64")
