"""Why a lead has its owner, or none: in words, and with the numbers that it was decided by. Pure.

What belongs here: reasons, the best few candidates and the counts of who was struck out, as the JSON of
`owner_decisions`. What does not: deciding. Nobody is named but reps, by their ids.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.route.owners.choice.weighing import NO_REPS, Weighed, in_order
from leadflow_pipeline.route.owners.choosing import ACCOUNT, FULL, NAMED_ACCOUNT, Choice
from leadflow_pipeline.route.owners.reps.eligibility import CONSTRAINTS
from leadflow_pipeline.route.owners.standing import NOBODY

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_CANDIDATES = 5

REMEDIES = {
    NO_REPS: "no rep is known: leadflow reps import FILE",
    FULL: "every rep who may have it is full: raise a capacity or add a rep; it is tried again each day",
    "inactive": "no rep who works is left: set the status of one to active",
    "absent": "everybody who might have it is away: it is tried again each day",
    "excluded": "the campaign excludes everybody who might have it: ownership.reps, ownership.exclude_reps",
    "team": "no rep of the team that claims it may have it: let the team rule spill, or add a rep to the team",
    "territory": "it lies in nobody's territory: add the place to a rep's territories, or a rep without any",
    "specialty": "nobody has the required specialties: add them to a rep, or narrow ownership.specialties",
    "language": "nobody speaks its language: add it to a rep's languages, or set ownership.language to prefer",
}
"""Constraint -> what to do about a lead that it keeps from everybody."""


def told_choices(
    choice: Choice, weighed: Weighed, ids: npt.NDArray[np.str_], chances: Floats, money: Floats, leads: Ints
) -> tuple[list[str], list[str]]:
    """Reasons and candidates, as JSON, of some leads that were given to a rep."""
    if not len(leads):
        return [], []
    may = weighed.allowed[leads].sum(axis=1)
    rep = choice.rep[leads]
    match, value = weighed.match[leads, rep], weighed.value[leads, rep]
    price = choice.prices[rep]
    order = in_order(weighed, choice.prices, choice.had_room, leads, MOST_CANDIDATES)
    is_first = order[:, 0] == rep
    reasons = [
        _reasons(*row)
        for row in zip(
            choice.method[leads].tolist(),
            ids[rep].tolist(),
            is_first.tolist(),
            may.tolist(),
            match.tolist(),
            value.tolist(),
            price.tolist(),
            chances[leads].tolist(),
            money[leads].tolist(),
            strict=True,
        )
    ]
    return reasons, told_candidates(choice, weighed, ids, leads, order)


def told_held(causes: npt.NDArray[np.object_]) -> list[str]:
    """Reasons, as JSON, of leads that nobody may or can have."""
    texts = {cause: json.dumps([REMEDIES[cause]]) for cause in set(causes.tolist())}
    return [texts[cause] for cause in causes.tolist()]


def told_candidates(
    choice: Choice, weighed: Weighed, ids: npt.NDArray[np.str_], leads: Ints, order: Ints | None = None
) -> list[str]:
    """The chosen rep and the best few others with match, value and price; and how many each constraint struck out."""
    order = (
        in_order(weighed, choice.prices, choice.had_room, leads, MOST_CANDIDATES) if order is None else order
    )
    listed = _chosen_first(order, choice.rep[leads])
    rows = leads[:, None]
    told = weighed.allowed[rows, listed]
    match, value = weighed.match[rows, listed], weighed.value[rows, listed]
    struck_texts = _struck_texts(weighed.struck[leads])
    price_texts = [f'"price": {price:.2f}}}' for price in (choice.prices + 0.0).tolist()]
    rep_texts = [f'{{"rep": "{name}", "match": ' for name in ids.tolist()]
    full = (weighed.allowed[leads] & (choice.left <= 0)).sum(axis=1).tolist()
    may = weighed.allowed[leads].sum(axis=1).tolist()
    texts = []
    for told_row, listed_row, match_row, value_row, struck_text, full_count, may_count in zip(
        told.tolist(), listed.tolist(), match.tolist(), value.tolist(), struck_texts, full, may, strict=True
    ):
        best = ", ".join(
            f'{rep_texts[rep]}{fits:.3f}, "value": {worth:.2f}, {price_texts[rep]}'
            for is_told, rep, fits, worth in zip(told_row, listed_row, match_row, value_row, strict=True)
            if is_told
        )
        texts.append(
            f'{{"best": [{best}], "may": {may_count}, "full": {full_count}, "struck": {struck_text}}}'
        )
    return texts


def _reasons(
    method: str,
    rep: str,
    is_first: bool,
    may: int,
    match: float,
    value: float,
    price: float,
    chance: float,
    money: float,
) -> str:
    sums = f"value {value:.2f} = chance {chance:.3f} x {money:.0f} x match {match:.2f}"
    match method:
        case _ if method == NAMED_ACCOUNT:
            first = f"a named account of {rep}"
        case _ if method == ACCOUNT:
            first = f"{rep} has leads of this company"
        case "round_robin":
            first = f"the turn of {rep}, one of {may} who may have it"
        case "longest_waiting":
            first = f"{rep} has waited longest of {may} who may have it"
        case "least_loaded":
            first = f"{rep} has the fewest open leads for its weight, of {may} who may have it"
        case "match":
            first = f"match {match:.2f} with {rep}, the best of those with room; {may} may have it"
        case _ if may == 1:
            first = f"{rep} alone may have it: value {value:.2f} - price {price:.2f}"
        case _ if is_first:
            first = f"value {value:.2f} - price {price:.2f}: {rep} is the best of {may} who may have it"
        case _:
            first = (
                f"value {value:.2f} - price {price:.2f}: {rep}, of {may} who may have it, is the best for all leads "
                "of the day together"
            )
    return f'["{first}", "{sums}"]'


def _chosen_first(order: Ints, rep: Ints) -> Ints:
    """`order` with each lead's chosen rep moved to the front, or put there in place of the last."""
    if not order.shape[1]:
        return order
    moved = order.copy()
    is_listed = (order == rep[:, None]).any(axis=1)
    unlisted = (rep != NOBODY) & ~is_listed
    moved[unlisted, -1] = rep[unlisted]
    turn = np.argsort(moved != rep[:, None], axis=1, kind="stable")
    return np.take_along_axis(moved, turn, axis=1)


def _struck_texts(struck: Ints) -> list[str]:
    patterns, number = np.unique(struck, axis=0, return_inverse=True)
    texts = [
        json.dumps({name: int(reps) for name, reps in zip(CONSTRAINTS, row, strict=True) if reps})
        for row in patterns
    ]
    return [texts[index] for index in number.ravel().tolist()]
