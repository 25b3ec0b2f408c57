"""Mistakes in providers and recipes, each with its path and remedy, all at once; and what they declare is known."""

from __future__ import annotations

import pytest

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline_tests.samples import minimal_campaign_text

CLEARBIT = "{name: clearbit, kind: clearbit, key_from: LEADFLOW_KEY}"
STEP = (
    "{name: intent, kind: http, url: 'https://n8n.leads.example/x', send: [email], take: {custom.play: play}}"
)
ALLOWED = "allowed_hosts: [n8n.leads.example]\n"


def text_with(enrichment: str, extra: str = "") -> str:
    """A campaign whose enrichment says this, too."""
    section = "".join(f"  {line}\n" for line in enrichment.splitlines())
    return minimal_campaign_text().replace("  allow_test_domains: true\n", section) + extra


def refusals(text: str) -> str:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(text, "spring.yaml")
    return str(refused.value)


@pytest.mark.parametrize(
    ("enrichment", "said"),
    [
        (
            f"providers: [{CLEARBIT}, {CLEARBIT}]",
            "enrichment.providers[1].name: is the name of enrichment.providers[0] too; "
            "give each provider and HTTP step its own",
        ),
        ("providers: [{name: a, kind: clearbitt, key_from: LEADFLOW_KEY}]", "did you mean clearbit?"),
        ("providers: [{name: a, kind: apollo}]", "apollo needs key_from"),
        ("providers: [{name: a, kind: apollo, key_from: sk-live-123}]", "the name of a variable of the environment"),
        (
            "providers: [{name: a, kind: clearbit, key_from: LEADFLOW_KEY, fields: [budget]}]",
            "clearbit does not give budget; it gives first_name",
        ),
        (
            "providers: [{name: post, kind: mail_servers, whois_server: whois.leads.example}]",
            "mail_servers asks no registry: remove `whois_server`",
        ),
        (
            "providers: [{name: registry, kind: domain_registration, whois_server: 'https://whois.leads.example'}]",
            "enrichment.providers[0].whois_server",
        ),
        ("providers: [{name: given, kind: firmographics}]", "given stands for the lead's own records"),
        (f"providers: [{STEP}]", "calls n8n.leads.example, which is not among enrichment.allowed_hosts"),
        (
            ALLOWED + f"providers: [{STEP}]".replace("[email]", "[emial]"),
            "enrichment.providers[0].send[0]: leads have no field emial; did you mean email?",
        ),
        (
            ALLOWED + f"providers: [{STEP}]".replace("custom.play: play", "score: play"),
            "takes score, which is no field of a lead: write custom.<name> for your own",
        ),
        (
            ALLOWED + f"providers: [{STEP}]".replace("https:", "http:").replace("send:", "key_from: LEADFLOW_K, send:"),
            "would send its key unencrypted; use https",
        ),
        (
            f"providers: [{CLEARBIT}]\nfields: {{company_sice: [given]}}",
            "enrichment.fields.company_sice: is no field that a provider gives; did you mean company_size?",
        ),
        (
            f"providers: [{CLEARBIT}]\nfields: {{company_size: [given, clearbitt]}}",
            "clearbitt is no provider or HTTP step; did you mean clearbit?",
        ),
        ("recipe: saas", "enrichment.recipe: names no recipe"),
        (
            "recipes: {saas: {steps: [{set: {custom.a: b}}]}}",
            "has no `when` and is not the campaign's recipe, so no lead would ever come under it; add `when`, or "
            "`recipe: saas`",
        ),
        (
            f"providers: [{CLEARBIT}]\nrecipe: a\nrecipes: {{a: {{steps: [{{provider: clerbit}}]}}}}",
            "there is no provider clerbit; did you mean clearbit?",
        ),
        (
            "recipe: a\nrecipes: {a: {steps: [{map: {field: custom.tool, to: custom.b, table: {x: y}}}]}}",
            "no source declares custom.tool",
        ),
        (
            "recipe: a\nrecipes: {a: {when: {field: industri, equals: x}, steps: [{set: {custom.b: c}}]}}",
            "leads have no field industri; did you mean industry?",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_remedy(enrichment, said):
    assert said in refusals(text_with(enrichment))


def test_what_recipes_and_providers_give_may_be_asked_for_elsewhere():
    enrichment = (
        ALLOWED + f"providers: [{CLEARBIT}, {STEP}]\nrecipe: a\n"
        "recipes: {a: {steps: [{map: {field: custom.technologies, to: custom.stack, table: {sap: erp}}}, "
        "{set: {custom.book: land}}]}}"
    )
    extra = """
qualification:
  filters:
    - {name: a, field: custom.stack, equals: erp}
    - {name: b, field: custom.book, equals: land}
    - {name: c, field: custom.play, equals: go}
    - {name: d, field: custom.technologies, contains: [sap]}
"""
    assert len(parse_campaign(text_with(enrichment, extra), "spring.yaml").qualification.filters) == 4
    unknown = refusals(text_with(enrichment, extra.replace("custom.book", "custom.bok")))
    assert "no source declares custom.bok; did you mean custom.book?" in unknown
