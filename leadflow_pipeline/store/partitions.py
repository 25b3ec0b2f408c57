"""Partitions of derived tables: replaced whole, read in one order, looked up as of a day.

What belongs here: everything that knows a derived row belongs to a `(campaign, day)`. What does not: facts,
and what the rows mean.

Readers see a partition's old rows or its new ones: delete, COPY, log and lineage are one transaction. Two writers
of one table and campaign go one after the other: the lock is on the pair and not on each day, because a range
of 900 days would take 900 places in the server's lock table, and the write is short beside the computing
before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypeAlias

import pandas as pd
from sqlalchemy import (
    ARRAY,
    Column,
    Connection,
    Date,
    Engine,
    MetaData,
    Table,
    Text,
    and_,
    any_,
    delete,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import ColumnElement

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.decision_log import log_decisions
from leadflow_pipeline.store.frames import conform, empty, sorted_by_key
from leadflow_pipeline.store.locks import lock_number, stage_lock
from leadflow_pipeline.store.schema import partition_lineage

__all__ = [
    "as_of",
    "latest_before",
    "latest_that",
    "leads_with",
    "read_history",
    "read_partitions",
    "replace_partitions",
    "stage_lock",
]

Columns: TypeAlias = "ReadOnlyColumnCollection[str, Column[Any]]"

FEW_LEADS = 100
"""Up to here leads are named in the query: a temporary table, with its statistics, costs more than to look for each."""

ANALYSE_FROM_ROWS = 20_000
"""A load of this size changes what the planner should expect, and autovacuum comes a minute later."""


def replace_partitions(
    engine: Engine,
    table: Table,
    campaign: str,
    days: Sequence[date],
    frame: pd.DataFrame,
    *,
    campaign_version: int,
    run_id: str,
    facts_until: datetime | None = None,
) -> None:
    """Puts the rows of `frame` in the place of every row of these days, whole or not at all.

    `facts_until` is `store.facts.facts_until` as it was before facts were read for `frame`; now, where none were.
    A day without rows in `frame` becomes an empty partition, with its lineage. Raises PermanentError for rows
    of another day or campaign, and for rows that the table refuses.
    """
    rows = _rows_to_write(frame, table, campaign, days, campaign_version)
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("partition", table.name, campaign))))
        connection.execute(delete(table).where(_is_in(table, campaign, days)))
        copy_in(connection, rows, table)
        log_decisions(connection, table, campaign, days, run_id)
        _record_lineage(connection, table, campaign, days, rows, campaign_version, run_id, facts_until)
    if len(rows) >= ANALYSE_FROM_ROWS:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"ANALYZE {table.fullname}"))


def read_partitions(
    engine: Engine, table: Table, campaign: str, days: Sequence[date], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows of these days, by primary key. `columns` narrows what is read, not the order."""
    query = (
        select(*_columns(table, columns)).where(_is_in(table, campaign, days)).order_by(*table.primary_key)
    )
    with engine.connect() as connection:
        return read(connection, query)


def latest_before(
    engine: Engine,
    table: Table,
    campaign: str,
    day: date,
    *,
    lead_ids: pd.Series | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Each lead's latest row of a day before `day`, by `lead_id`: one row a lead, of these leads or of
    all.
    """
    query = (
        select(*_columns(table, columns))
        .where(table.c.campaign == campaign, table.c.day < day)
        .order_by(table.c.lead_id, table.c.day.desc())
        .distinct(table.c.lead_id)
    )
    with engine.begin() as connection:
        if lead_ids is None:
            return read(connection, query)
        if len(lead_ids) <= FEW_LEADS:
            few = any_(literal(lead_ids.unique().tolist(), ARRAY(Text)))
            return read(connection, query.where(table.c.lead_id == few))
        if not _has_days_before(connection, table, campaign, day):
            return empty(table)[[column.name for column in _columns(table, columns)]]
        with _wanted(connection, pd.DataFrame({"lead_id": lead_ids}), table) as wanted:
            return read(connection, query.where(table.c.lead_id.in_(select(wanted.c.lead_id))))


def latest_that(
    engine: Engine,
    table: Table,
    campaign: str,
    day: date,
    *,
    meets: Callable[[Columns], ColumnElement[bool]],
    or_of: pd.Series,
    columns: Sequence[str],
) -> pd.DataFrame:
    """Each lead's latest row of a day before `day` where the row meets a condition or is of one of these leads, by
    `lead_id`.
    """
    before = and_(table.c.campaign == campaign, table.c.day < day)
    with engine.begin() as connection:
        if not _has_days_before(connection, table, campaign, day):
            return empty(table)[list(columns)]
        with _wanted(connection, pd.DataFrame({"lead_id": or_of}), table) as wanted:
            # The day of the latest row alone first: a hash holds it, where whole rows would have to be sorted.
            last = (
                select(table.c.lead_id, func.max(table.c.day).label("day"))
                .where(before)
                .group_by(table.c.lead_id)
                .subquery("last")
            )
            query = (
                select(*_columns(table, columns))
                .join(last, and_(table.c.lead_id == last.c.lead_id, table.c.day == last.c.day))
                .outerjoin(wanted, table.c.lead_id == wanted.c.lead_id)
                .where(before, or_(meets(table.c), wanted.c.lead_id.is_not(None)))
                .order_by(table.c.lead_id)
            )
            return read(connection, query)


def leads_with(
    engine: Engine, table: Table, campaign: str, until: date, column: Column[Any], values: pd.Series
) -> pd.Series:
    """The leads any row of which, of a day up to `until`, has one of these values in a column."""
    values = values.dropna()
    if values.empty:
        return pd.Series(dtype="str", name="lead_id")
    query = select(table.c.lead_id).where(table.c.campaign == campaign, table.c.day <= until).distinct()
    with (
        engine.begin() as connection,
        _wanted(connection, pd.DataFrame({column.name: values}), table) as wanted,
    ):
        theirs = query.where(column.in_(select(wanted.c[column.name])))
        return read(connection, theirs.order_by(table.c.lead_id))["lead_id"]


def read_history(
    engine: Engine,
    table: Table,
    campaign: str,
    until: date,
    *,
    lead_ids: pd.Series,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Every row of these leads up to the day `until`, by primary key."""
    if lead_ids.empty:
        return empty(table)[[column.name for column in _columns(table, columns)]]
    query = select(*_columns(table, columns)).where(table.c.campaign == campaign, table.c.day <= until)
    with (
        engine.begin() as connection,
        _wanted(connection, pd.DataFrame({"lead_id": lead_ids}), table) as wanted,
    ):
        theirs = query.where(table.c.lead_id.in_(select(wanted.c.lead_id)))
        return read(connection, theirs.order_by(*table.primary_key))


def as_of(
    engine: Engine, table: Table, campaign: str, keys: pd.DataFrame, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """For each `(lead_id, day)` of `keys`, the lead's latest row of that day or before, by `(day, lead_id)`.

    `day` is the key's; the row's own is `as_of_day`. A key without such a row is left out.
    """
    wide = [column for column in _columns(table, columns) if column.name != "day"]
    with engine.begin() as connection, _wanted(connection, keys[["lead_id", "day"]], table) as wanted:
        latest = (
            select(wanted.c.day, table.c.day.label("as_of_day"), *wide)
            .join_from(
                wanted,
                table,
                and_(
                    table.c.campaign == campaign,
                    table.c.lead_id == wanted.c.lead_id,
                    table.c.day <= wanted.c.day,
                ),
            )
            .order_by(wanted.c.day, wanted.c.lead_id, table.c.day.desc())
            .distinct(wanted.c.day, wanted.c.lead_id)
        )
        return read(connection, latest)


def _rows_to_write(
    frame: pd.DataFrame, table: Table, campaign: str, days: Sequence[date], campaign_version: int
) -> pd.DataFrame:
    for name, expected in (("campaign", campaign), ("campaign_version", campaign_version)):
        if name in frame.columns and not (frame[name] == expected).all():
            raise PermanentError(
                f"rows for {table.name} name another {name} than {expected}: write each on its own"
            )
    rows = conform(frame, table, campaign=campaign, campaign_version=campaign_version)
    strangers = int((~rows["day"].isin(pd.to_datetime(list(days)))).sum())
    if strangers:
        raise PermanentError(
            f"{strangers} rows for {table.name} are of days outside the {len(days)} being replaced: "
            f"compute only those"
        )
    # By key, so that the rows lie on disk as they are read and any order of computing gives the same.
    return sorted_by_key(rows, table)


def _record_lineage(
    connection: Connection,
    table: Table,
    campaign: str,
    days: Sequence[date],
    rows: pd.DataFrame,
    campaign_version: int,
    run_id: str,
    facts_until: datetime | None,
) -> None:
    counts = rows["day"].value_counts().reindex(pd.to_datetime(list(days)), fill_value=0)
    statement = insert(partition_lineage)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(partition_lineage.primary_key),
            set_={
                **{name: statement.excluded[name] for name in ("campaign_version", "rows", "run_id")},
                "written_at": func.now(),
                "facts_until": facts_until or func.now(),
            },
        ),
        [
            {
                "table_name": table.name,
                "campaign": campaign,
                "day": day,
                "campaign_version": campaign_version,
                "rows": int(count),
                "run_id": run_id,
                **({"facts_until": facts_until} if facts_until else {}),
            }
            for day, count in zip(days, counts, strict=True)
        ],
    )


@contextmanager
def _wanted(connection: Connection, keys: pd.DataFrame, table: Table) -> Iterator[Table]:
    """`keys`, each once, as a temporary table of this transaction."""
    wanted = Table(
        "wanted",
        MetaData(),
        *(Column(name, table.c[name].type) for name in keys.columns),
        prefixes=["TEMPORARY"],
    )
    wanted.create(connection)
    # One pass over the campaign and a hash join. Fresh tables have no statistics yet, and the planner's guess
    # would be to walk all the days of the campaign again for every key.
    connection.execute(text("SET LOCAL enable_nestloop = off"))
    copy_in(connection, conform(keys.drop_duplicates(), wanted), wanted)
    connection.execute(text("ANALYZE wanted"))
    yield wanted
    wanted.drop(connection)


def _has_days_before(connection: Connection, table: Table, campaign: str, day: date) -> bool:
    query = select(table.c.day).where(table.c.campaign == campaign, table.c.day < day).limit(1)
    return connection.scalar(query) is not None


def _columns(table: Table, names: Sequence[str] | None) -> list[ColumnElement[object]]:
    return [table.c[name] for name in names] if names is not None else list(table.c)


def _is_in(table: Table, campaign: str, days: Sequence[date]) -> ColumnElement[bool]:
    return and_(table.c.campaign == campaign, table.c.day == any_(literal(list(days), ARRAY(Date))))
