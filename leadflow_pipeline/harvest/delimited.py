"""CSV, TSV and their relatives, streamed.

What belongs here: rows separated by line ends, fields by a delimiter, quoting, and the mending of rows that
do not have as many fields as the header. What does not: encodings (the stream is UTF-8 already).

Rows that fit are parsed in bulk. A row that does not fit is looked at alone:

* fewer fields than the header: the fields at its end are empty (spreadsheets leave them out);
* more fields, the further ones empty: trailing delimiters, dropped;
* one quoted cell that holds a whole row (`"a;b;c"`): unwrapped;
* anything else is unreadable, and kept as text with its row number.

An apostrophe before `= + - @`, TAB or CR was put there by an export, so that no spreadsheet runs the cell as
a formula; it is taken off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from leadflow_pipeline.harvest.batches import Batch, cells_of, unreadable_rows
from leadflow_pipeline.harvest.decoding import open_text
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import FileSource
from leadflow_pipeline.harvest.sniffing import (
    guess_delimiter,
    read_header,
    require_columns,
    sample,
    sample_rows,
)

BLOCK_BYTES = 1 << 25
"""Parsed at once: the longest row there may be, and what a batch costs in memory."""

EXPORTED_FORMULA = r"^'('*[=+\-@\t\r])"

csv.field_size_limit(1 << 30)  # Python's own limit for one cell is 128 KiB

RowNumbers = np.ndarray[Any, np.dtype[np.int64]]


def read_delimited(path: Path, source: FileSource) -> Iterator[Batch]:
    """The rows of a delimited file. Raises FileRefused if the header does not fit the source's rules."""
    text = sample(path, source.encoding)
    declared, text = _separator_line(text)
    delimiter = source.delimiter or declared or guess_delimiter(text) or ","
    first_row = _first_row(text, delimiter)
    columns, has_header = read_header(first_row, source, path.name)
    require_columns(columns, source, path.name)
    rows_to_skip = int(has_header) + int(declared is not None)
    yield from _read_rows(path, source, delimiter, columns, rows_to_skip)


def _separator_line(text: str) -> tuple[str | None, str]:
    """The delimiter that a first line `sep=;` declares (spreadsheets write and obey it), and the text after
    it."""
    line, _, rest = text.partition("\n")
    line = line.strip().strip('"')
    if line.lower().startswith("sep=") and len(line) == 5:
        return line[4], rest
    return None, text


def _first_row(text: str, delimiter: str) -> list[str]:
    rows = sample_rows(text, delimiter)
    first = rows[0] if rows else [""]
    return _unwrapped(first[0], delimiter) or first if len(first) == 1 else first


def _unwrapped(cell: str, delimiter: str) -> list[str] | None:
    """The fields of a row that was quoted as a whole; None if the cell is just a cell."""
    if delimiter not in cell:
        return None
    return next(csv.reader([cell], delimiter=delimiter))


class _OddRows:
    """Collects the rows that do not have as many fields as the header, and mends those that can be."""

    def __init__(self, columns: tuple[str, ...], delimiter: str, rows_to_skip: int) -> None:
        self.numbers: list[int] = []
        self.has_line_breaks = False
        self._columns = columns
        self._delimiter = delimiter
        self._rows_to_skip = rows_to_skip
        self._mended: list[tuple[int, list[str]]] = []
        self._unreadable: list[tuple[int, str, str]] = []

    def receive(self, row: Any) -> str:
        """What the parser calls for each odd row; it then goes on without it."""
        self.numbers.append(row.number)
        self.has_line_breaks = self.has_line_breaks or "\n" in row.text.rstrip("\r\n")
        if row.number > self._rows_to_skip:
            self._mend(row.number, row.text.rstrip("\r\n"))
        return "skip"

    def _mend(self, number: int, text: str) -> None:
        width = len(self._columns)
        # strict=False: the parser before was as lenient
        fields = next(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter), [])
        if len(fields) == 1:
            fields = _unwrapped(fields[0], self._delimiter) or fields
        if len(fields) > width and not any(fields[width:]):
            fields = fields[:width]
        if len(fields) > width:
            reason = f"row {number} has {len(fields)} fields, but the header has {width}"
            self._unreadable.append((number, text, reason))
        else:
            self._mended.append((number, fields + [""] * (width - len(fields))))

    def take(self) -> Iterator[Batch]:
        """The odd rows since the last call, in one batch if there are any."""
        if self._mended or self._unreadable:
            cells = cells_of(self._columns, [fields for _, fields in self._mended])
            numbers = np.array([number for number, _ in self._mended], dtype=np.int64)
            batch = Batch(cells, numbers, unreadable_rows(self._unreadable))
            self._mended, self._unreadable = [], []
            yield _restored(batch)


def _read_rows(
    path: Path, source: FileSource, delimiter: str, columns: tuple[str, ...], rows_to_skip: int
) -> Iterator[Batch]:
    odd = _OddRows(columns, delimiter, rows_to_skip)
    types = {column: pa.large_string() for column in columns}
    next_number = 1
    has_line_breaks = False
    with open_text(path, source.encoding) as stream:
        try:
            reader = pa_csv.open_csv(
                stream,
                # One thread: only then the parser numbers the rows.
                read_options=pa_csv.ReadOptions(
                    column_names=columns, use_threads=False, block_size=BLOCK_BYTES
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=odd.receive
                ),
                convert_options=pa_csv.ConvertOptions(column_types=types, strings_can_be_null=False),
            )
            for block in reader:
                cells = pa.Table.from_batches([block])
                numbers, next_number = _number(cells.num_rows, next_number, odd.numbers)
                kept = numbers > rows_to_skip
                if not kept.all():
                    cells, numbers = cells.filter(pa.array(kept)), numbers[kept]
                has_line_breaks = has_line_breaks or _has_line_breaks(cells)
                yield _restored(Batch(cells, numbers))
                yield from odd.take()
        except pa.ArrowInvalid as error:
            raise FileRefused(
                f"{path.name} cannot be read after row {next_number - 1}: a row there is longer "
                f"than {BLOCK_BYTES >> 20} MiB, or opens a quotation mark that is never closed; mend it or "
                "take it out"
            ) from error
    yield from odd.take()
    if has_line_breaks or odd.has_line_breaks:
        _refuse_stray_quotes(path, source, delimiter)


def _number(count: int, start: int, odd_numbers: list[int]) -> tuple[RowNumbers, int]:
    """Numbers of `count` regular rows from `start` on, leaving out those of the odd rows; and the next
    number."""
    odd = np.array([number for number in odd_numbers if number >= start], dtype=np.int64)
    candidates = np.arange(start, start + count + len(odd), dtype=np.int64)
    regular = candidates[~np.isin(candidates, odd)][:count]
    return regular, int(regular[-1]) + 1 if count else start


def _has_line_breaks(cells: pa.Table) -> bool:
    return any(pc.any(pc.match_substring(column, "\n")).as_py() for column in cells.columns)


def _refuse_stray_quotes(path: Path, source: FileSource, delimiter: str) -> None:
    """Refuses a file in which a stray quotation mark makes one cell of several rows.

    The parser for bulk is lenient, so whoever forgot to close a quotation mark would lose the rows after it
    in a cell. Only a file with line breaks in its cells can have that, and only such is read again, strictly.
    """
    number = 0
    with open_text(path, source.encoding) as stream:
        lines = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            for row in rows:
                number += bool(row)
        except csv.Error as error:
            raise FileRefused(
                f"{path.name}, row {number + 1} (up to line {rows.line_num}) has a quotation mark that is "
                "never closed, or stands alone in a quoted cell: close it, or double it if it belongs to the "
                "text"
            ) from error


def _restored(batch: Batch) -> Batch:
    """The batch without the apostrophes that an export put before formula characters."""
    cells = batch.cells
    for position, name in enumerate(cells.column_names):
        column = cells.column(position)
        if pc.any(pc.starts_with(column, "'")).as_py():
            restored = pc.replace_substring_regex(column, EXPORTED_FORMULA, r"\1", max_replacements=1)
            cells = cells.set_column(position, name, restored)
    return Batch(cells, batch.row_numbers, batch.unreadable)
