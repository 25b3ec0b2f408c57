"""Requests of pixels and links become rows, each once, not judged yet. A door to the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from leadflow_pipeline.delivery.tracking import PIXEL, Tracked

HIT = "hit"

STORE = text(
    """
    INSERT INTO leadflow.tracking_hits (hit_id, message_id, kind, link, occurred_at, visitor_key, agent)
    SELECT hit.id, message.message_id, hit.kind, hit.link, hit.at, hit.visitor, hit.agent
    FROM jsonb_to_recordset(CAST(:lines AS jsonb))
        AS hit (id text, key text, kind text, link integer, at timestamptz, visitor text, agent text)
    JOIN leadflow.messages AS message ON message.tracking_key = hit.key
    ON CONFLICT DO NOTHING
    """
)


def hit_line(hit_id: str, tracked: Tracked, at: datetime, visitor_key: str, agent: str) -> Mapping[str, Any]:
    """A request as the journal keeps it."""
    is_open = tracked.number == PIXEL
    return {
        "what": HIT,
        "id": hit_id,
        "key": tracked.tracking_key,
        "kind": "open" if is_open else "click",
        "link": None if is_open else tracked.number,
        "at": at.isoformat(),
        "visitor": visitor_key,
        "agent": agent,
    }


def store_hits(connection: Connection, lines: Sequence[Mapping[str, Any]]) -> int:
    """Stores the lines of requests; how many were new. Those of messages that were erased since are dropped."""
    return connection.execute(STORE, {"lines": json.dumps(list(lines))}).rowcount if lines else 0
