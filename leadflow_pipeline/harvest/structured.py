"""JSON Lines, a JSON array, XLSX and Parquet: files whose values have types, read as the text a person would
type.

What belongs here: one reader a format. What does not: delimited text.
"""

from __future__ import annotations

import itertools
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from leadflow_pipeline.harvest.batches import Batch, as_text, cells_of, storable, unreadable_rows
from leadflow_pipeline.harvest.decoding import NUL, SYMBOL_FOR_NUL, open_text, open_unpacked
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import FileSource, SourceRules
from leadflow_pipeline.harvest.sniffing import name_columns, read_header, require_columns

ROWS_PER_BATCH = 50_000
MOST_ARRAY_BYTES = 256 << 20
"""An array has to be in memory as a whole, and takes some ten times as much there."""


def read_json_lines(path: Path, source: FileSource) -> Iterator[Batch]:
    """One JSON object a line. A line that is none is unreadable; a key an object lacks is an empty cell."""
    # Numbers stay as they were written: 1.50 is not 1.5, and no digit of a long one is lost.
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
    with open_text(path, source.encoding) as stream:
        numbered = enumerate((line.decode("utf-8").strip() for line in stream), start=1)
        lines = ((number, line) for number, line in numbered if line)
        while chunk := list(itertools.islice(lines, ROWS_PER_BATCH)):
            yield _batch_of_lines(chunk, decoder, source)


def _batch_of_lines(lines: list[tuple[int, str]], decoder: json.JSONDecoder, source: SourceRules) -> Batch:
    objects: list[tuple[int, Any]] = []
    unreadable: list[tuple[int, str, str]] = []
    for number, line in lines:
        try:
            value = decoder.decode(line)
        except (json.JSONDecodeError, RecursionError) as error:
            place = f"character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else "too deep"
            unreadable.append((number, line, f"row {number} is not valid JSON ({place})"))
            continue
        if isinstance(value, dict):
            objects.append((number, value))
        else:
            unreadable.append((number, line, f"row {number} is not a JSON object"))
    return batch_of_objects(objects, unreadable, source)


def read_json_array(path: Path, source: FileSource) -> Iterator[Batch]:
    """One array of JSON objects. Raises FileRefused if the whole is not valid JSON, or too long to be read at once."""
    with open_text(path, source.encoding) as stream:
        start = stream.read(MOST_ARRAY_BYTES + 1)
    if len(start) > MOST_ARRAY_BYTES:
        raise FileRefused(
            f"{path.name} is a JSON array of more than {MOST_ARRAY_BYTES >> 20} MiB: write one object a line "
            "(JSON Lines)"
        )
    text = start.decode("utf-8")
    del start
    try:
        values = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (json.JSONDecodeError, RecursionError) as error:
        place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "it is nested too deep"
        raise FileRefused(
            f"{path.name} begins like a JSON array but is not valid JSON ({place}): mend it"
        ) from error
    numbered = enumerate(values, start=1)
    while chunk := list(itertools.islice(numbered, ROWS_PER_BATCH)):
        objects = [(number, value) for number, value in chunk if isinstance(value, dict)]
        unreadable = [
            (number, json.dumps(value, ensure_ascii=False), f"row {number} is not a JSON object")
            for number, value in chunk
            if not isinstance(value, dict)
        ]
        yield batch_of_objects(objects, unreadable, source)


def batch_of_objects(
    objects: Sequence[tuple[int, dict[str, Any]]],
    unreadable: Sequence[tuple[int, str, str]],
    source: SourceRules,
) -> Batch:
    """Rows from numbered JSON objects, each member a column; `unreadable` are (row_number, raw, reason)."""
    keys = list(dict.fromkeys(itertools.chain.from_iterable(value for _, value in objects)))
    if objects and not keys:
        keys = [""]  # objects without any member are rows too, and a table without columns would have none
    arrays = [
        pa.array([as_text(value.get(key)) for _, value in objects], type=pa.large_string()) for key in keys
    ]
    cells = pa.table(arrays, names=list(name_columns([storable(key) for key in keys], source)))
    numbers = np.array([number for number, _ in objects], dtype=np.int64)
    return Batch(
        cells, numbers, unreadable_rows([(n, storable(raw), reason) for n, raw, reason in unreadable])
    )


def read_workbook(path: Path, source: FileSource) -> Iterator[Batch]:
    """One sheet of an XLSX workbook. Rows without any value are no records."""
    # Imported here, because it takes as long as pandas, and every command and run would wait for it.
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    with path.open("rb") as stream:  # given a path, the library would go by its ending
        try:
            workbook = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
            raise FileRefused(
                f"{path.name} is a damaged or protected workbook: open and save it again"
            ) from error
        sheet = _sheet_of(workbook, path, source)
        sheet.reset_dimensions()  # what other programs write there is often wrong
        numbered = enumerate(sheet.iter_rows(values_only=True), start=1)
        rows = ((number, values) for number, values in numbered if _trimmed(values))
        yield from _batches_of_rows(rows, path, source)


def _sheet_of(workbook: Any, path: Path, source: FileSource) -> Any:
    if source.sheet is None:
        return workbook.worksheets[0]
    if source.sheet not in workbook.sheetnames:
        names = ", ".join(workbook.sheetnames)
        raise FileRefused(
            f"{path.name} has no sheet {source.sheet!r}, only {names}: mend `sheet` in the campaign file"
        )
    return workbook[source.sheet]


def _batches_of_rows(
    rows: Iterable[tuple[int, Sequence[Any]]], path: Path, source: FileSource
) -> Iterator[Batch]:
    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        raise FileRefused(
            f"{path.name} has an empty sheet: name the right one as `sheet` in the campaign file"
        )
    header = [as_text(value) or "" for value in _trimmed(first[1])]
    columns, has_header = read_header(header, source, path.name)
    require_columns(columns, source, path.name)
    if not has_header:
        remaining = itertools.chain([first], remaining)
    yield _batch_of_rows([], columns)
    while chunk := list(itertools.islice(remaining, ROWS_PER_BATCH)):
        yield _batch_of_rows(chunk, columns)


def _trimmed(values: Sequence[Any]) -> list[Any]:
    """A row without the empty cells at its end."""
    width = max(
        (position for position, value in enumerate(values, start=1) if value not in (None, "")), default=0
    )
    return list(values[:width])


def _batch_of_rows(rows: Sequence[tuple[int, Sequence[Any]]], columns: tuple[str, ...]) -> Batch:
    width = len(columns)
    readable: list[list[str | None]] = []
    numbers: list[int] = []
    unreadable: list[tuple[int, str, str]] = []
    for number, values in rows:
        cells = [as_text(value) for value in _trimmed(values)]
        if len(cells) > width:
            raw = json.dumps(cells, ensure_ascii=False)
            unreadable.append(
                (number, raw, f"row {number} has {len(cells)} fields, but the header has {width}")
            )
        else:
            readable.append(cells + [None] * (width - len(cells)))
            numbers.append(number)
    return Batch(cells_of(columns, readable), np.array(numbers, dtype=np.int64), unreadable_rows(unreadable))


def read_parquet(path: Path, source: FileSource) -> Iterator[Batch]:
    """A Parquet file. Rows are numbered from 1; there is no header row."""
    with open_unpacked(path) as stream:
        try:
            file = pq.ParquetFile(stream)
        except pa.ArrowInvalid as error:
            raise FileRefused(f"{path.name} is a damaged Parquet file: export it again") from error
        columns = name_columns(file.schema_arrow.names, source)
        require_columns(columns, source, path.name)
        start = 1
        for block in file.iter_batches(batch_size=ROWS_PER_BATCH):
            cells = pa.table([_column_as_text(column) for column in block.columns], names=list(columns))
            yield Batch(cells, np.arange(start, start + block.num_rows, dtype=np.int64))
            start += block.num_rows


def _column_as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pc.replace_substring(column.cast(pa.large_string()), NUL, SYMBOL_FOR_NUL)
    if pa.types.is_integer(column.type):
        return column.cast(pa.large_string())
    return pa.array([as_text(value) for value in column.to_pylist()], type=pa.large_string())
