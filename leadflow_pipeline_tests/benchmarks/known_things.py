"""What there is to ask the service about, by the names that its OpenAPI document gives it.

What belongs here: finding one of each thing in a database that `leadflow demo` has filled, and making through the API
what the demo has none of. What does not: asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine, func, select

from leadflow_pipeline.campaign import load, register, source_text
from leadflow_pipeline.store.schema import campaigns, messages, routed_leads
from leadflow_pipeline_tests.invented_models import crown, invented_model

SPARE = "spare"
"""A campaign like the other, to be paused, archived and changed in its place."""

OF_THE_SPARE = r"^/api/v1/campaigns/\{campaign\}(/(pause|resume|archive|schedule))?$"
"""Addresses that would leave the campaign of all others closed."""

EXPERIMENT = {
    "key": "gentler",
    "hypothesis": "Fewer leads for the same owner are answered sooner.",
    "kind": "routing",
    "variants": [{"key": "as_is"}, {"key": "by_load", "match": {"capacity": 1.0}}],
    "primary": {"behaviour": "reply"},
}


@dataclass(frozen=True)
class Known:
    """One of each."""

    in_paths: Mapping[str, str | int]
    """Parameter -> what there is."""
    in_bodies: Mapping[str, Any]
    """Member of a body -> what there is."""


def known_things(engine: Engine, url: str, token: str) -> Known:
    """Makes what is not there yet, and names one of each. Raises SystemExit where the API refuses."""
    with engine.connect() as connection:
        newest = select(routed_leads.c.campaign, routed_leads.c.lead_id).order_by(routed_leads.c.day.desc())
        campaign, lead_id = connection.execute(newest.limit(1)).one()
        lead_ids = list(
            connection.scalars(
                select(routed_leads.c.lead_id).where(routed_leads.c.campaign == campaign).limit(20)
            )
        )
        message_id = connection.scalar(select(func.max(messages.c.message_id))) or 1
        is_new = SPARE not in connection.scalars(select(campaigns.c.campaign))
    present = datetime.now(UTC)
    if is_new:
        text = source_text(engine, campaign, load(engine, campaign).version)
        register(engine, text.replace(f"campaign: {campaign}", f"campaign: {SPARE}", 1), "spare.yaml")
        crown(engine, campaign, (present - timedelta(days=400)).date(), invented_model())
    with httpx.Client(
        base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as client:

        def told(method: str, path: str, body: Any = None) -> Any:
            answer = client.request(method, path, json=body)
            if answer.is_error:
                raise SystemExit(f"{method} {path}: {answer.text}")
            return answer.json()

        rep = told("GET", "/reps?limit=1")["items"][0]["rep"]
        away = (present + timedelta(days=30)).date().isoformat()
        if is_new:
            told("POST", f"/campaigns/{campaign}/experiments", EXPERIMENT)
            told("POST", "/webhook-endpoints", {"url": "https://hooks.example.org/leads"})
            told("POST", f"/reps/{rep}/absences", {"first_day": away, "last_day": away})
        endpoint = told("GET", "/webhook-endpoints")["items"][0]["endpoint_id"]
        absences = told("GET", f"/reps/{rep}/absences")["items"]
        model = told("GET", f"/campaigns/{campaign}/models")["items"][0]["model_version"]
    return Known(
        in_paths={
            "campaign": campaign,
            "lead_id": lead_id,
            "experiment": EXPERIMENT["key"],
            "model_version": model,
            "version": 1,
            "rep": rep,
            "absence_id": absences[0]["absence_id"] if absences else 1,
            "endpoint_id": endpoint,
            "message_id": message_id,
        },
        in_bodies={
            "campaign": campaign,
            "lead_id": lead_id,
            "lead_ids": lead_ids,
            "message_ids": [message_id],
            "rep": rep,
        },
    )
