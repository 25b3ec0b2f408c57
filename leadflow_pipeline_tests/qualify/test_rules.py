"""Rules over several fields, and thresholds by segment: what each says, and what weighs more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from leadflow_pipeline.qualify.plan import plan_qualified
from leadflow_pipeline.qualify.rules import QualifyRules
from leadflow_pipeline_tests.qualify.frames import enriched, judge, overrides, scored
from leadflow_pipeline_tests.qualify.naive import LEADS, formulas, holds

ACTIVE_BUYER = {
    "name": "active buyer",
    "when": {
        "all": [
            {"field": "engagement", "at_least": 50.0},
            {"any": [{"field": "budget", "at_least": 5000.0}, {"field": "custom.plan", "equals": "gold"}]},
        ]
    },
    "then": "qualify",
    "if_unknown": "pass",
    "because": "knows us and can pay",
}
STATUSES = {"qualify": "QUALIFIED", "review": "MANUAL_REVIEW", "pending": "PENDING", "reject": "REJECTED"}


def with_rules(*rules: dict[str, Any], **more: Any) -> QualifyRules:
    return QualifyRules.model_validate({"rules": rules, **more})


def reasons(lead: dict[str, Any], rules: QualifyRules, **score: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(
        plan_qualified(scored(score), enriched(lead), overrides(), rules)["reasons"][0]
    )
    return found


def test_a_rule_that_qualifies_takes_the_place_of_the_score_and_says_why():
    rules = with_rules(ACTIVE_BUYER)
    assert reasons({"budget": 6000.0}, rules, score=3.0, engagement=60.0) == [
        {
            "code": "rule_applies",
            "status": "QUALIFIED",
            "text": "The rule active buyer applies: knows us and can pay (engagement is at least 50 and "
            "(budget is at least 5000 or plan is gold))",
            "rule": "active buyer",
        }
    ]
    assert (
        judge({"budget": 1.0, "custom": '{"plan": "tin"}'}, rules, score=3.0, engagement=60.0)[0]
        == "REJECTED"
    )
    # What weighs more still does.
    assert (
        judge({"budget": 6000.0, "email_status": "invalid"}, rules, score=3.0, engagement=60.0)[0]
        == "REJECTED"
    )


@pytest.mark.parametrize("then", ["review", "pending", "reject"])
def test_a_rule_leads_to_what_it_says_whatever_the_score(then):
    rule = {
        "name": "farms",
        "when": {"field": "industry", "equals": "farming"},
        "then": then,
        "if_unknown": "pass",
    }
    assert judge({"industry": "farming"}, with_rules(rule), score=90.0) == (
        STATUSES[then],
        ["score_meets_threshold", "rule_applies"],
    )
    assert judge({"industry": "retail"}, with_rules(rule), score=90.0)[0] == "QUALIFIED"


@pytest.mark.parametrize(
    ("if_unknown", "status"),
    [("pass", "QUALIFIED"), ("review", "MANUAL_REVIEW"), ("pending", "PENDING"), ("reject", "REJECTED")],
)
def test_each_rule_says_what_unknown_means(if_unknown, status):
    rule = {
        "name": "poor",
        "when": {"not": {"field": "budget", "at_least": 5000.0}},
        "then": "reject",
        "if_unknown": if_unknown,
    }
    assert judge({"budget": None}, with_rules(rule))[0] == status
    if if_unknown != "pass":
        assert reasons({"budget": None}, with_rules(rule))[-1]["text"] == (
            "Not known for the rule poor, which asks whether not budget is at least 5000"
        )


def test_a_part_that_settles_it_makes_the_rest_irrelevant():
    rule = {
        "name": "either",
        "when": {"any": [{"field": "industry", "equals": "farming"}, {"field": "budget", "at_most": 10.0}]},
        "then": "reject",
        "if_unknown": "review",
    }
    assert judge({"industry": "farming", "budget": None}, with_rules(rule))[0] == "REJECTED"
    assert judge({"industry": "retail", "budget": None}, with_rules(rule))[0] == "MANUAL_REVIEW"


def test_rules_see_what_scoring_made_of_a_lead():
    rule = {
        "name": "cold but fitting",
        "when": {"all": [{"field": "temperature", "equals": "cold"}, {"field": "icp_fit", "at_least": 0.5}]},
        "then": "review",
        "if_unknown": "reject",
    }
    assert judge({}, with_rules(rule), temperature="cold", icp_fit=0.5)[0] == "MANUAL_REVIEW"
    assert judge({}, with_rules(rule), temperature="hot", icp_fit=0.5)[0] == "QUALIFIED"


SEGMENTS = QualifyRules.model_validate(
    {
        "threshold": 60.0,
        "review_band": 10.0,
        "segments": [
            {"name": "enterprise", "when": {"field": "company_size", "at_least": 1000.0}, "threshold": 40.0},
            {
                "name": "software",
                "when": {"field": "industry", "equals": "software"},
                "threshold": 80.0,
                "review_band": 0.0,
            },
        ],
    }
)


@pytest.mark.parametrize(
    ("lead", "score", "status", "text"),
    [
        ({"company_size": 1000, "industry": "software"}, 40.0, "QUALIFIED",
         "meets the threshold of 40, as for enterprise"),
        ({"company_size": 1000}, 30.0, "MANUAL_REVIEW",
         "is below 40, as for enterprise, but not below 30, as for enterprise: a person decides"),
        ({"company_size": 1000}, 29.9, "REJECTED", "is below 30, as for enterprise"),
        ({"company_size": 5, "industry": "software"}, 79.9, "REJECTED", "is below 80, as for software"),
        ({"company_size": None, "industry": "software"}, 80.0, "QUALIFIED",
         "meets the threshold of 80, as for software"),
        ({"company_size": None, "industry": None}, 60.0, "QUALIFIED", "meets the threshold of 60"),
        ({"company_size": 5}, 100.0, "QUALIFIED", "meets the threshold of 60"),
    ],
)  # fmt: skip
def test_the_first_segment_that_a_lead_belongs_to_sets_its_threshold(lead, score, status, text):
    [reason] = reasons(lead, SEGMENTS, score=score)
    assert (reason["status"], reason["text"]) == (status, f"Score {score:g} {text}")


def test_a_band_below_zero_is_refused_for_a_segment_too():
    with pytest.raises(ValueError, match="of the segment small"):
        QualifyRules.model_validate(
            {"segments": [{"name": "small", "when": {"field": "budget", "at_least": 0.0}, "threshold": 5.0}]}
        )


@settings(max_examples=25)
@given(condition=formulas(), leads=LEADS)
def test_rules_by_column_decide_as_one_lead_at_a_time(condition, leads):
    outcomes = {True: "REJECTED", False: "QUALIFIED", None: "PENDING"}
    rules = with_rules({"name": "it", "when": condition, "then": "reject", "if_unknown": "pending"})
    if not leads:
        return
    keys = [{"lead_id": f"{number}"} for number in range(len(leads))]
    known = enriched(*({**key, **lead} for key, lead in zip(keys, leads, strict=True)))
    found = plan_qualified(scored(*keys), known, overrides(), rules)["status"]
    assert found.tolist() == [outcomes[holds(condition, lead)] for lead in leads]
