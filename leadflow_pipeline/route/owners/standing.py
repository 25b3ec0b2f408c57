"""Whose lead each one is, from day to day: the state that owners have, and how facts move it.

What belongs here: who owns what at the end of each day by person, by fact and by rule, and who needs a decision. What
does not: the decision itself (`choosing.py`), and in which words it is told (`telling.py`).

Two owners are kept of each lead: the one by rule or by fact, and the one that holds, which a standing override may
name instead. So the first comes back when the override ends. Leads and reps are numbers here; NOBODY is no rep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.overrides import standing_overrides

NOBODY = -1
ENDS = ("won", "lost")
ONE_DAY = pd.Timedelta(days=1)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Earlier:
    """What was decided before the first day of a range."""

    decisions: pd.DataFrame
    """Each lead's latest row of `owner_decisions`: `lead_id`, `day`, `status`, `assignment_number`, `owner`,
    `previous_owner`, `method`."""
    by_rule: pd.DataFrame
    """The same columns of the latest row that is no override, of leads whose latest one is."""
    undecided: pd.Series[str]
    """Leads that were routed and have no decision at all."""
    given: pd.DataFrame
    """`day`, `lead_id`, `owner` of every decision that gave an owner, as far back as results count."""
    rep_days: pd.DataFrame
    """The rows of the latest day of `rep_days`."""


@dataclass(frozen=True)
class Moved:
    """Leads whose owner changed on a day, in order; each array has an entry for each."""

    leads: Ints
    former: Ints
    numbers: Ints
    is_ordered: Bools
    is_told: Bools


class Standing:
    """The state between days. Its steps must be called for consecutive days, in order."""

    def __init__(
        self,
        earlier: Earlier,
        routed: pd.DataFrame,
        overrides: pd.DataFrame,
        handoffs: pd.DataFrame,
        outcomes: pd.DataFrame,
        reps: set[str],
        first_day: pd.Timestamp,
    ) -> None:
        self.is_routed: Bools
        self.is_open: Bools
        self.by_rule: Ints
        self.holds: Ints
        self.former: Ints
        self.given: Ints
        self.held_by: npt.NDArray[np.object_]
        self._rule_number: Ints
        self.overrides = overrides[overrides["field"] == "owner"]
        self.handoffs = handoffs.sort_values(["decision_day", "lead_id", "assignment_number"])
        news = routed.loc[routed["status"] == "ROUTED", ["day", "lead_id"]].sort_values("day", kind="stable")
        self.ids = pd.Index(
            np.sort(
                pd.concat(
                    [
                        earlier.decisions["lead_id"],
                        earlier.undecided,
                        news["lead_id"],
                        self.handoffs["lead_id"],
                    ]
                )
                .astype(object)
                .unique()
            )
        )
        values = [earlier.decisions["owner"], earlier.decisions["previous_owner"], earlier.by_rule["owner"]]
        values += [self.handoffs["rep"], self.overrides["value"].str.strip()]
        named = set(pd.concat(values).dropna()) | reps
        self.names = np.array(sorted(named), dtype=object)
        self._names_and_none: npt.NDArray[np.object_] = np.array([*self.names, None], dtype=object)
        self._code = {name: code for code, name in enumerate(self.names)}
        self._news_lead = self.ids.get_indexer(news["lead_id"])
        self._news_day = news["day"].to_numpy()
        self._stand_where_left(earlier, first_day)
        self._learn_outcomes(outcomes)
        self._overridden = np.flatnonzero(self.ids.isin(self.overrides["lead_id"].unique()))

    def codes_of(self, names: pd.Series[str]) -> Ints:
        """Numbers of reps by their ids."""
        return names.map(self._code).fillna(NOBODY).to_numpy(dtype="int64")

    def names_of(self, codes: Ints) -> npt.NDArray[np.object_]:
        """Ids of reps by their numbers; None for NOBODY."""
        return self._names_and_none[codes]

    def begin_day(self, day: pd.Timestamp, left: Ints) -> None:
        """Takes in what is routed on the day, and which overrides stand at its end.

        An override that names a rep who has left stands no more: nobody would look after the lead.
        """
        begin, end = np.searchsorted(self._news_day, [day.to_datetime64(), (day + ONE_DAY).to_datetime64()])
        self.is_routed[self._news_lead[begin:end]] = True
        self.is_open = ~(self._ended_on <= day.to_datetime64())
        self.ordered = np.full(len(self.ids), NOBODY, dtype="int64")
        if len(self._overridden):
            keys = pd.DataFrame({"lead_id": self.ids[self._overridden].astype("str"), "day": day})
            values = standing_overrides(self.overrides, "owner", keys)["value"]
            named = self.codes_of(values)
            self.ordered[self._overridden] = np.where(np.isin(named, left), NOBODY, named)

    def who_needs_an_owner(self, left: Ints) -> Ints:
        """Open leads that nobody has by override, fact or rule, or whose owner has left; in order of their ids."""
        has_nobody = (self.by_rule == NOBODY) | np.isin(self.by_rule, left)
        return np.flatnonzero(self.is_routed & self.is_open & (self.ordered == NOBODY) & has_nobody)

    def owned_today(self) -> Ints:
        """Who holds each lead before the day's own decisions: what overrides say counts already."""
        return np.where(self.is_routed & (self.ordered != NOBODY), self.ordered, self.holds)

    def decide(self, leads: Ints, reps: Ints) -> None:
        """Takes in the decisions of the day; NOBODY where a lead is held."""
        self.by_rule[leads] = reps

    def hear_of_handoffs(self, day: pd.Timestamp) -> None:
        """Takes in what was told of this day's decisions, which wins over them.

        The day's own decisions come before, as if nothing were told yet: so computing the day again gives every other
        lead the owner that it had.
        """
        self.told = np.zeros(len(self.ids), dtype="int64")
        self.decided = self.by_rule.copy()
        told = self.handoffs[self.handoffs["decision_day"] == day]
        lead = self.ids.get_indexer(told["lead_id"])
        number, rep = told["assignment_number"].to_numpy(dtype="int64"), self.codes_of(told["rep"])
        # Numbers of one lead rise, so that the latest is written last.
        counts = number >= self._rule_number[lead]
        lead, number, rep = lead[counts], number[counts], rep[counts]
        self.by_rule[lead] = rep
        self._rule_number[lead] = number
        self.told[lead] = number

    def settle(self) -> Moved:
        """Who holds each routed lead from now on: the leads of which that is news, whose they were, the numbers of
        these decisions, and which of them an override or a handoff made.

        A lead that has ended stays whose it was.
        """
        holds = np.where(self.ordered != NOBODY, self.ordered, self.by_rule)
        stays = ~(self.is_routed & self.is_open)
        holds[stays] = self.holds[stays]
        moved = np.flatnonzero((holds != self.holds) & (holds != NOBODY))
        former = self.former[moved].copy()
        self.holds = holds
        is_ordered = self.ordered[moved] != NOBODY
        is_told = (self.told[moved] > 0) & (self.by_rule[moved] == holds[moved])
        numbers = np.where(is_told, self.told[moved], np.maximum(self.given, self.told)[moved] + 1)
        self.given = np.maximum(self.given, self.told)
        self.given[moved] = numbers
        self.former[moved] = holds[moved]
        self._rule_number[moved[~is_ordered]] = numbers[~is_ordered]
        self.held_by[moved] = ""
        is_fact = is_told & (self.by_rule[moved] != self.decided[moved])
        return Moved(moved, former, numbers, is_ordered, is_fact)

    def hold(self, leads: Ints, causes: npt.NDArray[np.object_]) -> Bools:
        """Remembers leads that nobody could have; of which of them it is news, or for another cause than before."""
        is_news: Bools = self.held_by[leads] != causes
        self.held_by[leads] = causes
        self._rule_number[leads] = self.given[leads] + 1
        return is_news

    def open_leads(self, owners: Ints) -> Ints:
        """How many open leads each rep has."""
        counted = owners[self.is_open & self.is_routed & (owners != NOBODY)]
        return np.bincount(counted, minlength=len(self.names)).astype("int64")

    def _stand_where_left(self, earlier: Earlier, first_day: pd.Timestamp) -> None:
        """Takes over who held what before the first day."""
        count = len(self.ids)
        latest = earlier.decisions.set_index("lead_id").reindex(self.ids)
        number = latest["assignment_number"].fillna(0).to_numpy(dtype="int64")
        is_held = (latest["status"] == "HELD").to_numpy(dtype=bool)
        self.holds = self.codes_of(latest["owner"])
        self.former = np.where(self.holds != NOBODY, self.holds, self.codes_of(latest["previous_owner"]))
        self.given = number - is_held
        self.held_by = np.where(is_held, latest["method"].to_numpy(dtype=object), "").astype(object)
        self.by_rule, self._rule_number = self.holds.copy(), number.copy()
        is_ordered = (latest["method"] == OVERRIDE).to_numpy(dtype=bool)
        if is_ordered.any():
            ruled = earlier.by_rule.set_index("lead_id").reindex(self.ids[is_ordered])
            self.by_rule[is_ordered] = self.codes_of(ruled["owner"])
            self._rule_number[is_ordered] = ruled["assignment_number"].fillna(0).to_numpy(dtype="int64")
        self.is_routed = np.zeros(count, dtype=bool)
        self.is_routed[self.ids.get_indexer(earlier.decisions["lead_id"])] = True
        self.is_routed[self.ids.get_indexer(earlier.undecided)] = True
        before = self.handoffs[self.handoffs["decision_day"] < first_day].sort_values("assignment_number")
        before = before.drop_duplicates("lead_id", keep="last")
        lead, told = self.ids.get_indexer(before["lead_id"]), before["assignment_number"].to_numpy("int64")
        self.given[lead] = np.maximum(self.given[lead], told)
        wins = told >= self._rule_number[lead]
        self.by_rule[lead[wins]] = self.codes_of(before["rep"])[wins]
        self._rule_number[lead[wins]] = told[wins]

    def _learn_outcomes(self, outcomes: pd.DataFrame) -> None:
        """Takes over when each lead was first won or lost; NaT, which is before no day, if never."""
        ends = outcomes[outcomes["outcome"].isin(ENDS)].sort_values("occurred_at")
        first = ends.drop_duplicates("lead_id").set_index("lead_id")["occurred_at"].reindex(self.ids)
        ended_on = first.dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize().dt.as_unit("us")
        self._ended_on = ended_on.to_numpy()


OVERRIDE = "override"
"""Method of an owner that a person named."""
