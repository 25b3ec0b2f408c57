"""What is questionable about reps and rules is found, and what is sound is not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from leadflow_pipeline.route.owners.reps.linter import lint_campaign, lint_reps
from leadflow_pipeline.route.owners.reps.rep import Rep, Territory
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules

DAY = date(2026, 3, 2)
FIELDS = ("country", "industry", "company_size", "language")


def rep(name: str, *countries: str, **fields: Any) -> Rep:
    return Rep.model_validate(
        {
            "capacity": {"per_day": 5},
            "manager": "boss",
            **fields,
            "rep": name,
            "territories": [Territory(country=code) for code in countries],
        }
    )


BOSS = rep("boss", manager=None)


def about_reps(*reps: Rep, campaigns: tuple[str, ...] = ("spring",)) -> list[str]:
    found = lint_reps(Roster.of("", DAY, [BOSS, *reps]), campaigns)
    return [each.message for each in found if "no manager is named" not in each.message]


def about_campaign(
    *reps: Rep, leads: dict[str, list[Any]] | None = None, **rules: Any
) -> list[tuple[str, str, str]]:
    frame = pd.DataFrame(leads or {})
    text = [name for name in frame if frame[name].dtype == object]
    found = lint_campaign(
        Roster.of("spring", DAY, reps),
        OwnershipRules.model_validate(rules),
        frame.astype(dict.fromkeys(text, "str")),
        FIELDS,
    )
    return [(each.kind, each.severity, each.message) for each in found]


def test_sound_reps_raise_nothing() -> None:
    assert about_reps(rep("mara", allotments={"spring": 0.7}, named_accounts=["Acme"]), rep("tom")) == []
    assert about_campaign(rep("mara", "SE"), rep("world", team="B"), leads={"country": ["SE", "US"]}) == []


def test_managers() -> None:
    assert about_reps(rep("mara", manager="nobody")) == [
        "the manager of mara, nobody, is no rep: add a record, so that warnings arrive"
    ]
    assert about_reps(rep("mara", manager="tom"), rep("tom", status="left", manager="nobody")) == [
        "the manager of mara, tom, has left: name another"
    ]
    circle = about_reps(
        rep("c", manager="a"), rep("a", manager="b"), rep("b", manager="c"), rep("d", manager="a")
    )
    assert circle == ["managers in a circle: a → b → c → a; name somebody at the top without one"]
    assert "managers in a circle: x → x" in about_reps(rep("x", manager="x"))[0]


def test_accounts_capacity_and_allotments() -> None:
    assert about_reps(rep("mara", named_accounts=["Acme Ltd"]), rep("tom", named_accounts=["ACME"])) == [
        "the account Acme Ltd is named by mara, tom: the first in the alphabet gets its leads; take it out of the "
        "others' records"
    ]
    assert (
        about_reps(rep("mara", named_accounts=["Acme"]), rep("tom", named_accounts=["acme"], status="left"))
        == []
    )
    assert "capacity of 0 (per_day)" in about_reps(rep("mara", capacity={"per_day": 0}))[0]
    assert "has no capacity" in about_reps(rep("mara", capacity={}))[0]
    assert about_reps(rep("mara", allotments={"spring": 0.7, "autumn": 0.4})) == [
        "the allotments of mara come to 1.1 of its capacity: lower them to 1 in sum",
        "mara has an allotment for autumn, which is no campaign",
    ]
    assert about_reps(rep("mara", allotments={"a": 0.1, "b": 0.2, "c": 0.7}), campaigns=("a", "b", "c")) == []


def test_gaps() -> None:
    teams = [
        {"team": "Large", "when": [{"field": "company_size", "at_least": 100}], "spills": False},
    ]
    leads = {
        "country": ["SE", "US", "US", "SE"],
        "company_size": [1, 1, 1, 500],
        "industry": ["x", "x", "x", "x"],
    }
    assert about_campaign(rep("mara", "SE"), rep("tom", "NO"), leads=leads)[0] == (
        "gap", "error", "2 leads in US: no rep has the place in a territory",
    )  # fmt: skip
    found = about_campaign(rep("mara", "SE"), rep("tom", "US"), leads=leads, teams=teams)
    assert ("team", "error", "team Large has no active rep: its leads are held") in found
    assert ("gap", "error", "1 lead in SE: no rep is of a team whose turn it could be") in found
    needs = [{"require_specialties": ["fraud"]}]
    found = about_campaign(rep("mara", "SE", "US"), leads=leads, specialties=needs)
    assert ("specialty", "error", "no active rep has fraud, which some leads require") in found
    assert ("gap", "error", "2 leads in SE: no rep has the required specialties") in found
    # Countries where nobody is yet are no error.
    assert [found[1] for found in about_campaign(rep("mara", "SE"))] == ["note"]


def test_leads_and_places_of_reps_who_take_none() -> None:
    found = about_campaign(rep("mara", "SE"), rep("tom", "US", status="left"), leads={"country": ["US"]})
    assert (
        "unreachable",
        "error",
        "1 lead in US: all reps who might have them are paused or have left",
    ) in found
    assert ("unreachable", "warning", "US: only tom had it, who take no leads now") in found
    assert about_campaign(rep("mara", status="paused"))[0][2] == "no rep is active, so every lead is held"


def test_overlaps_are_of_one_team_and_may_be_intended() -> None:
    reps = (
        rep("mara", "SE", "NO", team="A"),
        rep("tom", "SE", "NO", team="A"),
        rep("zoe", "SE", team="B"),
        rep("w", team="B"),
    )
    assert about_campaign(*reps, territory="prefer") == [
        ("overlap", "note", "SE, NO: shared by mara, tom of team A, which may be intended")
    ]
    assert about_campaign(*reps, territory="ignore") == []


def test_rules_that_name_what_is_not_there() -> None:
    teams = [{"team": "A", "when": [{"field": "custom.need", "equals": "x"}]}]
    found = about_campaign(
        rep("mara", team="A", languages=()), teams=teams, exclude_reps=["nobody"], language="require"
    )
    assert ("field", "error", "the rules ask for custom.need, which no lead of the campaign has") in found
    assert ("rep", "warning", "ownership.exclude_reps names nobody, whom no record knows") in found
    assert "language" in [kind for kind, _, _ in found]
