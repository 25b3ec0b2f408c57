"""Sources of every kind in a campaign file: what is wrong is said of that kind, in words without types or tags."""

from __future__ import annotations

import pytest

from leadflow_pipeline.campaign import CampaignError, campaign_json_schema, parse_campaign
from leadflow_pipeline.harvest.rules import FileSource
from leadflow_pipeline.harvest.sources import KINDS
from leadflow_pipeline_tests.samples import minimal_campaign_text

JSON_API = "kind: json, url: 'https://api.example.org/leads'"
WEB = "kind: web, urls: ['https://people.example.org/'], allowed_hosts: [people.example.org]"


def said_of(source: str) -> list[str]:
    """What is said of one more source, without file and line."""
    text = minimal_campaign_text().replace("sources:\n", f"sources:\n  - {{name: more, {source}}}\n")
    line = text[: text.index("{name: more")].count("\n") + 1
    with pytest.raises(CampaignError) as refused:
        parse_campaign(text, "spring.yaml")
    problems = str(refused.value).splitlines()
    assert all(problem.startswith(f"spring.yaml:{line}: ") for problem in problems)
    return [problem.partition(": sources[0]")[2] for problem in problems]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "kind: appolo",
            [
                ".kind: must be one of file, apollo, dropcontact, hubspot, json, web, webhook; did you mean apollo?"
            ],
        ),
        ("kind: hubspot, delimiter: x", [".delimiter: unknown key"]),
        ("kind: hubspot, keyfrom: LEADFLOW_A", [".keyfrom: unknown key; did you mean key_from?"]),
        (
            "kind: hubspot, key_from: s3cret",
            [
                ".key_from: must be the name of a variable of the environment; such as LEADFLOW_CRM_KEY, "
                "and never a secret itself"
            ],
        ),
        ("kind: webhook", [".secrets_from: is required but missing"]),
        ("kind: webhook, secrets_from: []", [".secrets_from: must not be empty; name at least one"]),
        ("kind: dropcontact", [".people_from: is required but missing"]),
        (
            "kind: dropcontact, people_from: wbsite",
            [".people_from: is no other source of this campaign; did you mean website?"],
        ),
        (
            "kind: dropcontact, people_from: more",
            [".people_from: is no other source of this campaign; use one of website"],
        ),
        (
            "kind: apollo, budget: {leads_per_job: 2000}",
            [".budget.leads_per_job: must be less than or equal to 1000"],
        ),
        (
            "kind: json, url: 'ftp://api.example.org'",
            [
                ".url: must be a web address; such as https://api.example.org/v1/leads, "
                "without user, query or fragment"
            ],
        ),
        (f"{JSON_API}, records_at: 'a['", [".records_at: is no JMESPath expression, such as data.items"]),
        (
            f"{JSON_API}, paging: {{parameter: page}}",
            [".paging.kind: is required but missing; say which kind it is"],
        ),
        (
            f"{JSON_API}, paging: {{kind: cursor, nextat: next}}",
            [
                ".paging.next_at: is required but missing",
                ".paging.nextat: unknown key; did you mean next_at?",
            ],
        ),
        (
            f"{WEB}, records: 'li[', cells: {{email: {{css: a}}}}",
            [".records: is no CSS selector, such as li.member"],
        ),
        (
            "kind: web, urls: ['https://people.example.org/'], allowed_hosts: [other.example.org], "
            "records: li, cells: {email: {css: a}}",
            [": urls are on people.example.org, which allowed_hosts does not name"],
        ),
    ],
)
def test_a_mistake_is_said_of_its_kind(source: str, said: list[str]) -> None:
    told = said_of(source)
    assert len(told) == len(said)
    for problem, expected in zip(told, said, strict=True):
        assert problem.startswith(expected)
        assert "union" not in problem
        assert "tag" not in problem


def test_a_source_that_is_no_mapping() -> None:
    text = minimal_campaign_text().replace("sources:\n", "sources:\n  - 5\n")
    with pytest.raises(CampaignError, match=r"sources\[0\]: must be a mapping of keys"):
        parse_campaign(text, "spring.yaml")


def test_a_source_without_a_kind_is_a_file() -> None:
    (source,) = parse_campaign(minimal_campaign_text(), "spring.yaml").sources
    assert isinstance(source, FileSource)


def test_the_schema_offers_every_kind() -> None:
    schema = campaign_json_schema()
    offered = {
        entry["$ref"].rpartition("/")[2] for entry in schema["properties"]["sources"]["items"]["oneOf"]
    }
    assert offered == {model.__name__ for model in KINDS.values()}
