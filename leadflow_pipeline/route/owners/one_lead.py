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

from leadflow_pipeline.route.owners.carried_reps import Carried
from leadflow_pipeline.route.owners.choice.weighing import Strengths, Weighed, in_order, weighed
from leadflow_pipeline.route.owners.choosing import ACCOUNT, FULL, NAMED_ACCOUNT
from leadflow_pipeline.route.owners.reps.eligibility import CONSTRAINTS, Eligibility
from leadflow_pipeline.route.owners.reps.eligibility_of_one import KEPT, Fields, ReadyRoster
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.telling import MOST_CANDIDATES, REMEDIES
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

    order: tuple[str, ...]
    """Everybody who may have it, the best first; who has no room comes last."""
    candidates: tuple[Candidate, ...]
    """The best of them, with the numbers."""
    may: Eligibility
    roster: Roster
    held_by: str | None
    """Why nobody can have it now: a constraint, or `capacity`; None where somebody can."""
    remedy: str | None

    @property
    def owner(self) -> str | None:
        """Who should have it."""
        return None if self.held_by else self.order[0]

    @property
    def struck(self) -> dict[str, tuple[str, ...]]:
        """Everybody who may not, and the constraints that say so."""
        return {
            str(self.roster.ids[column]): self.may.why_not(0, column)
            for column in np.flatnonzero(~self.may.allowed[0]).tolist()
        }

    @property
    def struck_counts(self) -> dict[str, int]:
        """How many each constraint strikes out."""
        counts = zip(CONSTRAINTS, self.may.struck_counts[0].tolist(), strict=True)
        return {name: count for name, count in counts if count}


def decide_one(
    lead: Fields,
    chance: float,
    money: float,
    ready: ReadyRoster,
    strengths: Strengths,
    carried: Carried,
    room: Ints,
    open_leads: Ints,
    account_owner: str | None = None,
    weights: Floats | None = None,
    given_today: Ints | None = None,
    prices: Floats | None = None,
    most: int = MOST_CANDIDATES,
) -> OneDecision:
    """Ranks the reps of a roster for one lead.

    `lead` has the fields of `fields_read`. `room[R]` is how many leads each rep can still be given, `open_leads[R]` how
    many it has, and `given_today[R]` how many of the day's it was given one at a time already: turns that no row of
    `rep_days` tells of yet. `carried` has the prices and turns of the latest day (`Carried.of` its rows of
    `rep_days`); `account_owner` who has the leads of its company; `weights` those of its match (`[1,4]`, as
    `experiment.treatment.match_weights` gives them for whole days), where experiments make them differ. `prices`
    are `carried.prices_of(ready.roster)`, for whoever decides often. `most` candidates are told with their numbers.
    """
    roster = ready.roster
    prices = carried.prices_of(roster) if prices is None else prices
    one = weigh_one(lead, chance * money, ready, strengths, weights)
    columns, why = ranked(
        one, roster, ready.rules, carried, room, open_leads, account_owner, prices, given_today
    )
    candidates = tuple(
        Candidate(
            rep=str(roster.ids[column]),
            match=round(float(one.match[0, column]), 4),
            value=round(float(one.value[0, column]), 2),
            price=round(float(prices[column]), 2) + 0.0,
            has_room=bool(room[column] > 0),
            why=reason,
        )
        for column, reason in zip(columns[:most].tolist(), why, strict=False)
    )
    held_by = None
    if not candidates:
        held_by = str(one.barred_by[0])
    elif not candidates[0].has_room:
        held_by = FULL
    remedy = REMEDIES[held_by] if held_by else None
    return OneDecision(tuple(roster.ids[columns].tolist()), candidates, one.may, roster, held_by, remedy)


def weigh_one(
    lead: Fields,
    worth: float,
    ready: ReadyRoster,
    strengths: Strengths,
    weights: Floats | None = None,
) -> Weighed:
    """One lead weighed: as `weigh` weighs a frame of one row. All but its worth is kept with whom it may go to."""
    may = ready.of(lead)
    if weights is not None:
        return weighed(may, np.array([worth]), strengths, ready.rules, weights)
    kept = ready.weighed.get(may)
    if kept is None or kept[0] is not strengths:
        if len(ready.weighed) >= KEPT:
            ready.weighed.clear()
        kept = ready.weighed[may] = (strengths, weighed(may, np.ones(1), strengths, ready.rules))
    one = kept[1]
    value = np.where(one.allowed, worth * one.match, np.nan)
    return Weighed(one.allowed, one.rank, one.match, value, one.named, may)


def ranked(
    one: Weighed,
    roster: Roster,
    rules: OwnershipRules,
    carried: Carried,
    room: Ints,
    open_leads: Ints,
    account_owner: str | None = None,
    prices: Floats | None = None,
    given_today: Ints | None = None,
) -> tuple[Ints, Sequence[str]]:
    """The columns of the reps who may have the one lead, the best first, and why each stands there."""
    has_room = room > 0
    prices = carried.prices_of(roster) if prices is None else prices
    if rules.strategy == "match":
        one, prices = one.by_match(), np.zeros(len(room))
    order = in_order(one, prices, has_room, np.zeros(1, dtype="int64"), len(room))[0]
    order = order[one.allowed[0, order]]
    first: list[tuple[int, str]] = []
    if one.named[0] >= 0:
        first.append((int(one.named[0]), NAMED_ACCOUNT))
    if rules.keep_account_owner and account_owner in roster.column_of:
        first.append((roster.column_of[account_owner], ACCOUNT))
    if rules.strategy in STRATEGIES and has_room[order].any():
        level = one.rank[0, order[has_room[order]]].min()
        may = one.could(np.zeros(1, dtype="int64")) & (one.rank[:1] == level)
        turns = room if given_today is None else _of_fewest(may[0], roster, room, given_today)
        next_rep, _ = in_turn(may, roster, turns, open_leads, carried.rotation, rules.strategy)
        first.append((int(next_rep[0]), rules.strategy))
    ahead = {column: why for column, why in reversed(first) if one.allowed[0, column] and has_room[column]}
    ahead = {column: ahead[column] for column, _ in first if column in ahead}
    rest = [column for column in order.tolist() if column not in ahead]
    return np.array([*ahead, *rest], dtype="int64"), [*ahead.values(), *[rules.strategy] * len(rest)]


def _of_fewest(may: npt.NDArray[np.bool_], roster: Roster, room: Ints, given_today: Ints) -> Ints:
    """The room of those who were given the fewest leads today for their weight, 0 of the others: among them the turns
    go on as they stood when the day began.

    So whoever decides, and however often the state is read anew, turns are counted from what is on record.
    """
    weights = np.array([rep.weight for rep in roster.reps], dtype="float64")
    takes_part = may & (room > 0) & (weights > 0)
    if not takes_part.any():
        return room
    share = np.where(takes_part, (given_today + 1) / np.where(weights > 0, weights, 1), np.inf)
    return np.where(share == share.min(), room, 0)
