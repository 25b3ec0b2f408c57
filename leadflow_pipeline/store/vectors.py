"""Many vectors into PostgreSQL at once, and one as it reads it.

What belongs here: how vectors get there. What does not: their type (`schema.vector`), and what they are of.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Table

from leadflow_pipeline.store.copy import driver_connection

Vector = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float32]

COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"
ROWS_AT_ONCE: Final = 50_000
"""Bounds the memory that rows on their way take."""


def as_text(vector: Vector) -> str:
    """A vector as PostgreSQL reads it."""
    return f"[{','.join(map(repr, vector.tolist()))}]"


def from_text(written: str) -> Vector:
    """A vector as PostgreSQL writes it."""
    return np.array(written[1:-1].split(","), dtype=np.float32)


def copy_vectors_in(
    connection: Connection,
    table: Table,
    keys: dict[str, npt.NDArray[np.int64] | npt.NDArray[np.bool_] | int],
    column: str,
    rows: Matrix,
) -> None:
    """Appends a row for each row of the matrix; `keys` are its other columns, all whole numbers
    or truths.

    By COPY in its binary form: a hundred thousand vectors of 128 numbers take half a second, and as text ten times
    that. The form of a vector is that of pgvector's `vector_send`: the number of dimensions, two bytes unused, and the
    numbers with the most significant byte first.
    """
    dimensions = rows.shape[1]
    fields: list[tuple[str, str] | tuple[str, str, int]] = [("columns", ">i2")]
    for name in keys:
        size = _bytes_of(table, name)
        fields += [(f"{name} size", ">i4"), (name, f">i{size}")]
    fields += [("size", ">i4"), ("dimensions", ">i2"), ("unused", ">i2"), ("numbers", ">f4", dimensions)]
    names = ", ".join([*keys, column])
    with (
        driver_connection(connection).cursor() as cursor,
        cursor.copy(f"COPY {table.fullname} ({names}) FROM STDIN (FORMAT binary)".encode()) as copy,
    ):
        copy.write(COPY_HEADER)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            sent = np.zeros(len(rows[part]), dtype=np.dtype(fields))
            sent["columns"] = len(keys) + 1
            for name, values in keys.items():
                sent[f"{name} size"] = _bytes_of(table, name)
                sent[name] = values if isinstance(values, int) else values[part]
            sent["size"] = 4 + 4 * dimensions
            sent["dimensions"] = dimensions
            sent["numbers"] = rows[part]
            copy.write(sent.tobytes())
        copy.write(COPY_TRAILER)


def _bytes_of(table: Table, name: str) -> int:
    return {"BIGINT": 8, "INTEGER": 4, "SMALLINT": 2, "BOOLEAN": 1}[str(table.c[name].type)]
