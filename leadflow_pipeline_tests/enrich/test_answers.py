"""Vendors' answers become values: their documented shapes, and anything else without a crash."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.answers import PATHS, read_answers, values_in
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.rules import HttpRules
from leadflow_pipeline_tests.enrich.answered import facts, harvested, lookup, rules
from leadflow_pipeline_tests.fakes import apollo, clearbit
from leadflow_pipeline_tests.fakes.people import invented_person

RULES = rules()
PARTIES = {party.name: party for party in RULES.asked}
ADA = invented_person(0)


def test_an_apollo_person_fills_the_fields_of_a_lead():
    said = values_in(PARTIES["apollo"], apollo.FakeApollo([ADA]).profile(ADA))
    assert said["email"] == ADA.email
    assert said["email_verdict"] == "verified"
    assert (said["job_title"], said["company"]) == (ADA.title, ADA.company)
    assert (said["company_size"], said["website"]) == (str(ADA.employees), ADA.domain)
    assert said["company_founded_year"].startswith(("19", "20"))


def test_a_clearbit_answer_fills_the_fields_of_a_lead():
    answer = {"person": clearbit.person_of(ADA), "company": clearbit.company_of(ADA)}
    said = values_in(PARTIES["clearbit"], answer)
    assert (said["first_name"], said["last_name"]) == (ADA.first_name, ADA.last_name)
    assert (said["company"], said["company_size"]) == (ADA.company, str(ADA.employees))
    assert said["country"] == ADA.country_code


def test_a_dropcontact_record_fills_the_fields_of_a_lead():
    record = {
        "email": [{"email": "ada@leads.example", "qualification": "catch-all@pro"}],
        "full_name": "Ada Berg",
        "nb_employees": "51-200",
        "website": "www.leads.example",
        "linkedin": "linkedin.com/in/ada-berg",
    }
    row = plan_enriched(harvested({}), RULES, facts(lookup("dropcontact", record))).iloc[0]
    assert (row["email"], row["email_status"], row["email_reason"]) == (
        "ada@leads.example",
        "risky",
        "catch_all",
    )
    assert row["email_is_catch_all"]
    assert (row["company_size"], row["size_band"]) == (51, "51-200")
    assert (row["website"], row["company_domain"]) == ("leads.example", "leads.example")
    assert row["linkedin_url"] == "https://www.linkedin.com/in/ada-berg"


@pytest.mark.parametrize(
    ("field", "written", "read"),
    [
        ("company_size", "10,001+", "10001"),
        ("company_size", 85, "85"),
        ("company_size", 120.0, "120"),
        ("company_size", "0-0", None),
        ("company_size", 10**12, None),
        ("company_size", "many", None),
        ("company_founded_year", 1999, "1999"),
        ("company_founded_year", 12, None),
        ("budget", "12.50", "12.50"),
        ("budget", "a lot", None),
        ("seniority", "FOUNDER", "owner"),
        ("seniority", "wizard", None),
        ("custom.tools", ["SAP", None, {"no": 1}, "Excel"], "SAP, Excel"),
        ("custom.tools", [], None),
        ("custom.hiring", True, "true"),
        ("city", "  Berlin ", "Berlin"),
        ("city", " ", None),
        ("city", {"name": "Berlin"}, None),
        ("city", "x" * 10_001, None),
    ],
)
def test_a_value_is_read_as_its_field_wants_it(field, written, read):
    step = HttpRules(name="step", url="https://n8n.leads.example/x", send=("email",), take={field: "value"})
    assert values_in(step, {"value": written}).get(field) == read


def test_a_placeholder_is_no_address():
    assert "email" not in values_in(PARTIES["apollo"], {"email": "email_not_unlocked@domain.com"})


def test_only_fields_that_are_declared_are_believed():
    step = HttpRules(name="step", url="https://n8n.leads.example/x", send=("email",), take={"custom.a": "a"})
    assert values_in(step, {"a": 1, "score": 100, "email": "other@leads.example"}) == {"custom.a": "1"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
first_steps = sorted(
    {
        path.replace("[0]", "").split(".")[0].split(" ")[0]
        for paths in PATHS.values()
        for path in paths.values()
    }
)


@settings(max_examples=60)
@given(st.sampled_from(sorted(PARTIES)), st.dictionaries(st.sampled_from(first_steps), anything) | anything)
def test_no_answer_is_too_odd_to_be_read(provider, answer):
    frame = pd.DataFrame({"provider": [provider], "answer": [json.dumps(answer)]}, dtype="str")
    claims = read_answers(frame, RULES)
    assert claims["value"].notna().all()
    assert set(claims["field"]) <= set(PARTIES[provider].gives)


NAMES = st.sampled_from(["a", "b", "_c", "d1"])
documents = st.dictionaries(
    NAMES,
    st.recursive(
        st.integers() | st.none() | st.booleans(),
        lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner, max_size=2),
        max_leaves=8,
    ),
)


@settings(max_examples=150)
@given(st.lists(NAMES, min_size=1, max_size=3), documents)
def test_a_path_of_names_is_walked_as_the_library_would(names, document):
    path = ".".join(names)
    walked, searched = (
        HttpRules(name="step", url="https://n8n.leads.example/x", send=("email",), take={"custom.a": written})
        for written in (path, f"({path})")
    )
    assert values_in(walked, document) == values_in(searched, document)
