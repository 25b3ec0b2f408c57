"""The activity log, read: who changed what, when. A door to one table.

What belongs here: the log by page and filter. What does not: writing it; each change notes itself in its own
transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from leadflow_pipeline.store.schema import activity_log

REQUESTS_FAILED: Final = "requests.failed"
"""Of a minute in which the service failed to answer some requests, or of one in the hour after: how many were
`answered`, and how many of them `failed`.
"""


@dataclass(frozen=True)
class ActivityFilter:
    """Which entries are asked for; None: any."""

    actor: str | None = None
    action: str | None = None
    """The whole word, `token.revoked`, or the subject before the dot."""
    campaign: str | None = None
    lead_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    of_campaigns: Collection[str] | None = None
    """Those that whoever asks may see; entries of no campaign are left out then."""


def read_activity(
    connection: Connection, wanted: ActivityFilter, *, before_id: int | None, limit: int
) -> list[dict[str, Any]]:
    """At most `limit` entries, the newest first, older than `before_id`."""
    entry = activity_log.c
    query = select(activity_log).order_by(entry.activity_id.desc()).limit(limit)
    for column, value in (
        (entry.actor, wanted.actor),
        (entry.campaign, wanted.campaign),
        (entry.lead_id, wanted.lead_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.action is not None:
        query = query.where(
            (entry.action == wanted.action) | entry.action.startswith(f"{wanted.action}.", autoescape=True)
        )
    if wanted.since is not None:
        query = query.where(entry.occurred_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(entry.occurred_at < wanted.until)
    if wanted.of_campaigns is not None:
        query = query.where(entry.campaign.in_(wanted.of_campaigns))
    if before_id is not None:
        query = query.where(entry.activity_id < before_id)
    return [dict(row) for row in connection.execute(query).mappings()]
