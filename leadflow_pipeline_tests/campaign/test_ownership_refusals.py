"""Mistakes in the ownership section, each with its path and remedy; and that it is off where it is not written."""

from __future__ import annotations

import pytest

from leadflow_pipeline.campaign import CampaignError, campaign_json_schema, parse_campaign
from leadflow_pipeline_tests.samples import minimal_campaign_text


def refusals(section: str) -> str:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(minimal_campaign_text(extra=f"ownership: {section}"), "spring.yaml")
    return str(refused.value)


def test_without_the_section_nobody_gets_an_owner_and_an_empty_one_is_whole() -> None:
    assert parse_campaign(minimal_campaign_text(), "spring.yaml").ownership is None
    ownership = parse_campaign(minimal_campaign_text(extra="ownership: {}"), "spring.yaml").ownership
    assert ownership is not None
    assert (ownership.strategy, ownership.territory) == ("optimal", "require")


def test_regions_of_the_campaigns_own() -> None:
    text = minimal_campaign_text(extra="ownership: {regions: {Our north: [Nordics, Germany, PL]}}")
    ownership = parse_campaign(text, "spring.yaml").ownership
    assert ownership is not None
    assert ownership.regions["Our north"] == ("Nordics", "Germany", "PL")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            "{teams: [{team: A, when: [{field: company_sise, at_least: 5}]}]}",
            "ownership.teams[0].when[0].field: leads have no field company_sise; did you mean company_size?",
        ),
        (
            "{specialties: [{when: [{field: custom.need, equals: x}], require_specialties: [fraud]}]}",
            "ownership.specialties[0].when[0].field: no source declares custom.need",
        ),
        ("{teams: [{team: A, when: []}]}", "ownership.teams[0].when: must not be empty"),
        ("{specialty_fields: [indutsry]}", "ownership.specialty_fields[0]: leads have no field indutsry"),
        (
            "{value: {field: budgte}}",
            "ownership.value.field: leads have no field budgte; did you mean budget?",
        ),
        ("{reps: [a, b, a]}", "ownership.reps[2]: a is named by ownership.reps[0] too; name each rep once"),
        ("{reps: [a], exclude_reps: [a]}", "ownership.exclude_reps[0]: a is named by ownership.reps[0] too"),
        ("{regions: {North: [Swedn]}}", "ownership.regions.North[0]: Swedn is no country"),
        ("{strategy: optimum}", "ownership.strategy"),
        ("{exclude: [a]}", "ownership.exclude: unknown key; did you mean exclude_reps?"),
        ("{match: {specialty: 0, performance: 0, capacity: 0, sla: 0}}", "at least one weight of the match"),
    ],
)
def test_refusals(section: str, said: str) -> None:
    assert said in refusals(section)


def test_editors_know_the_section() -> None:
    schema = campaign_json_schema()
    assert "OwnershipRules" in str(schema["properties"]["ownership"])
    assert {"teams", "regions", "exclude_reps", "sla"} <= set(schema["$defs"]["OwnershipRules"]["properties"])
