"""What a salesperson reads."""

from leadflow_pipeline_tests.score.frames import events, leads, profile_of, reasons, rules_of, score


def test_the_weightiest_reasons_for_come_first_then_those_against_then_the_fit():
    profile = profile_of(
        {"name": "industry", "field": "industry", "one_of": ["software"], "weight": 2},
        {"name": "size", "field": "company_size", "at_least": 50},
        {"name": "country", "field": "country", "one_of": ["DE"], "if_unknown": 0.5},
    )
    lead = {
        "company": "Acme",
        "phone_status": "valid",
        "source": "search",
        "industry": "software",
        "company_size": 3,
    }
    assert reasons(score(leads(lead), events(("a", "visit", "2026-03-09")), profile=profile)) == [
        "Came through advertising (+12)",
        "Company is known (+10)",
        "Active in the last 7 days (+10)",
        "Hardly engaged (0 of 15)",
        "Has not come to us (0 of 12)",
        "Fits the profile: industry (50 %)",
        "Does not fit: size (25 %)",
        "Fit unknown: country (12 of 25 %)",
    ]


def test_a_lead_with_nothing_is_told_what_it_lacks_most():
    assert reasons(score(leads({}))) == ["Source earns nothing (0 of 20)", "Hardly engaged (0 of 15)"]


def test_what_one_source_pays_is_not_held_against_another():
    said = reasons(score(leads({"source": "feed"})))
    assert "Came through social media (+8)" in said
    assert not [reason for reason in said if "Source earns nothing" in reason]


def test_points_taken_away_and_caps_are_reasons_against():
    rules = rules_of(
        factors=[{"name": "rival", "field": "company", "one_of": ["acme"], "points": -30}],
        caps={"source": 3},
    )
    said = reasons(score(leads({"company": "Acme", "source": "partner"}), rules=rules))
    assert said[-2:] == ["Company is one of acme (-30)", "Source points are capped at 3 (-17)"]


def test_words_of_the_campaign_are_quoted_as_json():
    profile = profile_of({"name": 'so-called "größe" \\ 100 %', "field": "company_size", "at_least": 5})
    scored = score(leads({"company_size": 5}), profile=profile, rules=rules_of(fit_weight=1))
    assert reasons(scored)[-1] == 'Fits the profile: so-called "größe" \\ 100 % (100 %)'


def test_points_of_no_weight_are_no_reasons():
    profile = profile_of({"name": "industry", "field": "industry", "one_of": ["software"]})
    scored = score(leads({"company": "Acme"}), profile=profile, rules=rules_of(fit_weight=1))
    assert reasons(scored) == ["Fit unknown: industry (0 of 100 %)"]
