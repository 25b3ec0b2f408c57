"""News of leads go into the outbox: a message for each event and endpoint. A door: it meets the database.

What belongs here: that each piece of news is told once, and the rows of the outbox. What does not: what is news
(`news`), reading where it is looked for (`known`), and sending.

News is what fresh partitions say (of today and the two days before) and who was handed over lately, where it is a
lead's present state: a backfill of old days, and a day computed again with the same result, tell nobody anything. What
was seen of a lead is kept beside its messages in one transaction, so whoever is killed here tells nothing twice and
forgets nothing. Whoever looks through a campaign does so alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd
from sqlalchemy import Connection, Engine, Row, column, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery.decided_at_once import requests_behind
from leadflow_pipeline.delivery.lead_events import news
from leadflow_pipeline.delivery.lead_events.endpoints import Endpoint, read_endpoints
from leadflow_pipeline.delivery.lead_events.known import (
    AT_ONCE,
    READ,
    come_to,
    first_day,
    handed_over,
    last_numbers,
    present_rows,
    seen_states,
    unscanned,
)
from leadflow_pipeline.delivery.mail import ID_DIGITS, domain_of
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.store.given_rows import given_rows
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.schema import (
    lead_event_scans,
    lead_event_states,
)
from leadflow_pipeline.store.sequences import TO_ONE_OF_US
from leadflow_pipeline.telemetry.correlation import present_correlation_id

KEPT: Final = timedelta(days=30)
"""How long a webhook waits where it cannot even be tried: its campaign rests, or nothing is dispatched."""

LEADS_AT_ONCE: Final = 10_000
"""Told in one transaction. What each has come to is looked for among all leads of the campaign, once for so many."""

SEQUENCE: Final = "event"
LOCK: Final = "lead events"


@dataclass
class NewsSummary:
    """What one run came to."""

    events: int = 0
    messages: int = 0

    def to_dict(self) -> dict[str, int]:
        """For scripts and metadata: counts."""
        return asdict(self)


def tell_news(engine: Engine, now: datetime | None = None) -> NewsSummary:
    """Puts a message into the outbox for each event and each endpoint that hears of it."""
    now, summary = now or datetime.now(UTC), NewsSummary()
    for campaign, heard in _heard_by(engine):
        try:
            with stage_lock(engine, campaign, LOCK, wait="1s"):
                _tell(engine, load(engine, campaign), heard, now, summary)
        except TransientError:  # somebody else is at it
            continue
    return summary


def is_anything_new(engine: Engine, now: datetime) -> bool:
    """Whether `tell_news` would have something to look through."""
    for campaign, heard in _heard_by(engine):
        since = min(endpoint.hears_since for endpoint in heard)
        with engine.connect() as connection:
            if unscanned(connection, campaign, now, since) or handed_over(connection, campaign, now, since):
                return True
    return False


def _heard_by(engine: Engine) -> Iterator[tuple[str, list[Endpoint]]]:
    """Active campaigns that somebody hears of, and who."""
    with engine.connect() as connection:
        endpoints = read_endpoints(connection)
    if all(endpoint.disabled_at is not None for endpoint in endpoints):
        return
    for campaign in active_campaigns(engine):
        if heard := [endpoint for endpoint in endpoints if endpoint.hears_of(campaign)]:
            yield campaign, heard


def _tell(
    engine: Engine, version: CampaignVersion, heard: Sequence[Endpoint], now: datetime, summary: NewsSummary
) -> None:
    campaign, since = version.campaign, min(endpoint.hears_since for endpoint in heard)
    with engine.connect() as connection:
        partitions = unscanned(connection, campaign, now, since)
        given = handed_over(connection, campaign, now, since)
    changes = {}
    for kind in news.KINDS:
        rows = present_rows(engine, campaign, kind, partitions, given, now)
        if rows is not None:
            states = READ[kind][2](rows)
            with engine.connect() as connection:
                seen = seen_states(connection, campaign, kind, states["lead_id"])
            changes[kind] = news.changed(states, seen)
    leads = sorted({lead for states in changes.values() for lead in states["lead_id"]})
    for some, of_some in _batches(leads, changes):
        _tell_of(engine, version, of_some, some, given, heard, now, summary)
    with engine.begin() as connection:
        _mark_scanned(connection, campaign, partitions, now)


def _batches(
    leads: Sequence[str], changes: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[Sequence[str], Mapping[str, pd.DataFrame]]]:
    """Some leads at a time, with what changed of them."""
    batch_of = pd.Series(range(len(leads)), index=pd.Index(leads), dtype="int64") // LEADS_AT_ONCE
    parts = {
        kind: dict(iter(states.groupby(states["lead_id"].map(batch_of)))) for kind, states in changes.items()
    }
    for batch, begin in enumerate(range(0, len(leads), LEADS_AT_ONCE)):
        of_some = {kind: parts[kind].get(batch, states.head(0)) for kind, states in changes.items()}
        yield leads[begin : begin + LEADS_AT_ONCE], of_some


def _tell_of(
    engine: Engine,
    version: CampaignVersion,
    changes: Mapping[str, pd.DataFrame],
    leads: Sequence[str],
    given: Collection[str],
    heard: Sequence[Endpoint],
    now: datetime,
    summary: NewsSummary,
) -> None:
    """Some leads' events, and what was seen of them, in one transaction. `given`: whose hand-over is news."""
    is_email_asked = any("email" in endpoint.include for endpoint in heard)
    present = come_to(engine, version.campaign, leads, now, with_email=is_email_asked)
    with engine.begin() as connection:
        events = news.numbered(version.campaign, changes, last_numbers(connection, version.campaign, leads))
        at_once = [lead for lead in leads if lead in given and present[lead]["origin"] == AT_ONCE]
        requests = requests_behind(connection, version.campaign, at_once)
        rows = [
            _row(event, endpoint, present[event.lead_id], version, now, requests.get(event.lead_id))
            for event in events
            for endpoint in heard
            if event.kind in endpoint.events and event.at >= endpoint.hears_since
        ]
        _remember(connection, version.campaign, changes, events)
        summary.events += len(events)
        summary.messages += len(put_in(connection, rows))


def _row(
    event: news.Event,
    endpoint: Endpoint,
    present: Mapping[str, Any],
    version: CampaignVersion,
    now: datetime,
    request: str | None,
) -> dict[str, Any]:
    """An event for an endpoint as a row of the outbox. Where it goes and how it is signed is looked up as it leaves.

    `request`: the correlation id of the one that gave the lead away, if one did.
    """
    is_of_request = request is not None and event.kind == news.ROUTED
    order_key = f"{endpoint.endpoint_id}|{event.campaign}|{event.lead_id}"
    key = f"{order_key}|{event.number}"
    digest = hashlib.sha256(f"event|{key}".encode()).hexdigest()[:ID_DIGITS]
    body = news.body_of(event, present, endpoint.include)
    return {
        "channel": "webhook",
        "subject_key": key,
        "step": 1,
        "campaign": event.campaign,
        "campaign_version": version.version,
        "lead_id": event.lead_id,
        "recipient": endpoint.endpoint_id,
        "recipient_key": TO_ONE_OF_US,
        "sequence": SEQUENCE,
        "subject": event.kind,
        "body_text": "",
        "body_html": "",
        "headers": {},
        "rfc_message_id": f"<{digest}@{domain_of(version.rules.sender.email)}>",
        "planned_at": now,
        "not_after": now + KEPT,
        "next_attempt_at": now,
        "order_key": order_key,
        "payload": {"kind": SEQUENCE, "event": body},
        "correlation_id": request if is_of_request else present_correlation_id(),
    }


# --- what is kept ---


def _remember(
    connection: Connection, campaign: str, changes: Mapping[str, pd.DataFrame], events: Sequence[news.Event]
) -> None:
    """What was seen of each lead, and the number under which it was told, if it was."""
    numbers = {(event.lead_id, event.kind): event.number for event in events}
    rows = [
        {
            "campaign": campaign,
            "lead_id": row["lead_id"],
            "kind": kind,
            "state": row["state"],
            "number": numbers.get((row["lead_id"], kind)),
            "assignment_number": row.get("assignment_number"),
        }
        for kind, states in changes.items()
        for row in states.to_dict("records")
    ]
    if not rows:
        return
    names = ("campaign", "lead_id", "kind", "state", "number", "assignment_number")
    given = given_rows(*(column(name, lead_event_states.c[name].type) for name in names))
    statement = insert(lead_event_states).from_select(names, select(given))
    new, kept = statement.excluded, lead_event_states.c
    statement = statement.on_conflict_do_update(
        index_elements=["campaign", "lead_id", "kind"],
        set_={
            "state": new.state,
            "number": func.coalesce(new.number, kept.number),
            "assignment_number": new.assignment_number,
        },
    )
    connection.execute(statement, {"rows": rows})


def _mark_scanned(
    connection: Connection, campaign: str, partitions: Sequence[Row[Any]], now: datetime
) -> None:
    """Notes what was looked through, and forgets what is too old to be looked at again."""
    scan = lead_event_scans.c
    connection.execute(delete(lead_event_scans).where(scan.campaign == campaign, scan.day < first_day(now)))
    if partitions:
        statement = insert(lead_event_scans)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["table_name", "campaign", "day"],
                set_={"written_at": statement.excluded.written_at},
            ),
            [
                {
                    "table_name": row.table_name,
                    "campaign": campaign,
                    "day": row.day,
                    "written_at": row.written_at,
                }
                for row in partitions
            ],
        )
