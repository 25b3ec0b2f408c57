"""What is questionable about reps and about a campaign's rules for owners: gaps, overlaps, loose ends.

What belongs here: finding it. What does not: what makes a record impossible (`rep_records.py`), and reading what is
looked at (`roster_check.py`). Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import field_values
from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.places import country_codes
from leadflow_pipeline.route.owners.reps.capacity import exact
from leadflow_pipeline.route.owners.reps.eligibility import eligibility
from leadflow_pipeline.route.owners.reps.named_accounts import account_domain, account_keys
from leadflow_pipeline.route.owners.reps.rep import Rep, Territory
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.reps.specialties import Specialties
from leadflow_pipeline.route.owners.reps.territories import (
    NOWHERE,
    Area,
    Territories,
    area_of,
)
from leadflow_pipeline.route.owners.rules import OwnershipRules

MOST_NAMED = 12
"""Names in one finding: the rest is counted."""

LEADS_AT_ONCE = 20_000
"""Bounds the memory that pairs of leads and reps take."""

ONLY_INACTIVE = "only inactive"

REASONS = {
    "excluded": "take part in the campaign",
    "team": "is of a team whose turn it could be",
    "territory": "has the place in a territory",
    "specialty": "has the required specialties",
    "language": "speaks the language",
}
"""Constraint -> what no rep does or is, in the order in which they are looked at."""


@dataclass(frozen=True)
class Finding:
    """One thing to look at. An error keeps leads from an owner; a warning may; a note may be intended."""

    kind: str
    severity: Literal["error", "warning", "note"]
    message: str
    reps: tuple[str, ...] = ()


def lint_reps(roster: Roster, campaigns: Collection[str] | None = None) -> list[Finding]:
    """What is questionable about the reps of a day, whatever the campaign. `campaigns` are those there are."""
    findings = [
        *_managers(roster),
        *_accounts_claimed_twice(roster.reps),
        *_capacities(roster.reps, campaigns),
    ]
    return _in_order(findings)


def lint_campaign(
    roster: Roster, rules: OwnershipRules, leads: pd.DataFrame, known_fields: Collection[str]
) -> list[Finding]:
    """What is questionable about a campaign's rules with these reps, and with the leads that it has.

    `leads` has the columns of `fields_read`; `known_fields` are all fields that a lead of the campaign can have.
    """
    active = [rep for rep in roster.reps if rep.status == "active"]
    findings = [
        *_unknown_fields(rules, known_fields),
        *_unknown_reps(roster, rules),
        *_unmet_rules(active, rules),
        *_overlaps(active, rules),
        *_places_of_the_inactive(roster, rules),
        *_leads_without_owner(roster, rules, leads),
        *_countries_without_rep(active, rules, leads),
    ]
    return _in_order(findings)


def _in_order(findings: Sequence[Finding]) -> list[Finding]:
    weight = ("error", "warning", "note")
    return sorted(findings, key=lambda finding: weight.index(finding.severity))


def _managers(roster: Roster) -> Iterator[Finding]:
    reps = {rep.rep: rep for rep in roster.reps}
    working = [rep for rep in roster.reps if rep.status != "left"]
    for rep in working:
        manager = reps.get(rep.manager) if rep.manager else None
        if rep.manager and manager is None:
            message = (
                f"the manager of {rep.rep}, {rep.manager}, is no rep: add a record, so that warnings arrive"
            )
            yield Finding("manager", "error", message, (rep.rep,))
        elif manager is not None and manager.status == "left":
            message = f"the manager of {rep.rep}, {manager.rep}, has left: name another"
            yield Finding("manager", "error", message, (rep.rep,))
    if without := [rep.rep for rep in working if rep.manager is None]:
        message = f"{_named(without)}: no manager is named, so nobody is told when a lead waits too long"
        yield Finding("manager", "note", message, tuple(without))
    for cycle in _cycles({rep.rep: rep.manager for rep in working if rep.manager}):
        message = (
            f"managers in a circle: {' → '.join([*cycle, cycle[0]])}; name somebody at the top without one"
        )
        yield Finding("manager", "error", message, cycle)


def _cycles(manager_of: dict[str, str]) -> list[tuple[str, ...]]:
    """Each circle once, from its first id on."""
    found: set[tuple[str, ...]] = set()
    done: set[str] = set()
    for start in sorted(manager_of):
        path: dict[str, int] = {}
        rep: str | None = start
        while rep is not None and rep not in path and rep not in done:
            path[rep] = len(path)
            rep = manager_of.get(rep)
        if rep in path:
            circle = list(path)[path[rep] :]
            first = circle.index(min(circle))
            found.add((*circle[first:], *circle[:first]))
        done |= set(path)
    return sorted(found)


def _accounts_claimed_twice(reps: Sequence[Rep]) -> Iterator[Finding]:
    claims: dict[str, dict[str, str]] = {}
    for rep in reps:
        if rep.status == "left":
            continue
        for name, key in zip(rep.named_accounts, account_keys(rep.named_accounts), strict=True):
            claims.setdefault(account_domain(name) or key or name, {}).setdefault(rep.rep, name)
    for claimants in claims.values():
        if len(claimants) > 1:
            names = sorted(claimants)
            message = (
                f"the account {next(iter(claimants.values()))} is named by {_named(names)}: the first in the alphabet "
                "gets its leads; take it out of the others' records"
            )
            yield Finding("named account", "warning", message, tuple(names))


def _capacities(reps: Sequence[Rep], campaigns: Collection[str] | None) -> Iterator[Finding]:
    for rep in reps:
        if rep.status != "active":
            continue
        limits = rep.capacity.model_dump()
        if zero := [name for name, limit in limits.items() if limit == 0]:
            message = f"{rep.rep} is active with a capacity of 0 ({', '.join(zero)}), and gets no lead"
            yield Finding("capacity", "warning", message, (rep.rep,))
        elif all(limit is None for limit in limits.values()):
            message = f"{rep.rep} has no capacity, so any number of leads may come at once"
            yield Finding("capacity", "note", message, (rep.rep,))
        total = sum(map(exact, rep.allotments.values()))
        if total > 1:
            message = f"the allotments of {rep.rep} come to {float(total):g} of its capacity: lower them to 1 in sum"
            yield Finding("allotment", "error", message, (rep.rep,))
        unknown = [name for name in rep.allotments if campaigns is not None and name not in campaigns]
        if unknown:
            message = f"{rep.rep} has an allotment for {_named(unknown)}, which is no campaign"
            yield Finding("allotment", "warning", message, (rep.rep,))


def _unknown_fields(rules: OwnershipRules, known_fields: Collection[str]) -> Iterator[Finding]:
    asked = [condition.field for rule in rules.teams for condition in rule.when]
    asked += [condition.field for rule in rules.specialties for condition in rule.when]
    for name in dict.fromkeys([*asked, *rules.specialty_fields]):
        if name not in known_fields:
            yield Finding("field", "error", f"the rules ask for {name}, which no lead of the campaign has")


def _unknown_reps(roster: Roster, rules: OwnershipRules) -> Iterator[Finding]:
    for section, named in (("reps", rules.reps), ("exclude_reps", rules.exclude_reps)):
        if unknown := [rep for rep in named if rep not in roster.column_of]:
            message = f"ownership.{section} names {_named(unknown)}, whom no record knows"
            yield Finding("rep", "warning", message, tuple(unknown))


def _unmet_rules(active: Sequence[Rep], rules: OwnershipRules) -> Iterator[Finding]:
    if not active:
        yield Finding("rep", "error", "no rep is active, so every lead is held")
        return
    teams = {folded_text(rep.team) for rep in active}
    for rule in rules.teams:
        if folded_text(rule.team) not in teams:
            severity: Literal["error", "warning"] = "warning" if rule.spills else "error"
            then = "its leads go to the next" if rule.spills else "its leads are held"
            yield Finding("team", severity, f"team {rule.team} has no active rep: {then}")
    for specialty in rules.specialties:
        if Specialties(active).lacks(specialty.require_specialties).all():
            words = ", ".join(specialty.require_specialties)
            yield Finding("specialty", "error", f"no active rep has {words}, which some leads require")
    if rules.language == "require":
        silent = [rep.rep for rep in active if not rep.languages]
        if silent:
            message = f"{_named(silent)}: no languages are named, so leads whose language is known pass by"
            yield Finding("language", "warning", message, tuple(silent))


def _overlaps(active: Sequence[Rep], rules: OwnershipRules) -> Iterator[Finding]:
    if rules.territory == "ignore":
        return
    shared: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (team, _), (place, reps) in _by_area(active, rules).items():
        if len(reps) > 1:
            shared.setdefault((team, tuple(sorted(reps))), []).append(place)
    for (team, names), places in shared.items():
        of_team = f" of team {team}" if team else ""
        message = f"{_named(places)}: shared by {_named(names)}{of_team}, which may be intended"
        yield Finding("overlap", "note", message, names)


def _by_area(reps: Sequence[Rep], rules: OwnershipRules) -> dict[tuple[str, Area], tuple[str, set[str]]]:
    """Team and area -> how it is written, and who has it."""
    areas: dict[tuple[str, Area], tuple[str, set[str]]] = {}
    for rep in reps:
        for territory in rep.territories or (Territory(),):
            key = rep.team, area_of(territory, rules.regions)
            areas.setdefault(key, (written(territory), set()))[1].add(rep.rep)
    return areas


def written(territory: Territory) -> str:
    """A territory on one line, the most specific first."""
    named = [territory.postcode, territory.city, territory.state, territory.country, territory.region]
    return " in ".join(name for name in named if name) or "everywhere"


def _places_of_the_inactive(roster: Roster, rules: OwnershipRules) -> Iterator[Finding]:
    """Territories of reps who are not active, that no active one covers."""
    if rules.territory != "require":
        return
    others = [rep for rep in roster.reps if rep.status != "active"]
    active = [rep for rep in roster.reps if rep.status == "active"]
    lost: dict[tuple[str, ...], list[str]] = {}
    for (team, area), (place, reps) in _by_area(others, rules).items():
        side_by_side = [rep for rep in active if _share(rep.team, team, rules)]
        probe = pd.DataFrame([_somewhere_in(area)]).astype("str")
        ranks = Territories(side_by_side, rules.regions).ranks(probe)[1]
        if not (ranks > NOWHERE).any():
            lost.setdefault(tuple(sorted(reps)), []).append(place)
    for names, places in lost.items():
        message = f"{_named(places)}: only {_named(names)} had it, who take no leads now"
        yield Finding("unreachable", "warning", message, names)


def _share(team: str, other: str, rules: OwnershipRules) -> bool:
    """Whether two teams get the same leads: they are one, or no rule names either."""
    with_rule = {folded_text(rule.team) for rule in rules.teams}
    team, other = folded_text(team), folded_text(other)
    return team == other or not {team, other} & with_rule


def _somewhere_in(area: Area) -> dict[str, str | None]:
    """A place in an area."""
    country = min(area.countries) if area.countries else None
    return {"country": country, "region": area.state, "city": area.city, "postcode": area.postcode}


def _leads_without_owner(roster: Roster, rules: OwnershipRules, leads: pd.DataFrame) -> Iterator[Finding]:
    """Leads that nobody may ever have, by reason and place; and those that only reps who take no leads now might."""
    reasons = _reasons(roster, rules, leads)
    for name, words in REASONS.items():
        for place, count in _by_place(leads[reasons == name], with_language=name == "language"):
            yield Finding("gap", "error", f"{_leads(count)} {place}: no rep {words}")
    for place, count in _by_place(leads[reasons == ONLY_INACTIVE]):
        message = f"{_leads(count)} {place}: all reps who might have them are paused or have left"
        yield Finding("unreachable", "error", message)


def _reasons(roster: Roster, rules: OwnershipRules, leads: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Of each lead the constraint that leaves it nobody, or that only inactive reps are left; else nothing."""
    reasons = np.full(len(leads), "", dtype=object)
    for start in range(0, len(leads), LEADS_AT_ONCE):
        some = slice(start, start + LEADS_AT_ONCE)
        strikes = eligibility(leads.iloc[some], roster, rules).struck
        remaining = np.ones(strikes["team"].shape, dtype=bool)
        told = reasons[some]
        for name in REASONS:
            remaining &= ~strikes[name]
            told[~remaining.any(axis=1) & (told == "")] = name
        told[~(remaining & roster.is_active).any(axis=1) & (told == "")] = ONLY_INACTIVE
    return reasons


def _by_place(leads: pd.DataFrame, *, with_language: bool = False) -> list[tuple[str, int]]:
    """Places in words with how many leads there are, the most first."""
    if leads.empty:
        return []
    country = field_values(leads, "country").astype("str").fillna("no known country")
    region = field_values(leads, "region").astype("str")
    place = ("in " + region + ", " + country).fillna("in " + country)
    if with_language:
        place = place + " (" + field_values(leads, "language").astype("str").fillna("?") + ")"
    counts = place.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    told = [(str(name), int(count)) for name, count in counts.iloc[:MOST_NAMED].items()]
    if len(counts) > MOST_NAMED:
        told.append((f"in {len(counts) - MOST_NAMED} further places", int(counts.iloc[MOST_NAMED:].sum())))
    return told


def _countries_without_rep(
    active: Sequence[Rep], rules: OwnershipRules, leads: pd.DataFrame
) -> Iterator[Finding]:
    if rules.territory != "require" or not active:
        return
    countries = sorted(set(country_codes().values()))
    partaking = [rep for rep in active if not rules.reps or rep.rep in rules.reps]
    partaking = [rep for rep in partaking if rep.rep not in rules.exclude_reps]
    # Leads that no team claims: those of a team with a rule are no help to them.
    with_rule = {folded_text(rule.team) for rule in rules.teams}
    partaking = [rep for rep in partaking if folded_text(rep.team) not in with_rule]
    areas = [area for _, area in _by_area(partaking, rules)]
    named = {country for area in areas for country in area.countries or ()}
    if any(area.countries is None for area in areas):
        return
    with_leads = set(field_values(leads, "country").dropna())
    if uncovered := [code for code in countries if code not in named and code not in with_leads]:
        message = f"{len(uncovered)} countries are in no rep's territory, and no lead is there yet: {_named(uncovered)}"
        yield Finding("gap", "note", message)


def _named(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    first = ", ".join(names[:MOST_NAMED])
    return first if len(names) <= MOST_NAMED else f"{first} and {len(names) - MOST_NAMED} more"


def _leads(count: int) -> str:
    return f"{count:,} lead" if count == 1 else f"{count:,} leads"
