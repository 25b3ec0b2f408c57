"""Which records are the same person: pairs, their probability, and what speaks for it.

What belongs here: adding the evidence of a pair up, and the rules that no weight overrules. What does not: which
pairs are looked at (`blocking`), how values compare (`comparing`), what agreement is worth (`levels`).

Three rules stand above the sum:

* what colleagues share (phone, company) counts only for people whose names do not contradict each other and who have
  no two mailboxes at one company; what a family shares (address) only where first names do not contradict;
* without anything of the person's own (an agreeing first name, address, identifier, profile or birth date) a pair
  is not even worth a question, whatever else is shared;
* a mailbox of a role is no evidence (`people` leaves it out).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import log2

import numpy as np
import pandas as pd

from leadflow_pipeline.identity.blocking import candidate_pairs
from leadflow_pipeline.identity.comparing import MOST_SLIPS, Levels, levels_of
from leadflow_pipeline.identity.levels import (
    AREA,
    CLOSE,
    DIFFERENT,
    HOME,
    LEVELS,
    MOST_AREA_BITS,
    MOST_HOME_BITS,
    MOST_WORK_BITS,
    PARTLY,
    PRIOR_BITS,
    SAME,
    SWAPPED_NAMES_BITS,
    UNLIKE,
    WORK,
    Bits,
    bits_of,
)
from leadflow_pipeline.identity.numbering import MISSING, NAMES, Mask, People, Positions, may_be_within
from leadflow_pipeline.identity.rules import IdentityRules

PAIRS_AT_ONCE = 500_000
"""Bounds the memory that compared texts take."""

OWN = ("identifier", "profile", "birth_date")
BEFORE_NAMES = ("email", *OWN, *WORK, "domain", *HOME)
"""Names come last: they take the longest to compare, and most pairs are settled by then."""

COLUMNS_OF_FIELD: dict[str, tuple[str, ...]] = {
    "email": ("mailbox", "mail_domain"),
    "phone": ("phone",),
    "name": ("first_name", "last_name"),
    "company": ("company", "domain"),
    "address": HOME,
    "profile": ("profile",),
}


def match_pairs(people: pd.DataFrame, new: pd.Series | None, rules: IdentityRules) -> pd.DataFrame:
    """Pairs that may be one person: `left` and `right` (positions, left the earlier), `probability`, `evidence`.

    `people` has the columns of `match_fields`, in total order. With `new` (booleans, as many) only pairs that hold
    a new one. Pairs below `rules.review_above` are left out; the others come by (right, probability falling, left).
    `evidence` is a JSON list of the names of what agreed, and of what spoke against it; never a value.
    """
    known = People(_counting(people, rules))
    left, right = candidate_pairs(known, None if new is None else new.to_numpy(dtype=bool))
    judged = [
        _judge(known, left[start : start + PAIRS_AT_ONCE], right[start : start + PAIRS_AT_ONCE], rules)
        for start in range(0, max(len(left), 1), PAIRS_AT_ONCE)
    ]
    pairs = pd.concat(judged, ignore_index=True)
    return pairs.sort_values(
        ["right", "probability", "left"], ascending=[True, False, True], ignore_index=True
    )


def _counting(people: pd.DataFrame, rules: IdentityRules) -> pd.DataFrame:
    """The people without the fields that the campaign does not compare."""
    left_out = [
        name for field, names in COLUMNS_OF_FIELD.items() if field not in rules.fields for name in names
    ]
    return people.assign(**{name: pd.Series(None, index=people.index, dtype="str") for name in left_out})


def _judge(people: People, left: Positions, right: Positions, rules: IdentityRules) -> pd.DataFrame:
    """The pairs among these that reach the review band.

    A pair is dropped as soon as the rest of its columns could not lift it there any more.
    """
    least = log2(rules.review_above / (1 - rules.review_above)) - PRIOR_BITS
    columns = [name for name in BEFORE_NAMES if people.is_known(name)]
    at_most = {name: _most_bits(people, name, left, right) for name in columns}
    hope = _most_bits_of_names(people, left, right) + sum(at_most.values())
    kept = np.flatnonzero(hope >= least)
    hope = hope[kept]
    levels: dict[str, Levels] = {}
    for name in columns:
        found = levels_of(people, name, left[kept], right[kept])
        hope = hope - at_most[name][kept] + bits_of(name)[found]
        still = np.flatnonzero(hope >= least)
        hope, kept = hope[still], kept[still]
        levels = {column: level[still] for column, level in levels.items()} | {name: found[still]}
    left, right = left[kept], right[kept]
    levels |= {
        name: np.full(len(left), MISSING, dtype=np.int8) for name in BEFORE_NAMES if name not in levels
    }
    named, name_bits = _names(people, left, right)
    levels |= named
    levels["email"][_follows_from_the_name(levels)] = MISSING
    bits = PRIOR_BITS + name_bits + _own_bits(levels) + _shared_bits(levels)
    probability = 1 / (1 + np.exp2(-bits.astype(np.float64)))
    reached = np.flatnonzero((probability >= rules.review_above) & _is_about_the_person(levels))
    return pd.DataFrame(
        {
            "left": left[reached],
            "right": right[reached],
            "probability": probability[reached],
            "evidence": _told({name: level[reached] for name, level in levels.items()}),
        }
    )


def _most_bits(people: People, column: str, left: Positions, right: Positions, with_column: str = "") -> Bits:
    """What a column can be worth to each pair at most, before any text is read."""
    one, other = people.codes(column)[left], people.codes(with_column or column)[right]
    bits = bits_of(column)
    partly, close = (max(float(bits[level:MISSING].max()), 0.0) for level in (PARTLY, CLOSE))
    most = np.where(_may_be_close(people, column, left, right, with_column), close, partly)
    return np.where((one < 0) | (other < 0), 0, np.where(one == other, bits[SAME], most)).astype(np.float32)


def _may_be_close(people: People, column: str, left: Positions, right: Positions, with_column: str) -> Mask:
    """Whether the outlines of two texts allow a few slips of the keys; of an address those of its mailbox do."""
    column = "mailbox" if column == "email" else column
    outlines = people.outlines(column)
    one, other = people.codes(column)[left], people.codes(with_column or column)[right]
    return may_be_within(MOST_SLIPS, outlines.taken(one), outlines.taken(other))


def _most_bits_of_names(people: People, left: Positions, right: Positions) -> Bits:
    """What names can be worth at most, straight or swapped."""
    straight = sum(_most_bits(people, name, left, right) for name in NAMES)
    swapped = sum(
        _most_bits(people, name, left, right, other)
        for name, other in zip(NAMES, reversed(NAMES), strict=True)
    )
    return np.maximum(straight, swapped + SWAPPED_NAMES_BITS)


def _names(people: People, left: Positions, right: Positions) -> tuple[dict[str, Levels], Bits]:
    """Levels of first and last name as they agree best, straight or swapped, and what that is worth."""
    straight = {name: levels_of(people, name, left, right) for name in NAMES}
    bits = _bits(straight)
    doubtful = np.flatnonzero((straight["first_name"] >= PARTLY) | (straight["last_name"] >= PARTLY))
    some_left, some_right = left[doubtful], right[doubtful]
    swapped = {
        name: levels_of(people, name, some_left, some_right, with_column=other)
        for name, other in zip(NAMES, reversed(NAMES), strict=True)
    }
    swapped_bits = SWAPPED_NAMES_BITS + _bits(swapped)
    is_swapped = swapped_bits > bits[doubtful]
    for name, level in swapped.items():
        straight[name][doubtful[is_swapped]] = level[is_swapped]
    bits[doubtful[is_swapped]] = swapped_bits[is_swapped]
    return straight, bits


def _bits(levels: Mapping[str, Levels]) -> Bits:
    """What these columns are worth together."""
    bits: Bits = np.sum([bits_of(name)[level] for name, level in levels.items()], axis=0, dtype=np.float32)
    return bits


def _own_bits(levels: Mapping[str, Levels]) -> Bits:
    """What is the person's own. An address nearly the same is a colleague's where the names differ."""
    email = bits_of("email")[levels["email"]]
    names_differ = (levels["first_name"] == DIFFERENT) | (levels["last_name"] == DIFFERENT)
    is_colleague = (levels["email"] == CLOSE) & names_differ
    email[is_colleague] = bits_of("email")[DIFFERENT]
    return email + sum(bits_of(name)[levels[name]] for name in OWN)


def _shared_bits(levels: Mapping[str, Levels]) -> Bits:
    """What colleagues and families share."""
    worth = {name: bits_of(name)[levels[name]] for name in (*WORK, "domain", *HOME)}
    company = np.where(levels["company"] == MISSING, worth["domain"], worth["company"])
    company = np.where(levels["domain"] == SAME, np.maximum(company, worth["domain"]), company)
    # Two companies of one name have two domains.
    has_other_domain = (levels["company"] == SAME) & (levels["domain"] == DIFFERENT)
    company = np.where(has_other_domain, company + worth["domain"], company)
    work = np.minimum(worth["phone"] + company, MOST_WORK_BITS)
    area = sum(worth[name] for name in AREA)
    address = sum(worth[name] for name in HOME if name not in AREA)
    area = np.where(_agrees_beyond_area(levels), area, np.minimum(area, MOST_AREA_BITS))
    home = np.minimum(address + area, MOST_HOME_BITS)
    first_differs, last_differs = (levels[name] == DIFFERENT for name in NAMES)
    are_colleagues = first_differs | last_differs | (levels["email"] == UNLIKE)
    work = np.where(are_colleagues, np.minimum(work, 0), work)
    home = np.where(first_differs, np.minimum(home, 0), home)
    # Two of one first name in a building may be colleagues: without a last name its address is the company's.
    is_work_address = (levels["last_name"] == MISSING) & (home > 0)
    return np.where(is_work_address, np.minimum(work + home, MOST_WORK_BITS), work + home)


def _follows_from_the_name(levels: Mapping[str, Levels]) -> Mask:
    """Whether two addresses agree in the mailbox's name only, which for people of one name goes without saying."""
    are_namesakes = (levels["first_name"] != MISSING) & (levels["last_name"] != MISSING)
    follows: Mask = (levels["email"] == PARTLY) & are_namesakes
    return follows


def _is_about_the_person(levels: Mapping[str, Levels]) -> Mask:
    """Whether anything of the person's own agrees, and not the name alone; nor with a town, for two companies."""
    agrees = (levels["first_name"] >= SAME) & (levels["first_name"] <= PARTLY)
    for name in ("email", *OWN):
        agrees |= (levels[name] == SAME) | (levels[name] == CLOSE)
    works_elsewhere = (levels["company"] == DIFFERENT) | (levels["domain"] == DIFFERENT)
    agrees &= _agrees_beyond_area(levels) | ((levels["city"] == SAME) & ~works_elsewhere)
    return agrees


def _agrees_beyond_area(levels: Mapping[str, Levels]) -> Mask:
    """Whether anything but names, city and state agrees."""
    agrees = np.zeros(len(levels["city"]), dtype=bool)
    for name in BEFORE_NAMES:
        if name not in AREA:
            agrees |= bits_of(name)[levels[name]] > 0
    return agrees


def _told(levels: Mapping[str, Levels]) -> pd.Series:
    """What agreed or spoke against each pair, as JSON; worded once for each distinct combination."""
    names = [name for name in LEVELS if name in levels]
    table = np.stack([levels[name] for name in names], axis=1)
    patterns, pattern = np.unique(table, axis=0, return_inverse=True)
    worded = [
        json.dumps([said for name, level in zip(names, row, strict=True) if (said := _word(name, level))])
        for row in patterns.tolist()
    ]
    return pd.Series(pd.array(worded, dtype="str").take(pattern.reshape(-1)), dtype="str")


def _word(column: str, level: int) -> str:
    return "" if level == MISSING else LEVELS[column][level].name
