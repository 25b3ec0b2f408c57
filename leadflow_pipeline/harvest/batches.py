"""The shape of rows read from a file, and the conversion of written values to text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.harvest.decoding import NUL, SYMBOL_FOR_NUL

UNREADABLE_COLUMNS = ("row_number", "raw", "reason")


@dataclass(frozen=True)
class Batch:
    """Some rows of a file. Rows are numbered from 1; a header row counts, empty lines do not."""

    cells: pa.Table
    """One string column a column of the file; "" and null both mean an empty cell."""
    row_numbers: np.ndarray[Any, np.dtype[np.int64]]
    """Of each row of `cells`."""
    unreadable: pd.DataFrame = field(default_factory=lambda: no_unreadable_rows())
    """Rows that are not in `cells`: row_number, raw (its text), reason (a sentence, no cell's text)."""

    @property
    def row_count(self) -> int:
        """All rows, readable or not."""
        return int(self.cells.num_rows) + len(self.unreadable)


def no_unreadable_rows() -> pd.DataFrame:
    """The empty frame of unreadable rows."""
    return unreadable_rows([])


def unreadable_rows(rows: Sequence[tuple[int, str, str]]) -> pd.DataFrame:
    """The frame of unreadable rows, from (row_number, raw, reason)."""
    columns = zip(UNREADABLE_COLUMNS, ("int64", "str", "str"), strict=True)
    return pd.DataFrame(
        {
            name: pd.Series([row[place] for row in rows], dtype=dtype)
            for place, (name, dtype) in enumerate(columns)
        }
    )


def no_texts(index: pd.Index[Any]) -> pd.Series[Any]:
    """A missing text for each row of an index."""
    return pd.Series(np.nan, index=index, dtype="str")


def texts_of(cells: pa.Table, column: str) -> pd.Series[Any]:
    """A column as pandas has it; all missing where the table has no such column."""
    if column not in cells.column_names:
        return no_texts(pd.RangeIndex(cells.num_rows))
    texts: pd.Series[Any] = cells.column(column).to_pandas().astype("str")
    return texts


def cells_of(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    """A table of text from rows that are as wide as `columns`."""
    by_column = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = [pa.array(values, type=pa.large_string()) for values in by_column]
    return pa.table(arrays, names=list(columns))


def as_text(value: Any) -> str | None:
    """A value of a workbook, of JSON or of Parquet, as a person would have typed it into a CSV file."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, float):
        text = str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    elif isinstance(value, datetime):
        text = (
            value.isoformat(sep=" ") if value.time() != time.min or value.tzinfo else value.date().isoformat()
        )
    elif isinstance(value, date | time):
        text = value.isoformat()
    elif isinstance(value, bytes):
        text = value.decode("utf-8", "backslashreplace")
    elif isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    elif isinstance(value, int | Decimal):
        text = str(value)
    else:
        text = str(value)
    return storable(text)


def storable(text: str) -> str:
    """Text that a UTF-8 database can hold: no NUL, no half of a surrogate pair."""
    if NUL in text:
        text = text.replace(NUL, SYMBOL_FOR_NUL)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
