"""The shipped campaigns and the schema that editors use."""

from __future__ import annotations

import time
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import pytest

from leadflow_pipeline.campaign import (
    CAMPAIGN_TOKENS,
    LEAD_TOKENS,
    Campaign,
    campaign_json_schema,
    parse_campaign,
)
from leadflow_pipeline.campaign.templates import template_problems
from leadflow_pipeline.nurture.shipped import shipped_sequences
from leadflow_pipeline_tests.samples import minimal_campaign_text


def shipped_campaigns() -> list[Traversable]:
    folders = [folder for folder in files("leadflow_pipeline.samples").iterdir() if folder.is_dir()]
    campaigns = [folder / "campaign.yaml" for folder in folders if (folder / "campaign.yaml").is_file()]
    return sorted(campaigns, key=str)


def bank() -> Campaign:
    text = (files("leadflow_pipeline.samples") / "bank" / "campaign.yaml").read_text(encoding="utf-8")
    return parse_campaign(text, "campaign.yaml")


def test_every_shipped_campaign_is_valid_and_known_to_the_schema() -> None:
    shipped = shipped_campaigns()
    assert shipped

    for file in shipped:
        campaign = parse_campaign(file.read_text(encoding="utf-8"), str(file))
        assert campaign.sender.email.endswith("leads.example")
        assert set(campaign.model_dump()) == set(campaign_json_schema()["properties"])


def test_the_shipped_emails_name_only_tokens_that_exist() -> None:
    tokens = (*LEAD_TOKENS, *CAMPAIGN_TOKENS)

    for sequence in shipped_sequences().values():
        for email in sequence.emails:
            for template in (email.subject, email.text, email.html or ""):
                assert list(template_problems(template, tokens, ())) == []


def test_a_small_file_has_the_defaults_of_every_stage() -> None:
    campaign = parse_campaign(minimal_campaign_text(), "spring.yaml")

    assert (campaign.status, campaign.currency) == ("active", "EUR")
    assert campaign.qualification.threshold == 60
    assert campaign.routing.hot_tier_min_score == 0.85
    assert campaign.scoring.points["company"] == 10
    assert campaign.nurture.send_window.start.hour == 9
    assert campaign.sources[0].mapping["custom.plan"] == "Plan"


def test_a_model_says_what_its_file_says() -> None:
    campaign = bank()

    assert Campaign.model_validate_json(campaign.model_dump_json(), strict=True) == campaign


def test_no_rule_of_the_bank_sees_how_a_call_ended() -> None:
    (source,) = bank().sources

    assert source.outcome is not None
    assert source.outcome.column == "y"
    assert not {"y", "duration"} & set(source.mapping.values())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("required",), ["campaign", "name", "sender", "postal_address", "time_zone", "sources"]),
        (("properties", "status", "enum"), ["active", "paused", "archived"]),
        (("additionalProperties",), False),
        (("$defs", "Sender", "required"), ["name", "email"]),
        (("$defs", "EmailStep", "required"), ["subject", "delay_days"]),
        (
            ("$defs", "NurtureRules", "properties", "sequences", "propertyNames", "anyOf", 0, "enum"),
            ["aggressive_close", "regular_nurture", "long_term_nurture", "cold_outreach"],
        ),
    ],
)
def test_the_schema_says_what_is_needed_and_what_is_known(path: tuple[str | int, ...], expected: Any) -> None:
    found: Any = campaign_json_schema()
    for step in path:
        found = found[step]

    assert found == expected


def test_the_schema_completes_fields() -> None:
    definitions = campaign_json_schema()["$defs"]
    field = definitions["FitCriterion"]["properties"]["field"]["anyOf"]
    mapped = definitions["HubSpotSource"]["properties"]["mapping"]["propertyNames"]["anyOf"]

    assert {"company_size", "seniority"} <= set(field[0]["enum"])
    assert not {"campaign", "custom", "lead_id"} & set(field[0]["enum"])
    assert field[1] == mapped[1] == {"pattern": r"^custom\.[a-z][a-z0-9_]*$"}
    assert {"email", "company", "source_key"} <= set(mapped[0]["enum"])


def test_the_schema_knows_both_kinds_of_factors_and_the_dimensions() -> None:
    definitions = campaign_json_schema()["$defs"]
    scoring = definitions["ScoreRules"]["properties"]
    kinds = [kind["$ref"] for kind in scoring["factors"]["items"]["oneOf"]]

    assert kinds == ["#/$defs/ScoringFactor", "#/$defs/BehaviourFactor"]
    assert {"budget_fit", "company_match", "engagement_potential"} <= set(
        scoring["dimensions"]["propertyNames"]["enum"]
    )
    assert {"within_days", "counted", "valid_from", "group"} <= set(
        definitions["BehaviourFactor"]["properties"]
    )
    assert "at_most_a_day" in definitions["Behaviour"]["properties"]


def test_a_long_file_is_read_while_one_blinks() -> None:
    criteria = "".join(
        f"    - name: criterion {number}\n      field: custom.plan\n      equals: {number}\n      weight: 1\n"
        for number in range(70)
    )
    text = minimal_campaign_text().replace("criteria:\n", "criteria:\n" + criteria)
    assert text.count("\n") > 300
    parse_campaign(text, "warm.yaml")

    started = time.process_time()
    parse_campaign(text, "long.yaml")

    assert time.process_time() - started < 0.2
