"""Questions people have about enrichment: what there is, who was asked about whom, what it cost, what waits.

What belongs here: reading that, without what was asked and answered. What does not: showing it (`cli`), and asking
vendors. A door to the database only.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Engine, func, select

from leadflow_pipeline.enrich.rules import FIELDS_OF_KIND, EnrichRules, HttpRules, Party
from leadflow_pipeline.store.facts import OPINION_PROVIDER
from leadflow_pipeline.store.lead_rows import latest_row
from leadflow_pipeline.store.schema import LOOKUP_STATES, enriched_leads, vendor_lookups

OWN_COLUMNS: dict[str, tuple[str, ...]] = {
    "mail_servers": ("email_status",),
    "domain_registration": ("domain_registered_on",),
}
"""Columns that kinds of provider fill which look at domains."""


def enrichment_types(rules: EnrichRules | None = None) -> list[dict[str, Any]]:
    """Every kind of provider with the fields it can give; with a campaign's rules, its own providers, HTTP steps and
    recipes with the fields they give, in the order in which they are believed."""
    if rules is None:
        kinds = {**FIELDS_OF_KIND, **OWN_COLUMNS}
        http = {"type": "provider", "kind": "http", "name": None, "gives": ["whatever `take` names"]}
        return [
            *(
                {"type": "provider", "kind": kind, "name": None, "gives": list(gives)}
                for kind, gives in kinds.items()
            ),
            http,
            {"type": "recipe", "kind": "set, map, provider, http", "name": None, "gives": ["custom.<name>"]},
        ]
    return [
        *(_of_party(party) for party in rules.asked),
        *(_of_recipe(name, rules) for name in rules.recipes),
    ]


def _of_party(party: Party) -> dict[str, Any]:
    kind = "step" if isinstance(party, HttpRules) else "provider"
    gives = list(OWN_COLUMNS.get(party.kind, party.gives))
    return {"type": kind, "kind": party.kind, "name": party.name, "gives": gives}


def _of_recipe(name: str, rules: EnrichRules) -> dict[str, Any]:
    steps = rules.recipes[name].steps
    derived = [field for step in steps for field in (*(step.set or {}), *([step.map.to] if step.map else []))]
    return {"type": "recipe", "kind": "recipe", "name": name, "gives": list(dict.fromkeys(derived))}


def provider_status(engine: Engine, campaign: str) -> list[dict[str, Any]]:
    """For each provider that was ever asked in the campaign: questions by state, credits, and when it goes on."""
    table = vendor_lookups.c
    counts = [func.count().filter(table.state == state).label(state) for state in LOOKUP_STATES]
    waits = table.finished_at.is_(None) & (table.state != "unknown")
    query = (
        select(
            table.provider,
            *counts,
            func.count().filter(table.copied_from.is_not(None)).label("copied"),
            func.coalesce(func.sum(table.credits), 0.0).label("credits"),
            func.min(table.next_attempt_at).filter(waits).label("goes_on_at"),
            func.max(table.problem).filter(waits).label("problem"),
        )
        .where(table.campaign == campaign, table.lead_id.is_not(None))
        .group_by(table.provider)
        .order_by(func.min(table.lookup_id))
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def lead_status(engine: Engine, campaign: str, lead_id: str) -> dict[str, Any]:
    """Who was asked about a lead (`asked`), who said what of its latest enriched row (`provenance`), and a language
    model's latest opinion of it (`opinion`: day, score, and why in the model's own words), if there is one."""
    table = vendor_lookups.c
    asked = (
        select(
            table.lookup_id, table.provider, table.state, table.requested_at, table.finished_at, table.expires_at,
            table.credits, table.problem,
        )
        .where(table.campaign == campaign, table.lead_id == lead_id)
        .order_by(table.lookup_id)
    )  # fmt: skip
    latest = latest_row(
        enriched_leads, ["day", "enrichment_status", "provenance"], campaign, lead_id, date.max
    )
    said = (
        select(table.day, table.answer["score"].label("score"), table.answer["why"].astext.label("why"))
        .where(
            table.campaign == campaign,
            table.lead_id == lead_id,
            table.provider == OPINION_PROVIDER,
            table.answer.has_key("score"),
        )
        .order_by(table.finished_at.desc(), table.lookup_id.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(latest).mappings().one_or_none()
        opinion = connection.execute(said).mappings().one_or_none()
        return {
            "lead_id": lead_id,
            "day": row["day"] if row else None,
            "enrichment_status": row["enrichment_status"] if row else None,
            "provenance": row["provenance"] if row else {},
            "opinion": dict(opinion) if opinion else None,
            "asked": [dict(lookup) for lookup in connection.execute(asked).mappings()],
        }


def unknown_lookups(engine: Engine, campaign: str) -> list[dict[str, Any]]:
    """Questions that left and were not answered: whether they were carried out and paid for, a person must find out."""
    table = vendor_lookups.c
    query = (
        select(table.lookup_id, table.provider, table.lead_id, table.requested_at, table.problem)
        .where(table.campaign == campaign, table.state == "unknown")
        .order_by(table.lookup_id)
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
