"""Tables out of the database, streamed into a file.

What belongs here: which rows, in which order, and the three formats. What does not: where the file goes.

A text that begins with `=`, `+`, `-`, `@`, TAB or CR gets an apostrophe before it in CSV, so that no
spreadsheet runs it as a formula; `leadflow import` takes it off again.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
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
BYTES_PER_BLOCK = 256 << 10
FORMULA = r"^'*[=+\-@\t\r]"

EXPORTABLE: dict[str, Table] = {table.name: table for table in metadata.sorted_tables}

Block = bytes | bytearray | memoryview

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
    written = 0

    def count(rows: int) -> None:
        nonlocal written
        written = rows
        if progress is not None:
            progress(rows)

    blocks = exported_blocks(
        engine, table_name, export_format, campaign=campaign, first=first, last=last, progress=count
    )
    out.writelines(blocks)
    return written


def exported_blocks(
    engine: Engine,
    table_name: str,
    export_format: ExportFormat,
    *,
    campaign: str | None = None,
    first: date | None = None,
    last: date | None = None,
    progress: Progress | None = None,
) -> Iterator[Block]:
    """The same bytes as they come, for whoever sends them on. What is refused is refused before the first of them."""
    query = _rows_of(table_name, campaign, first, last)
    blocks = BLOCKS_OF[export_format]

    def streamed() -> Iterator[Block]:
        with engine.connect() as connection:
            yield from blocks(connection, query, progress or (lambda _: None))

    return streamed()


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


def _csv_blocks(connection: Connection, query: Select[Any], progress: Progress) -> Iterator[Block]:
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
            yield from _together(copy)
        progress(cursor.rowcount)


def _together(rows: Iterable[Block]) -> Iterator[Block]:
    """The same bytes, many rows at a time: each block costs whoever sends it on a trip to another thread."""
    block = bytearray()
    for row in rows:
        block += row
        if len(block) >= BYTES_PER_BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _json_blocks(connection: Connection, query: Select[Any], progress: Progress) -> Iterator[Block]:
    row = query.subquery("row")
    objects = select(cast(func.row_to_json(row.table_valued()), String))
    rows = 0
    for batch in _batches(connection, objects):
        yield "".join(f"{line}\n" for (line,) in batch).encode()
        rows += len(batch)
        progress(rows)


def _parquet_blocks(connection: Connection, query: Select[Any], progress: Progress) -> Iterator[Block]:
    columns = list(query.selected_columns)
    schema = pa.schema([(column.name, ARROW_TYPES[dtype_of(column.type)]) for column in columns])
    is_json = [isinstance(column.type, JSONB) for column in columns]
    rows = 0
    written = _Written()
    with pq.ParquetWriter(written, schema) as writer:
        for batch in _batches(connection, query):
            values = list(zip(*batch, strict=True))
            arrays = [
                pa.array([json.dumps(value) for value in column] if json_text else column, type=field.type)
                for column, json_text, field in zip(values, is_json, schema, strict=True)
            ]
            writer.write_table(pa.table(arrays, schema=schema))
            yield written.taken()
            rows += len(batch)
            progress(rows)
    yield written.taken()


class _Written(io.RawIOBase):
    """A writable file of which the bytes are taken while it is written."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, block: Any) -> int:
        self._blocks.append(bytes(block))
        self._length += len(block)
        return len(block)

    def taken(self) -> bytes:
        """What was written since it was asked last."""
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)


BLOCKS_OF: dict[ExportFormat, Callable[[Connection, Select[Any], Progress], Iterator[Block]]] = {
    ExportFormat.CSV: _csv_blocks,
    ExportFormat.JSON_LINES: _json_blocks,
    ExportFormat.PARQUET: _parquet_blocks,
}


def _batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
    """The rows through a cursor on the server."""
    streamed = connection.execution_options(stream_results=True, yield_per=ROWS_PER_BATCH)
    yield from streamed.execute(query).partitions()
