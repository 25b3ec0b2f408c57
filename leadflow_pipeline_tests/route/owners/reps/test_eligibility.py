"""Who may have which lead, against a reference that looks at one pair after the other."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route.owners.reps.eligibility import CONSTRAINTS, Eligibility, eligibility, fields_read
from leadflow_pipeline.route.owners.reps.rep import Rep, Territory
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, Roster
from leadflow_pipeline.route.owners.reps.territories import (
    CITY,
    COUNTRY,
    DEFAULT,
    NAMED_ACCOUNT,
    POSTCODE,
    REGION,
    STATE,
)
from leadflow_pipeline.route.owners.rules import OwnershipRules

DAY = date(2026, 3, 2)


def specificity(rank: int) -> str:
    """The name of a rank of territories."""
    if rank >= NAMED_ACCOUNT:
        return "named account"
    for least, name in ((POSTCODE, "postcode"), (CITY, "city"), (STATE, "state"), (COUNTRY, "country")):
        if rank >= least:
            return name
    return "region" if rank >= REGION else "default" if rank == DEFAULT else "outside"


def judged(
    lead: dict[str, Any], *reps: Rep, absences: tuple[Absence, ...] = (), **rules: Any
) -> tuple[Eligibility, dict[str, int]]:
    """The eligibility of one lead, and the column of each rep."""
    roster = Roster.of("spring", DAY, reps, absences)
    frame = pd.DataFrame([lead]).astype(
        {name: "str" for name, value in lead.items() if isinstance(value, str)}
    )
    return eligibility(frame, roster, OwnershipRules.model_validate(rules)), roster.column_of


def allowed(lead: dict[str, Any], *reps: Rep, **rules: Any) -> set[str]:
    found, columns = judged(lead, *reps, **rules)
    return {rep for rep, column in columns.items() if found.allowed[0, column]}


def rep(name: str, *territories: dict[str, str], **fields: Any) -> Rep:
    return Rep(rep=name, territories=tuple(Territory(**place) for place in territories), **fields)


EVERYWHERE = (
    rep("world"),
    rep("emea", {"region": "EMEA"}),
    rep("dach", {"region": "DACH"}),
    rep("germany", {"country": "Deutschland"}),
    rep("bavaria", {"country": "DE", "state": "BY"}),
    rep("munich", {"country": "DE", "city": "münchen"}),
    rep("south", {"country": "DE", "postcode": "8"}),
    rep("centre", {"country": "DE", "postcode": "803"}),
)
MUNICH = {"country": "DE", "region": "Bayern", "city": "Munchen", "postcode": "80 331"}


def test_the_most_specific_territory_comes_first_and_all_others_that_hold_the_place_after_it() -> None:
    outside = rep("paris", {"country": "FR"})
    found, columns = judged(MUNICH, *EVERYWHERE, outside)
    by_rank = sorted(columns, key=lambda name: -found.territory_rank[0, columns[name]])
    assert by_rank == ["centre", "south", "munich", "bavaria", "germany", "dach", "emea", "world", "paris"]
    assert allowed(MUNICH, *EVERYWHERE, outside) == set(by_rank) - {"paris"}
    assert found.why_not(0, columns["paris"]) == ("territory",)


def test_the_ranks_have_names() -> None:
    found, columns = judged(MUNICH, *EVERYWHERE)
    names = {rep: specificity(int(found.territory_rank[0, column])) for rep, column in columns.items()}
    assert names == {
        "world": "default",
        "emea": "region",
        "dach": "region",
        "germany": "country",
        "bavaria": "state",
        "munich": "city",
        "south": "postcode",
        "centre": "postcode",
    }
    assert specificity(-1) == "outside"


@pytest.mark.parametrize(
    ("place", "territory"),
    [
        ({"country": "US", "region": "Pennsylvania"}, {"country": "US", "state": "PA"}),
        ({"country": "US", "region": "pa"}, {"country": "United States", "state": "pennsylvania"}),
        ({"country": "FR", "region": "Île-de-France"}, {"country": "France", "state": "ile de france"}),
        ({"country": "IE", "region": "Co. Galway"}, {"country": "IE", "state": "co galway"}),
        ({"country": "GB", "postcode": "sw1a 1aa"}, {"country": "GB", "postcode": "SW1A"}),
        ({"country": "SE"}, {"region": "nordics"}),
        ({"country": "JP"}, {"region": "Asia-Pacific"}),
        ({"country": "BR"}, {"region": "LATAM"}),
        ({"country": "PT"}, {"region": "Our south"}),
    ],
)
def test_places_are_compared_by_meaning(place: dict[str, str], territory: dict[str, str]) -> None:
    rules = {"regions": {"our South": ["Iberia", "IT"]}}
    assert allowed(place, rep("there", territory), **rules) == {"there"}


@pytest.mark.parametrize(
    ("place", "territory"),
    [
        ({"country": "AU", "region": "Western Australia"}, {"country": "US", "state": "WA"}),
        ({"country": "US", "postcode": "80331"}, {"country": "DE", "postcode": "80"}),
        ({"country": "DE"}, {"country": "DE", "state": "Bayern"}),
        ({"country": "US"}, {"region": "EMEA"}),
        ({}, {"country": "DE"}),
        ({"country": "DE"}, {"region": "no region of anybody"}),
    ],
)
def test_what_only_looks_alike_is_outside(place: dict[str, str], territory: dict[str, str]) -> None:
    place = {"email": "a@leads.example", **place}
    assert allowed(place, rep("there", territory)) == set()
    assert allowed(place, rep("there", territory), territory="prefer") == {"there"}


def test_who_is_away_leaves_the_place_to_whoever_has_more_of_it() -> None:
    found, columns = judged(
        {"country": "DE"},
        rep("germany", {"country": "DE"}),
        rep("world"),
        absences=(Absence("germany", date(2026, 3, 3), date(2026, 3, 9)),),
    )
    assert found.allowed[0].tolist() == [False, True]
    assert found.why_not(0, columns["germany"]) == ("absent",)


TEAMS = {
    "teams": [
        {"team": "Enterprise", "when": [{"field": "company_size", "at_least": 2000}]},
        {"team": "Public", "when": [{"field": "industry", "equals": "government"}], "spills": False},
    ]
}


def test_the_first_rule_claims_and_spills_to_the_next_and_at_last_to_the_rest() -> None:
    reps = (rep("e", team="enterprise"), rep("m", team="Mid-market"), rep("p", team="Public"))
    large, both, public = (
        {"company_size": 3000},
        {"company_size": 3000, "industry": "government"},
        {"industry": "Government"},
    )
    assert judged(large, *reps, **TEAMS)[0].team_rank.tolist() == [[0, 1, -1]]
    assert judged(both, *reps, **TEAMS)[0].team_rank.tolist() == [[0, -1, 1]]
    assert judged(public, *reps, **TEAMS)[0].team_rank.tolist() == [[-1, -1, 0]]
    assert judged({"company_size": 10}, *reps, **TEAMS)[0].team_rank.tolist() == [[-1, 0, -1]]


@pytest.mark.parametrize(
    "lead",
    [
        {"company_key": "keystone parts"},
        {"company_domain": "keystone.example.org"},
    ],
)
def test_a_named_account_is_its_reps_whatever_place_and_team(lead: dict[str, str]) -> None:
    grace = rep(
        "grace",
        {"country": "US"},
        named_accounts=("Keystone Parts, Inc.", "https://www.Keystone.example.org/"),
    )
    lead = {**lead, "country": "DE"}
    others = (rep("anke", {"country": "DE"}), rep("big", team="Enterprise"))
    found, columns = judged({**lead, "company_size": 5000}, grace, *others, **TEAMS)
    assert found.named.tolist() == [columns["grace"]]
    assert found.allowed.all()
    assert found.territory_rank[0].argmax() == columns["grace"]
    away = (Absence("grace", DAY, DAY),)
    assert allowed(lead, grace, *others, absences=away) == {"anke", "big"}


def test_the_other_hard_constraints() -> None:
    reps = (
        rep("a", specialties=("Fraud",), languages=("de-AT",)),
        rep("b", industries=("fraud", "banking")),
        rep("c"),
    )
    needs = {
        "specialties": [
            {"when": [{"field": "industry", "equals": "banking"}], "require_specialties": ["fraud"]}
        ]
    }
    banking = {"industry": "banking", "language": "de"}
    assert allowed(banking, *reps, **needs) == {"a", "b"}
    assert allowed({"industry": "retail"}, *reps, **needs) == {"a", "b", "c"}
    assert allowed(banking, *reps, language="require") == {"a"}
    assert allowed({"industry": "banking"}, *reps, language="require") == {"a", "b", "c"}
    assert allowed(banking, *reps, exclude_reps=["a"]) == {"b", "c"}
    assert allowed(banking, *reps, reps=["a", "b"], exclude_reps=["a"]) == {"b"}
    assert judged({"language": "fr"}, *reps)[0].speaks.tolist() == [[False, True, True]]


def test_the_share_of_a_leads_words_that_are_specialties() -> None:
    reps = (
        rep("a", industries=("software",)),
        rep("b", specialties=("computer software", "fraud")),
        rep("c"),
    )
    lead = {"industry": "Computer Software", "custom.need": "fraud"}
    assert judged(lead, *reps, specialty_fields=["industry", "custom.need"])[0].specialty.tolist() == [
        [0.5, 1.0, 0.5]
    ]
    assert judged({"city": "x"}, *reps)[0].specialty.tolist() == [[0.5, 0.5, 0.5]]


def test_no_lead_no_rep_and_no_column_are_well_formed() -> None:
    nobody = Roster.of("spring", DAY, [])
    found = eligibility(pd.DataFrame({"country": pd.Series(["DE"], dtype="str")}), nobody, OwnershipRules())
    assert found.allowed.shape == found.territory_rank.shape == found.specialty.shape == (1, 0)
    none = eligibility(
        pd.DataFrame({"country": pd.Series(dtype="str")}),
        Roster.of("spring", DAY, [rep("a")]),
        OwnershipRules(),
    )
    assert none.allowed.shape == none.team_rank.shape == (0, 1)


def test_the_fields_that_are_read() -> None:
    rules = OwnershipRules.model_validate({**TEAMS, "specialty_fields": ["custom.need"]})
    assert {"country", "postcode", "company_domain", "company_size", "custom.need", "budget"} <= set(
        fields_read(rules)
    )


places = st.fixed_dictionaries(
    {
        "region": st.sampled_from([None, "Nordics", "EMEA"]),
        "country": st.sampled_from([None, "SE", "US"]),
        "state": st.sampled_from([None, "CA", "NY"]),
        "postcode": st.sampled_from([None, "1", "12"]),
    }
)
some_reps = st.lists(
    st.fixed_dictionaries(
        {
            "territories": st.lists(places, max_size=2),
            "team": st.sampled_from(["", "Enterprise", "Public"]),
            "status": st.sampled_from(["active", "active", "active", "paused", "left"]),
            "languages": st.sampled_from([(), ("sv",), ("en", "sv")]),
            "specialties": st.sampled_from([(), ("fraud",)]),
        }
    ),
    min_size=1,
    max_size=6,
)
some_leads = st.lists(
    st.fixed_dictionaries(
        {
            "country": st.sampled_from([None, "SE", "US", "BR"]),
            "region": st.sampled_from([None, "California", "New York", "Skåne"]),
            "postcode": st.sampled_from([None, "123", "13", "9"]),
            "company_size": st.sampled_from([10, 3000]),
            "industry": st.sampled_from([None, "government", "banking"]),
            "language": st.sampled_from([None, "sv", "en"]),
        }
    ),
    min_size=1,
    max_size=8,
)
LEVELS = ("region", "country", "state", "city", "postcode")
MEMBERS = {"Nordics": {"SE"}, "EMEA": {"SE"}}
STATES = {"CA": "California", "NY": "New York"}


def plain_rank(lead: dict[str, Any], reps: Rep) -> tuple[int, ...]:
    """How specific a rep's best territory is: level, then length; (-1,) outside."""
    found = [(-1, 0)]
    for place in reps.territories or (Territory(),):
        holds = (
            (place.region is None or lead["country"] in MEMBERS[place.region])
            and (place.country is None or lead["country"] == place.country)
            and (place.postcode is None or (lead["postcode"] or "").startswith(place.postcode))
            and (
                place.state is None
                or (
                    lead["region"] == STATES[place.state]
                    and lead["country"] == "US"
                    and place.country == "US"
                )
            )
        )
        if holds:
            level = max((n + 1 for n, name in enumerate(LEVELS) if getattr(place, name)), default=0)
            step = (
                {"Nordics": 1}.get(place.region or "", 0)
                if level == 1
                else len(place.postcode or "")
                if level == 5
                else 0
            )
            found.append((level, step))
    return max(found)


@settings(max_examples=30)
@given(
    some_reps, some_leads, st.integers(0, 63), st.sampled_from(["require", "prefer", "ignore"]), st.booleans()
)
def test_nobody_is_allowed_against_a_hard_constraint_and_everybody_else_is(
    drawn: list[dict[str, Any]], leads: list[dict[str, Any]], away: int, territory: str, speak: bool
) -> None:
    # A state means something only with its country, and a region of the world is not both.
    reps = [
        Rep.model_validate(
            {
                **fields,
                "rep": f"r{number}",
                "territories": [
                    place
                    for place in fields["territories"]
                    if place["state"] is None or place["country"] == "US"
                    if place["region"] is None or place["country"] is None
                ],
            }
        )
        for number, fields in enumerate(drawn)
    ]
    absences = [Absence(f"r{number}", DAY, DAY) for number in range(6) if away >> number & 1]
    rules = OwnershipRules.model_validate(
        {
            **TEAMS,
            "exclude_reps": ["r2"],
            "territory": territory,
            "language": "require" if speak else "prefer",
            "specialties": [
                {"when": [{"field": "industry", "equals": "banking"}], "require_specialties": ["fraud"]}
            ],
        }
    )
    roster = Roster.of("spring", DAY, reps, absences)
    text = [name for name in leads[0] if name != "company_size"]
    found = eligibility(pd.DataFrame(leads).astype(dict.fromkeys(text, "str")), roster, rules)

    assert set(found.struck) == set(CONSTRAINTS)
    assert (found.allowed == ~np.logical_or.reduce(list(found.struck.values()))).all()
    for row, lead in enumerate(leads):
        rules_met = [
            name
            for name, met in (
                ("Enterprise", lead["company_size"] >= 2000),
                ("Public", lead["industry"] == "government"),
            )
            if met
        ]
        turns = [*rules_met] if "Public" in rules_met else [*rules_met, ""]
        fit = {
            number
            for number, each in enumerate(reps)
            if each.status == "active"
            and not away >> number & 1
            and number != 2
            and each.team in turns
            and (lead["industry"] != "banking" or "fraud" in each.specialties)
            and (not speak or lead["language"] is None or lead["language"] in each.languages)
        }
        if territory == "require":
            fit = {number for number in fit if plain_rank(lead, reps[number]) >= (0, 0)}
        ranks = [plain_rank(lead, each) for each in reps]
        if territory != "ignore":
            told = found.territory_rank[row]
            for one, other in combinations(range(len(reps)), 2):
                assert (ranks[one] > ranks[other]) == (told[one] > told[other])
                assert (ranks[one] == ranks[other]) == (told[one] == told[other])
        assert set(np.flatnonzero(found.allowed[row]).tolist()) == fit
