"""One lead at a time: who should have it now, best first. For decisions that cannot wait for the day. Pure.

What belongs here: ranking reps for one lead by the rules and prices that whole days go by. What does not: meeting the
present (`delivery.handover`): room and strengths are arguments, and the caller finds out whether the first can have it.

The prices are those of the latest day: a rep whose time was worth much then is kept for leads that are worth more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.carried_reps import Carried
from leadflow_pipeline.route.owners.choice.weighing import Strengths, Weighed, in_order, weigh
from leadflow_pipeline.route.owners.choosing import ACCOUNT, FULL, NAMED_ACCOUNT
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.telling import REMEDIES
from leadflow_pipeline.route.owners.turns import STRATEGIES, in_turn

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A rep who may have the lead."""

    rep: str
    match: float
    value: float
    """Chance x what it brings x match, in the campaign's currency."""
    price: float
    has_room: bool
    why: str
    """What makes it this place in the order."""


@dataclass(frozen=True)
class OneDecision:
    """Who should have one lead."""

    candidates: tuple[Candidate, ...]
    """Everybody who may have it, the best first; who has no room comes last."""
    struck: dict[str, tuple[str, ...]]
    """Everybody who may not, and the constraints that say so."""
    held_by: str | None
    """Why nobody can have it now: a constraint, or `capacity`; None where somebody can."""
    remedy: str | None

    @property
    def owner(self) -> str | None:
        """Who should have it."""
        return None if self.held_by else self.candidates[0].rep


def decide_one(
    lead: pd.DataFrame,
    chance: float,
    money: float,
    roster: Roster,
    rules: OwnershipRules,
    strengths: Strengths,
    carried: Carried,
    room: Ints,
    open_leads: Ints,
    account_owner: str | None = None,
    weights: Floats | None = None,
) -> OneDecision:
    """Ranks the reps of a roster for one lead.

    `lead` is a frame of one row with the columns of `fields_read`. `room[R]` is how many leads each rep can still be
    given, and `open_leads[R]` how many it has; `carried` the prices and turns of the latest day (`Carried.of` its rows
    of `rep_days`); `account_owner` who has the leads of its company; `weights` those of its match (`[1,4]`, as
    `experiment.treatment.match_weights` gives them for whole days), where experiments make them differ.
    """
    weighed, struck = weigh_one(lead, chance * money, roster, strengths, rules, weights)
    order, why = ranked(weighed, roster, rules, carried, room, open_leads, account_owner)
    prices = carried.prices_of(roster)
    candidates = tuple(
        Candidate(
            rep=str(roster.ids[column]),
            match=round(float(weighed.match[0, column]), 4),
            value=round(float(weighed.value[0, column]), 2),
            price=round(float(prices[column]), 2),
            has_room=bool(room[column] > 0),
            why=reason,
        )
        for column, reason in zip(order.tolist(), why, strict=True)
    )
    held_by = None
    if not candidates:
        held_by = str(weighed.barred_by[0])
    elif not candidates[0].has_room:
        held_by = FULL
    return OneDecision(candidates, struck, held_by, REMEDIES[held_by] if held_by else None)


def weigh_one(
    lead: pd.DataFrame,
    worth: float,
    roster: Roster,
    strengths: Strengths,
    rules: OwnershipRules,
    weights: Floats | None = None,
) -> tuple[Weighed, dict[str, tuple[str, ...]]]:
    """One lead weighed, and the constraints that strike each of the others out."""
    weighed = weigh(lead, np.array([worth]), roster, strengths, rules, weights)
    struck = {
        str(rep): weighed.may.why_not(0, column)
        for column, rep in enumerate(roster.ids)
        if not weighed.allowed[0, column]
    }
    return weighed, struck


def ranked(
    weighed: Weighed,
    roster: Roster,
    rules: OwnershipRules,
    carried: Carried,
    room: Ints,
    open_leads: Ints,
    account_owner: str | None = None,
) -> tuple[Ints, Sequence[str]]:
    """The columns of the reps who may have the one lead, the best first, and why each stands there."""
    prices, has_room = carried.prices_of(roster), room > 0
    if rules.strategy == "match":
        weighed, prices = weighed.by_match(), np.zeros(len(room))
    order = in_order(weighed, prices, has_room, np.zeros(1, dtype="int64"), len(room))[0]
    order = order[weighed.allowed[0, order]]
    first: list[tuple[int, str]] = []
    if weighed.named[0] >= 0:
        first.append((int(weighed.named[0]), NAMED_ACCOUNT))
    if rules.keep_account_owner and account_owner in roster.column_of:
        first.append((roster.column_of[account_owner], ACCOUNT))
    if rules.strategy in STRATEGIES and has_room[order].any():
        level = weighed.rank[0, order[has_room[order]]].min()
        may = weighed.could(np.zeros(1, dtype="int64")) & (weighed.rank[:1] == level)
        next_rep, _ = in_turn(may, roster, room, open_leads, carried.rotation, rules.strategy)
        first.append((int(next_rep[0]), rules.strategy))
    ahead = {
        column: why for column, why in reversed(first) if weighed.allowed[0, column] and has_room[column]
    }
    ahead = {column: ahead[column] for column, _ in first if column in ahead}
    rest = [column for column in order.tolist() if column not in ahead]
    return np.array([*ahead, *rest], dtype="int64"), [*ahead.values(), *(rules.strategy for _ in rest)]
