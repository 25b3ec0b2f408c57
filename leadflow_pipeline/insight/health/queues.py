"""What waits for a person: leads without an owner, and records that could not become a lead. A door that reads alone.

What belongs here: lists in a total order, page by page. What does not: why a lead is held (`delivery.holding`), and the
records themselves, which hold personal data, unless they are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, tuple_

from leadflow_pipeline.delivery.holding import condition_of, reason_and_remedy
from leadflow_pipeline.store.schema import campaigns as campaigns_table
from leadflow_pipeline.store.schema import harvested_leads, held_handoffs, quarantined_records

Place = Sequence[Any] | None


def read_held(
    connection: Connection,
    *,
    campaign: str | None = None,
    campaigns: Collection[str] | None = None,
    after: Place = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Leads that wait for an owner, by campaign and lead; `after` these two."""
    table = held_handoffs.c
    query = select(held_handoffs).order_by(table.campaign, table.lead_id).limit(limit)
    query = query.where(*_of(table.campaign, campaign, campaigns))
    if after is not None:
        query = query.where(tuple_(table.campaign, table.lead_id) > tuple_(*after))
    found = []
    for row in connection.execute(query).mappings():
        why, remedy = reason_and_remedy(row["reason"])
        found.append({**row, "reason": why, "remedy": remedy, "held_by": condition_of(row["reason"])})
    return found


def quarantine_reasons(
    connection: Connection, *, campaign: str | None = None, campaigns: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """How many records could not become a lead for which reason, by campaign, the most first."""
    table = quarantined_records.c
    query = (
        select(
            table.campaign,
            table.source,
            table.reason,
            func.count().label("records"),
            func.min(table.day).label("first_day"),
            func.max(table.day).label("last_day"),
        )
        .where(*_of(table.campaign, campaign, campaigns))
        .group_by(table.campaign, table.source, table.reason)
        .order_by(table.campaign, func.count().desc(), table.source, table.reason)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def read_quarantined(
    connection: Connection, campaign: str, *, with_records: bool = False, after: Place = None, limit: int
) -> list[dict[str, Any]]:
    """A campaign's records that could not become a lead, by day, source and key; `raw` is the whole record."""
    table = quarantined_records.c
    columns = [table.day, table.source, table.content_key, table.origin, table.row_number, table.reason]
    place = (table.day, table.source, table.content_key)
    query = select(*columns, *([table.raw] if with_records else ())).where(table.campaign == campaign)
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*after))
    return [dict(row) for row in connection.execute(query.order_by(*place).limit(limit)).mappings()]


def has_lead(connection: Connection, campaign: str, lead_id: str) -> bool:
    """Whether the campaign knows the lead."""
    query = select(harvested_leads.c.lead_id).where(
        harvested_leads.c.campaign == campaign, harvested_leads.c.lead_id == lead_id
    )
    return connection.scalar(query.limit(1)) is not None


def is_held(connection: Connection, campaign: str, lead_id: str) -> bool:
    """Whether the lead waits for an owner."""
    query = select(held_handoffs.c.lead_id).where(
        held_handoffs.c.campaign == campaign, held_handoffs.c.lead_id == lead_id
    )
    return connection.scalar(query) is not None


def _of(
    column: ColumnElement[str], campaign: str | None, campaigns: Collection[str] | None
) -> list[ColumnElement[bool]]:
    return [
        *([column == campaign] if campaign is not None else ()),
        *([column.in_(sorted(campaigns))] if campaigns is not None else ()),
    ]


def has_campaign(connection: Connection, campaign: str) -> bool:
    """Whether there is such a campaign."""
    query = select(campaigns_table.c.campaign).where(campaigns_table.c.campaign == campaign)
    return connection.scalar(query) is not None
