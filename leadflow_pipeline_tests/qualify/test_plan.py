"""Who is qualified, and whether every reason is said."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leadflow_pipeline.qualify.plan import plan_qualified
from leadflow_pipeline.qualify.rules import QualificationFilter, QualifyRules
from leadflow_pipeline.qualify.summary import summarise
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline_tests.qualify.frames import DAY, enriched, judge, overrides, scored


def with_filter(if_unknown: str = "review", **condition: object) -> QualifyRules:
    given_filter = {"name": "size", "field": "company_size", "at_least": 50.0, "if_unknown": if_unknown}
    return QualifyRules(filters=(QualificationFilter.model_validate(given_filter | condition),))


@pytest.mark.parametrize(
    ("score", "status", "code"),
    [
        (100.0, "QUALIFIED", "score_meets_threshold"),
        (60.0, "QUALIFIED", "score_meets_threshold"),
        (0.1 * 3 + 59.7, "QUALIFIED", "score_meets_threshold"),
        (59.99, "MANUAL_REVIEW", "score_in_review_band"),
        (50.0, "MANUAL_REVIEW", "score_in_review_band"),
        (49.99, "REJECTED", "score_below_threshold"),
        (0.0, "REJECTED", "score_below_threshold"),
    ],
)
def test_threshold_and_review_band_include_their_lower_end(score, status, code):
    assert judge(score=score) == (status, [code])


def test_a_score_never_reads_as_the_threshold_it_misses():
    [reason] = json.loads(
        plan_qualified(scored({"score": 59.9999}), enriched({}), overrides(), QualifyRules())["reasons"][0]
    )
    assert reason == {
        "code": "score_in_review_band",
        "status": "MANUAL_REVIEW",
        "text": "Score 59.99 is below 60, but not below 50: a person decides",
    }


def test_a_lead_is_pending_until_its_required_fields_are_known():
    rules = QualifyRules(required_fields=("email", "country", "custom.plan"))
    assert judge({"email": None, "email_status": "missing"}, rules) == (
        "PENDING",
        ["score_meets_threshold", *["required_field_unknown"] * 3],
    )
    assert judge({"country": "DE", "custom": '{"plan": "gold"}'}, rules)[0] == "QUALIFIED"
    assert judge({"country": "  ", "custom": '{"plan": null}'}, rules)[1].count("required_field_unknown") == 2


def test_an_address_of_a_refused_status_rejects_and_says_what_is_wrong():
    lead = {"email": None, "email_status": "invalid", "email_reason": "no_at_sign"}
    assert judge(lead) == (
        "REJECTED",
        ["score_meets_threshold", "email_invalid", "required_field_unknown"],
    )
    qualified = plan_qualified(scored({}), enriched(lead), overrides(), QualifyRules())
    assert "The email address is invalid (no_at_sign)" in qualified["reasons"][0]
    assert judge({"email_status": "risky"})[0] == "QUALIFIED"
    assert judge({"email_status": "risky"}, QualifyRules(reject_email_statuses=("risky",)))[0] == "REJECTED"


@pytest.mark.parametrize(
    ("if_unknown", "status"),
    [("pass", "QUALIFIED"), ("review", "MANUAL_REVIEW"), ("pending", "PENDING"), ("reject", "REJECTED")],
)
def test_each_campaign_says_what_an_unknown_field_of_a_filter_means(if_unknown, status):
    assert judge({"company_size": None}, with_filter(if_unknown))[0] == status
    assert judge({"company_size": 50}, with_filter(if_unknown))[0] == "QUALIFIED"
    assert judge({"company_size": 49}, with_filter(if_unknown))[0] == "REJECTED"


def test_filters_ask_for_budget_industry_location_and_fields_of_the_campaigns_own():
    asks = [
        {"name": "budget", "field": "budget", "at_least": 5000.0},
        {"name": "industry", "field": "industry", "one_of": ["software", "retail"]},
        {"name": "location", "field": "country", "none_of": ["KP"]},
        {"name": "balance", "field": "custom.balance", "at_least": 0.0},
    ]
    rules = QualifyRules.model_validate({"filters": asks})
    good = {"budget": 5000.0, "industry": "Software", "country": "DE", "custom": '{"balance": 12}'}
    assert judge(good, rules) == ("QUALIFIED", ["score_meets_threshold"])
    bad = {"budget": 1.0, "industry": "farming", "country": "kp", "custom": '{"balance": "-3"}'}
    qualified = plan_qualified(scored({}), enriched(bad), overrides(), rules)
    texts = [reason["text"] for reason in json.loads(qualified["reasons"][0])]
    assert texts[1] == "Does not meet the filter budget, which asks that budget is at least 5000"
    assert len(texts) == 5


def test_the_weightiest_reason_decides_and_every_other_is_still_said():
    rules = with_filter("review", field="industry", at_least=None, one_of=("software",))
    lead = {"email": None, "email_status": "missing"}
    assert judge(lead, rules, score=55.0) == (
        "PENDING",
        ["score_in_review_band", "required_field_unknown", "filter_unknown"],
    )
    # What is not known is missing from the score too, so a low score alone rejects nobody yet.
    assert judge(lead, rules, score=10.0) == (
        "PENDING",
        ["score_not_final", "required_field_unknown", "filter_unknown"],
    )


def test_an_override_wins_and_says_who_when_and_why():
    made = overrides({"reason": 'said "yes", twice'})
    row = plan_qualified(scored({"score": 3.0}), enriched({}), made, QualifyRules()).iloc[0]
    assert (row["status"], row["is_override"]) == ("QUALIFIED", True)
    assert [reason["text"] for reason in json.loads(row["reasons"])] == [
        'Set by ana on 2026-03-10 12:00 UTC: said "yes", twice',
        "Score 3 is below 50",
    ]


def test_overrides_count_as_of_the_end_of_the_day():
    def status(*rows: dict[str, object]) -> str:
        return judge(made=overrides(*rows), score=3.0)[0]

    midnight = pd.Timestamp("2026-03-11T00:00Z")
    noon = pd.Timestamp("2026-03-10T12:00Z")
    assert status({"occurred_at": midnight}) == "REJECTED"
    assert status({"occurred_at": midnight - pd.Timedelta(microseconds=1)}) == "QUALIFIED"
    assert status({"expires_at": midnight}) == "QUALIFIED"
    assert status({"expires_at": noon + pd.Timedelta(hours=1)}) == "REJECTED"
    assert status({}, {"value": "pending "}) == "PENDING"
    assert status({"value": "pending"}, {"occurred_at": noon - pd.Timedelta(hours=1)}) == "PENDING"
    assert status({}, {"value": "pending", "expires_at": noon + pd.Timedelta(hours=1)}) == "QUALIFIED"
    assert status({}, {"value": "none"}) == "REJECTED"
    assert status({"value": "a typing error"}) == "REJECTED"
    assert status({"field": "tier"}) == "REJECTED"
    assert status({"lead_id": "b"}) == "REJECTED"


def test_a_lead_of_whom_nothing_is_known_is_pending_and_no_error():
    qualified = plan_qualified(scored({"lead_id": "z"}), enriched({}), overrides(), QualifyRules())
    assert qualified["status"].tolist() == ["PENDING"]


def test_empty_frames_give_an_empty_frame_that_fits_the_table():
    qualified = plan_qualified(
        empty(schema.scored_leads), empty(schema.enriched_leads), empty(schema.overrides), with_filter()
    )
    assert conform(qualified, schema.qualified_leads, campaign="x", campaign_version=1).empty
    assert summarise(qualified).empty


def test_the_summary_counts_each_day_and_names_nobody():
    rows = [
        {"lead_id": "a"},
        {"lead_id": "b", "score": 3.0},
        {"lead_id": "a", "day": DAY + pd.Timedelta(days=1)},
    ]
    known = enriched(*({name: row[name] for name in row if name != "score"} for row in rows))
    by_day = summarise(plan_qualified(scored(*rows), known, overrides(), QualifyRules()))
    assert by_day.loc[DAY].to_dict() == {
        "qualified": 1, "manual_review": 0, "pending": 0, "rejected": 1, "rows": 2, "overridden": 0,
        "qualified_rate": 0.5,
    }  # fmt: skip


def test_a_review_band_below_zero_is_refused():
    with pytest.raises(ValidationError, match="must not exceed threshold"):
        QualifyRules(threshold=5, review_band=6)


LEADS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d", "e"]),
        st.integers(0, 3),
        st.sampled_from([0.0, 49.9, 50.0, 59.9, 60.0, 88.8]),
        st.sampled_from(["valid", "invalid", "missing"]),
        st.sampled_from([None, 10, 50, 500]),
        st.sampled_from(["{}", '{"plan": "gold"}', '{"plan": 3}']),
    ),
    max_size=12,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=20)
@given(rows=LEADS, order=st.randoms(use_true_random=False))
def test_a_range_is_its_days_one_by_one_in_any_order_of_rows(rows, order):
    rules = QualifyRules(
        required_fields=("email", "custom.plan"), filters=with_filter("review").filters, threshold=60
    )
    made = overrides(
        {"lead_id": "b", "occurred_at": DAY.tz_localize("UTC") + pd.Timedelta(days=1)},
        {"lead_id": "c", "value": "REJECTED", "expires_at": DAY.tz_localize("UTC") + pd.Timedelta(days=2)},
    )

    def plan(some: list[tuple]) -> pd.DataFrame:
        keys = [{"lead_id": row[0], "day": DAY + pd.Timedelta(days=row[1])} for row in some]
        scores = [{**key, "score": row[2]} for key, row in zip(keys, some, strict=True)]
        known = [
            {**key, "email_status": row[3], "company_size": row[4], "custom": row[5]}
            for key, row in zip(keys, some, strict=True)
        ]
        order.shuffle(known)
        qualified = plan_qualified(scored(*scores), enriched(*known), made, rules)
        return qualified.sort_values(["day", "lead_id"], ignore_index=True)

    whole = plan(rows)
    shuffled = list(rows)
    order.shuffle(shuffled)
    pd.testing.assert_frame_equal(whole, plan(shuffled))
    by_day = [plan([row for row in rows if row[1] == day]) for day in range(4)]
    pd.testing.assert_frame_equal(whole, pd.concat(by_day, ignore_index=True))
