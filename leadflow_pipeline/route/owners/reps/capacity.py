"""How many leads a rep can take on a day.

What belongs here: capacities of a day, week, month and of open leads, made whole leads of one day. What does not: who
may have which lead, and counting what was given. Pure, and exact: rates are fractions, never sums of floats.

Fractions carry over: of 14 a month, about every other day brings one, and any 30 days bring 14. What a day brings
depends on the day alone, so that days may be computed in any order: after n days `floor(rate * n + shift)` leads are
allowed in all, and a day brings the difference. The shift differs from rep to rep, so that not all of them have room
on the same days. What is not used on a day is not saved up.

A campaign's share is taken of those whole leads in the same way, so its plan never holds more for a rep on a day than
the rep can take in all, and campaigns that share a rep by halves take turns.

A week is an ISO week. A month counts as 30 days, and its leads are spread evenly over them.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from math import floor, lcm
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster

Counts = npt.NDArray[np.int64]

NO_LIMIT = 1_000_000
"""Leads a day of a rep whose record sets no limit."""

DAYS_OF_A_MONTH = 30


class Allotment(NamedTuple):
    """A part of a rep's capacity: its share, and the sum of the shares that stand before it."""

    share: Fraction = Fraction(1)
    before: Fraction = Fraction(0)


WHOLE = Allotment()


class Limits(NamedTuple):
    """Leads that a rep can be given on a day and in its week, and have open at a time; NO_LIMIT for none."""

    of_day: int
    of_week: int
    open_leads: int

    @classmethod
    def of(cls, rep: Rep, day: date, part: Allotment = WHOLE) -> Limits:
        """Of a part of the rep's capacity."""
        most = rep.capacity.open_leads
        return cls(
            limit_of_day(rep, day, part),
            limit_of_week(rep, day, part),
            NO_LIMIT if most is None else floor(most * part.share),
        )

    def left(self, given_today: int, given_this_week: int, open_leads: int) -> int:
        """How many more."""
        return max(
            0, min(self.of_day - given_today, self.of_week - given_this_week, self.open_leads - open_leads)
        )


def room(
    roster: Roster,
    campaign: str,
    day: date,
    given_this_week: Counts,
    open_leads: Counts,
    given_today: Counts | None = None,
) -> Counts:
    """Leads that a campaign's plan may give each rep on a day; 0 for whoever is not available.

    `given_this_week` counts the leads that the campaign gave each rep in the ISO week of the day, before the day;
    `open_leads` those of the campaign that each rep has. A rep's allotment for the campaign is its share of all limits.
    `given_today` are leads of the day itself that are given already and stand in `open_leads`: what is left is told.
    """
    rooms = np.zeros(len(roster.reps), dtype=np.int64)
    for column in np.flatnonzero(roster.is_available):
        rep, today = roster.reps[column], 0 if given_today is None else int(given_today[column])
        limits = Limits.of(rep, day, allotment(rep, campaign))
        rooms[column] = limits.left(today, int(given_this_week[column]) + today, int(open_leads[column]))
    return rooms


def room_in_total(rep: Rep, day: date, given_today: int, given_this_week: int, open_leads: int) -> int:
    """Leads that a rep can still take of a day's, all campaigns together; the counts are over all campaigns.

    The day is the one whose plan is carried out, as in `room`. `given_this_week` includes `given_today`. Whether the
    rep works at all is not asked here.
    """
    return Limits.of(rep, day).left(given_today, given_this_week, open_leads)


def allotment(rep: Rep, campaign: str) -> Allotment:
    """A campaign's part of a rep's capacity, campaigns in the order of the alphabet; all of it where none is named."""
    if campaign not in rep.allotments:
        return WHOLE
    before = sum(
        (exact(share) for other, share in rep.allotments.items() if other < campaign), start=Fraction(0)
    )
    return Allotment(exact(rep.allotments[campaign]), before)


def allowed_on(rate: Fraction, turn: int, shift: Fraction, part: Allotment = WHOLE) -> int:
    """Whole leads that the `turn`-th day (or week) brings at a rate of leads a day (or week)."""
    step, start, whole = _over_one(rate, shift)
    share, before, of = _over_one(part.share, part.before)
    until, after = ((step * each + start) // whole for each in (turn, turn + 1))
    return (share * after + before) // of - (share * until + before) // of


@lru_cache(maxsize=65_536)
def _over_one(rate: Fraction, shift: Fraction) -> tuple[int, int, int]:
    """Numerators of both over one denominator, and the denominator: whole numbers are quicker than fractions."""
    whole = lcm(rate.denominator, shift.denominator)
    return int(rate * whole), int(shift * whole), whole


def limit_of_day(rep: Rep, day: date, part: Allotment = WHOLE) -> int:
    """Leads that the rates of a day and a month allow on a day."""
    capacity, turn, shift = rep.capacity, day.toordinal(), _shift(rep.rep)
    limits = [NO_LIMIT]
    if capacity.per_day is not None:
        limits.append(allowed_on(exact(capacity.per_day), turn, shift, part))
    if capacity.per_month is not None:
        limits.append(allowed_on(exact(capacity.per_month) / DAYS_OF_A_MONTH, turn, shift, part))
    return min(limits)


def limit_of_week(rep: Rep, day: date, part: Allotment = WHOLE) -> int:
    """Leads that the rate of a week allows in the ISO week of a day."""
    if rep.capacity.per_week is None:
        return NO_LIMIT
    monday = day - timedelta(days=day.weekday())
    return allowed_on(exact(rep.capacity.per_week), monday.toordinal() // 7, _shift(rep.rep), part)


@lru_cache(maxsize=8192)
def exact(number: float) -> Fraction:
    """The number as it was written: 0.1 is a tenth."""
    return Fraction(str(number))


@lru_cache(maxsize=8192)
def _shift(rep: str) -> Fraction:
    """A fraction of 1 that only the rep's id decides."""
    digest = hashlib.blake2b(rep.encode(), digest_size=4).digest()
    return Fraction(int.from_bytes(digest, "big"), 1 << 32)
