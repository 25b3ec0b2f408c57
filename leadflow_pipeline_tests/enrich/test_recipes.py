"""Recipes: which one a lead is under, what its tables say, and who is asked in which order."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.recipes import mapped, recipes_of, steps_of
from leadflow_pipeline.enrich.rules import MapRules
from leadflow_pipeline_tests.enrich.answered import KEY, facts, harvested, lookup, rules

STEP = {
    "name": "intent",
    "url": "https://n8n.leads.example/x",
    "send": ["email"],
    "take": {"custom.play": "play"},
}
RECIPES = {
    "saas": {
        "when": {"field": "industry", "one_of": ["software"]},
        "steps": [
            {"provider": "apollo"},
            {"http": STEP},
            {"map": {"field": "custom.technologies", "to": "custom.stack", "contains": True,
                     "table": {"Kubernetes": "containers", "vmware": "machines"}, "otherwise": "other"}},
            {"map": {"field": "custom.stack", "to": "custom.angle", "table": {"containers": "scale"}}},
            {"set": {"custom.book": "land"}},
        ],
    },
    "rest": {"steps": [{"provider": "clearbit"}]},
}  # fmt: skip
RULES = rules(recipes=RECIPES, recipe="rest", allowed_hosts=["n8n.leads.example"])


def test_a_lead_is_under_the_first_recipe_that_fits_else_the_campaigns():
    enriched = plan_enriched(harvested({"industry": "Software"}, {"industry": "Retail"}, {}), RULES)
    assert recipes_of(enriched, RULES).tolist() == ["saas", "rest", "rest"]


def test_what_a_vendor_says_decides_the_recipe_too():
    answer = {"person": None, "company": {"category": {"industry": "Software"}}}
    row = plan_enriched(harvested({}), RULES, facts(lookup("clearbit", answer))).iloc[0]
    assert json.loads(row["custom"]) == {"book": "land"}


def test_tables_speak_in_order_and_the_books_name_the_recipe():
    lead = harvested({"industry": "software", "custom": '{"technologies":"react, kubernetes"}'})
    row = plan_enriched(lead, RULES).iloc[0]
    assert json.loads(row["custom"]) == {
        "angle": "scale", "book": "land", "stack": "containers", "technologies": "react, kubernetes",
    }  # fmt: skip
    assert json.loads(row["provenance"])["custom.stack"] == {
        "by": "recipe saas", "at": None, "credits": 0.0, "confidence": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "contains", "said"),
    [
        ("SAP", False, "erp"),
        (" sap ", False, "erp"),
        ("old SAP", False, "other"),
        ("old SAP", True, "erp"),
        (None, True, None),
    ],
)
def test_a_table_is_read_without_regard_to_case(value, contains, said):
    table = MapRules(
        field="custom.a", to="custom.b", table={"sap": "erp"}, contains=contains, otherwise="other"
    )
    result = mapped(pd.Series([value], dtype="str"), table)
    assert result.astype(object).where(result.notna(), None).tolist() == [said]


def test_a_recipe_takes_the_place_of_the_waterfall():
    assert [party.name for party in steps_of("saas", RULES)] == ["apollo", "intent"]
    assert [party.name for party in steps_of("rest", RULES)] == ["clearbit"]
    assert [party.name for party in steps_of(None, RULES)] == ["clearbit", "apollo", "dropcontact"]


def test_a_step_is_exactly_one_thing():
    with pytest.raises(ValueError, match="exactly one of"):
        rules(recipes={"a": {"steps": [{"provider": "apollo", "set": {"custom.a": "b"}}]}})
    with pytest.raises(ValueError, match="pattern"):
        rules(recipes={"a": {"steps": [{"set": {"industry": "retail"}}]}})
    with pytest.raises(ValueError, match="no JMESPath"):
        rules(providers=[{**STEP, "kind": "http", "key_from": KEY, "take": {"custom.a": "a..b"}}])
