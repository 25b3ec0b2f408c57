"""A campaign that takes webhooks, and somebody who sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine, func, select

from leadflow_pipeline.signatures import key_of, sign
from leadflow_pipeline.store.schema import source_records, webhook_deliveries

OLD_SECRET = "whsec_" + "b2xk" * 10
NEW_SECRET = "whsec_" + "bmV3" * 10
SECRETS = {"LEADFLOW_FAIR_HOOK": NEW_SECRET, "LEADFLOW_FAIR_HOOK_OLD": OLD_SECRET}

CAMPAIGN = """\
campaign: fair
name: Trade fair
sender: {name: Ida Example, email: ida@leads.example}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: Europe/Berlin
sources:
  - name: form
    kind: webhook
    channel: inbound
    secrets_from: [LEADFLOW_FAIR_HOOK, LEADFLOW_FAIR_HOOK_OLD]
    mapping: {email: contact.email, full_name: contact.name, company: company.name, custom.plan: plan}
"""

BUSY = (
    CAMPAIGN.partition("sources:\n")[0].replace("campaign: fair", "campaign: busy")
    + """\
sources:
  - name: form
    kind: webhook
    secrets_from: [LEADFLOW_FAIR_HOOK]
    mapping: {source_key: id, email: contact.email}
    day: {column: at}
  - name: crm
    kind: webhook
    secrets_from: [LEADFLOW_FAIR_HOOK]
    contents: outcomes
    mapping: {lead_id: id, email: contact.email, outcome: what, value: amount}
    day: {column: at}
  - name: visits
    kind: webhook
    secrets_from: [LEADFLOW_FAIR_HOOK]
    contents: events
    mapping: {lead_id: id, email: contact.email, behaviour: what, event_id: event}
    day: {column: at}
"""
)
"""What is sent here is read as leads with days, outcomes and events."""

IDA = {"contact": {"email": "ida@leads.example", "name": "Ida Example"}, "company": {"name": "Example Ltd"}}


def signed(
    body: bytes, webhook_id: str, secret: str = NEW_SECRET, at: datetime | None = None
) -> dict[str, str]:
    """The headers of a delivery."""
    seconds = int((at or datetime.now(UTC)).timestamp())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": sign(key_of(secret), webhook_id, seconds, body),
    }


class Clock:
    """The time, and as far ahead of it as a test wants to be."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Sender:
    """Sends leads to a service that listens somewhere; `clock` is the service's, where it runs in this process."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.url = url
        self.clock = clock or Clock()
        self.client = httpx.Client(base_url=url, timeout=60)

    def send(
        self, leads: Any, webhook_id: str = "msg_1", *, path: str = "/webhooks/lead/fair", **changes: Any
    ) -> httpx.Response:
        """Posts leads (as JSON, or bytes as they are); `headers` replaces some of the signed ones."""
        body = leads if isinstance(leads, bytes) else json.dumps(leads).encode()
        headers = signed(body, webhook_id, changes.get("secret", NEW_SECRET), changes.get("at"))
        return self.client.post(path, content=body, headers=headers | changes.get("headers", {}))


def count(engine: Engine, table: Any = source_records) -> int:
    """Rows of a table."""
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def stored_ids(engine: Engine) -> set[str]:
    """Ids of the deliveries that were taken in."""
    with engine.connect() as connection:
        return set(connection.scalars(select(webhook_deliveries.c.webhook_id)))
