"""One lead as every stage knows it now: its latest row of each table, and whose it is. A door that only reads.

What belongs here: reading those rows. What does not: why they are as they are (`lead_story`), what happened in between
(`timeline`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Table, select

from leadflow_pipeline.insight.story_history import canonical_of
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.lead_rows import latest_row

STAGES: Final[dict[str, Table]] = {
    "harvested": schema.harvested_leads,
    "enriched": schema.enriched_leads,
    "scored": schema.scored_leads,
    "qualified": schema.qualified_leads,
    "routed": schema.routed_leads,
    "owner_decision": schema.owner_decisions,
    "nurtured": schema.nurtured_leads,
}
FACTS: Final[dict[str, Table]] = {"handoff": schema.handoffs, "held": schema.held_handoffs}
KEY: Final = ("campaign", "lead_id")
"""Said once, of the lead."""


@dataclass(frozen=True)
class LeadStages:
    """Columns of the latest row of each stage by its name; None where the lead has none."""

    campaign: str
    lead_id: str
    alias: str | None
    """The id that was asked for, where it is another's alias."""
    stages: dict[str, dict[str, Any] | None]


def canonical_lead(connection: Connection, campaign: str, lead_id: str, as_of: date) -> str | None:
    """The lead that an id means in the campaign: itself, or the one it is an alias of; None where there is no such
    lead: no day has it and nobody was given it.
    """
    canonical = canonical_of(connection, campaign, lead_id, as_of)
    if canonical is not None:
        return canonical
    days = latest_row(schema.harvested_leads, ["day"], campaign, lead_id, as_of)
    if connection.scalar(days) is not None:
        return lead_id
    decided = schema.routing_decisions.c  # the service may have decided about a lead of today
    query = select(decided.lead_id).where(decided.campaign == campaign, decided.lead_id == lead_id).limit(1)
    found: str | None = connection.scalar(query)
    return found


def read_stages(connection: Connection, campaign: str, lead_id: str, as_of: date) -> LeadStages | None:
    """The lead at the end of a day; None where the campaign has no such lead by then."""
    canonical = canonical_lead(connection, campaign, lead_id, as_of)
    if canonical is None:
        return None
    stages: dict[str, dict[str, Any] | None] = {}
    for name, table in STAGES.items():
        columns = [column.name for column in table.columns if column.name not in KEY]
        row = connection.execute(latest_row(table, columns, campaign, canonical, as_of)).mappings().first()
        stages[name] = dict(row) if row else None
    for name, table in FACTS.items():
        columns_of_fact = [column for column in table.columns if column.name not in KEY]
        query = (
            select(*columns_of_fact)
            .where(table.c.campaign == campaign, table.c.lead_id == canonical)
            .order_by(table.c.assignment_number.desc())
            .limit(1)
        )
        row = connection.execute(query).mappings().first()
        stages[name] = dict(row) if row else None
    return LeadStages(campaign, canonical, lead_id if canonical != lead_id else None, stages)
