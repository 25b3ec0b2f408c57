"""What providers told becomes facts, each once. A door to the database.

What belongs here: finding the message that an event is about, and noting the event with what follows from it in one
transaction. What does not: any provider's words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, text

from leadflow_pipeline.inbound.happenings import Happening, Kind
from leadflow_pipeline.inbound.providers.events import ProviderEvent
from leadflow_pipeline.inbound.recording import record
from leadflow_pipeline.store.keys import address_key

EVENT = "event"

STORE = text(
    """
    WITH told AS (
        SELECT * FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS told (
            provider text, id text, kind text, at timestamptz, recipient text, ids jsonb, detail jsonb
        )
    ), named AS (
        -- By the Message-ID that we gave it.
        SELECT told.provider, told.id, min(message.message_id) AS message_id
        FROM told
        CROSS JOIN LATERAL jsonb_array_elements_text(told.ids) AS named (rfc_message_id)
        JOIN leadflow.messages AS message USING (rfc_message_id)
        WHERE told.recipient IS NULL OR message.recipient_key = told.recipient
        GROUP BY told.provider, told.id
    ), answered AS (
        -- By the provider's own id, which its server named when it took the message.
        SELECT told.provider, told.id, max(message.message_id) AS message_id
        FROM told
        JOIN leadflow.messages AS message
            ON message.recipient_key = told.recipient AND message.sent_at > told.at - interval '30 days'
        JOIN leadflow.message_attempts AS attempt USING (message_id)
        CROSS JOIN LATERAL jsonb_array_elements_text(told.ids) AS named (own_id)
        WHERE length(own_id) >= 16 AND strpos(attempt.reply_text, own_id) > 0
        GROUP BY told.provider, told.id
    ), latest AS (
        -- What is said of an address holds whichever message brought it to light; that one arrived does not.
        SELECT told.provider, told.id, (
            SELECT message.message_id FROM leadflow.messages AS message
            WHERE message.recipient_key = told.recipient AND message.channel = 'email'
                AND message.sent_at BETWEEN told.at - interval '30 days' AND told.at + interval '10 minutes'
            ORDER BY message.sent_at DESC, message.message_id DESC LIMIT 1
        ) AS message_id
        FROM told WHERE told.kind <> 'delivered'
    )
    INSERT INTO leadflow.provider_events (provider, event_id, kind, message_id, occurred_at, detail)
    SELECT DISTINCT ON (told.provider, told.id) told.provider, told.id, told.kind,
        coalesce(named.message_id, answered.message_id, latest.message_id), told.at, told.detail
    FROM told
    LEFT JOIN named USING (provider, id)
    LEFT JOIN answered USING (provider, id)
    LEFT JOIN latest USING (provider, id)
    ORDER BY told.provider, told.id
    ON CONFLICT DO NOTHING
    RETURNING provider, event_id, kind, message_id, occurred_at, detail
    """
)


def event_line(provider: str, event: ProviderEvent) -> Mapping[str, Any]:
    """An event as the journal keeps it: the address has become its key."""
    return {
        "what": EVENT,
        "provider": provider,
        "id": event.event_id,
        "kind": event.kind,
        "at": event.occurred_at.isoformat(),
        "recipient": address_key(event.recipient) if event.recipient else None,
        "ids": list(event.message_ids),
        "detail": dict(event.detail),
    }


def store_events(connection: Connection, lines: Sequence[Mapping[str, Any]]) -> int:
    """Stores the lines of events, and what follows from those that were new; how many were."""
    if not lines:
        return 0
    new = connection.execute(STORE, {"lines": json.dumps(list(lines))}).all()
    record(
        connection,
        [
            Happening(
                event_id=f"{row.provider} {row.event_id}",
                kind=cast("Kind", row.kind),
                message_id=row.message_id,
                occurred_at=cast("datetime", row.occurred_at),
                origin=row.provider,
                detail=row.detail,
            )
            for row in sorted(new, key=lambda row: (row.occurred_at, row.event_id))
            if row.message_id is not None
        ],
    )
    return len(new)
