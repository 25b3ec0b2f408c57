"""Leads as they stand at this moment: what a decision about their owner rests on. A door that only reads.

What belongs here: one statement for many leads, over the newest row of each stage. What does not: any rule.

A derived table is keyed by campaign, day and lead, and the newest row is found by going back from the latest day: a lead
that somebody waits for is young, so that is one step or few. What is computed in a transaction is seen as it was
committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Connection, Text, any_, bindparam, func, literal, or_, select, text
from sqlalchemy.sql.elements import TextClause

from leadflow_pipeline.lead_fields import CUSTOM
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.store.schema import enriched_leads, outcomes, overrides

ENDED = ("won", "lost")
STAGES = {
    "scored": ("scored_leads", ("day", "score", "conversion_probability", "model_version", "campaign_version")),
    "qualified": ("qualified_leads", ("day", "status", "icp_fit", "reasons")),
    "routed": ("routed_leads", ("day", "status", "tier", "sequence", "routing_number", "reasoning")),
    "planned": ("owner_decisions", ("day", "status", "owner", "assignment_number")),
}
"""Of each stage the columns that are read."""

@dataclass(frozen=True)
class LeadState:
    """One lead: the newest row of each stage, None where there is none."""

    lead_id: str
    fields: dict[str, Any]
    """Of the enriched lead, `custom.<name>` among them; empty for one that is not enriched yet."""
    is_enriched: bool
    scored: dict[str, Any] | None
    qualified: dict[str, Any] | None
    routed: dict[str, Any] | None
    planned: dict[str, Any] | None
    ended: str | None = None
    """Won or lost."""
    overrides: dict[str, str] = field(default_factory=dict)
    """What people decided and still stands, by what it is about."""


@dataclass(frozen=True)
class Reading:
    """The statement that reads leads with some fields; made once for a campaign's version."""

    statement: TextClause
    values: dict[str, str]
    """Names of the campaign's own fields, which are said to the database as values."""

    @classmethod
    def of(cls, fields: Sequence[str]) -> Reading:
        """With these fields of enriched leads."""
        distinct = list(dict.fromkeys(fields))
        parts = [f"'{name}', newest.{name}" for name in distinct if name in enriched_leads.c]
        values = {
            f"own_{number}": name.removeprefix(CUSTOM)
            for number, name in enumerate(distinct)
            if name.startswith(CUSTOM)
        }
        # As text and as it was written, whatever its type.
        parts += [
            f"'{CUSTOM}' || CAST(:{name} AS text), newest.custom ->> CAST(:{name} AS text)" for name in values
        ]
        wanted = [("enriched", "enriched_leads", ", ".join(parts))]
        wanted += [
            (name, table, ", ".join(f"'{column}', newest.{column}" for column in columns))
            for name, (table, columns) in STAGES.items()
        ]
        joins = " ".join(
            f"LEFT JOIN LATERAL (SELECT jsonb_build_object({objects}) AS {name} FROM leadflow.{table} AS newest "  # noqa: S608
            f"WHERE newest.campaign = :campaign AND newest.lead_id = asked.lead_id "
            f"ORDER BY newest.day DESC LIMIT 1) AS {name} ON true"
            for name, table, objects in wanted
        )
        names = ", ".join(name for name, _, _ in wanted)
        query = f"SELECT asked.lead_id, {names} FROM unnest(:lead_ids) AS asked(lead_id) {joins}"  # noqa: S608 - names of our own
        return cls(text(query).bindparams(bindparam("lead_ids", type_=ARRAY(Text))), values)


def read_leads(
    connection: Connection, reading: Reading, campaign: str, lead_ids: Sequence[str], now: datetime
) -> dict[str, LeadState]:
    """Each of these leads as it stands; those of whom nothing is known too, without any row."""
    values = {"campaign": campaign, "lead_ids": list(lead_ids), **reading.values}
    rows = connection.execute(reading.statement, values).mappings().all()
    ended = _ended(connection, campaign, lead_ids, now)
    said = _overrides(connection, campaign, lead_ids, now)
    return {
        row["lead_id"]: LeadState(
            row["lead_id"],
            row["enriched"] or {},
            row["enriched"] is not None,
            row["scored"],
            row["qualified"],
            row["routed"],
            row["planned"],
            ended.get(row["lead_id"]),
            said.get(row["lead_id"], {}),
        )
        for row in rows
    }


def _ended(connection: Connection, campaign: str, lead_ids: Sequence[str], now: datetime) -> dict[str, str]:
    query = (
        select(outcomes.c.lead_id, func.max(outcomes.c.outcome))
        .where(
            outcomes.c.campaign == campaign,
            outcomes.c.lead_id == any_(literal(list(lead_ids), ARRAY(Text))),
            outcomes.c.outcome.in_(ENDED),
            outcomes.c.occurred_at <= now,
        )
        .group_by(outcomes.c.lead_id)
    )
    return dict(connection.execute(query).tuples().all())


def _overrides(
    connection: Connection, campaign: str, lead_ids: Sequence[str], now: datetime
) -> dict[str, dict[str, str]]:
    """The latest word on each matter that stands now."""
    table = overrides.c
    query = (
        select(table.lead_id, table.field, func.btrim(table.value))
        .where(
            table.campaign == campaign,
            table.lead_id == any_(literal(list(lead_ids), ARRAY(Text))),
            table.field.in_(("owner", "tier", "sequence")),
            table.occurred_at <= now,
            or_(table.expires_at.is_(None), table.expires_at > now),
        )
        .order_by(table.lead_id, table.field, table.occurred_at.desc(), table.override_id.desc())
        .distinct(table.lead_id, table.field)
    )
    found: dict[str, dict[str, str]] = {}
    for lead_id, name, value in connection.execute(query).tuples():
        if value.lower() != LIFTED:
            found.setdefault(lead_id, {})[name] = value
    return found
