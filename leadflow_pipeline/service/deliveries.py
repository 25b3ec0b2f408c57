"""Webhooks become facts: several at once, each once. A door: it meets the database.

What belongs here: what was delivered before, storing what was not, forgetting old ids. What does not: requests and
signatures.

The id of a delivery and its leads are stored in one transaction, so whoever is told of success can rely on it, and
whoever is not sends again and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import psycopg
from sqlalchemy import ARRAY, Connection, Engine, Text, any_, delete, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.door import take_in
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.store.keys import subject_key
from leadflow_pipeline.store.schema import webhook_deliveries

KEPT = timedelta(days=8)
"""How long an id is remembered. Senders repeat for days; a week at least was promised."""

PATIENCE = text(
    "SELECT set_config('lock_timeout', '20s', true), set_config('statement_timeout', '20s', true)"
)
"""A long import into the same source must not hold senders for longer than they wait."""


REFUSED = ("22", "23", "54")
"""Classes of SQLSTATE: a value that does not fit, a constraint, a limit of the server."""


class Fate(StrEnum):
    """What became of a delivery."""

    TAKEN = "taken"
    REPEATED = "repeated"
    """The same id with the same body was taken in before: nothing changed."""
    CONFLICT = "conflict"
    """The same id came with another body before: nothing changed."""
    REFUSED = "refused"
    """The database does not hold what it says: nothing changed."""


@dataclass(frozen=True)
class Delivery:
    """A signed body that was understood."""

    campaign: str
    source: SourceRules
    webhook_id: str
    body_key: str
    leads: Sequence[Mapping[str, Any]]
    keys_of: SourceRules | None = None
    """The source in whose keys events or outcomes name their leads."""


def body_key(body: bytes) -> str:
    """A keyed hash: of no use to whoever has the table and guesses whom a body was about."""
    return subject_key(f"webhook {sha256(body).hexdigest()}")


def take_in_deliveries(engine: Engine, deliveries: Sequence[Delivery], now: datetime) -> list[Fate]:
    """Takes in deliveries of one source in one transaction, and says of each what became of it.

    Their leads belong to the day of `now`. Raises whatever the database raises where it is down or busy; then nothing
    was stored.
    """
    try:
        with engine.begin() as connection:
            connection.execute(PATIENCE)
            return _taken_in(connection, deliveries, now)
    except (PermanentError, DBAPIError, psycopg.DataError) as error:
        if not _is_refusal(error):
            raise
        if len(deliveries) == 1:
            return [Fate.REFUSED]
    # One of them was refused and took the others with it: each for itself, so that only it is.
    return [fate for delivery in deliveries for fate in take_in_deliveries(engine, [delivery], now)]


def _is_refusal(error: Exception) -> bool:
    """Whether the database will never hold it, rather than cannot now."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, PermanentError | psycopg.DataError):
        return True
    return (getattr(cause, "sqlstate", None) or "").startswith(REFUSED)


def forget_old_ids(engine: Engine, now: datetime) -> int:
    """Removes ids that nobody repeats any more; how many."""
    old = delete(webhook_deliveries).where(webhook_deliveries.c.received_at < now - KEPT)
    with engine.begin() as connection:
        return connection.execute(old).rowcount


def _taken_in(connection: Connection, deliveries: Sequence[Delivery], now: datetime) -> list[Fate]:
    campaign, source = deliveries[-1].campaign, deliveries[-1].source
    first: dict[str, Delivery] = {}
    for delivery in deliveries:
        first.setdefault(delivery.webhook_id, delivery)
    new = _noted(connection, first, now)
    keys = {webhook_id: delivery.body_key for webhook_id, delivery in first.items()}
    keys |= _stored_keys(connection, campaign, source.name, first.keys() - new)
    leads = [
        (webhook_id, lead) for webhook_id in first if webhook_id in new for lead in first[webhook_id].leads
    ]
    if leads:
        origins = [f"webhook {webhook_id}" for webhook_id, _ in leads]
        take_in(
            connection,
            campaign,
            source,
            [lead for _, lead in leads],
            origin=origins,
            received_at=now,
            keys_of=deliveries[-1].keys_of,
        )
    fates = []
    for delivery in deliveries:
        if delivery.body_key != keys[delivery.webhook_id]:
            fates.append(Fate.CONFLICT)
        elif delivery.webhook_id in new and delivery is first[delivery.webhook_id]:
            fates.append(Fate.TAKEN)
        else:
            fates.append(Fate.REPEATED)
    return fates


def _noted(connection: Connection, deliveries: Mapping[str, Delivery], now: datetime) -> set[str]:
    """Stores the ids that are new and returns them. Whoever is storing one of them at this moment is waited for, and
    in the order of ids, so that two never wait for each other.
    """
    rows = [
        {
            "campaign": delivery.campaign,
            "webhook_id": webhook_id,
            "body_key": delivery.body_key,
            "source": delivery.source.name,
            "received_at": now,
        }
        for webhook_id, delivery in sorted(deliveries.items())
    ]
    noted = insert(webhook_deliveries).values(rows).on_conflict_do_nothing()
    return set(connection.scalars(noted.returning(webhook_deliveries.c.webhook_id)))


def _stored_keys(connection: Connection, campaign: str, source: str, webhook_ids: set[str]) -> dict[str, str]:
    stored = webhook_deliveries.c
    query = select(stored.webhook_id, stored.body_key).where(
        stored.campaign == campaign,
        stored.source == source,
        stored.webhook_id == any_(literal(sorted(webhook_ids), ARRAY(Text))),
    )
    return dict(connection.execute(query).tuples().all()) if webhook_ids else {}
