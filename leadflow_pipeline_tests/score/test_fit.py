"""ICP fit: the credited share of the weights."""

import pytest

from leadflow_pipeline_tests.score.frames import leads, profile_of, score

INDUSTRY = {"name": "industry", "field": "industry", "one_of": ["Software"], "weight": 3}
SIZE = {"name": "size", "field": "company_size", "between": [50, 500], "weight": 1}


@pytest.mark.parametrize(
    ("lead", "fit"),
    [
        ({"industry": "software", "company_size": 50}, 1.0),
        ({"industry": "software", "company_size": 501}, 0.75),
        ({"industry": "retail", "company_size": 500}, 0.25),
        ({"industry": "software"}, 0.75),
        ({}, 0.0),
    ],
)
def test_fit_is_the_credited_share_of_the_weights(lead, fit):
    assert score(leads(lead), profile=profile_of(INDUSTRY, SIZE))["icp_fit"].tolist() == [fit]


def test_an_unknown_field_earns_the_credit_its_criterion_gives():
    profile = profile_of(INDUSTRY, {**SIZE, "if_unknown": 0.5})
    scored = score(leads({"lead_id": "a"}, {"lead_id": "b", "company_size": 9}), profile=profile)
    assert scored["icp_fit"].tolist() == [0.125, 0.0]


def test_a_profile_without_criteria_fits_nobody():
    assert score(leads({"industry": "software"}))["icp_fit"].tolist() == [0.0]


def test_a_tier_boundary_is_not_missed_by_the_last_bit_of_a_sum():
    """0.1 + 0.2 + 0.55 is 0.8500000000000001, and 0.7 + 0.1 + 0.05 is 0.85 less a bit."""
    for weights in ((0.1, 0.2, 0.55, 0.15), (0.7, 0.1, 0.05, 0.15)):
        known = [{"name": f"n{w}", "field": "source", "equals": "list", "weight": w} for w in weights[:-1]]
        missed = {"name": "missed", "field": "source", "equals": "other", "weight": weights[-1]}
        assert score(leads({}), profile=profile_of(*known, missed))["icp_fit"].tolist() == [0.85]


def test_custom_fields_fit_as_any_other():
    profile = profile_of({"name": "balance", "field": "custom.balance", "at_least": 1000})
    scored = score(
        leads({"lead_id": "a", "custom.balance": "1000"}, {"lead_id": "b", "custom.balance": None}),
        profile=profile,
    )
    assert scored["icp_fit"].tolist() == [1.0, 0.0]
