"""A campaign that asks a stand-in for opinions, and its enriched leads: what tests of opinions stand on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.partitions import days_between
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import vendor_lookups
from leadflow_pipeline_tests.fakes.language_model import MODEL
from leadflow_pipeline_tests.samples import minimal_campaign_text

CAMPAIGN = "spring"
KEY = "LEADFLOW_TEST_MODEL_KEY"
DAY = date(2026, 5, 3)
GOAL = "goal: {description: Lamps for lighthouses}\n"


def campaign_text(url: str, more: str = "", slug: str = CAMPAIGN) -> str:
    """A campaign that asks the model at `url`, with more of the section."""
    section = (
        f"opinion: {{endpoint: '{url}', model: {MODEL}, key_from: {KEY}, credits_per_call: 0.5{more}}}\n"
    )
    return minimal_campaign_text(slug, extra=GOAL + section)


def person(number: int, **known: Any) -> dict[str, Any]:
    """A harvested lead of whom everything personal is known."""
    return {
        "lead_id": f"lead{number:02d}",
        "email": f"ida{number}@leads.example",
        "first_name": "Ida",
        "last_name": "Lovejoy",
        "phone": "+49 30 23125 100",
        "linkedin_url": f"linkedin.com/in/ida-lovejoy-{number}",
        "website": "lovejoy.example",
        "company": "Lovejoy Limited",
        "job_title": f"Head of Lamps {number}",
        "country": "Germany",
        **known,
    }


def enrich(engine: Engine, day: date, *people: Mapping[str, Any], campaign: str = CAMPAIGN) -> None:
    """Rows of `harvested_leads` and `enriched_leads` of a day, as the stages would have made them."""
    rules = load(engine, campaign).rules.enrichment
    rows = pd.DataFrame(
        [
            {
                "day": pd.Timestamp(day), "is_new": True, "record_count": 1, "source": "website",
                "received_at": pd.Timestamp(day, tz="UTC"), "custom": "{}", **known,
            }
            for known in people
        ]
    )  # fmt: skip
    harvested = conform(rows, schema.harvested_leads, campaign=campaign, campaign_version=1)
    enriched = conform(
        plan_enriched(harvested, rules), schema.enriched_leads, campaign=campaign, campaign_version=1
    )
    for table, frame in ((schema.harvested_leads, harvested), (schema.enriched_leads, enriched)):
        replace_partitions(
            engine, table, campaign, days_between(day, day), frame, campaign_version=1, run_id="by hand"
        )


def start(engine: Engine, url: str, *people: Mapping[str, Any], more: str = "", day: date = DAY) -> None:
    """Registers the campaign and enriches people on a day."""
    register(engine, campaign_text(url, more), "spring.yaml")
    enrich(engine, day, *people)


def lookups(engine: Engine) -> list[dict[str, Any]]:
    """What was asked, in order."""
    with engine.connect() as connection:
        return [
            dict(row)
            for row in connection.execute(
                select(vendor_lookups).order_by(vendor_lookups.c.lookup_id)
            ).mappings()
        ]
