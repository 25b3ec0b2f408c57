"""Factors of the campaign's own, dimensions that it switches on, and behaviours with a daily cap."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from leadflow_pipeline.score.dimensions import DIMENSIONS
from leadflow_pipeline.score.rules import DEFAULT_POINTS
from leadflow_pipeline_tests.score.frames import (
    DAY,
    breakdown,
    events,
    leads,
    profile_of,
    reasons,
    rules_of,
    score,
)

SILENT = {"login": {"points": 0}, "download": {"points": 0}}


def points_of(test: dict[str, Any], *happened: Any, **lead: Any) -> float:
    """What a factor of 4 points with this test pays."""
    rules = rules_of(behaviours=SILENT, factors=[{"name": "asked", "points": 4, **test}])
    return float(breakdown(score(leads(lead), events(*happened), rules=rules)).get("asked", 0))


LOGINS = [("a", "login", f"2026-03-{day:02d} 09:00") for day in (1, 4, 8, 10)]


@pytest.mark.parametrize(
    ("test", "points"),
    [
        ({}, 4),
        ({"at_least": 4}, 4),
        ({"at_least": 5}, 0),
        ({"at_least": 2, "within_days": 3}, 4),
        ({"at_least": 2, "within_days": 2}, 0),
        ({"at_most": 3}, 0),
        ({"at_most": 2, "within_days": 7}, 0),
        ({"at_most": 2, "within_days": 6}, 4),
        ({"between": [3, 4]}, 4),
        ({"between": [5, 9]}, 0),
        ({"days_since_last": {"at_most": 0}}, 4),
        ({"days_since_last": {"at_least": 1}}, 0),
        ({"never": True}, 0),
        ({"counted": "each_time"}, 16),
        ({"counted": 3}, 12),
        ({"counted": "each_time", "within_days": 3}, 8),
        ({"counted": "each_time", "at_least": 5}, 0),
        ({"behaviour": ["login", "download"], "counted": "each_time"}, 20),
    ],
    ids=str,
)
def test_a_behaviour_is_counted_within_its_days(test: dict[str, Any], points: float) -> None:
    happened = [*LOGINS, ("a", "download", "2026-02-01 08:00"), ("b", "login", "2026-03-10 09:00")]
    happened.append(("a", "login", "2026-03-11 00:00"))
    machine = ("a", "login", "2026-03-10 10:00", True)
    assert points_of({"behaviour": "login", **test}, *happened, machine) == points


@pytest.mark.parametrize(
    ("test", "points"),
    [
        ({"never": True}, 4),
        ({"at_most": 0}, 4),
        ({}, 0),
        ({"days_since_last": {"at_least": 1}}, 0),
        ({"days_since_last": {"at_most": 99}}, 0),
    ],
    ids=str,
)
def test_a_lead_that_never_did_it(test: dict[str, Any], points: float) -> None:
    assert points_of({"behaviour": "login", **test}, ("a", "open", DAY)) == points


@pytest.mark.parametrize(("days", "points"), [(8, 0), (9, 4), (12, 4), (13, 0)])
def test_days_are_counted_since_the_last_time(days: int, points: float) -> None:
    last = DAY - pd.Timedelta(days=days) + pd.Timedelta(hours=23)
    test = {"behaviour": "login", "days_since_last": {"between": [9, 12]}}
    assert points_of(test, ("a", "login", last - pd.Timedelta(days=99)), ("a", "login", last)) == points


@pytest.mark.parametrize(
    ("validity", "points"),
    [
        ({"valid_from": "2026-03-10"}, 4),
        ({"valid_from": "2026-03-11"}, 0),
        ({"valid_until": "2026-03-10"}, 4),
        ({"valid_until": "2026-03-09"}, 0),
    ],
    ids=str,
)
def test_a_factor_holds_on_its_days_alone(validity: dict[str, str], points: float) -> None:
    assert points_of({"field": "country", "equals": "DE", **validity}, country="DE") == points


def test_outside_its_days_a_factor_is_not_missed() -> None:
    own = {"name": "fair", "behaviour": "visit", "points": 50, "missed": "Was not at the fair"}
    due = leads({"day": DAY}, {"day": DAY + pd.Timedelta(days=1)})
    scored = score(due, rules=rules_of(factors=[{**own, "valid_until": DAY.date()}]))
    assert "Was not at the fair (0 of 50)" in reasons(scored, 0)
    assert not any("fair" in reason for reason in reasons(scored, 1))


def test_an_own_group_has_its_own_cap() -> None:
    own = [
        {
            "name": "logins",
            "behaviour": "login",
            "points": 5,
            "counted": "each_time",
            "group": "product_usage",
        },
        {"name": "rich", "field": "budget", "at_least": 10, "points": 9},
    ]
    rules = rules_of(behaviours=SILENT, groups={"product_usage": 12}, factors=own)
    scored = score(leads({"budget": 10.0}), events(*LOGINS), rules=rules)
    assert breakdown(scored) == {"rich": 9, "logins": 20, "cap.product_usage": -8}
    assert "Login at least 1 time (+20)" in reasons(scored)


@pytest.mark.parametrize(
    ("limit", "engagement", "interactions"), [(None, 100.0, 50), (1, 15.0, 1), (2, 30.0, 2), (60, 100.0, 50)]
)
def test_fifty_clicks_of_one_day_are_not_fifty_times_as_keen(limit, engagement, interactions) -> None:
    clicks = [("a", "click", DAY + pd.Timedelta(seconds=second)) for second in range(50)]
    forever = {"points": 15, "half_life_days": 1e9, "at_most_a_day": limit}
    own = {"name": "clicks", "behaviour": "click", "points": 1, "counted": "each_time"}
    rules = rules_of(behaviours={"click": forever}, factors=[own])
    scored = score(leads({}), events(*reversed(clicks)), rules=rules)
    assert scored["engagement"].tolist() == [engagement]
    assert breakdown(scored)["clicks"] == interactions


def test_the_earliest_of_a_day_count_and_every_day_lead_and_behaviour_has_its_own() -> None:
    rules = rules_of(behaviours={"visit": {"points": 40, "half_life_days": 1, "at_most_a_day": 1}})
    noon, midnight = DAY + pd.Timedelta(hours=12), DAY
    happened = events(
        ("a", "visit", noon),
        ("a", "visit", midnight),
        ("a", "visit", midnight - pd.Timedelta(hours=12)),
        ("b", "visit", noon),
        ("b", "form", noon),
    )
    scored = score(leads({"lead_id": "a"}, {"lead_id": "b"}), happened, rules=rules)
    assert scored["engagement"].round(3).tolist() == [34.142, 62.711]


def test_dimensions_are_off_until_a_file_gives_them_points() -> None:
    assert len(DIMENSIONS) + len(DEFAULT_POINTS) >= 40
    assert not set(DIMENSIONS) & set(DEFAULT_POINTS)
    profile = profile_of({"name": "size", "field": "company_size", "at_least": 10})
    assert breakdown(score(leads({"company_size": 50}), profile=profile)) == {}


def test_every_dimension_is_named_in_the_breakdown_of_a_lead_with_everything() -> None:
    everything = {
        "company": "Acme", "job_title": "Head of Sales", "phone_status": "valid", "phone_type": "mobile",
        "linkedin_url": "https://leads.example/in/ida", "source": "partner", "email": "ida@acme.leads.example",
        "email_status": "valid", "email_is_free": False, "email_is_role": False, "email_is_disposable": False,
        "last_name": "Berg", "seniority": "executive", "department": "sales", "is_decision_maker": True,
        "recent_job_change": True, "company_funded_recently": True, "company_hiring": True,
        "company_domain": "acme.leads.example", "industry": "software", "company_size": 50, "budget": 9.0,
        "country": "DE",
    }  # fmt: skip
    profile = profile_of(
        {"name": "size", "field": "company_size", "at_least": 10},
        {"name": "budget", "field": "budget", "at_least": 5},
        {"name": "decides", "field": "is_decision_maker", "equals": True},
        {"name": "country", "field": "country", "equals": "DE"},
    )
    happened = events(*[("a", kind, DAY) for kind in ("visit", "click", "form", "reply", "meeting")] * 3)
    rules = rules_of(dimensions=dict.fromkeys(DIMENSIONS, 2))
    full = breakdown(score(leads(everything), happened, profile=profile, rules=rules))
    assert {name for name, points in full.items() if points == 2} >= set(DIMENSIONS)

    bare = breakdown(score(leads({}), profile=profile, rules=rules))
    assert not set(DIMENSIONS) & set(bare)


def test_a_match_pays_for_the_share_of_criteria_that_are_met() -> None:
    profile = profile_of(
        {"name": "size", "field": "company_size", "at_least": 10, "weight": 9},
        {"name": "industry", "field": "industry", "one_of": ["software"]},
        {"name": "budget", "field": "budget", "at_least": 5},
    )
    rules = rules_of(dimensions={"company_match": 10, "engagement_potential": 9, "budget_fit": 70})
    due = leads({"company_size": 50, "industry": "retail", "email_status": "valid"})
    scored = score(due, profile=profile, rules=rules)
    assert breakdown(scored) == {"company_match": 5, "engagement_potential": 3}
    assert "Company matches the profile (+5)" in reasons(scored)
    assert "Budget does not fit the profile (0 of 70)" in reasons(scored)


def test_a_match_with_nothing_to_compare_is_neither_earned_nor_missed() -> None:
    scored = score(leads({"budget": 3.0}), rules=rules_of(dimensions={"budget_fit": 50}))
    assert breakdown(scored) == {}
    assert not any("udget" in reason for reason in reasons(scored))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"dimensions": {"budget_fitness": 3}}, "there is no dimension budget_fitness"),
        ({"dimensions": {"budget_fit": 300}}, "not between -100 and 100"),
        ({"factors": [{"name": "a", "behaviour": "logn", "points": 1}]}, "there is no behaviour logn"),
        ({"factors": [{"name": "a", "behaviour": "open", "points": 1, "group": "x"}]}, "there is no group x"),
        ({"factors": [{"name": "met", "behaviour": "open", "points": 1}], "dimensions": {"met": 1}}, "taken"),
        ({"groups": {"source": 3}}, "set its cap in `caps`"),
        ({"groups": {"x": -3}}, "below zero"),
        ({"behaviours": {"open": {"points": 1, "at_most_a_day": 0}}}, "greater than or equal to 1"),
    ],
    ids=str,
)
def test_rules_that_cannot_be_meant_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rules_of(**rules)
