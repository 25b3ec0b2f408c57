"""What every pair of a lead and a rep is worth, and which reps come first for a lead. Pure.

What belongs here: eligibility, match and worth brought together, the same for whole days and for one lead. What does
not: places and the choice (`choosing.py`, `one_lead.py`).

A pair is worth the chance that the lead is won, times what it brings, times the match. Which rep comes first whatever
that is worth: the team that claims the lead before those it spills to; of a team the more specific territory, unless
the campaign ignores territories; and where the campaign prefers it, who speaks the lead's language. The next in this
order has its turn when those before it are away or full.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.choice.match import match_scores
from leadflow_pipeline.route.owners.reps.eligibility import CONSTRAINTS, Eligibility, eligibility
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.reps.territories import NAMED_ACCOUNT
from leadflow_pipeline.route.owners.rules import OwnershipRules

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NO_REPS = "no_reps"
"""Why nobody may have a lead where there is nobody."""

MOST_RANKED = 256
"""More than twice as many as there are ranks of territories; and as many turns as teams can have fit into an int16."""

WITHOUT_ROOM = MOST_RANKED * 128
"""Added to the rank of a rep without room: after all others."""


@dataclass(frozen=True)
class Strengths:
    """What speaks for each rep on a day, whatever the lead: `[R]`, each 0 to 1."""

    performance: Floats
    capacity: Floats
    sla: Floats


@dataclass(frozen=True)
class Weighed:
    """Leads in rows, reps in columns."""

    allowed: npt.NDArray[np.bool_]
    rank: npt.NDArray[np.int16]
    """0 comes first. Only the order within a lead's allowed reps counts."""
    match: Floats
    value: Floats
    """NaN where the rep may not have the lead."""
    named: Ints
    """The column of the rep whose named account each lead is; -1 for none."""
    may: Eligibility

    @property
    def struck(self) -> Ints:
        """`[L, constraints]` how many reps each of `CONSTRAINTS` strikes out."""
        return self.may.struck_counts

    @cached_property
    def barred_by(self) -> npt.NDArray[np.object_]:
        """The constraint to name for a lead that nobody may have; empty for others."""
        return _barred_by(self.may)

    def could(self, leads: Ints) -> npt.NDArray[np.bool_]:
        """Who may have some leads, or might were it not away: an absence costs nobody its place in a rotation."""
        could = np.ones((len(leads), self.allowed.shape[1]), dtype=bool)
        for name in CONSTRAINTS:
            if name != "absent":
                could &= ~self.may.struck[name][leads]
        return could

    def by_match(self) -> Weighed:
        """The same where only the match counts."""
        return replace(self, value=np.where(self.allowed, self.match, np.nan))


def weigh(
    leads: pd.DataFrame,
    worth: Floats,
    roster: Roster,
    strengths: Strengths,
    rules: OwnershipRules,
    weights: Floats | None = None,
) -> Weighed:
    """Weighs leads (columns of `fields_read`) that are worth so much against the reps of a day.

    `weights` are those of each lead's match (`[L,4]`), where experiments make them differ.
    """
    return weighed(eligibility(leads, roster, rules), worth, strengths, rules, weights)


def weighed(
    may: Eligibility,
    worth: Floats,
    strengths: Strengths,
    rules: OwnershipRules,
    weights: Floats | None = None,
) -> Weighed:
    """Leads that are worth so much, of whom it is known who may have them."""
    allowed = may.allowed
    rank = np.maximum(may.team_rank, 0).astype(np.int16) * MOST_RANKED
    if rules.territory != "ignore":
        rank += (NAMED_ACCOUNT - may.territory_rank.astype(np.int16)) * np.int16(2)
    if rules.language == "prefer":
        rank += ~may.speaks
    match = match_scores(
        may.specialty,
        strengths.performance,
        strengths.capacity,
        strengths.sla,
        rules.match if weights is None else weights,
    )
    return Weighed(
        allowed=allowed,
        rank=rank,
        match=match,
        value=np.where(allowed, worth[:, None] * match, np.nan),
        named=may.named,
        may=may,
    )


def _barred_by(may: Eligibility) -> npt.NDArray[np.object_]:
    """What keeps a lead from everybody: an absence, if anybody is only away; else what strikes most of those who are
    struck by the fewest constraints.
    """
    causes = np.full(len(may), "", dtype=object)
    barred = np.flatnonzero(~may.allowed.any(axis=1))
    if not len(barred):
        return causes
    if not may.allowed.shape[1]:
        causes[barred] = NO_REPS
        return causes
    strikes = np.stack([may.struck[name][barred] for name in CONSTRAINTS], axis=1)
    times = strikes.sum(axis=1)
    nearest = strikes & (times == times.min(axis=1, keepdims=True))[:, None, :]
    counts = nearest.sum(axis=2)
    is_only_away = (nearest & (times == 1)[:, None, :])[:, CONSTRAINTS.index("absent")].any(axis=1)
    names = np.array(CONSTRAINTS, dtype=object)
    causes[barred] = np.where(is_only_away, "absent", names[counts.argmax(axis=1)])
    return causes


def in_order(
    weighed: Weighed, prices: Floats, has_room: npt.NDArray[np.bool_], leads: Ints, most: int
) -> Ints:
    """The columns of the best few reps for each of some leads, the best first; those who may not have it last.

    Best is who has room, then who comes first by rank, then by value - price; of two, the first by id.
    """
    allowed = weighed.allowed[leads]
    net = np.where(allowed, weighed.value[leads] - prices, 0.0)
    beyond = 2 * float(np.abs(net).max(initial=0.0)) + 1.0
    rank = weighed.rank[leads] + np.where(has_room, 0, WITHOUT_ROOM)
    key = np.where(allowed, rank * beyond - net, np.inf)
    if key.shape[1] > most:
        # A part of the columns is sorted, and of those that tie with the last place the first by id must be in it.
        cut = np.partition(key, most - 1, axis=1)[:, most - 1 : most]
        key = np.where(key <= cut, key, np.inf)
    return np.argsort(key, axis=1, kind="stable")[:, :most]
