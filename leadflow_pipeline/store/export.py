"""Tables out of the database, streamed into a file.

What belongs here: which rows, in which order, and the three formats. What does not: where the file goes.

A text that begins with `=`, `+`, `-`, `@`, TAB or CR gets an apostrophe before it in CSV, so that no
spreadsheet runs it as a formula; `leadflow import` takes it off again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine, Select, String, Table, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.copy import ARROW_TYPES, driver_connection
from leadflow_pipeline.store.frames import dtype_of
from leadflow_pipeline.store.schema import metadata

ROWS_PER_BATCH = 20_000
FORMULA = r"^'*[=+\-@\t\r]"

EXPORTABLE: dict[str, Table] = {table.name: table for table in metadata.sorted_tables}

Progress = Callable[[int], None]
"""Called with the number of rows written so far."""

_dialect = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


def export_table(
    engine: Engine,
    table_name: str,
    out: BinaryIO,
    export_format: ExportFormat,
    *,
    campaign: str | None = None,
    first: date | None = None,
    last: date | None = None,
    progress: Progress | None = None,
) -> int:
    """Writes the rows of a table, by primary key, to `out`; how many.

    Rows are streamed, so a table may be larger than memory. Raises PermanentError for an unknown table, or a
    filter on a column that the table does not have.
    """
    query = _rows_of(table_name, campaign, first, last)
    writers = {
        ExportFormat.CSV: _write_csv,
        ExportFormat.JSON_LINES: _write_json_lines,
        ExportFormat.PARQUET: _write_parquet,
    }
    with engine.connect() as connection:
        return writers[export_format](connection, query, out, progress or (lambda _: None))


def _rows_of(table_name: str, campaign: str | None, first: date | None, last: date | None) -> Select[Any]:
    if table_name not in EXPORTABLE:
        close = get_close_matches(table_name, EXPORTABLE, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(sorted(EXPORTABLE))}"
        raise PermanentError(f"there is no table {table_name}: {hint}")
    table = EXPORTABLE[table_name]
    query = select(table).order_by(*table.primary_key)
    for column, value in (("campaign", campaign), ("day", first), ("day", last)):
        if value is not None and column not in table.c:
            raise PermanentError(f"{table_name} has no {column}: leave out that filter")
    if campaign is not None:
        query = query.where(table.c.campaign == campaign)
    if first is not None:
        query = query.where(table.c.day >= first)
    if last is not None:
        query = query.where(table.c.day <= last)
    return query


def _write_csv(connection: Connection, query: Select[Any], out: BinaryIO, progress: Progress) -> int:
    columns = [
        case((column.op("~")(FORMULA), literal("'").concat(column)), else_=column).label(column.name)
        if isinstance(column.type, String)
        else column
        for column in query.selected_columns
    ]
    compiled = query.with_only_columns(*columns, maintain_column_froms=True).compile(dialect=_dialect)
    with driver_connection(connection).cursor() as cursor:
        statement = f"COPY ({compiled}) TO STDOUT (FORMAT csv, HEADER)"
        with cursor.copy(statement.encode(), dict(compiled.params) or None) as copy:
            for block in copy:
                out.write(block)
        rows = cursor.rowcount
    progress(rows)
    return rows


def _write_json_lines(connection: Connection, query: Select[Any], out: BinaryIO, progress: Progress) -> int:
    row = query.subquery("row")
    objects = select(cast(func.row_to_json(row.table_valued()), String))
    rows = 0
    for batch in _batches(connection, objects):
        out.writelines(f"{line}\n".encode() for (line,) in batch)
        rows += len(batch)
        progress(rows)
    return rows


def _write_parquet(connection: Connection, query: Select[Any], out: BinaryIO, progress: Progress) -> int:
    columns = list(query.selected_columns)
    schema = pa.schema([(column.name, ARROW_TYPES[dtype_of(column.type)]) for column in columns])
    is_json = [isinstance(column.type, JSONB) for column in columns]
    rows = 0
    with pq.ParquetWriter(out, schema) as writer:
        for batch in _batches(connection, query):
            values = list(zip(*batch, strict=True))
            arrays = [
                pa.array([json.dumps(value) for value in column] if json_text else column, type=field.type)
                for column, json_text, field in zip(values, is_json, schema, strict=True)
            ]
            writer.write_table(pa.table(arrays, schema=schema))
            rows += len(batch)
            progress(rows)
    return rows


def _batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
    """The rows through a cursor on the server."""
    streamed = connection.execution_options(stream_results=True, yield_per=ROWS_PER_BATCH)
    yield from streamed.execute(query).partitions()
