"""What earns points: every shipped factor, the caps, the campaign's own factors."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from leadflow_pipeline_tests.score.frames import breakdown, events, leads, profile_of, rules_of, score

EVERYTHING = {
    "company": "Acme",
    "job_title": "Head of Sales",
    "phone_status": "valid",
    "linkedin_url": "https://leads.example/in/ida",
    "source": "partner",
}


@pytest.mark.parametrize(
    ("lead", "happened", "factor", "points"),
    [
        ({"company": "Acme"}, [], "company", 10),
        ({"job_title": "Clerk"}, [], "job_title", 8),
        ({"phone_status": "valid"}, [], "phone", 5),
        ({"linkedin_url": "https://leads.example/in/ida"}, [], "linkedin", 5),
        ({}, [("a", "open", "2026-01-01")], "email_open", 2),
        ({}, [("a", "click", "2026-01-01")], "email_click", 5),
        ({}, [("a", "visit", "2026-03-04")], "recent_activity", 10),
        ({}, [("a", "visit", "2025-01-01")] * 3, "interactions", 8),
        ({"source": "website"}, [], "inbound", 12),
        ({}, [("a", "form", "2025-01-01")], "inbound", 12),
        ({"source": "partner"}, [], "source_referral", 20),
        ({"source": "search"}, [], "source_ads", 12),
        ({"source": "feed"}, [], "source_social", 8),
    ],
)
def test_a_factor_alone_earns_its_points(lead, happened, factor, points):
    scored = score(leads(lead), events(*happened))
    assert breakdown(scored) == {factor: points}
    assert scored["score"].tolist() == [points]


@pytest.mark.parametrize(
    ("behaviour", "count", "level", "points"), [("meeting", 2, "hot", 15), ("reply", 1, "warm", 8)]
)
def test_a_temperature_earns_its_points(behaviour, count, level, points):
    scored = score(leads({}), events(*[("a", behaviour, "2026-03-10 12:00")] * count))
    assert scored["temperature"].tolist() == [level]
    assert breakdown(scored)[f"temperature_{level}"] == points


def test_a_lead_with_everything_once_has_exactly_100():
    happened = [("a", kind, "2026-03-10 09:00") for kind in ("open", "click", "form", "meeting")]
    scored = score(leads(EVERYTHING), events(*happened))
    assert scored["score"].tolist() == [100.0]
    assert sum(breakdown(scored).values()) == 100
    assert not [name for name in breakdown(scored) if name.startswith("cap.")]


def test_a_lead_with_nothing_has_zero_and_is_told_why():
    scored = score(leads({}))
    assert scored["score"].tolist() == [0.0]
    assert breakdown(scored) == {}
    assert scored["temperature"].tolist() == ["cold"]


@pytest.mark.parametrize(
    ("happened", "factor"),
    [
        (("a", "open", "2026-03-11 00:00"), "email_open"),
        (("a", "open", "2026-03-10 12:00", True), "email_open"),
        (("b", "open", "2026-03-10 12:00"), "email_open"),
        (("a", "visit", "2026-03-03 23:59:59"), "recent_activity"),
        (("a", "bounce", "2026-03-10 12:00"), "recent_activity"),
        (("a", "unsubscribe", "2026-03-10 12:00"), "recent_activity"),
    ],
    ids=["after the day", "a machine's", "another lead's", "eight days ago", "a bounce", "an unsubscribe"],
)
def test_what_earns_nothing(happened, factor):
    assert factor not in breakdown(score(leads({}), events(happened)))


def test_a_silenced_behaviour_is_no_interaction_but_an_open_is_still_an_open():
    rules = rules_of(behaviours={"open": {"points": 0}})
    scored = score(leads({}), events(*[("a", "open", "2026-03-10")] * 5), rules=rules)
    assert breakdown(scored) == {"email_open": 2}


def test_a_group_adds_no_more_than_its_cap_and_says_so():
    scored = score(leads(EVERYTHING), rules=rules_of(caps={"demographic": 20}))
    assert breakdown(scored)["cap.demographic"] == -8
    assert scored["score"].tolist() == [40.0]


def test_own_factors_add_and_subtract_within_0_and_100():
    own = [
        {"name": "rich", "field": "budget", "at_least": 1000, "points": 90},
        {"name": "rival", "field": "company", "one_of": ["acme"], "points": -50},
    ]
    scored = score(
        leads(
            {"lead_id": "a", "budget": 1000.0, "source": "partner"},
            {"lead_id": "b", "company": "ACME"},
            {"lead_id": "c", "company": "Other"},
        ),
        rules=rules_of(factors=own),
    )
    assert scored["score"].tolist() == [100.0, 0.0, 10.0]
    assert breakdown(scored, 0) == {"source_referral": 20, "rich": 90, "cap.total": -10}
    assert breakdown(scored, 1) == {"company": 10, "rival": -50, "cap.total": 40}


def test_fit_takes_its_share_of_the_score():
    profile = profile_of(
        {"name": "industry", "field": "industry", "one_of": ["software"]},
        {"name": "size", "field": "company_size", "at_least": 50},
        {"name": "country", "field": "country", "one_of": ["DE"]},
    )
    full = {"industry": "software", "company_size": 50, "country": "DE"}
    scored = score(leads(full), profile=profile, rules=rules_of(fit_weight=1))
    assert scored["score"].tolist() == [100.0]
    assert breakdown(scored) == {
        "fit.industry": Decimal("33.33"),
        "fit.size": Decimal("33.34"),
        "fit.country": Decimal("33.33"),
    }
    blended = score(leads({**full, "company": "Acme"}), profile=profile, rules=rules_of(fit_weight=0.25))
    assert blended["score"].tolist() == [32.5]
    assert breakdown(blended)["company"] == Decimal("7.5")


def test_what_is_left_out_of_the_rules_keeps_its_default():
    rules = rules_of(points={"company": 1}, caps={"source": 5}, behaviours={"webinar": {"points": 20}})
    assert rules.points["job_title"] == 8
    assert rules.caps["demographic"] == 28
    assert rules.behaviours["open"].points == 5


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"points": {"compny": 3}}, "there is no factor compny"),
        ({"caps": {"demographics": 3}}, "there is no group demographics"),
        ({"caps": {"source": -1}}, "below zero"),
        (
            {"factors": [{"name": "phone", "field": "phone", "is_missing": False, "points": 1}]},
            "taken name phone",
        ),
        ({"points": {"company": float("inf")}}, "finite"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules, message):
    with pytest.raises(ValidationError, match=message):
        rules_of(**rules)
