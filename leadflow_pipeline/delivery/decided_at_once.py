"""What the service decided while somebody waited: its answers, and the requests behind them. A door that only reads.

What belongs here: looking these up for whoever tells others of them. What does not: deciding (`service.decisions`), and
telling.

No day may have computed such a lead yet, so what its answer said is all that is known of its score and its sequence.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, select

from leadflow_pipeline.store.schema import activity_log, routing_decisions

DECIDED_AT_ONCE: Final = "routing.decide"
"""What the activity log calls such a decision."""

SAID: Final = ("tier", "sequence", "score", "conversion_probability", "campaign_version", "model_version")


def answers_decided(
    connection: Connection, campaign: str, lead_ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """`lead_id` and `SAID` as each of these leads was given a sequence; none of a lead that was not."""
    kept = routing_decisions.c
    query = (
        select(kept.lead_id, *(kept.answer[name].label(name) for name in SAID))
        .where(kept.campaign == campaign, kept.lead_id.in_(lead_ids), kept.answer["tier"].astext.is_not(None))
        .order_by(kept.decision_id)
    )
    return {row["lead_id"]: dict(row) for row in connection.execute(query).mappings()}


def requests_behind(connection: Connection, campaign: str, lead_ids: Collection[str]) -> dict[str, str]:
    """Correlation ids of the requests that decided about the leads: what is told of them belongs to those."""
    logged = activity_log.c
    query = (
        select(logged.lead_id, logged.correlation_id)
        .where(
            logged.campaign == campaign,
            logged.lead_id.in_(lead_ids),
            logged.action == DECIDED_AT_ONCE,
            logged.correlation_id.is_not(None),
        )
        .order_by(logged.occurred_at)
    )
    return {str(row.lead_id): str(row.correlation_id) for row in connection.execute(query)}
