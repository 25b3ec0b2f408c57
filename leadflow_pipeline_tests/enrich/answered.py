"""Harvested leads and vendors' answers for tests of enrichment, from a few words. All people are invented."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from leadflow_pipeline.enrich.providers import DOMAIN_COLUMNS, LOOKUP_COLUMNS, Facts
from leadflow_pipeline.enrich.rules import EnrichRules
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform

KEY = "LEADFLOW_TEST_KEY"


def rules(**given: Any) -> EnrichRules:
    """Enrichment rules with Clearbit before Apollo before Dropcontact, and whatever is given."""
    providers = [
        {"name": kind, "kind": kind, "key_from": KEY} for kind in ("clearbit", "apollo", "dropcontact")
    ]
    return EnrichRules.model_validate({"allow_test_domains": True, "providers": providers, **given})


def harvested(*leads: Mapping[str, Any]) -> pd.DataFrame:
    """Harvested leads of 1 May 2026, noon; each with the given fields."""
    rows = [
        {
            "lead_id": f"lead{position}",
            "day": pd.Timestamp(2026, 5, 1),
            "is_new": True,
            "record_count": 1,
            "source": "website",
            "received_at": pd.Timestamp(2026, 5, 1, 12, tz="UTC"),
            "custom": "{}",
            **lead,
        }
        for position, lead in enumerate(leads)
    ]
    return conform(pd.DataFrame(rows), schema.harvested_leads, campaign="spring", campaign_version=1)


def lookup(provider: str, answer: Mapping[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    """A lookup about lead0, answered on 1 May 2026 at 14:00 for one credit unless something else is given."""
    finished_at = pd.Timestamp(2026, 5, 1, 14, tz="UTC")
    return {
        "lead_id": "lead0",
        "provider": provider,
        "state": "answered",
        "requested_at": pd.Timestamp(2026, 5, 1, 13, tz="UTC"),
        "finished_at": finished_at,
        "expires_at": finished_at + pd.Timedelta(days=90),
        "credits": 1.0,
        "answer": None if answer is None else json.dumps(answer),
        **given,
    }


def facts(*lookups: Mapping[str, Any], domains: Mapping[str, str] | None = None) -> Facts:
    """Lookups, and what the name servers said of domains (JSON) on 1 May 2026."""
    asked = pd.DataFrame(list(lookups), columns=[name for name in LOOKUP_COLUMNS if name != "lookup_id"])
    asked.insert(0, "lookup_id", range(1, len(asked) + 1))
    for name in ("requested_at", "finished_at", "expires_at"):
        asked[name] = pd.to_datetime(asked[name], utc=True).dt.as_unit("us")
    said = [
        {
            "domain": domain,
            "kind": "mx",
            "finished_at": pd.Timestamp(2026, 5, 1, 14, tz="UTC"),
            "answer": answer,
        }
        for domain, answer in (domains or {}).items()
    ]
    return Facts(
        asked.astype(LOOKUP_COLUMNS), pd.DataFrame(said, columns=list(DOMAIN_COLUMNS)).astype(DOMAIN_COLUMNS)
    )
