"""Who may have which lead: every hard constraint, and which of them struck out whom.

What belongs here: the constraints, and how well a rep's specialties meet a lead. What does not: how much room a rep
has (`capacity.py`), and who of those who may is the best. Pure.

Everything is computed once for each distinct combination of what the constraints look at, and spread over the leads
when it is asked for: leads are many, and ask the same few questions.

In this order of things:
* reps that are not active, are away, take no part or are excluded are out, and so are those without a specialty or
  language that a lead requires;
* the first team rule that a lead meets claims it. Its team's reps come first (`team_rank` 0); where the rule spills,
  the team of the next rule the lead meets is next, and at last the teams without a rule;
* where the campaign requires it, reps whose territory does not hold the lead's place are out. `territory_rank` says how
  specific the territory of each other is: the most specific comes first (`weighing.py`), and the less specific when
  that rep is away or full;
* a named account is the most specific of all, and belongs to its rep whatever the team and the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from operator import is_

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import Condition, evaluate, field_values
from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.route.owners.reps.named_accounts import ACCOUNT_FIELDS, accounts_of, named_reps
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.reps.specialties import Specialties
from leadflow_pipeline.route.owners.reps.territories import (
    DEFAULT,
    NAMED_ACCOUNT,
    NOWHERE,
    PLACE_FIELDS,
    Ranks,
    Territories,
    distinct_rows,
)
from leadflow_pipeline.route.owners.rules import OwnershipRules, TeamRule

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

CONSTRAINTS = ("inactive", "absent", "excluded", "team", "territory", "specialty", "language")


class Eligibility:
    """Leads in rows, reps in columns, in the order of the frame and of the roster.

    The arrays are made when they are first asked for. They are not to be written to.
    """

    def __init__(
        self,
        codes: Codes,
        allowed: Mask,
        struck: dict[str, Mask],
        territory_rank: Ranks,
        team_rank: Ranks,
        named: Codes,
        specialty: tuple[Codes, npt.NDArray[np.float32]],
        speaks: Mask,
    ) -> None:
        self._codes = codes
        self._allowed = allowed
        self._struck = struck
        self._territory_rank = territory_rank
        self._team_rank = team_rank
        self._specialty = specialty
        self._speaks = speaks
        self.named = named
        """Column of the rep who names the lead's account, be it available or not; -1 for none."""

    def __len__(self) -> int:
        return len(self._codes)

    @cached_property
    def allowed(self) -> Mask:
        """Whether the rep may have the lead: no constraint struck the pair."""
        return self._allowed[self._codes]

    @cached_property
    def struck(self) -> dict[str, Mask]:
        """Constraint -> pairs that it struck. A pair may be struck by several."""
        return {name: _spread(mask, self._codes) for name, mask in self._struck.items()}

    @cached_property
    def struck_counts(self) -> Codes:
        """`[L, constraints]` how many reps each of `CONSTRAINTS` strikes out."""
        counts = [self.struck[name].sum(axis=1) for name in CONSTRAINTS]
        return np.stack(counts, axis=1).astype("int64")

    @cached_property
    def territory_rank(self) -> Ranks:
        """How specific the rep's territory is for the lead (a rank of `territories`); -1 outside."""
        return self._territory_rank[self._codes]

    @cached_property
    def team_rank(self) -> Ranks:
        """0 for the team that claims the lead, 1 for the one it spills to first, ...; -1: no turn of the team's."""
        return self._team_rank[self._codes]

    @cached_property
    def specialty(self) -> npt.NDArray[np.float32]:
        """Share of the lead's words that are specialties of the rep, 0 to 1."""
        codes, match = self._specialty
        return match[codes]

    @cached_property
    def speaks(self) -> Mask:
        """False where the rep's languages are known and the lead's is none of them."""
        return self._speaks[self._codes]

    def why_not(self, lead: int, rep: int) -> tuple[str, ...]:
        """The constraints that struck one pair, without spreading anything."""
        code = self._codes[lead]
        return tuple(name for name, mask in self._struck.items() if mask[code, rep])


def _spread(rows: Mask, codes: Codes) -> Mask:
    """A row for each lead; a constraint that looks at reps alone takes no room for each."""
    if rows.strides[0] == 0 and len(rows):
        return np.broadcast_to(rows[0], (len(codes), rows.shape[1]))
    return rows[codes]


def fields_read(rules: OwnershipRules) -> tuple[str, ...]:
    """The columns of enriched leads, `custom.<name>` among them, that owners are found by."""
    conditions = [condition for team in rules.teams for condition in team.when]
    conditions += [condition for rule in rules.specialties for condition in rule.when]
    named = (
        *PLACE_FIELDS,
        *ACCOUNT_FIELDS,
        "industry",
        "language",
        *rules.specialty_fields,
        rules.value.field,
    )
    return tuple(dict.fromkeys([*named, *(condition.field for condition in conditions)]))


def eligibility(leads: pd.DataFrame, roster: Roster, rules: OwnershipRules) -> Eligibility:
    """Who of the roster may have which of the leads.

    `leads` has a row for each lead and the columns of `fields_read`; a missing column is a field that nobody knows.
    """
    reps = roster.reps
    teams, team_rows = _team_ranks(leads, reps, rules)
    places, place_rows = _place_ranks(leads, reps, rules)
    specialties = specialties_of(SameReps(reps))
    special, lacks_specialty = _lacks_specialty(leads, specialties, len(reps), rules)
    tongues, speaks, may_speak = _languages(leads, reps)
    named = named_reps(leads, *named_accounts_of(SameReps(reps)))

    keys = pd.DataFrame(
        {"team": teams, "place": places, "special": special, "tongue": tongues, "named": named}
    )
    codes, distinct = distinct_rows(keys)
    rows = {name: distinct[name].to_numpy() for name in distinct.columns}
    shape = (len(distinct), len(reps))

    team_rank, territory_rank = team_rows[rows["team"]], place_rows[rows["place"]]
    with_account = np.flatnonzero(rows["named"] >= 0)
    team_rank[with_account, rows["named"][with_account]] = 0
    territory_rank[with_account, rows["named"][with_account]] = NAMED_ACCOUNT

    struck = {
        "inactive": np.broadcast_to(~roster.is_active, shape),
        "absent": np.broadcast_to(roster.is_absent, shape),
        "excluded": np.broadcast_to(is_excluded(reps, rules), shape),
        "team": team_rank == NOWHERE,
        "territory": territory_rank == NOWHERE
        if rules.territory == "require"
        else np.broadcast_to(np.False_, shape),
        "specialty": lacks_specialty[rows["special"]],
        "language": ~may_speak[rows["tongue"]]
        if rules.language == "require"
        else np.broadcast_to(np.False_, shape),
    }
    is_out = np.zeros(shape, dtype=bool)
    for mask in struck.values():
        is_out |= mask
    return Eligibility(
        codes,
        ~is_out,
        {name: struck[name] for name in CONSTRAINTS},
        territory_rank,
        team_rank,
        named,
        specialties.match(leads, rules.specialty_fields),
        speaks[rows["tongue"]],
    )


def is_excluded(reps: Sequence[Rep], rules: OwnershipRules) -> Mask:
    """Reps that the campaign excludes, or leaves out where it names those who take part."""
    return np.array(
        [not rules.takes_part(rep.rep) for rep in reps],
        dtype=bool,
    )


def _team_ranks(leads: pd.DataFrame, reps: Sequence[Rep], rules: OwnershipRules) -> tuple[Codes, Ranks]:
    """A code for each lead, and for each code and rep when it is the turn of the rep's team."""
    met = pd.DataFrame(
        {number: _meets(leads, rule.when) for number, rule in enumerate(rules.teams)}, index=leads.index
    )
    codes, distinct = distinct_rows(met)
    if not rules.teams:
        distinct = pd.DataFrame(index=range(1))
    turns = [turns_of(rules.teams, np.flatnonzero(row)) for row in distinct.to_numpy(dtype=bool)]
    with_rule = {folded_text(rule.team) for rule in rules.teams}
    teams = teams_of(SameReps(reps))
    ranks = [[turn.get(team if team in with_rule else None, NOWHERE) for team in teams] for turn in turns]
    return codes, np.array(ranks, dtype=np.int8).reshape(len(turns), len(reps))


def turns_of(rules: Sequence[TeamRule], met: Sequence[int] | npt.NDArray[np.intp]) -> dict[str | None, int]:
    """Team -> its turn, for a lead that meets these rules; None stands for all teams without a rule."""
    turns: dict[str | None, int] = {}
    for number in met:
        turns.setdefault(folded_text(rules[number].team), len(turns))
        if not rules[number].spills:
            return turns
    turns[None] = len(turns)
    return turns


def _meets(leads: pd.DataFrame, conditions: Sequence[Condition]) -> Mask:
    """Whether each lead meets all conditions for certain."""
    meets = np.ones(len(leads), dtype=bool)
    for condition in conditions:
        meets &= evaluate(condition, leads).fillna(False).to_numpy(dtype=bool)
    return meets


def _place_ranks(leads: pd.DataFrame, reps: Sequence[Rep], rules: OwnershipRules) -> tuple[Codes, Ranks]:
    if rules.territory == "ignore":
        return np.zeros(len(leads), dtype=np.int64), np.full((1, len(reps)), DEFAULT, dtype=np.int8)
    return territories_of(SameReps(reps), tuple(rules.regions.items())).ranks(leads)


class SameReps:
    """Reps as a key: the very same ones. They are never changed, and would hash slowly."""

    def __init__(self, reps: Sequence[Rep]) -> None:
        self.reps = reps
        self._hash = hash(tuple(map(id, reps)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SameReps)
            and len(self.reps) == len(other.reps)
            and all(map(is_, self.reps, other.reps))
        )


@lru_cache(maxsize=16)
def territories_of(same: SameReps, own_regions: tuple[tuple[str, tuple[str, ...]], ...]) -> Territories:
    """What is made of reps alone is made once, for all days and decisions that share them."""
    return Territories(same.reps, dict(own_regions))


@lru_cache(maxsize=16)
def named_accounts_of(same: SameReps) -> tuple[dict[str, int], dict[str, int]]:
    return accounts_of(same.reps)


@lru_cache(maxsize=16)
def teams_of(same: SameReps) -> tuple[str, ...]:
    return tuple(folded_text(rep.team) for rep in same.reps)


@lru_cache(maxsize=16)
def spoken_by(same: SameReps) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(language_of(written) for written in rep.languages) for rep in same.reps)


@lru_cache(maxsize=16)
def specialties_of(same: SameReps) -> Specialties:
    return Specialties(same.reps)


def _lacks_specialty(
    leads: pd.DataFrame, specialties: Specialties, rep_count: int, rules: OwnershipRules
) -> tuple[Codes, Mask]:
    """A code for each lead, and for each code the reps that lack a specialty it requires."""
    if not rules.specialties:
        return np.zeros(len(leads), dtype=np.int64), np.zeros((1, rep_count), dtype=bool)
    met = pd.DataFrame(
        {number: _meets(leads, rule.when) for number, rule in enumerate(rules.specialties)},
        index=leads.index,
    )
    codes, distinct = distinct_rows(met)
    of_rule = np.array([specialties.lacks(rule.require_specialties) for rule in rules.specialties])
    lacks = distinct.to_numpy(dtype=bool).astype(np.int64) @ of_rule.astype(np.int64)
    return codes, np.greater(lacks, 0)


def _languages(leads: pd.DataFrame, reps: Sequence[Rep]) -> tuple[Codes, Mask, Mask]:
    """A code for each lead; for each code the reps that are not known not to speak its language, and those that are
    known to speak it, or need not because nobody knows which it is.
    """
    codes, values = pd.factorize(field_values(leads, "language"))
    of_value = [language_of(str(value)) for value in values]
    languages = sorted({language for language in of_value if language})
    number = {language: position for position, language in enumerate(languages)}
    unknown = len(languages)
    of_lead = np.array([*(number.get(language, unknown) for language in of_value), unknown])[codes]
    theirs = spoken_by(SameReps(reps))
    may = np.array(
        [[language in spoken for spoken in theirs] for language in languages] + [[True] * len(reps)],
        dtype=bool,
    ).reshape(len(languages) + 1, len(reps))
    silent = np.array([not spoken for spoken in theirs], dtype=bool)
    return of_lead.astype(np.int64), may | silent, may


def language_of(written: str) -> str:
    """ISO 639-1 as it is compared: `pt-BR` is `pt`."""
    return written.strip().lower().replace("_", "-").partition("-")[0]
