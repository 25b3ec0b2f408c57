"""Who may have one lead: `eligibility` for a single lead, in plain numpy. Pure.

What belongs here: the same constraints, looked up in what was made of the reps beforehand. What does not: any rule of
its own: whatever `eligibility` says of a frame of one row, this says of the same fields (a property test compares
them).

A frame of one row costs 10 ms of pandas, which a decision that somebody waits for does not have. What leads ask about
is asked again and again, so the answer for each combination of fields is kept. Every company has another name: of these
the key of what is kept holds only whose account it is, unless a rule looks at the name itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from leadflow_pipeline.conditions import Condition, holds
from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.route.owners.choice.weighing import Strengths, Weighed
from leadflow_pipeline.route.owners.reps.eligibility import (
    CONSTRAINTS,
    Eligibility,
    Mask,
    SameReps,
    is_excluded,
    language_of,
    named_accounts_of,
    specialties_of,
    spoken_by,
    teams_of,
    territories_of,
    turns_of,
)
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.reps.territories import (
    DEFAULT,
    NAMED_ACCOUNT,
    NOWHERE,
    PLACE_FIELDS,
    Ranks,
)
from leadflow_pipeline.route.owners.rules import OwnershipRules

Fields = Mapping[str, Any]
"""Values of `fields_read` as the database gives them; a missing one is a field that nobody knows."""

KEPT = 1024
"""Combinations of fields whose answers are remembered: with 500 reps, some 20 MB."""

ONE = np.zeros(1, dtype=np.int64)


class ReadyRoster:
    """The reps of a day under a campaign's rules, ready to be compared with one lead after the other."""

    def __init__(self, roster: Roster, rules: OwnershipRules) -> None:
        reps = SameReps(roster.reps)
        self.roster, self.rules = roster, rules
        self._shape = (1, len(roster.reps))
        self._nobody = np.broadcast_to(np.False_, self._shape)
        self._inactive = ~roster.is_active[None, :]
        self._absent = roster.is_absent[None, :]
        self._excluded = is_excluded(roster.reps, rules)[None, :]
        self._teams = teams_of(reps)
        self._with_rule = {folded_text(rule.team) for rule in rules.teams}
        self._team_ranks: dict[tuple[int, ...], Ranks] = {}
        self._of_key, self._of_domain = named_accounts_of(reps)
        self._territories = (
            None if rules.territory == "ignore" else territories_of(reps, tuple(rules.regions.items()))
        )
        self._specialties = specialties_of(reps)
        self._lacks = [self._specialties.lacks(rule.require_specialties) for rule in rules.specialties]
        self._spoken = spoken_by(reps)
        self._is_silent = np.array([not spoken for spoken in self._spoken], dtype=bool)
        self._languages: dict[str, Mask] = {}
        conditions = [condition for team in rules.teams for condition in team.when]
        conditions += [condition for rule in rules.specialties for condition in rule.when]
        named = (*PLACE_FIELDS, "language", *rules.specialty_fields)
        self._asked = tuple(dict.fromkeys([*named, *(condition.field for condition in conditions)]))
        self._known: dict[tuple[Any, ...], Eligibility] = {}
        self.weighed: dict[Eligibility, tuple[Strengths, Weighed]] = {}
        """What was weighed last of each, by whoever weighs."""

    def of(self, lead: Fields) -> Eligibility:
        """Who may have the lead, as a row of one."""
        named = self._named(lead)
        # True and 1 are one key of a dictionary and two words to a condition.
        key = (named, *((type(value), value) for value in map(lead.get, self._asked)))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            found = self._known[key] = self._eligibility(lead, named)
        return found

    def _eligibility(self, lead: Fields, named: int) -> Eligibility:
        team_rank, territory_rank = self._team_rank(lead).copy(), self._territory_rank(lead).copy()
        if named >= 0:
            team_rank[named] = 0
            territory_rank[named] = NAMED_ACCOUNT
        speaks, may_speak = self._speaks(lead)
        struck = {
            "inactive": self._inactive,
            "absent": self._absent,
            "excluded": self._excluded,
            "team": team_rank[None, :] == NOWHERE,
            "territory": territory_rank[None, :] == NOWHERE
            if self.rules.territory == "require"
            else self._nobody,
            "specialty": self._lacking(lead)[None, :],
            "language": ~may_speak[None, :] if self.rules.language == "require" else self._nobody,
        }
        is_out = np.zeros(self._shape, dtype=bool)
        for mask in struck.values():
            is_out |= mask
        values = [lead.get(name) for name in self.rules.specialty_fields]
        return Eligibility(
            ONE,
            ~is_out,
            {name: struck[name] for name in CONSTRAINTS},
            territory_rank[None, :],
            team_rank[None, :],
            np.array([named], dtype=np.int64),
            (ONE, self._specialties.match_of_one(values)[None, :]),
            speaks[None, :],
        )

    def _team_rank(self, lead: Fields) -> Ranks:
        met = tuple(number for number, rule in enumerate(self.rules.teams) if _meets(lead, rule.when))
        ranks = self._team_ranks.get(met)
        if ranks is None:
            turns = turns_of(self.rules.teams, met)
            row = [turns.get(team if team in self._with_rule else None, NOWHERE) for team in self._teams]
            ranks = self._team_ranks[met] = np.array(row, dtype=np.int8)
        return ranks

    def _territory_rank(self, lead: Fields) -> Ranks:
        if self._territories is None:
            return np.full(self._shape[1], DEFAULT, dtype=np.int8)
        return self._territories.ranks_of_one(*(_text(lead.get(name)) for name in PLACE_FIELDS))

    def _named(self, lead: Fields) -> int:
        domain, key = _text(lead.get("company_domain")), _text(lead.get("company_key"))
        by_key = self._of_key.get(key, -1) if key is not None else -1
        return self._of_domain.get(domain, by_key) if domain is not None else by_key

    def _lacking(self, lead: Fields) -> Mask:
        lacks = np.zeros(self._shape[1], dtype=bool)
        for rule, of_rule in zip(self.rules.specialties, self._lacks, strict=True):
            if _meets(lead, rule.when):
                lacks |= of_rule
        return lacks

    def _speaks(self, lead: Fields) -> tuple[Mask, Mask]:
        """Who is not known not to speak its language, and who is known to or need not."""
        value = lead.get("language")
        language = language_of(str(value)) if value is not None else ""
        if not language:
            everybody = np.ones(self._shape[1], dtype=bool)
            return everybody, everybody
        may = self._languages.get(language)
        if may is None:
            may = np.array([language in spoken for spoken in self._spoken], dtype=bool)
            self._languages[language] = may
        return may | self._is_silent, may


def _meets(lead: Fields, conditions: tuple[Condition, ...]) -> bool:
    return all(holds(condition, lead.get(condition.field)) is True for condition in conditions)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
