"""The rows of one lead in a derived table. Read only.

Derived tables are keyed by campaign, day, lead. A lead's rows are therefore looked up day by day through the index,
one probe for each computed day, so that a million leads cost no more than a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select, true

from leadflow_pipeline.store import schema


def lead_rows(table: Table, columns: Sequence[Any], campaign: str, lead_id: str, until: date) -> Select[Any]:
    """A lead's rows up to a day, by day. `columns` are names or expressions over `table`."""
    days = schema.partition_lineage
    wanted = [table.c[column] if isinstance(column, str) else column for column in columns]
    # OFFSET 0 keeps the planner from joining the tables whole, as it would for a campaign it has no statistics of.
    of_day = (
        select(*wanted)
        .where(table.c.campaign == campaign, table.c.day == days.c.day, table.c.lead_id == lead_id)
        .correlate(days)
        .offset(0)
        .lateral("of_day")
    )
    return (
        select(of_day)
        .select_from(days.join(of_day, true()))
        .where(days.c.table_name == table.name, days.c.campaign == campaign, days.c.day <= until)
        .order_by(days.c.day)
    )


def latest_row(
    table: Table,
    columns: Sequence[Any],
    campaign: str,
    lead_id: ColumnElement[str] | str,
    until: date,
    *,
    earliest: bool = False,
) -> Select[Any]:
    """A lead's latest row up to a day, or its earliest: one probe for each computed day until it is found.

    `lead_id` may be a column of a query around this one.
    """
    days = schema.partition_lineage.alias(f"days_of_{table.name}")
    own = table.alias(f"row_of_{table.name}")
    wanted = [own.c[column].label(column) if isinstance(column, str) else column for column in columns]
    of_day = (
        select(*wanted)
        .where(own.c.campaign == campaign, own.c.day == days.c.day, own.c.lead_id == lead_id)
        .correlate_except(own)
        .offset(0)
        .lateral(f"latest_of_{table.name}")
    )
    return (
        select(of_day)
        .select_from(days.join(of_day, true()))
        .where(days.c.table_name == table.name, days.c.campaign == campaign, days.c.day <= until)
        .order_by(days.c.day if earliest else days.c.day.desc())
        .limit(1)
    )
