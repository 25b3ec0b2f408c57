"""Who is believed about a lead, as of the end of a day, and what stays in the books of it."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline_tests.enrich.answered import KEY, facts, harvested, lookup, rules

RULES = rules()


def company(**given: object) -> dict[str, object]:
    """A Clearbit answer about a company."""
    return {"person": None, "company": given}


def organization(**given: object) -> dict[str, object]:
    """An Apollo answer about a company."""
    return {"organization": given}


def enrich(leads: pd.DataFrame, *lookups, rules=RULES, **more) -> pd.DataFrame:
    return plan_enriched(leads, rules, facts(*lookups, **more))


def test_the_leads_own_word_comes_first_and_is_not_in_the_books():
    lookups = lookup("clearbit", company(name="Acme Inc", category={"industry": "Retail"}, foundedYear=1999))
    row = enrich(harvested({"industry": "Software"}), lookups).iloc[0]
    assert (row["industry"], row["company"], row["company_founded_year"]) == ("software", "Acme Inc", 1999)
    said = json.loads(row["provenance"])
    assert set(said) == {"company", "company_founded_year"}
    assert said["company"] == {
        "by": "clearbit",
        "at": "2026-05-01T14:00:00+00:00",
        "credits": 1.0,
        "confidence": pytest.approx(0.8, abs=0.001),
    }


def test_of_providers_the_first_in_the_file_is_believed_unless_a_field_has_an_order_of_its_own():
    lookups = (
        lookup("clearbit", company(name="Acme", metrics={"employees": 50})),
        lookup("apollo", organization(name="ACME Corp", estimated_num_employees=60)),
    )
    assert enrich(harvested({}), *lookups)[["company", "company_size"]].iloc[0].tolist() == ["Acme", 50]
    own = rules(fields={"company_size": ["apollo", "given", "clearbit"]})
    row = enrich(harvested({"company_size": 5}), *lookups, rules=own).iloc[0]
    assert (row["company"], row["company_size"]) == ("Acme", 60)


def test_conflicts_may_be_settled_by_confidence_which_fades_or_by_age():
    lookups = (
        lookup("clearbit", company(metrics={"employees": 50}), finished_at=pd.Timestamp(2026, 1, 1, tz="UTC"),
               requested_at=pd.Timestamp(2026, 1, 1, tz="UTC")),
        lookup("apollo", organization(estimated_num_employees=60)),
    )  # fmt: skip
    lead = harvested({"company_size": 7, "received_at": pd.Timestamp(2025, 5, 1, tz="UTC")})
    sizes = {
        conflicts: enrich(lead, *lookups, rules=rules(conflicts=conflicts, confidence_half_life_days=90))[
            "company_size"
        ][0]
        for conflicts in ("first", "most_confident", "newest")
    }
    assert sizes == {"first": 7, "most_confident": 60, "newest": 60}


def test_an_answer_counts_from_the_day_it_came():
    days = [pd.Timestamp(2026, 5, 1), pd.Timestamp(2026, 5, 2), pd.Timestamp(2026, 5, 3)]
    leads = harvested(*({"lead_id": "lead0", "day": day} for day in days))
    came = lookup("clearbit", company(name="Acme"), finished_at=pd.Timestamp(2026, 5, 3, 0, 0, tz="UTC"))
    rows = enrich(leads, came)
    assert rows["company"].fillna("-").tolist() == ["-", "-", "Acme"]
    assert rows["enrichment_status"].tolist() == ["waiting", "waiting", "complete"]


def test_the_status_tells_how_far_the_asking_has_come():
    leads = harvested(*({"lead_id": f"lead{number}"} for number in range(5)))
    nothing = {"answer": None, "credits": 0.0}
    rows = enrich(
        leads,
        lookup("clearbit", company(name="Acme"), lead_id="lead0"),
        lookup("clearbit", lead_id="lead1", state="failed", **nothing),
        lookup("apollo", organization(name="Acme"), lead_id="lead1"),
        lookup("clearbit", lead_id="lead2", state="not_found", **nothing),
        lookup("apollo", lead_id="lead3", state="pending", finished_at=pd.NaT, **nothing),
    )
    assert rows["enrichment_status"].tolist() == ["complete", "partial", "complete", "waiting", "none"]


def test_a_failure_that_was_made_good_is_forgotten_and_an_old_answer_is_kept_while_it_lasts():
    later = {
        "requested_at": pd.Timestamp(2026, 5, 1, 15, tz="UTC"),
        "finished_at": pd.Timestamp(2026, 5, 1, 16, tz="UTC"),
    }
    failed = lookup("clearbit", state="failed", answer=None)
    assert (
        enrich(harvested({}), failed, lookup("clearbit", company(name="Acme"), **later))["enrichment_status"][
            0
        ]
        == "complete"
    )
    row = enrich(harvested({}), lookup("clearbit", company(name="Acme")), {**failed, **later}).iloc[0]
    assert (row["company"], row["enrichment_status"]) == ("Acme", "partial")


def test_an_address_that_no_server_takes_makes_room_for_a_vendors():
    found = lookup("apollo", {"email": "ada@leads.example", "email_status": "verified"})
    rows = enrich(harvested({"email": "ada at leads"}), found)
    assert rows[["email", "email_status"]].iloc[0].tolist() == ["ada@leads.example", "valid"]
    assert enrich(harvested({"email": "ada at leads"}))["email_status"][0] == "invalid"


@pytest.mark.parametrize(
    ("given", "verdict", "status"),
    [
        ("ada@leads.example", "nominative@pro", "valid"),
        ("ADA@leads.example", "invalid", "invalid"),
        ("ada@leads.example", "catch-all@pro", "risky"),
        ("other@leads.example", "invalid", "valid"),
    ],
)
def test_a_verdict_is_about_the_address_it_was_given_for(given, verdict, status):
    record = {"email": [{"email": "ada@leads.example", "qualification": verdict}]}
    assert enrich(harvested({"email": given}), lookup("dropcontact", record))["email_status"][0] == status


def test_a_domain_without_mail_servers_makes_an_address_invalid_and_the_books_say_who_said_so():
    own = rules(providers=[{"name": "post", "kind": "mail_servers"}])
    leads = harvested({"email": "ada@no-mail.example"}, {"email": "ada@leads.example"})
    said = {"no-mail.example": '{"servers": []}', "leads.example": '{"servers": ["mail.leads.example"]}'}
    rows = enrich(leads, rules=own, domains=said)
    assert rows["email_status"].tolist() == ["invalid", "valid"]
    assert rows["email_reason"][0] == "no_mail_server"
    assert json.loads(rows["provenance"][0])["email_status"]["by"] == "post"
    assert rows["provenance"][1] == "{}"


def test_fields_of_the_campaigns_own_are_filled_and_numbers_stay_as_they_were_written():
    lead = harvested({"custom": '{"rate":1.50,"technologies":"SAP"}'})
    step = {"name": "step", "kind": "http", "url": "https://n8n.leads.example/x", "send": ["email"],
            "take": {"custom.technologies": "tech", "custom.company_hiring": "hiring"}}  # fmt: skip
    own = rules(providers=[step], allowed_hosts=["n8n.leads.example"])
    row = enrich(lead, lookup("step", {"tech": "Excel", "hiring": True}), rules=own).iloc[0]
    assert row["custom"] == '{"company_hiring":"true","rate":1.50,"technologies":"SAP"}'
    assert row["company_hiring"]
    assert set(json.loads(row["provenance"])) == {"custom.company_hiring"}


def test_a_seniority_is_told_by_the_title_before_anybody_else():
    person = {"person": {"employment": {"seniority": "executive"}}, "company": None}
    rows = enrich(
        harvested({"job_title": "Accountant"}, {}),
        lookup("clearbit", person, lead_id="lead0"),
        lookup("clearbit", person, lead_id="lead1"),
    )
    assert rows["seniority"].tolist() == ["staff", "c_suite"]
    assert rows["provenance"][0] == "{}"
    assert set(json.loads(rows["provenance"][1])) == {"seniority"}


def test_nobody_is_believed_who_is_no_longer_in_the_file():
    row = enrich(harvested({}), lookup("clearbit", company(name="Acme")), rules=rules(providers=[])).iloc[0]
    assert pd.isna(row["company"])


def test_large_companies_are_known_without_asking_anybody():
    own = rules(providers=[{"name": "directory", "kind": "firmographics"}])
    row = enrich(harvested({"website": "https://www.microsoft.com"}), rules=own).iloc[0]
    assert row["company_founded_year"] == 1975
    assert json.loads(row["provenance"])["industry"]["by"] == "directory"
    assert pd.isna(row["country"])  # its headquarters is not where its people are
    assert row["enrichment_status"] == "none"


TWO_O_CLOCK = pd.Timestamp(2026, 5, 1, 14, tz="UTC")
SAID = [
    company(name="Acme", tech=["SAP"]),
    organization(estimated_num_employees=9),
    {},
    {"email": "x@leads.example"},
]
answers = st.lists(
    st.builds(
        lambda provider, answer, lead, hours: lookup(
            provider, answer, lead_id=f"lead{lead}", finished_at=TWO_O_CLOCK + pd.Timedelta(hours=hours)
        ),
        st.sampled_from(["clearbit", "apollo", "dropcontact"]),
        st.sampled_from(SAID),
        st.integers(0, 4),
        st.integers(0, 90),
    ),
    max_size=8,
)


@settings(max_examples=5)
@given(answers, st.data())
def test_each_lead_is_enriched_alone_whatever_was_said_of_others(lookups, data):
    leads = harvested(
        *(
            {
                "lead_id": f"lead{n % 5}",
                "day": pd.Timestamp(2026, 5, 1 + n // 5),
                "email": f"a{n}@leads.example",
            }
            for n in range(15)
        )
    )
    together = enrich(leads, *lookups)
    some = data.draw(st.lists(st.integers(0, 14), unique=True, min_size=1))
    pd.testing.assert_frame_equal(enrich(leads.iloc[some], *lookups), together.iloc[some])


def test_the_key_is_a_name_and_never_a_secret():
    assert RULES.providers[0].key_from == KEY
    with pytest.raises(ValueError, match="pattern"):
        rules(providers=[{"name": "a", "kind": "apollo", "key_from": "sk-123"}])
