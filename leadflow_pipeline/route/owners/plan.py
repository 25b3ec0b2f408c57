"""Owners of whole days: who is given which lead on which day, given all that happened before.

What belongs here: the days of a range in order, and the rows that say what was decided. What does not: what carries
over (`standing.py`), the choice of a day (`choosing.py`), reading and writing (`route/owner_days.py`).

Everything a day needs is counted from the campaign's own rows and facts up to that day, so that days one by one, a
range, and any day again give the same. On a day each lead in need is given an owner, the one with the highest
precedence: a standing override; a hand-over that was told; the owner it has; a new decision. A rep who has left loses
the leads that are not won or lost. A lead that nobody may or can have is held, and tried again on each later day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.experiment.exposure import Exposures
from leadflow_pipeline.experiment.treatment import match_weights
from leadflow_pipeline.lead_fields import with_custom_fields
from leadflow_pipeline.route.owners.accounts import account_owners
from leadflow_pipeline.route.owners.carried_reps import Carried, rep_rows
from leadflow_pipeline.route.owners.choice.weighing import Strengths, weigh
from leadflow_pipeline.route.owners.choice.worth import money_of, win_chances
from leadflow_pipeline.route.owners.choosing import Places, choose
from leadflow_pipeline.route.owners.day_rows import Decided, DecisionRows
from leadflow_pipeline.route.owners.load import load_of
from leadflow_pipeline.route.owners.reps.capacity import room
from leadflow_pipeline.route.owners.reps.eligibility import fields_read
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.results import Results
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import NOBODY, Earlier, Standing
from leadflow_pipeline.route.owners.summary import day_summary
from leadflow_pipeline.route.owners.timeline import Timeline

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Worked:
    """Which leads reps really had."""

    given: pd.DataFrame
    """`day`, `lead_id`, `assignment_number`, `owner` of every decision that gave an owner."""
    handoffs: pd.DataFrame
    """When each was told."""


@dataclass(frozen=True)
class Given:
    """All that the plan of a range of days rests on. No frame needs to be cut at a day: each day looks back only."""

    routed: pd.DataFrame
    """The routed rows of the days, `owner` as overrides say."""
    earlier: Earlier
    overrides: pd.DataFrame
    handoffs: pd.DataFrame
    """`lead_id`, `assignment_number`, `rep`, `decision_day`."""
    outcomes: pd.DataFrame
    touches: pd.DataFrame
    """`lead_id`, `rep`, `occurred_at`."""
    leads: pd.DataFrame
    """Enriched rows (`columns_read`) of leads that may need an owner, of any day up to the last."""
    scores: pd.DataFrame
    """Their scored rows: `lead_id`, `day`, `score`, `conversion_probability`."""
    accounts: pd.DataFrame
    """`lead_id`, `day`, `company_domain`, `company_key` of owned leads of their companies."""
    rosters: Mapping[date, Roster]
    worked: Worked | None = None
    """Who really had which lead, where owners are planned as they would have been: reps are judged by that."""
    tried: Exposures | None = None
    """Which experiments about the match leads have met; None where there is none."""


@dataclass(frozen=True)
class OwnerPlan:
    """What was decided."""

    owner: pd.Series[str]
    """Of each routed row, indexed as they are: whose lead it is at the end of the day."""
    decisions: pd.DataFrame
    """Rows of `owner_decisions`, without campaign and version."""
    rep_days: pd.DataFrame
    """Rows of `rep_days`, likewise."""
    summary: pd.DataFrame
    """Counts and money of each day, indexed by day."""


def plan_owners(given: Given, rules: OwnershipRules, campaign: str, days: Sequence[date]) -> OwnerPlan:
    """Decides about the owners of consecutive days, in order."""
    return _Plan(given, rules, campaign, days[0]).of(days)


@dataclass(frozen=True)
class PresentDay:
    """A day that is not over, as whoever decides about single leads needs it: arrays have an entry for each rep."""

    roster: Roster
    strengths: Strengths
    carried: Carried
    room: Ints
    """Leads that the campaign's plan might still give each rep on the day, after those that it was given already."""
    owners: dict[str, str]
    """Lead -> whose it is."""


def present_day(given: Given, rules: OwnershipRules, campaign: str, day: date) -> PresentDay:
    """What the plan of a day would begin with, by what is known now."""
    return _Plan(given, rules, campaign, day).present(day)


class _Plan:
    """One run over the days."""

    def __init__(self, given: Given, rules: OwnershipRules, campaign: str, first_day: date) -> None:
        self.given, self.rules, self.campaign = given, rules, campaign
        reps = {rep.rep for roster in given.rosters.values() for rep in roster.reps}
        self.standing = Standing(
            given.earlier,
            given.routed,
            given.overrides,
            given.handoffs,
            given.outcomes,
            reps,
            _as_stamp(first_day),
        )
        ids = self.standing.ids
        self.leads = Timeline(with_custom_fields(given.leads, fields_read(rules)), ids)
        self.scores = Timeline(given.scores, ids)
        self.accounts = Timeline(given.accounts, ids)
        worked = given.worked
        self.results = Results(
            given.earlier.given,
            given.handoffs if worked is None else worked.handoffs,
            given.outcomes,
            given.touches,
            self.standing,
            rules,
            None if worked is None else worked.given,
        )
        self.rows = DecisionRows(self.standing)
        self.carried = Carried.of(given.earlier.rep_days)
        self._account_leads = np.unique(self.accounts.leads)

    def of(self, days: Sequence[date]) -> OwnerPlan:
        routed = self.given.routed
        owner = routed["owner"].astype(object).to_numpy(copy=True)
        row_lead = self.standing.ids.get_indexer(routed["lead_id"])
        row_day = routed["day"].to_numpy()
        rep_days, summaries = [], []
        for day in days:
            stamp = _as_stamp(day)
            told = self._plan_day(day, stamp)
            rep_days.append(told[0])
            summaries.append(told[1])
            rows = np.flatnonzero((row_day == stamp.to_datetime64()) & (row_lead >= 0))
            rows = rows[self.standing.is_routed[row_lead[rows]]]
            owner[rows] = self.standing.names_of(self.standing.holds[row_lead[rows]])
        index = pd.DatetimeIndex([_as_stamp(day) for day in days])
        return OwnerPlan(
            pd.Series(owner, index=routed.index).astype("str"),
            self.rows.frame(),
            pd.concat(rep_days, ignore_index=True),
            pd.DataFrame(summaries, index=index),
        )

    def present(self, day: date) -> PresentDay:
        roster, standing = self.given.rosters[day], self.standing
        columns = standing.codes_of(pd.Series(roster.ids.astype(object), dtype=object))
        standing.begin_day(_as_stamp(day), columns[[rep.status == "left" for rep in roster.reps]])
        standing.hear_of_handoffs(_as_stamp(day))
        owned = np.where(standing.ordered != NOBODY, standing.ordered, standing.by_rule)
        load = self._load(day, roster, columns, owned, np.zeros(len(columns), dtype="int64"))
        open_leads = standing.open_leads(owned)[columns]
        told = self.given.handoffs
        reps = standing.codes_of(told.loc[told["decision_day"] == _as_stamp(day), "rep"])
        given_today = np.bincount(reps, minlength=len(standing.names))[columns]
        this_week = self.results.given_this_week(day)[columns]
        has_owner = np.flatnonzero(owned != NOBODY)
        names = standing.names_of(owned[has_owner]).tolist()
        return PresentDay(
            roster,
            self.results.strengths(day, roster, load),
            self.carried,
            room(roster, self.campaign, day, this_week, open_leads, given_today),
            dict(zip(standing.ids[has_owner].tolist(), names, strict=True)),
        )

    def _plan_day(self, day: date, stamp: pd.Timestamp) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Decides about a day; its rows of `rep_days`, and its summary."""
        roster, standing = self.given.rosters[day], self.standing
        columns = standing.codes_of(pd.Series(roster.ids.astype(object), dtype=object))
        left = columns[[rep.status == "left" for rep in roster.reps]]
        standing.begin_day(stamp, left)
        needs = standing.who_needs_an_owner(left)
        owned = standing.owned_today()
        load = self._load(day, roster, columns, owned, np.zeros(len(columns), dtype="int64"))
        open_leads = standing.open_leads(owned)[columns]
        places = room(roster, self.campaign, day, self.results.given_this_week(day)[columns], open_leads)
        stays = np.where(np.isin(owned, left), NOBODY, owned)
        decided = None
        if len(needs):
            decided = self._decide(day, needs, roster, columns, stays, places, load, open_leads)
        if decided is not None:
            rep = decided.choice.rep
            standing.decide(needs, np.where(rep == NOBODY, NOBODY, np.append(columns, NOBODY)[rep]))
        standing.hear_of_handoffs(stamp)
        moved = standing.settle()
        self.results.count_given(day, moved.leads, moved.numbers)
        self.rows.add_moved(stamp, moved, decided, left)
        held = needs[standing.holds[needs] == NOBODY]
        newly_held = self.rows.add_held(stamp, held, decided) if decided is not None else held
        given = np.bincount(standing.holds[moved.leads], minlength=len(standing.names))[columns]
        counts = {
            "capacity": places,
            "eligible": decided.weighed.allowed.sum(axis=0) if decided else np.zeros_like(places),
            "assigned": given,
            "floor": decided.choice.floors if decided else np.zeros_like(places),
            "open_leads": standing.open_leads(standing.holds)[columns],
        }
        prices = decided.choice.prices if decided else self.carried.prices_of(roster)
        rotation = decided.choice.rotation if decided else self.carried.rotation
        load = self._load(day, roster, columns, standing.holds, given)
        rep_days = rep_rows(stamp, roster, counts, load, prices, rotation)
        if len(rep_days):
            # Else everybody has left, and a day alone would go on from the latest rows there are.
            self.carried = Carried.of(rep_days)
        return rep_days, day_summary(moved, len(newly_held), len(held), decided)

    def _load(self, day: date, roster: Roster, columns: Ints, owners: Ints, given_today: Ints) -> Floats:
        open_leads = self.standing.open_leads(owners)[columns]
        this_week = self.results.given_this_week(day)[columns] + given_today
        return load_of(roster, self.campaign, this_week, open_leads)

    def _weights(self, day: date, needs: Ints) -> Floats | None:
        """The weights of each lead's match, where experiments make them differ."""
        tried = self.given.tried
        if tried is None:
            return None
        places = tried.ids.get_indexer(self.standing.ids[needs])
        usual = self.rules.match.model_dump()
        return match_weights(tried.settled_on(day, places), len(needs), list(usual), usual)

    def _decide(
        self,
        day: date,
        needs: Ints,
        roster: Roster,
        columns: Ints,
        owned: Ints,
        places: Ints,
        load: Floats,
        open_leads: Ints,
    ) -> Decided:
        """Gives the leads in need away."""
        stamp = _as_stamp(day)
        leads, scores = self.leads.frame_at(needs, stamp), self.scores.frame_at(needs, stamp)
        chances = win_chances(scores["conversion_probability"], scores["score"])
        money = money_of(leads, self.rules.value)
        weighed = weigh(
            leads,
            chances * money,
            roster,
            self.results.strengths(day, roster, load),
            self.rules,
            self._weights(day, needs),
        )
        owners = self._owners_of_accounts(leads, owned, columns, stamp)
        choice = choose(
            weighed,
            leads.assign(score=scores["score"]),
            chances * money,
            owners,
            Places.of(places, load, open_leads, weighed, roster, self.rules),
            roster,
            self.rules,
            self.carried,
        )
        return Decided(needs, roster, weighed, choice, chances, money)

    def _owners_of_accounts(self, leads: pd.DataFrame, owned: Ints, columns: Ints, day: pd.Timestamp) -> Ints:
        """The column of the rep who has the leads of each lead's company."""
        if not self.rules.keep_account_owner or not len(self.accounts.rows):
            return np.full(len(leads), NOBODY, dtype="int64")
        others = self._account_leads
        position = self.accounts.at(others, day)
        others, position = others[position >= 0], position[position >= 0]
        found = account_owners(leads, self.accounts.rows.take(position), owned[others])
        column_of = np.full(len(self.standing.names) + 1, NOBODY, dtype="int64")
        column_of[columns] = np.arange(len(columns))
        return column_of[found]


def _as_stamp(day: date) -> pd.Timestamp:
    return pd.Timestamp(day).as_unit("us")
