"""The whole plan: columns of the table, row by row alike, and the summary without anybody in it."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.plan import plan_enriched, size_bands
from leadflow_pipeline.enrich.rules import SIZE_BANDS, EnrichRules
from leadflow_pipeline.enrich.signals import SIGNALS, read_signals
from leadflow_pipeline.enrich.summary import summarise_enriched
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform, empty

RULES = EnrichRules(default_country="DE", allow_test_domains=True)


def harvested(*leads: dict[str, object]) -> pd.DataFrame:
    """Harvested leads of 1 May 2026 with the given fields; `day` moves one."""
    rows = [
        {
            "lead_id": f"lead{position}",
            "day": pd.Timestamp(2026, 5, 1),
            "is_new": True,
            "record_count": 1,
            "source": "website",
            "received_at": pd.Timestamp(2026, 5, 1, 12, tz="UTC"),
            "custom": "{}",
            **lead,
        }
        for position, lead in enumerate(leads)
    ]
    return conform(pd.DataFrame(rows), schema.harvested_leads, campaign="spring", campaign_version=1)


def enrich(*leads: dict[str, object], rules: EnrichRules = RULES) -> pd.DataFrame:
    return conform(
        plan_enriched(harvested(*leads), rules), schema.enriched_leads, campaign="spring", campaign_version=1
    )


def test_a_whole_lead():
    row = enrich(
        {
            "email": "Ann.Lee@Acme.example",
            "phone": "030 23125 123",
            "first_name": "Dr. Ann",
            "last_name": "Lee",
            "company": "Acme Tools GmbH",
            "job_title": "Head of Sales",
            "industry": " Software ",
            "company_size": 50,
            "country": "Deutschland",
            "website": "https://www.acme.example/",
            "linkedin_url": "in/ann-lee",
            "budget": 5.5,
            "language": "de_DE",
            "custom": '{"company_hiring":"Yes","plan":"gold"}',
        }
    ).iloc[0]
    expected = {
        "email": "ann.lee@acme.example",
        "email_status": "valid",
        "email_domain": "acme.example",
        "phone": "+493023125123",
        "phone_country": "DE",
        "company": "Acme Tools GmbH",
        "company_key": "acme tools",
        "seniority": "head",
        "department": "sales",
        "is_decision_maker": True,
        "industry": "software",
        "size_band": "11-50",
        "country": "DE",
        "website": "acme.example",
        "company_domain": "acme.example",
        "phone_type": "fixed_line",
        "honorific": "Dr",
        "first_name": "Ann",
        "full_name": "Ann Lee",
        "linkedin_url": "https://www.linkedin.com/in/ann-lee",
        "social_urls": '{"linkedin": "https://www.linkedin.com/in/ann-lee"}',
        "enrichment_status": "none",
        "provenance": "{}",
        "budget": 5.5,
        "time_zone": "Europe/Berlin",
        "language": "de-de",
        "company_hiring": True,
        "recent_job_change": False,
        "custom": '{"company_hiring":"Yes","plan":"gold"}',
    }
    assert {name: row[name] for name in expected} == expected


def test_a_lead_of_nothing_is_well_formed():
    row = enrich({}).iloc[0]
    assert (row["email_status"], row["phone_status"]) == ("missing", "missing")
    assert not row["is_decision_maker"]
    unknown = [
        "email",
        "phone",
        "company",
        "seniority",
        "department",
        "country",
        "size_band",
        "time_zone",
        "website",
    ]
    assert row[unknown].isna().all()


def test_no_leads_give_an_empty_frame_with_every_column():
    frame = plan_enriched(empty(schema.harvested_leads), RULES)
    assert len(conform(frame, schema.enriched_leads, campaign="spring", campaign_version=1)) == 0
    assert len(summarise_enriched(frame)) == 0


def test_the_phone_is_read_in_the_country_of_the_lead_and_not_of_the_campaign():
    assert enrich({"phone": "020 7946 0123", "country": "United Kingdom"})["phone"][0] == "+442079460123"


def test_who_decides_is_the_campaigns_choice():
    managers = EnrichRules(decision_makers=("manager",))
    decides = enrich({"job_title": "Sales Manager"}, {"job_title": "CEO"}, {}, rules=managers)[
        "is_decision_maker"
    ]
    assert decides.tolist() == [True, False, False]


def test_size_bands_begin_where_they_say():
    sizes = pd.Series([pd.NA, 0, 1, 10, 11, 50, 51, 10000, 10001], dtype="Int64")
    assert size_bands(sizes).fillna("-").tolist() == [
        "-",
        "-",
        "1-10",
        "1-10",
        "11-50",
        "11-50",
        "51-200",
        "5001-10000",
        "10001+",
    ]
    assert [smallest for _, smallest in SIZE_BANDS] == sorted(smallest for _, smallest in SIZE_BANDS)


@pytest.mark.parametrize("yes", ["yes", "Y", "TRUE", "1", " yes ", True, 1])
@pytest.mark.parametrize("signal", SIGNALS)
def test_signals_say_yes(signal, yes):
    assert read_signals(pd.Series([json.dumps({"a": 1, signal: yes, "z": "x"})], dtype="str"))[signal][0]


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from([*SIGNALS, "plan", 'a","company_hiring', "company_hiring\\"]),
        st.sampled_from(
            ["no", "", 0, 10, 2.5, "yes!", False, '","company_hiring":"yes', '{"company_hiring":1}', "yes"]
        ),
    )
)
def test_signals_are_what_the_parsed_object_says(custom):
    for separators in ((",", ":"), (", ", ": ")):
        text = json.dumps(custom, separators=separators)
        read = read_signals(pd.Series([text], dtype="str")).iloc[0]
        assert read.tolist() == [custom.get(signal) == "yes" for signal in SIGNALS]


fields = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(
            ["Ann@acme.example", "a..b@acme.example", "info@acme.example", "", "bob@gmail.com", "é@ü.de"]
        ),
        "phone": st.sampled_from(
            ["+1 202 555 0123", "030 23125 123", "020 7946 0123", "x", "+44 20 7946 0123 ext 4"]
        ),
        "company": st.sampled_from(["Acme GmbH", "Ünder Ltd", "***", "Acme"]),
        "job_title": st.sampled_from(["CEO", "Assistant to the CEO", "", "Ingenieurin"]),
        "country": st.sampled_from(["DE", "United Kingdom", "usa", "Atlantis"]),
        "company_size": st.integers(0, 20_000),
        "website": st.sampled_from(["acme.example", "HTTPS://www.acme.example/a/", "no"]),
        "custom": st.sampled_from(['{"company_hiring":1}', "{}"]),
    },
)


@settings(max_examples=5)
@given(st.lists(fields, min_size=20, max_size=60), st.data())
def test_each_lead_is_enriched_alone(leads, data):
    rows = harvested(*leads)
    together = plan_enriched(rows, RULES)
    some = data.draw(st.lists(st.integers(0, len(leads) - 1), unique=True))
    pd.testing.assert_frame_equal(plan_enriched(rows.iloc[some], RULES), together.iloc[some])


def test_the_summary_has_rates_by_day_and_nobody_in_it():
    frame = enrich(
        {"email": "ann@acme.example", "phone": "030 23125 123", "job_title": "CEO", "country": "DE"},
        {"email": "info@acme.example"},
        {"email": "ann", "day": pd.Timestamp(2026, 5, 2)},
    )
    summary = summarise_enriched(frame)
    first, second = summary.loc["2026-05-01"], summary.loc["2026-05-02"]
    assert (first["leads_out"], first["email_valid_rate"], first["email_risky_rate"]) == (2, 0.5, 0.5)
    assert (first["phone_valid_rate"], first["decision_maker_rate"], first["email_role_rate"]) == (
        0.5,
        0.5,
        0.5,
    )
    assert (second["leads_out"], second["email_invalid_rate"]) == (1, 1.0)
    assert all(pd.api.types.is_numeric_dtype(dtype) for dtype in summary.dtypes)
