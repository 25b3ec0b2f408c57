"""What is known of leads as of a day, and whether conditions hold by it.

What belongs here: the facts behind conditions, looked up for any leads and days at once. What does not: which
conditions are asked (`steps`) and what follows (`passage`). Pure.

"As of a day" means by its end: an event counts from the day on which it happened, a row of a stage from its own day.
What a machine did counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import Condition, evaluate
from leadflow_pipeline.nurture.step_conditions import (
    TIER_FIELD,
    BehaviourTest,
    StepCondition,
    TierTest,
    Together,
    leaves_of,
)
from leadflow_pipeline.nurture.timetable import (
    Days,
    Moments,
    Positions,
    days_of,
    end_of,
    keys_of,
    latest,
    moments_of,
    positions,
)

Marks = npt.NDArray[np.bool_]

TIERS = ("COLD", "COOL", "WARM", "HOT")
"""From the least to the best."""
NO_TIER = -1


@dataclass(frozen=True)
class Records:
    """Rows of leads over days; the latest at or before a day counts, whole."""

    keys: Positions
    rows: pd.DataFrame

    @classmethod
    def of(cls, rows: pd.DataFrame, lead_index: pd.Index[Any]) -> Records:
        """From rows of day, lead_id and more; leads not in `lead_index` are passed over."""
        lead = positions(lead_index, rows["lead_id"])
        keys = np.where(lead >= 0, keys_of(lead, days_of(rows["day"])), -1)
        order = np.argsort(keys, kind="stable")[np.count_nonzero(keys < 0) :]
        return cls(keys[order], rows.take(order).reset_index(drop=True))

    def at(self, lead: Positions, day: Days, names: Sequence[str]) -> pd.DataFrame:
        """These columns for each lead and day; missing where nothing was known yet, or of no such column."""
        found = latest(self.keys, keys_of(lead, day))
        known = [name for name in names if name in self.rows.columns]
        return self.rows[known].reindex(found).reset_index(drop=True)


@dataclass(frozen=True)
class Doings:
    """Moments at which somebody (a lead, a company) did something, counted between two moments."""

    moments: Moments
    keys: Positions

    @classmethod
    def of(cls, who: Positions, at: Moments) -> Doings:
        """From who did it when, in any order; the negative are passed over."""
        who, at = who[who >= 0], at[who >= 0]
        moments, rank = np.unique(at, return_inverse=True)
        return cls(moments, np.sort(who * (len(moments) + 1) + rank))

    def count(self, who: Positions, since: Moments, before: Moments) -> Positions:
        """How often each did it from `since` (missing: ever) to before `before`."""
        from_rank = np.where(np.isnat(since), 0, np.searchsorted(self.moments, since))
        places = [
            np.searchsorted(self.keys, who * (len(self.moments) + 1) + rank)
            for rank in (from_rank, np.searchsorted(self.moments, before))
        ]
        counts: Positions = np.maximum(places[1] - places[0], 0)
        return counts


@dataclass(frozen=True)
class Asked:
    """Whom a question is about: leads on days, with what their passage has to say to it."""

    lead: Positions
    day: Days
    enrolled_at: Moments
    last_step_at: Moments
    tier_at_enrolment: Positions

    def __getitem__(self, rows: npt.NDArray[Any]) -> Asked:
        columns = (self.lead, self.day, self.enrolled_at, self.last_step_at, self.tier_at_enrolment)
        return Asked(*(column[rows] for column in columns))


@dataclass(frozen=True)
class Knowledge:
    """What is known of the leads at hand.

    * `events`: lead_id, behaviour, occurred_at of people
    * `leads`, `scores`, `tiers`: rows of leads over days, with the fields that are asked for
    """

    lead_index: pd.Index[Any]
    events: pd.DataFrame
    leads: Records
    scores: Records
    tiers: Records
    _doings: dict[tuple[str, ...], Doings] = field(default_factory=dict, repr=False)

    def holds(self, conditions: Sequence[StepCondition], asked: Asked) -> Marks:
        """Whether all of the conditions hold for each; what is unknown does not."""
        if not len(asked.lead):
            return np.zeros(0, dtype=bool)
        fields = self._fields(conditions, asked)
        verdicts = [self._verdict(condition, asked, fields) for condition in conditions]
        together = reduce(and_, verdicts, pd.Series(True, index=fields.index, dtype="boolean"))
        return together.fillna(value=False).to_numpy(dtype=bool)

    def tier(self, lead: Positions, day: Days) -> Positions:
        """The tier of each lead by its number in TIERS; NO_TIER where none is known."""
        if not len(self.tiers.keys):
            return np.full(len(lead), NO_TIER, dtype="int64")
        known = pd.Categorical(self.tiers.at(lead, day, [TIER_FIELD])[TIER_FIELD], TIERS)
        return np.asarray(known.codes, dtype="int64")

    def doings(self, behaviours: tuple[str, ...]) -> Doings:
        """When leads did any of these."""
        if behaviours not in self._doings:
            events = self.events.loc[self.events["behaviour"].isin(behaviours)]
            self._doings[behaviours] = Doings.of(
                positions(self.lead_index, events["lead_id"]), moments_of(events["occurred_at"])
            )
        return self._doings[behaviours]

    def _fields(self, conditions: Sequence[StepCondition], asked: Asked) -> pd.DataFrame:
        """A column for each field that is asked for."""
        leaves = leaves_of(conditions)
        names = list(dict.fromkeys(leaf.field for leaf in leaves if isinstance(leaf, Condition)))
        known = [
            records.at(asked.lead, asked.day, [name for name in names if name in records.rows.columns])
            for records in (self.scores, self.tiers, self.leads)
        ]
        joined = pd.concat(known, axis=1) if names else pd.DataFrame(index=range(len(asked.lead)))
        return joined.loc[:, ~joined.columns.duplicated()]

    def _verdict(self, condition: StepCondition, asked: Asked, fields: pd.DataFrame) -> pd.Series[bool]:
        if isinstance(condition, Together):
            verdicts = [self._verdict(part, asked, fields) for part in condition.parts]
            # The operators of pandas' nullable booleans are Kleene's.
            if condition.not_ is not None:
                return ~verdicts[0]
            return reduce(and_ if condition.all is not None else or_, verdicts)
        if isinstance(condition, BehaviourTest):
            return pd.Series(self._did(condition, asked), index=fields.index, dtype="boolean")
        if isinstance(condition, TierTest):
            return self._tier_changed(condition, asked).set_axis(fields.index)
        return evaluate(condition, fields)

    def _did(self, test: BehaviourTest, asked: Asked) -> Marks:
        until = end_of(asked.day)
        since = np.full(len(asked.lead), np.datetime64("NaT"), dtype="datetime64[us]")
        if test.within_days is not None:
            since = until - np.timedelta64(test.within_days, "D")
        if test.since is not None or test.within_days is None:
            begin = asked.enrolled_at
            if test.since == "last_step":
                begin = np.where(np.isnat(asked.last_step_at), asked.enrolled_at, asked.last_step_at)
            since = np.fmax(since, begin)
        counts = self.doings(test.behaviours).count(asked.lead, since, until)
        least, most = test.bounds
        return (counts >= least) & (counts <= (most if most is not None else counts))

    def _tier_changed(self, test: TierTest, asked: Asked) -> pd.Series[bool]:
        now, before = self.tier(asked.lead, asked.day), asked.tier_at_enrolment
        verdict = {"rose": now > before, "fell": now < before, "changed": now != before}[test.tier]
        return pd.Series(verdict, dtype="boolean").mask((now == NO_TIER) | (before == NO_TIER))
