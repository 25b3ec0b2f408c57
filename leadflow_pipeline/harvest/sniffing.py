"""What a file is, told from its content and never from its name: an XLSX named .csv is an XLSX.

What belongs here: format, delimiter, and whether the first row is a header. What does not: reading the rows.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from leadflow_pipeline.harvest.decoding import first_bytes, is_workbook, open_text
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import FIELDS_OF, FileSource, SourceRules

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_BYTES = 1 << 18
SAMPLE_ROWS = 200


class FileFormat(StrEnum):
    """How a file is written."""

    DELIMITED = "delimited"
    JSON_LINES = "json-lines"
    JSON_ARRAY = "json-array"
    XLSX = "xlsx"
    PARQUET = "parquet"


_NOT_A_TABLE: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Excel (.xls) or Word file: save it as .xlsx or CSV"),
    (b"%PDF", "a PDF: export the table as CSV"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd: unpack it first"),
    (b"\xfd7zXZ", "packed with xz: unpack it first"),
    (b"BZh", "packed with bzip2: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"\x89PNG", "an image: export the table as CSV"),
)


def recognise_format(path: Path) -> FileFormat:
    """The format of a file. Raises FileRefused for one that is empty, or no table at all."""
    if path.stat().st_size == 0:
        raise FileRefused(f"{path.name} is empty (0 bytes): export it again")
    if is_workbook(path):
        return FileFormat.XLSX
    magic = first_bytes(path, 8)
    if magic.startswith(b"PAR1"):
        return FileFormat.PARQUET
    for signature, what in _NOT_A_TABLE:
        if magic.startswith(signature):
            raise FileRefused(f"{path.name} is {what}")
    return _recognise_text(path)


def _recognise_text(path: Path) -> FileFormat:
    start = sample(path, None).lstrip()
    if not start:
        raise FileRefused(f"{path.name} holds nothing but white space: export it again")
    if start[:9].lower() in ("<!doctype", "<?xml ver") or start[:5].lower() in ("<html", "<tabl"):
        raise FileRefused(f"{path.name} is a web page or XML: export the table as CSV")
    if start.startswith("{"):
        return FileFormat.JSON_LINES
    if start.startswith("["):
        return FileFormat.JSON_ARRAY
    return FileFormat.DELIMITED


def sample(path: Path, encoding: str | None) -> str:
    """The beginning of a file, as text."""
    with open_text(path, encoding) as stream:
        return stream.read(SAMPLE_BYTES).decode("utf-8", "ignore")


def sample_rows(text: str, delimiter: str) -> list[list[str]]:
    """The first rows of a text that was perhaps cut in the middle of its last row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = [row for row in itertools.islice(reader, SAMPLE_ROWS) if row]
    is_cut = len(text) >= SAMPLE_BYTES // 4 and len(rows) < SAMPLE_ROWS
    return rows[:-1] if is_cut and len(rows) > 1 else rows


def guess_delimiter(text: str) -> str | None:
    """The delimiter with which most rows are as wide as the first; None if the text has one column only.

    Rows that are one quoted cell as a whole (`"a;b;c"`) are looked into.
    """
    best: tuple[float, int] = (0.0, 1)
    found = None
    for delimiter in DELIMITERS:
        rows = sample_rows(text, delimiter)
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        share = sum(len(row) == width or len(row) == 1 for row in rows) / len(rows)
        if (share, width) > best:
            best, found = (share, width), delimiter
    if found is None and text.lstrip().startswith('"'):
        inner = "\n".join(row[0] for row in sample_rows(text, ",") if len(row) == 1)
        if inner and not inner.lstrip().startswith('"'):
            return guess_delimiter(inner)
    return found


def needed_columns(source: SourceRules) -> dict[str, str]:
    """Column -> what names it, for every column the source's rules rely on."""
    needed = {column: f"mapping of {field}" for field, column in source.mapping.items()}
    if source.day is not None:
        needed.setdefault(source.day.column, "day")
    if source.outcome is not None:
        needed.setdefault(source.outcome.column, "outcome")
        if source.outcome.value_column is not None:
            needed.setdefault(source.outcome.value_column, "value of the outcome")
    return needed


def name_columns(names: Sequence[str], source: SourceRules) -> tuple[str, ...]:
    """Names of a header row, each filled, unique, and written as the source's rules write it.

    `E-Mail ` in the file is the `e-mail` of the rules: only letter case and white space may differ.
    """
    as_ruled = {_folded(column): column for column in needed_columns(source)}
    taken: dict[str, int] = {}
    columns = []
    for position, name in enumerate(names, start=1):
        tidy = " ".join(name.replace("\ufeff", "").split()) or f"column {position}"
        tidy = as_ruled.get(_folded(tidy), tidy)
        taken[tidy] = taken.get(tidy, 0) + 1
        columns.append(tidy if taken[tidy] == 1 else f"{tidy} ({taken[tidy]})")
    return tuple(columns)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def read_header(first_row: Sequence[str], source: FileSource, file_name: str) -> tuple[tuple[str, ...], bool]:
    """Column names, and whether the first row holds them.

    In doubt (`header: auto`) the first row is a header if it holds one of the columns the rules name.
    Raises FileRefused if neither the first row nor `columns` names what the mapping needs.
    """
    if source.header == "absent":
        return _columns_without_header(first_row, source, file_name), False
    columns = name_columns(first_row, source)
    if source.header == "present":
        return columns, True
    expected = set(needed_columns(source)) or set(FIELDS_OF[source.contents])
    if expected & set(columns):
        return columns, True
    if source.columns is not None:
        return _columns_without_header(first_row, source, file_name), False
    raise FileRefused(
        f"{file_name}, row 1 holds none of the columns that source {source.name!r} maps "
        f"({_some(sorted(expected))}): mend the mapping, or, if the file has no header, say `header: absent` "
        "and list its `columns` in the campaign file"
    )


def _columns_without_header(first_row: Sequence[str], source: FileSource, file_name: str) -> tuple[str, ...]:
    if source.columns is None:
        return tuple(f"column {position}" for position in range(1, len(first_row) + 1))
    if len(source.columns) != len(first_row):
        raise FileRefused(
            f"{file_name}, row 1 has {len(first_row)} fields, but source {source.name!r} lists "
            f"{len(source.columns)} columns: mend `columns` (or `delimiter`) in the campaign file"
        )
    return source.columns


def require_columns(columns: Sequence[str], source: SourceRules, file_name: str) -> None:
    """Raises FileRefused if the file lacks a column that the source's rules name."""
    needed = needed_columns(source)
    # Where not one name fits, the "header" may be somebody's data, and is not quoted.
    is_header = bool(needed.keys() & set(columns))
    for column, role in needed.items():
        if column not in columns:
            close = get_close_matches(column, columns, n=1, cutoff=0.5) if is_header else []
            hint = (
                f"did you mean {close[0]!r}? " if close else f"it has {_some(columns)}. " if is_header else ""
            )
            raise FileRefused(
                f"{file_name} has no column {column!r}, which source {source.name!r} needs ({role}): {hint}"
                "Mend the campaign file or the header of the file"
            )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
