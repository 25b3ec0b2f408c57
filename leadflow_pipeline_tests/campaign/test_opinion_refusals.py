"""Mistakes in the opinion section, each with its path and remedy; and that it is off where it is not written."""

from __future__ import annotations

import pytest

from leadflow_pipeline.campaign import CampaignError, campaign_json_schema, parse_campaign
from leadflow_pipeline_tests.samples import minimal_campaign_text

BASE = "opinion: {endpoint: 'https://models.leads.example/v1', model: small"

PERSONAL = (
    "email", "phone", "first_name", "last_name", "full_name", "linkedin_url", "website", "company", "social_urls",
    "postcode",
)  # fmt: skip


def refusals(extra: str) -> str:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(minimal_campaign_text(extra=extra), "spring.yaml")
    return str(refused.value)


def test_nobody_is_asked_without_the_section() -> None:
    assert parse_campaign(minimal_campaign_text(), "spring.yaml").opinion is None


def test_the_shortest_section_is_whole() -> None:
    opinion = parse_campaign(minimal_campaign_text(extra=BASE + "}"), "spring.yaml").opinion
    assert opinion is not None
    assert (opinion.share, opinion.budget.calls, opinion.valid_for_days) == (0.1, 100, 90)
    assert not {"email", "phone", "first_name", "last_name", "company"} & set(opinion.fields)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8080/v1", "http://[::1]:8080/v1", "http://localhost/v1"]
)
def test_a_model_on_this_machine_may_be_reached_without_encryption(endpoint: str) -> None:
    text = minimal_campaign_text(
        extra=f"opinion: {{endpoint: '{endpoint}', model: small, fields: [custom.plan]}}"
    )
    assert parse_campaign(text, "spring.yaml").opinion is not None


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("opinion: {model: small}", "opinion.endpoint: is required but missing"),
        (BASE.replace("https", "http") + "}", "opinion.endpoint: would send facts about leads unencrypted; use https"),
        (BASE.replace("//", "//me:word@") + "}", "opinion.endpoint: holds a password; name its variable in key_from"),
        (BASE.replace("https://", "") + "}", "opinion.endpoint: must be a web address"),
        (BASE + ", key_from: sk-live-1}", "must be the name of a variable of the environment"),
        (BASE + ", share: 0.31}", "opinion.share"),
        (BASE + ", share: 0}", "opinion.share"),
        (BASE + ", fields: []}", "opinion.fields"),
        (BASE + ", fields: [industry, industry]}", "fields name one twice"),
        (BASE + ", fields: [custom.unheard]}", "opinion.fields[0]: no source declares custom.unheard"),
        (BASE + ", fields: [indutsry]}", "opinion.fields[0]: leads have no field indutsry; did you mean industry?"),
        (BASE + ", ask_when: [{field: sice, at_least: 1}]}", "opinion.ask_when[0].field: leads have no field sice"),
        (
            BASE + ", share: 0.2}\nconversion: {weight: 0.9}",
            "opinion.share: and conversion.weight are 1.1 of the score together; lower one, so that they are at most 1",
        ),
        (BASE + "}\nconversion: {weight: 1}", "are 1.1 of the score together"),
        (BASE + ", temperature: 2}", "unknown key"),
        *(
            (BASE + f", fields: [{field}]}}", f"opinion.fields[0]: {field} is not shown to a language model")
            for field in PERSONAL
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_remedy(extra: str, said: str) -> None:
    assert said in refusals(extra)


def test_an_editor_knows_the_fields() -> None:
    fields = campaign_json_schema()["$defs"]["OpinionRules"]["properties"]["fields"]["items"]["anyOf"][0][
        "enum"
    ]
    assert "industry" in fields
    assert "email" not in fields
