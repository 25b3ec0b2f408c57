"""What is broken in the store right now: the schema, its constraints, and lineage against rows.

What belongs here: questions that any database of ours must answer with nothing. What does not: checks of one
partition as it is computed (see `checks`), and whether a day is due (see `due_days`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Integer, Table, and_, case, func, literal, or_, select, text

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store import migrate
from leadflow_pipeline.store.schema import DERIVED_TABLES, SCHEMA, partition_lineage


@dataclass(frozen=True)
class Finding:
    """Something broken: where, what, and how to mend it. Holds counts and names, no personal data."""

    place: str
    problem: str
    remedy: str


def findings(engine: Engine) -> list[Finding]:
    """Everything broken; an empty list is a sound store. Raises what connecting raises."""
    try:
        migrate.check(engine)
    except PermanentError as error:
        return [Finding("schema", str(error), "leadflow db migrate")]
    with engine.connect() as connection:
        return [
            *_untrusted_constraints(connection),
            *(found for table in DERIVED_TABLES for found in _rows_against_lineage(connection, table)),
        ]


def _untrusted_constraints(connection: Connection) -> list[Finding]:
    """Constraints that were added without looking at the rows, and indexes whose building was broken off."""
    rows = connection.execute(
        text(
            "SELECT conrelid::regclass::text, 'constraint ' || conname FROM pg_constraint "
            "WHERE connamespace = to_regnamespace(:schema) AND NOT convalidated "
            "UNION ALL "
            "SELECT indrelid::regclass::text, 'index ' || indexrelid::regclass::text FROM pg_index "
            "JOIN pg_class ON pg_class.oid = indexrelid "
            "WHERE relnamespace = to_regnamespace(:schema) AND NOT indisvalid ORDER BY 1, 2"
        ),
        {"schema": SCHEMA},
    )
    return [
        Finding(
            table,
            f"{name} is not valid",
            f"ALTER TABLE {table} VALIDATE CONSTRAINT ..., or REINDEX TABLE {table}",
        )
        for table, name in rows
    ]


def _rows_against_lineage(connection: Connection, table: Table) -> list[Finding]:
    """Partitions whose rows are not those that were recorded when they were written."""
    present = (
        select(
            table.c.campaign,
            table.c.day,
            func.count().label("rows"),
            func.min(table.c.campaign_version).label("lowest"),
            func.max(table.c.campaign_version).label("highest"),
        )
        .group_by(table.c.campaign, table.c.day)
        .subquery()
    )
    recorded = select(partition_lineage).where(partition_lineage.c.table_name == table.name).subquery()
    problem = case(
        (recorded.c.campaign.is_(None), literal("have rows and no lineage")),
        (
            func.coalesce(present.c.rows, 0) != recorded.c.rows,
            literal("have another number of rows than recorded"),
        ),
        (
            or_(
                present.c.lowest != recorded.c.campaign_version,
                present.c.highest != recorded.c.campaign_version,
            ),
            literal("have rows of another campaign version than recorded"),
        ),
    )
    same = and_(present.c.campaign == recorded.c.campaign, present.c.day == recorded.c.day)
    partitions = (
        select(
            problem.label("problem"),
            func.coalesce(recorded.c.campaign, present.c.campaign).label("campaign"),
            func.coalesce(recorded.c.day, present.c.day).label("day"),
        )
        .join_from(present, recorded, same, full=True)
        .subquery()
    )
    broken = connection.execute(
        select(
            partitions.c.problem,
            partitions.c.campaign,
            func.count().cast(Integer),
            func.min(partitions.c.day),
            func.max(partitions.c.day),
        )
        .where(partitions.c.problem.is_not(None))
        .group_by(partitions.c.problem, partitions.c.campaign)
        .order_by(partitions.c.campaign, partitions.c.problem)
    )
    return [
        Finding(
            f"{table.name} of {campaign}",
            f"{count} days from {first} to {last} {what}",
            f"leadflow materialize {campaign} --from {first} --to {last}",
        )
        for what, campaign, count, first, last in broken
    ]
