"""What leads would have earned with other owners: what is known of them, and estimates where it is not. Pure.

What belongs here: wins and money of the same leads under two ways to give them away, with intervals. What does not:
who has which lead (`moves.py`), and the rates themselves (`route.owners.shrinkage`).

**Known** is the outcome of a lead that has the owner whom it really had. A lead that has another is **estimated**: how
likely it is won is the rate of that rep's leads, drawn towards the team's where they are few, times how good the lead
is beside the leads that the rates were made of. The rates are those of leads of average chance: a rep who was given
better leads than others is not better for it. A lead that nobody has counts as lost, which is a supposition.

**Intervals** hold what is not known of the rates (`drawn_rates`) and the chance of each lead: 95 % of what might have
come. Both ways draw the same luck for the same lead, so that what they have in common has no part in the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.insight.dry_run.moves import HELD, NOBODY
from leadflow_pipeline.route.owners.choice.shrinkage import drawn_rates, shrunk_rates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 1000
SEED = 20_260_101
"""Asked twice, the same is said."""
TAILS = (0.025, 0.975)

KNOWN, ESTIMATED, UNWORKED = "known", "estimated", "nobody has it"


@dataclass(frozen=True)
class Amount:
    """A number with the middle 95 % of what it may be."""

    expected: float
    interval: Interval

    @classmethod
    def of(cls, expected: float, drawn: Floats) -> Amount:
        """What is expected, and what was drawn. `[draws]`"""
        low, high = np.quantile(drawn, TAILS)
        return cls(expected, Interval(min(float(low), expected), max(float(high), expected)))

    @property
    def is_told_from_nothing(self) -> bool:
        """Whether it is above or below 0 in nearly all that may be."""
        return 0.0 not in self.interval


@dataclass(frozen=True)
class Comparison:
    """One thing, wins or money, under both ways."""

    before: Amount
    after: Amount
    difference: Amount
    by_rates: Amount
    """What is to be expected of the difference by rates alone, over the leads that two reps have: as if there had been
    no luck in what happened."""


@dataclass(frozen=True)
class Earnings:
    """What is known and what is estimated of ripe leads."""

    leads: int
    """Ripe ones: won, lost, or old enough to count as lost."""
    unripe: int
    """Others, which take no part."""
    known: int
    """Leads that have after as before the owner they really had."""
    parts: pd.DataFrame
    """`how` (KNOWN, ESTIMATED, UNWORKED: as it is known after), `leads`, `wins_before`, `wins_after`, `money_before`,
    `money_after`: what is expected."""
    wins: Comparison
    money: Comparison
    money_of_a_win: float
    """What wins brought for each unit of money that their leads claimed; 1 where no value of a win is known."""


def estimate(leads: pd.DataFrame, reps: pd.DataFrame, mean_chance: float, draws: int = DRAWS) -> Earnings:
    """Estimates what leads earn under both ways.

    Args:
        leads: indexed by `lead_id`: `before`, `after`, `actual` (a rep, HELD or NOBODY); `chance`, that it is won, and
            `money`, that it then brings, as the plan would have it; `is_ripe`; `is_won`; `value` of the win (NaN where
            not known).
        reps: indexed by `rep`: `wins` of `trials`, counted in leads of average chance, and `team`. Others have the rate
            of all.
        mean_chance: of the leads that the rates are made of.
        draws: possibilities drawn for the intervals.
    """
    ripe = leads[leads["is_ripe"]]
    known = {when: _is_same(ripe[when], ripe["actual"]).to_numpy(dtype=bool) for when in ("before", "after")}
    claimed = ripe["money"].to_numpy(dtype="float64")
    value = ripe["value"].to_numpy(dtype="float64")
    is_won = ripe["is_won"].to_numpy(dtype=bool)
    told = is_won & ~np.isnan(value)
    kept = float(value[told].sum() / claimed[told].sum()) if claimed[told].sum() > 0 else 1.0
    money = np.where(told, value, claimed * kept)
    people = pd.Index(sorted({*reps.index, *ripe["before"], *ripe["after"]} - {HELD, NOBODY}), dtype=object)
    found = reps.reindex(people)
    wins, trials = (found[name].fillna(0.0).to_numpy(dtype="float64") for name in ("wins", "trials"))
    trials = np.maximum(trials, wins)
    team = pd.factorize(found["team"].fillna("").astype("str"), sort=True)[0].astype(np.int64)
    better = ripe["chance"].to_numpy(dtype="float64") / mean_chance if mean_chance > 0 else np.ones(len(ripe))
    sides = {when: _Side.of(ripe[when], known[when], is_won, people, better) for when in ("before", "after")}
    rate = shrunk_rates(wins, trials, team).rate
    expected = {when: side.chances(rate) for when, side in sides.items()}
    by_reps = (sides["before"].rep >= 0) & (sides["after"].rep >= 0)
    drawn = _drawn(sides, by_reps, money, drawn_rates(wins, trials, team, draws, _random()), _random())
    how = np.where(known["after"], KNOWN, np.where(sides["after"].rep >= 0, ESTIMATED, UNWORKED))
    parts = pd.DataFrame(
        {
            "how": how,
            "leads": 1,
            **{f"wins_{when}": chance for when, chance in expected.items()},
            **{f"money_{when}": chance * money for when, chance in expected.items()},
        }
    )
    by_rates = {when: side.by_rate(rate) for when, side in sides.items()}
    comparisons = []
    for number, unit in enumerate((np.ones(len(ripe)), money)):
        before, after = (float((expected[when] * unit).sum()) for when in ("before", "after"))
        rates_alone = float(((by_rates["after"] - by_rates["before"]) * unit)[by_reps].sum())
        one, other, rates = drawn[number]
        comparisons.append(
            Comparison(
                Amount.of(before, one),
                Amount.of(after, other),
                Amount.of(after - before, other - one),
                Amount.of(rates_alone, rates),
            )
        )
    return Earnings(
        leads=len(ripe),
        unripe=len(leads) - len(ripe),
        known=int((known["before"] & known["after"]).sum()),
        parts=parts.groupby("how", as_index=False).sum(),
        wins=comparisons[0],
        money=comparisons[1],
        money_of_a_win=kept,
    )


@dataclass(frozen=True)
class _Side:
    """The leads under one of the ways."""

    rep: Ints
    """`[L]` place of the owner among the reps; -1: nobody."""
    is_known: NDArray[np.bool_]
    is_won: NDArray[np.bool_]
    better: Floats
    """`[L]` the chance of each lead, beside the average."""

    @classmethod
    def of(
        cls,
        owner: pd.Series,
        is_known: NDArray[np.bool_],
        is_won: NDArray[np.bool_],
        people: pd.Index,
        better: Floats,
    ) -> _Side:
        rep = people.get_indexer(pd.Index(owner)).astype(np.int64)
        return cls(rep, is_known, is_won, better)

    def by_rate(self, rate: Floats) -> Floats:
        """How likely each lead is won, by the rates of reps alone. `[L]`"""
        return np.minimum(np.append(rate, 0.0)[self.rep] * self.better, 1.0)

    def chances(self, rate: Floats) -> Floats:
        """The same, but 0 or 1 where it is known. `[L]`"""
        return np.where(self.is_known, self.is_won, self.by_rate(rate))


def _drawn(
    sides: dict[str, _Side],
    by_reps: NDArray[np.bool_],
    money: Floats,
    rates: Floats,
    draw: np.random.Generator,
) -> list[tuple[Floats, Floats, Floats]]:
    """For wins and for money: what comes before and after, and the difference by rates alone, in each possibility."""
    before, after = sides["before"], sides["after"]
    open_ = np.flatnonzero(~(before.is_known & after.is_known))
    units = (np.ones(len(money)), money)
    fixed = [float((before.is_won * unit)[before.is_known & after.is_known].sum()) for unit in units]
    found = np.zeros((len(units), 3, len(rates)))
    for row, rate in enumerate(rates):
        luck = draw.random(len(open_))
        comes = [luck < side.chances(rate)[open_] for side in (before, after)]
        expected = np.where(by_reps, after.by_rate(rate) - before.by_rate(rate), 0.0)
        for number, unit in enumerate(units):
            found[number, 0, row] = fixed[number] + (comes[0] * unit[open_]).sum()
            found[number, 1, row] = fixed[number] + (comes[1] * unit[open_]).sum()
            found[number, 2, row] = (expected * unit).sum()
    return [(each[0], each[1], each[2]) for each in found]


def _is_same(owner: pd.Series, actual: pd.Series) -> pd.Series:
    """Whether a lead has the owner whom it really had; nobody is nobody, held or not."""
    nobody = [HELD, NOBODY]
    return (owner == actual) | (owner.isin(nobody) & actual.isin(nobody))


def _random() -> np.random.Generator:
    return np.random.default_rng(SEED)
