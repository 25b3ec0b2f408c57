"""Public facts about large companies, for those who work there and for nobody else."""

from __future__ import annotations

import pandas as pd
import pytest

from leadflow_pipeline.enrich.firmographics import FirmographicsProvider, known_companies


def look_up(**lead: str) -> dict[str, object]:
    leads = pd.DataFrame(
        {
            name: pd.Series([lead.get(name)], index=[3], dtype="str")
            for name in ("company", "website", "email")
        }
    )
    found = FirmographicsProvider().look_up(leads)
    assert found.index.tolist() == [3]
    return found.iloc[0].dropna().to_dict()


def test_a_company_is_known_by_its_domain():
    expected = {
        "industry": "systems software",
        "company_founded_year": 1975,
        "country": "US",
        "region": "Washington",
        "city": "Redmond",
    }
    assert look_up(website="https://www.microsoft.com/") == expected
    assert look_up(email="someone@microsoft.com", company="whatever") == expected


@pytest.mark.parametrize(
    "lead",
    [
        {"company": "Cardinal Health, Inc."},
        {"company": "Cardinal Health", "website": "cardinalhealth.com"},
        {"company": "Bank of America Corp.", "email": "someone@bofa.com"},
        {"company": "Cadence Design Systems", "email": "someone@cadence.com"},
        {"company": "Bank of America", "email": "someone@gmail.com"},
    ],
)
def test_or_by_its_name_if_nothing_speaks_against_it(lead):
    assert "industry" in look_up(**lead)


@pytest.mark.parametrize(
    "lead",
    [
        {},
        {"company": "Target"},
        {"company": "Target", "website": "target-gmbh.de"},
        {"company": "Cardinal Health", "website": "cardinal-healthcare.example"},
        {"company": "Acme Tools", "website": "acme.example"},
        {"email": "someone@gmail.com"},
    ],
)
def test_nobody_else_is_taken_for_them(lead):
    assert look_up(**lead) == {}


def test_the_shipped_table_is_whole():
    companies = known_companies()
    assert len(companies) > 490
    assert companies[["industry", "company_founded_year", "country"]].notna().all().all()
    for column in ("keys", "domains"):
        words = companies[column].explode().dropna()
        assert words.is_unique
