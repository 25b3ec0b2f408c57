"""The worked files of three industries: each is valid, and scores a lead as one can work out by hand."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from leadflow_pipeline.campaign import Campaign, parse_campaign
from leadflow_pipeline_tests.score.frames import breakdown, events, leads, reasons, score

FOLDER = files("leadflow_pipeline.samples") / "industries"


def industry(name: str) -> Campaign:
    return parse_campaign((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


SAAS_LEAD = {
    "source": "website", "company": "Acme", "job_title": "CTO", "industry": "software", "company_size": 50,
    "email": "a@acme.leads.example", "email_status": "valid", "email_is_free": False,
}  # fmt: skip
SAAS_EVENTS = [
    ("a", "trial_login", "2026-03-08 12:00"),
    ("a", "trial_login", "2026-03-09 12:00"),
    ("a", "trial_login", "2026-03-10 12:00"),
    ("a", "trial_login", "2026-03-10 13:00"),
    ("a", "invited_colleague", "2026-03-09 12:00"),
]
INSURANCE_LEAD = {
    "source": "website", "phone_status": "valid", "country": "DE", "custom.age": "40", "custom.home": "owned",
    "custom.cars": "2", "custom.renewal": "next month",
}  # fmt: skip
INSURANCE_EVENTS = [
    ("a", "quote_requested", "2026-02-01 12:00"),
    ("a", "quote_requested", "2026-03-09 12:00"),
    ("a", "claim", "2026-03-01 12:00"),
]
REAL_ESTATE_LEAD = {
    "source": "search", "budget": 300_000.0, "country": "ES", "custom.months_to_move": "6",
    "custom.wants": "large Balcony, garage",
}  # fmt: skip
REAL_ESTATE_EVENTS = [
    ("a", "viewing", "2026-03-01 12:00"),
    *[("a", "listing_saved", "2026-03-09 12:00")] * 3,
]


@pytest.mark.parametrize(
    ("name", "lead", "happened", "total", "expected"),
    [
        (
            "saas",
            SAAS_LEAD,
            SAAS_EVENTS,
            81.6,  # 0.4 of a fit of 75, 0.6 of 86 points
            {
                "fit.software company": 20, "fit.20 to 2000 people": 10,
                "company": 3, "job_title": 3, "recent_activity": 6, "interactions": 4.8, "inbound": 7.2,
                "temperature_warm": 4.8, "days_in_product": 7.2, "brought_colleagues": 6,
                "company_match": 6, "engagement_potential": 1.2, "work_email": 2.4,
            },
        ),
        (
            "insurance",
            INSURANCE_LEAD,
            INSURANCE_EVENTS,
            90.2,  # 0.3 of a fit of 100, 0.7 of 86 points
            {
                "fit.of an age we insure": 12, "fit.lives where we insure": 12, "fit.owns a home": 6,
                "phone": 8.4, "recent_activity": 7, "inbound": 8.4, "temperature_hot": 10.5,
                "several_cars": 7, "home_owner": 10.5, "renewal_near": 17.5, "cap.need": -7,
                "quotes": 21, "after_a_claim": -28, "location_match": 3.5, "engagement_potential": 1.4,
            },
        ),
        (
            "real-estate",
            REAL_ESTATE_LEAD,
            REAL_ESTATE_EVENTS,
            90.92,  # 0.35 of a fit of 83.33, 0.65 of 95 points
            {
                "fit.can pay for a flat here": 17.5, "fit.buys within a year": 11.67,
                "source_ads": 7.8, "recent_activity": 6.5, "interactions": 5.2, "temperature_hot": 9.75,
                "budget_told": 6.5, "wants_a_terrace": 3.25, "viewings": 9.75, "saved_listings": 6.5,
                "budget_fit": 6.5,
            },
        ),
    ],
    ids=["saas", "insurance", "real-estate"],
)  # fmt: skip
def test_a_lead_is_scored_as_worked_out_by_hand(
    name: str, lead: dict[str, Any], happened: list[Any], total: float, expected: dict[str, float]
) -> None:
    campaign = industry(name)
    scored = score(
        leads(lead), events(*happened), profile=campaign.ideal_customer_profile, rules=campaign.scoring
    )
    assert scored["score"].tolist() == [total]
    found = {line: float(points) for line, points in breakdown(scored).items()}
    assert found == pytest.approx(expected, abs=0.011)


def test_words_of_the_file_are_the_reasons() -> None:
    campaign = industry("insurance")
    scored = score(
        leads(INSURANCE_LEAD),
        events(*INSURANCE_EVENTS),
        profile=campaign.ideal_customer_profile,
        rules=campaign.scoring,
    )
    assert "Reported a claim of late (-28)" in reasons(scored)
    assert "Quote requested at least 1 time within 60 days (+21)" in reasons(scored)
