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
* of those of one team rank the most specific territory wins. Whoever is out already does not count for it, so a lead
  of a rep who is away falls to whoever has the place at large;
* a named account is the most specific of all, and belongs to its rep whatever the team.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import Condition, evaluate, field_values
from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.route.owners.named_accounts import ACCOUNT_FIELDS, named_reps
from leadflow_pipeline.route.owners.rep import Rep
from leadflow_pipeline.route.owners.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules, TeamRule
from leadflow_pipeline.route.owners.territories import (
    DEFAULT,
    NAMED_ACCOUNT,
    NOWHERE,
    PLACE_FIELDS,
    Ranks,
    Territories,
    distinct_rows,
)

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

CONSTRAINTS = ("inactive", "absent", "excluded", "team", "territory", "specialty", "language")

NOT_KNOWN = 0.5
"""Specialty match where the lead says nothing, or a rep claims no specialty: neither good nor bad."""


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
    def territory_rank(self) -> Ranks:
        """How specific the rep's territory is for the lead (`territories.specificity` names it); -1 outside."""
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

    def count_allowed(self) -> npt.NDArray[np.int64]:
        """How many leads each rep might have."""
        times = np.bincount(self._codes, minlength=len(self._allowed))
        counts: npt.NDArray[np.int64] = times.astype(np.int64) @ self._allowed.astype(np.int64)
        return counts


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
    special, lacks_specialty = _lacks_specialty(leads, reps, rules)
    tongues, speaks, may_speak = _languages(leads, reps)
    named = named_reps(leads, reps)

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
        "excluded": np.broadcast_to(_is_excluded(reps, rules), shape),
        "team": team_rank == NOWHERE,
        "specialty": lacks_specialty[rows["special"]],
        "language": ~may_speak[rows["tongue"]]
        if rules.language == "require"
        else np.broadcast_to(np.False_, shape),
    }
    is_out = np.zeros(shape, dtype=bool)
    for mask in struck.values():
        is_out |= mask
    struck["territory"] = _outside_territory(is_out, team_rank, territory_rank, rules)
    return Eligibility(
        codes,
        ~(is_out | struck["territory"]),
        {name: struck[name] for name in CONSTRAINTS},
        territory_rank,
        team_rank,
        named,
        _specialty_match(leads, reps, rules),
        speaks[rows["tongue"]],
    )


def _is_excluded(reps: Sequence[Rep], rules: OwnershipRules) -> Mask:
    """Reps that the campaign excludes, or leaves out where it names those who take part."""
    return np.array(
        [rep.rep in rules.exclude_reps or bool(rules.reps and rep.rep not in rules.reps) for rep in reps],
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
    turns = [_turns(rules.teams, np.flatnonzero(row)) for row in distinct.to_numpy(dtype=bool)]
    with_rule = {folded_text(rule.team) for rule in rules.teams}
    teams = [folded_text(rep.team) for rep in reps]
    ranks = [[turn.get(team if team in with_rule else None, NOWHERE) for team in teams] for turn in turns]
    return codes, np.array(ranks, dtype=np.int8).reshape(len(turns), len(reps))


def _turns(rules: Sequence[TeamRule], met: Sequence[int] | npt.NDArray[np.intp]) -> dict[str | None, int]:
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
    return Territories(reps, rules.regions).ranks(leads)


def _outside_territory(is_out: Mask, team_rank: Ranks, territory_rank: Ranks, rules: OwnershipRules) -> Mask:
    """Pairs outside the rep's territory, or where another rep of the same turn has a more specific one."""
    if rules.territory != "require":
        return np.broadcast_to(np.False_, is_out.shape)
    outside: Mask = territory_rank == NOWHERE
    competes = ~(is_out | outside)
    # A named account leaves nothing to teams of a later turn either.
    named = competes & (territory_rank == NAMED_ACCOUNT)
    outside |= named.any(axis=1)[:, None] & ~named
    for turn in range(int(team_rank.max(initial=0)) + 1):
        of_turn = team_rank == turn
        best = np.where(competes & of_turn, territory_rank, NOWHERE).max(axis=1, initial=NOWHERE)
        outside |= of_turn & (territory_rank < best[:, None])
    return outside


def _lacks_specialty(leads: pd.DataFrame, reps: Sequence[Rep], rules: OwnershipRules) -> tuple[Codes, Mask]:
    """A code for each lead, and for each code the reps that lack a specialty it requires."""
    met = pd.DataFrame(
        {number: _meets(leads, rule.when) for number, rule in enumerate(rules.specialties)},
        index=leads.index,
    )
    codes, distinct = distinct_rows(met)
    has = [_specialties(rep) for rep in reps]
    lacks_of_rule = np.array(
        [
            [not {folded_text(word) for word in rule.require_specialties} <= theirs for theirs in has]
            for rule in rules.specialties
        ],
        dtype=bool,
    ).reshape(len(rules.specialties), len(reps))
    if not rules.specialties:
        return codes, np.zeros((1, len(reps)), dtype=bool)
    is_met = distinct.to_numpy(dtype=bool)
    lacks = is_met.astype(np.int64) @ lacks_of_rule.astype(np.int64)
    return codes, np.greater(lacks, 0)


def _specialties(rep: Rep) -> frozenset[str]:
    """What a rep knows about: its specialties and industries, folded."""
    return frozenset(folded_text(word) for word in (*rep.specialties, *rep.industries))


def _specialty_match(
    leads: pd.DataFrame, reps: Sequence[Rep], rules: OwnershipRules
) -> tuple[Codes, npt.NDArray[np.float32]]:
    """A code for each lead, and for each code and rep the share of the lead's words that the rep knows about.

    A word of a lead is known if it holds all words of one specialty: `software` knows about `computer software`.
    """
    asked = pd.DataFrame(
        {name: field_values(leads, name) for name in rules.specialty_fields}, index=leads.index
    )
    codes, distinct = distinct_rows(asked)
    if not rules.specialty_fields:
        return codes, np.full((1, len(reps)), NOT_KNOWN, dtype=np.float32)
    has = [[frozenset(words.split()) for words in sorted(_specialties(rep)) if words] for rep in reps]
    # Reps who claim the same are compared once.
    groups, group_of = np.unique([repr(sorted(map(sorted, words))) for words in has], return_inverse=True)
    example = [has[int(np.argmax(group_of == group))] for group in range(len(groups))]
    match = np.full((len(distinct), len(groups)), NOT_KNOWN, dtype=np.float32)
    for row, values in enumerate(distinct.itertuples(index=False, name=None)):
        said = [set(folded_text(str(value)).split()) for value in values if not pd.isna(value)]
        said = [words for words in said if words]
        if said:
            match[row] = [
                sum(any(known <= words for known in theirs) for words in said) / len(said)
                if theirs
                else NOT_KNOWN
                for theirs in example
            ]
    return codes, match[:, group_of] if len(reps) else np.zeros((len(distinct), 0), dtype=np.float32)


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
    theirs = [{language_of(written) for written in rep.languages} for rep in reps]
    may = np.array(
        [[language in spoken for spoken in theirs] for language in languages] + [[True] * len(reps)],
        dtype=bool,
    ).reshape(len(languages) + 1, len(reps))
    silent = np.array([not spoken for spoken in theirs], dtype=bool)
    return of_lead.astype(np.int64), may | silent, may


def language_of(written: str) -> str:
    """ISO 639-1 as it is compared: `pt-BR` is `pt`."""
    return written.strip().lower().replace("_", "-").partition("-")[0]
