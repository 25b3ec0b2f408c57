"""What went wrong and waits for somebody who mends it: a stock of each, for requests that mend.

What belongs here: making it, as the pipeline would have left it, in a database that `leadflow demo` has filled. What
does not: asking (`contract`), and what is well (`known_things`).

A message is settled once, and an absence withdrawn once: whoever asks a thousand times needs more than one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from leadflow_pipeline.store.sequences import TO_ONE_OF_US

STOCK: Final = 60
"""Of each, for a run of a few minutes."""

MESSAGES: Final = text(
    """
    INSERT INTO leadflow.messages
        (channel, subject_key, step, campaign, campaign_version, lead_id, recipient, recipient_key, sequence, subject,
         body_text, body_html, headers, rfc_message_id, planned_at, not_after, state, state_reason, next_attempt_at,
         attempts, order_key)
    SELECT :channel, 'broken-' || gen_random_uuid(), 1, :campaign, 1, :lead_id, :recipient, :to_one_of_us, 'notice',
        'A new lead', '', '', '{}', '<' || gen_random_uuid() || '@leads.example>', now(), now() + interval '1 day',
        :state, 'refused', now(), 1, CAST(:order_key AS text)
    FROM generate_series(1, :stock)
    RETURNING message_id
    """
)
LOOKUPS: Final = text(
    """
    INSERT INTO leadflow.vendor_lookups
        (campaign, lead_id, provider, vendor, subject_key, question, state, attempts, problem)
    SELECT :campaign, :lead_id, 'people', 'apollo', 'broken-' || gen_random_uuid(), '{}', 'unknown', 1, 'no answer'
    FROM generate_series(1, :stock)
    RETURNING lookup_id
    """
)
FAILED_RUN: Final = text(
    """
    INSERT INTO public.runs
        (run_id, pipeline_name, status, run_body, partition, create_timestamp, update_timestamp, start_time, end_time)
    SELECT CAST(:run_id AS text), pipeline_name, 'FAILURE',
        jsonb_set(jsonb_set(CAST(run_body AS jsonb), '{run_id}', to_jsonb(CAST(:run_id AS text))),
                  '{tags}', CAST(:tags AS jsonb)) #>> '{}',
        NULL, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC',
        extract(epoch FROM now()), extract(epoch FROM now())
    FROM public.runs
    WHERE CAST(run_body AS jsonb) #>> '{tags,dagster/asset_partition_range_start}' IS NOT NULL
    ORDER BY id DESC LIMIT 1
    """
)
"""As one that computed days."""


def broken_things(
    engine: Engine, campaign: str, lead_id: str, day: date, endpoint_id: str
) -> Mapping[str, Mapping[str, Sequence[int]]]:
    """Makes them. Address -> parameter of it, or member of its body -> those of which one is to be named."""
    with engine.begin() as connection:
        of_lead = {"campaign": campaign, "lead_id": lead_id, "stock": STOCK}

        def made(channel: str, recipient: str, state: str, order_key: str | None = None) -> list[int]:
            values = {
                "channel": channel, "recipient": recipient, "to_one_of_us": TO_ONE_OF_US, "state": state,
                "order_key": order_key,
            }  # fmt: skip
            return list(connection.scalars(MESSAGES, of_lead | values))

        found = {
            "/operations/messages/retry": {"message_ids": made("slack", "#sales", "failed")},
            "/operations/messages/{message_id}/settle": {"message_id": made("slack", "#sales", "unknown")},
            "/webhook-endpoints/{endpoint_id}/retry": {
                "message_ids": made("webhook", endpoint_id, "failed", "lead")
            },
            "/enrichment/lookups/{lookup_id}/settle": {
                "lookup_id": list(connection.scalars(LOOKUPS, of_lead))
            },
        }
        _fail_a_run(connection, campaign, day)
    return found


def _fail_a_run(connection: Connection, campaign: str, day: date) -> None:
    tags: dict[str, Any] = {
        f"dagster/asset_partition_range_{end}": f"{campaign}|{day}" for end in ("start", "end")
    }
    connection.execute(FAILED_RUN, {"run_id": str(uuid.uuid4()), "tags": json.dumps(tags)})
