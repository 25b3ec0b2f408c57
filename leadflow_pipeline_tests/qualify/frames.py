"""Frames for the tests of qualification: a few words make a scored lead, an enriched lead, an override.

What belongs here: invented leads and the shortest way to judge them. What does not: expectations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from leadflow_pipeline.qualify.plan import plan_qualified
from leadflow_pipeline.qualify.rules import QualifyRules
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import dtypes_of

DAY = pd.Timestamp("2026-03-10")


def typed(rows: list[dict[str, Any]], table: Any) -> pd.DataFrame:
    """Rows as a frame with the dtypes of a table; columns that no row has are left out."""
    dtypes = dtypes_of(table.columns)
    frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else list(dtypes))
    return frame.astype(object).astype({name: dtypes[name] for name in frame.columns})


def scored(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """Scored leads; a row is lead `a` with a score of 75 on DAY, unless it says otherwise."""
    bare = {
        "day": DAY, "lead_id": "a", "email": "a@leads.example", "source": "list",
        "icp_fit": 0.5, "score": 75.0,
    }  # fmt: skip
    return typed([{**bare, **row} for row in rows], schema.scored_leads)


def enriched(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """What is known of leads; a row is lead `a` with a valid address on DAY, unless it says otherwise."""
    bare = {
        "day": DAY, "lead_id": "a", "email": "a@leads.example", "email_status": "valid", "email_reason": None,
        "industry": None, "company_size": None, "country": None, "budget": None, "custom": "{}",
    }  # fmt: skip
    return typed([{**bare, **row} for row in rows], schema.enriched_leads)


def overrides(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """Overrides of a status for lead `a`, made at noon of DAY without an end, unless a row says otherwise."""
    bare = {
        "lead_id": "a", "field": "status", "value": "QUALIFIED", "actor": "ana", "reason": "met at the fair",
        "occurred_at": pd.Timestamp("2026-03-10T12:00Z"), "expires_at": pd.NaT,
    }  # fmt: skip
    numbered = [{"override_id": number, **bare, **row} for number, row in enumerate(rows, start=1)]
    return typed(numbered, schema.overrides)


def judge(
    lead: Mapping[str, Any] | None = None,
    rules: QualifyRules | None = None,
    made: pd.DataFrame | None = None,
    **score: Any,
) -> tuple[str, list[str]]:
    """Status and the codes of the reasons of one lead."""
    known = enriched(lead or {})
    made = overrides() if made is None else made
    row = plan_qualified(scored(score), known, made, rules or QualifyRules()).iloc[0]
    return row["status"], [reason["code"] for reason in json.loads(row["reasons"])]
