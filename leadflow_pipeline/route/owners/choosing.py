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
from leadflow_pipeline.route.owners.assignment import (
    Assignment,
    assign_by_rank,
    one_after_the_other,
    value_of,
)
from leadflow_pipeline.route.owners.carried_reps import Carried
from leadflow_pipeline.route.owners.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import NOBODY
from leadflow_pipeline.route.owners.turns import in_turn
from leadflow_pipeline.route.owners.weighing import Weighed

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NAMED_ACCOUNT, ACCOUNT = "named_account", "account"
FULL = "capacity"
"""Why a lead is held that somebody might have, had one of them room."""

CHANCE_SEED = 20_260_101
"""Of the random assignment that the day is compared with: always the same, so that a day computed again is."""


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
    room: Ints,
    floors: Ints,
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
        floors=floors,
        left=room.copy(),
        had_room=room > 0,
        rotation=dict(carried.rotation),
    )
    _give_to(choice, weighed, worth, weighed.named, NAMED_ACCOUNT)
    accounts = accounts_of(leads)
    if rules.keep_account_owner:
        _give_to(choice, weighed, worth, account_owner, ACCOUNT)
        leading = first_of_each(accounts, np.where(choice.rep == NOBODY, worth, -1))
        leading &= choice.rep == NOBODY
        _give_by_strategy(choice, weighed, leads, leading, floors, roster, rules)
        followed = _reps_of_accounts(accounts, choice.rep)
        _give_to(choice, weighed, worth, followed, ACCOUNT)
        floors = np.zeros_like(floors)
    _give_by_strategy(choice, weighed, leads, choice.rep == NOBODY, floors, roster, rules)
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


def _give_by_strategy(
    choice: Choice,
    weighed: Weighed,
    leads: pd.DataFrame,
    wanted: npt.NDArray[np.bool_],
    floors: Ints,
    roster: Roster,
    rules: OwnershipRules,
) -> None:
    """Gives leads away as the campaign's strategy says, reps that come first for a lead before others."""
    rows = np.flatnonzero(wanted & weighed.allowed.any(axis=1))
    if not len(rows):
        return
    value, rank = weighed.value[rows], weighed.rank[rows]
    had_room = choice.left > 0
    best = assign_by_rank(value, rank, choice.left, floors)
    rep = _by_strategy(choice, best, weighed, rows, leads, roster, rules)
    # Compared within the same order of ranks: a lead of a team's own goes to the team by chance too.
    greedy = one_after_the_other(value - rank * _beyond(value), choice.left)
    dice = np.random.default_rng(CHANCE_SEED).random(value.shape)
    chance = one_after_the_other(np.where(weighed.allowed[rows], dice - rank, np.nan), choice.left)
    choice.greedy += value_of(value, greedy)
    choice.chance += value_of(value, chance)
    choice.by_strategy += value_of(value, rep)
    choice.bound += best.bound
    choice.solved = best.method if choice.solved == "exact" else choice.solved
    # Of a second time in a day only what is dearer counts: the first time is what most leads were given at.
    prices = best.prices if not choice.is_priced else np.maximum(choice.prices, best.prices)
    choice.prices, choice.is_priced = np.where(had_room, prices, choice.prices), True
    gets = rows[rep != NOBODY]
    choice.rep[rows] = rep
    choice.method[gets] = rules.strategy
    choice.left = choice.left - np.bincount(rep[rep != NOBODY], minlength=len(choice.left))


def _by_strategy(
    choice: Choice,
    best: Assignment,
    weighed: Weighed,
    rows: Ints,
    leads: pd.DataFrame,
    roster: Roster,
    rules: OwnershipRules,
) -> Ints:
    """The rep of each of some leads; the best assignment where the strategy is to find it."""
    if rules.strategy == "optimal":
        return best.rep
    # The best scores first, whoever's turn it is.
    order = np.lexsort((rows, -np.nan_to_num(leads["score"].to_numpy(dtype="float64")[rows])))
    if rules.strategy == "match":
        liking = np.where(weighed.allowed[rows], weighed.match[rows] - weighed.rank[rows] * 2.0, np.nan)
        return one_after_the_other(liking, choice.left, order)
    rep = np.full(len(rows), NOBODY, dtype="int64")
    left = choice.left.copy()
    # Reps of a higher rank take their turn only for leads whose own have no place left.
    for level in np.unique(weighed.rank[rows][weighed.allowed[rows]]):
        turns = order[rep[order] == NOBODY]
        may = weighed.allowed[rows[turns]] & (weighed.rank[rows[turns]] <= level)
        given, choice.rotation = in_turn(may, roster, left, choice.rotation, rules.strategy)
        rep[turns] = given
        left -= np.bincount(given[given != NOBODY], minlength=len(left))
    return rep


def _beyond(value: Floats) -> float:
    """More than any value: what comes first by rank comes first whatever it is worth."""
    return float(np.nanmax(value, initial=0.0)) + 1.0


def _reps_of_accounts(accounts: Ints, rep: Ints) -> Ints:
    """For each lead the rep that another lead of its company was given to; NOBODY where none was."""
    given = pd.Series(rep, dtype="int64").where(rep != NOBODY)
    of_account = given.groupby(accounts).transform("min")
    return of_account.fillna(NOBODY).to_numpy(dtype="int64")
