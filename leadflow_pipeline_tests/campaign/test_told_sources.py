"""Sources that tell what became of leads: whose leads, in which words, and what is refused."""

from __future__ import annotations

import pytest

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline_tests.samples import minimal_campaign_text

WITH_KEYS = "{name: contacts, mapping: {source_key: Id}}"


def campaign_with(source: str) -> str:
    """A campaign with a source that has keys, and one that tells of its leads."""
    return minimal_campaign_text().replace(
        "sources:\n", f"sources:\n  - {WITH_KEYS}\n  - {{name: deals, {source}}}\n"
    )


def test_outcomes_may_be_declared_like_any_source() -> None:
    text = campaign_with(
        "contents: outcomes, of: contacts, constants: {outcome: won}, mapping: {source_key: Contact, value: Amount}, "
        "meanings: {value: {none: ''}}, day: {column: Closed}"
    )
    source = parse_campaign(text, "spring.yaml").sources[1]
    assert (source.contents, source.of) == ("outcomes", "contacts")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("of: contacts", "of: is for sources of events or outcomes; say `contents: outcomes`, or remove it"),
        (
            "contents: outcomes, mapping: {source_key: Contact}",
            "mapping.source_key: names leads by source_key, and does not say in which source; "
            "add `of: <source of leads>`",
        ),
        (
            "contents: outcomes, of: contract, mapping: {source_key: Contact}",
            "of: is no source of leads that maps source_key; did you mean contacts?",
        ),
        (
            "contents: outcomes, mapping: {company: Company}",
            "mapping.company: is no field of a source of outcomes; use one of",
        ),
        (
            "contents: events, mapping: {custom.plan: Plan}",
            "mapping.custom.plan: is no field of a source of events",
        ),
        (
            "contents: spend, of: contacts",
            "of: is for sources of events or outcomes; say `contents: outcomes`, or remove it",
        ),
        (
            "contents: spend, mapping: {email: Mail}",
            "mapping.email: is no field of a source of spend; use one of channel, amount",
        ),
        (
            "contents: spend, mapping: {source_key: Id}",
            "mapping.source_key: is no field of a source of spend",
        ),
        (
            "contents: spend, kind: webhook",
            "contents: are spend, which comes as files; say `kind: file`",
        ),
        (
            "mapping: {email: Mail}, meanings: {country: {uk: GB}}",
            "meanings.country: names a field this source",
        ),
    ],
)
def test_what_could_not_be_told_is_refused(source: str, said: str) -> None:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(campaign_with(source), "spring.yaml")
    assert f": sources[1].{said}" in str(refused.value)
