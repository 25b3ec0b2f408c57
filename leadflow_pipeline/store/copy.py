"""Frames in and out of PostgreSQL in bulk: COPY on its side, pyarrow's CSV on ours.

What belongs here: the two directions and the care that a value comes back as it went in. What does not: which
rows replace which (see `partitions`, `facts`).

Text is always quoted and NULL never is, so an empty text and a missing one stay two things. A missing number
is NULL; `inf` stays `inf`. U+0000 has no place in PostgreSQL text, and is refused with the table's name.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, cast

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv as csv
from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.sql.expression import SelectBase

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.store.engine import safe_message
from leadflow_pipeline.store.frames import dtype_of, dtypes_of, pandas_dtype, without_rows

ARROW_TYPES: dict[str, pa.DataType] = {
    "str": pa.large_string(),
    "float64": pa.float64(),
    "Int64": pa.int64(),
    "boolean": pa.bool_(),
    "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
    "datetime64[us]": pa.date32(),
}
PANDAS_DTYPES = {
    pa.large_string(): pd.StringDtype(na_value=float("nan")),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}

ROWS_PER_BATCH = 32_768
BLOCK_BYTES = 8 << 20

_dialect = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]


def copy_in(connection: Connection, frame: pd.DataFrame, table: Table, *, into: str | None = None) -> int:
    """Appends a conformed frame to `table`, or to a table of the same columns named `into`; the number of
    rows.

    Raises PermanentError, naming table and constraint but no value, where the database refuses a row; TransientError
    where its disk is full.
    """
    if frame.empty:
        return 0
    dtypes = dtypes_of(table.columns)
    schema = pa.schema([(name, ARROW_TYPES[dtypes[name]]) for name in frame.columns])
    # In one chunk, because pyarrow's CSV writer (26.0) puts bytes of nowhere in the place of an empty first
    # chunk, which is what joining an empty frame to a full one leaves behind.
    rows = _without_zone(pa.Table.from_pandas(frame, schema=schema, preserve_index=False)).combine_chunks()
    quote = _dialect.identifier_preparer.quote
    target = quote(into) if into else _dialect.identifier_preparer.format_table(table)
    statement = f"COPY {target} ({', '.join(map(quote, frame.columns))}) FROM STDIN (FORMAT csv)"
    options = csv.WriteOptions(include_header=False, batch_size=ROWS_PER_BATCH, quoting_style="needed")
    try:
        with driver_connection(connection).cursor() as cursor, cursor.copy(statement) as copy:
            csv.write_csv(rows, pa.PythonFile(_CopySink(copy), mode="w"), options)
    except psycopg.errors.DiskFull:
        raise TransientError("the database's disk is full: free some room there and run it again") from None
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise PermanentError(
            f"{table.name} refuses the rows: {safe_message(error)}; mend what computes them"
        ) from None
    return len(frame)


def read(connection: Connection, query: SelectBase) -> pd.DataFrame:
    """The rows of `query` in the order it gives them, in the dtypes of `frames`.

    A textual query must name its columns and their types: `text(...).columns(lead_id=Text, rows=Integer)`.
    """
    dtypes = {str(column.key): dtype_of(column.type) for column in query.selected_columns}
    buffer = io.BytesIO()
    for block in copy_out(connection, query):
        buffer.write(block)
    return _parse(buffer.getbuffer(), dtypes)


def copy_out(connection: Connection, query: SelectBase) -> Iterator[bytes | bytearray | memoryview]:
    """The rows of `query` as CSV, a row at a time, as PostgreSQL writes them."""
    compiled = query.compile(dialect=_dialect, compile_kwargs={"render_postcompile": True})
    # The values are merged into the statement by the driver, which quotes them: COPY itself takes no
    # parameters.
    statement, parameters = (
        f"COPY ({compiled}) TO STDOUT (FORMAT csv)",
        cast("dict[str, Any]", compiled.params),
    )
    with (
        driver_connection(connection).cursor() as cursor,
        cursor.copy(statement.encode(), parameters or None) as copy,
    ):
        yield from copy


def driver_connection(connection: Connection) -> psycopg.Connection[Any]:
    """psycopg's own connection, in the transaction of SQLAlchemy's."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def _without_zone(rows: pa.Table) -> pa.Table:
    """Moments as UTC without saying so: the session is in UTC, and Arrow takes 14 times as long to write
    the zone.
    """
    bare = [
        pa.field(field.name, pa.timestamp("us") if pa.types.is_timestamp(field.type) else field.type)
        for field in rows.schema
    ]
    return rows.cast(pa.schema(bare))


class _CopySink(io.RawIOBase):
    """A writable file whose bytes go down a COPY."""

    def __init__(self, copy: psycopg.Copy) -> None:
        self._copy = copy

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self._copy.write(bytes(block))
        return len(block)


def _parse(text: memoryview, dtypes: dict[str, str]) -> pd.DataFrame:
    types = {name: ARROW_TYPES[dtype] for name, dtype in dtypes.items()}
    if not text:
        return without_rows(dtypes)
    convert = csv.ConvertOptions(
        column_types=types,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )
    names = list(types)
    layout = csv.ParseOptions(newlines_in_values=True)
    try:
        rows = csv.read_csv(
            _reader(text), csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES), layout, convert
        )
    except pa.ArrowInvalid:
        # A row longer than a block (a quarantined record may hold megabytes) needs the whole text as one
        # block.
        whole = csv.ReadOptions(column_names=names, block_size=len(text) + 1)
        rows = csv.read_csv(_reader(text), whole, layout, convert)
    frame = cast(
        "pd.DataFrame",
        rows.to_pandas(types_mapper=PANDAS_DTYPES.get, date_as_object=False, self_destruct=True),
    )
    for kind, (name, dtype) in zip(frame.dtypes, dtypes.items(), strict=True):
        if kind != pandas_dtype(dtype):
            frame[name] = frame[name].astype(pandas_dtype(dtype))
    return frame


def _reader(text: memoryview) -> pa.BufferReader:
    return pa.BufferReader(pa.py_buffer(text))
