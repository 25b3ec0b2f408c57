"""Where reps are told from: a file (CSV or YAML), or a table or view of the database.

What belongs here: reading them. A door: it touches files and the database. What does not: what columns mean
(`rep_table.py`), and keeping what was told (`roster.py`).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, column, inspect, select, table
from sqlalchemy.exc import ProgrammingError

from leadflow_pipeline.campaign.document import read_document
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.rep_records import RepsRefused, ToldRep, checked_reps
from leadflow_pipeline.route.owners.reps.rep_table import told_in_rows

YAML_ENDINGS = (".yaml", ".yml")
SEPARATORS = (",", ";", "\t")
MOST_BYTES = 20_000_000
NO_LIST = "has no list `reps`; begin it with `reps:` and a line `- rep: ...` a rep"

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def reps_from_file(path: Path, own_regions: Collection[str] = ()) -> tuple[Rep, ...]:
    """The reps of a CSV file (see `rep_table`), or of a YAML file with a list `reps` of whole records.

    `own_regions` are names of regions that campaigns make themselves. Raises PermanentError where the file cannot be
    read, and RepsRefused, which names every mistake.
    """
    text = _text_of(path)
    if path.suffix.lower() in YAML_ENDINGS:
        told, problems = _told_in_yaml(text, path.name)
    else:
        told, problems = _told_in_csv(text, own_regions)
    return checked_reps(told, path.name, problems, own_regions)


def reps_from_table(engine: Engine, name: str, own_regions: Collection[str] = ()) -> tuple[Rep, ...]:
    """The reps of a table or view, `schema.name`, with the columns of `rep_table`; an array holds a list.

    Rows are counted from 2 in the order of their ids, as if below a header. Raises PermanentError where there is no
    such table, and RepsRefused.
    """
    schema, _, short = name.rpartition(".")
    try:
        columns = [found["name"] for found in inspect(engine).get_columns(short, schema or None)]
    except Exception as error:
        if type(error).__name__ != "NoSuchTableError":
            raise
        raise PermanentError(f"there is no table or view {name}: name it as schema.name") from None
    source = table(short, *map(column, columns), schema=schema or None)
    query = select(source)
    if "rep" in columns:
        query = query.order_by(source.c.rep)
    try:
        with engine.connect() as connection:
            rows = [[_cell(value) for value in row] for row in connection.execute(query)]
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        raise PermanentError(f"this account may not read {name}: GRANT SELECT ON it first") from None
    told, problems = told_in_rows(columns, rows, own_regions)
    return checked_reps(told, name, problems, own_regions)


def _cell(value: Any) -> str:
    """A value as a spreadsheet would show it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ";".join(map(_cell, value))
    if isinstance(value, dict):
        return ";".join(f"{key}: {_cell(part)}" for key, part in value.items())
    return str(value)


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PermanentError(
                f"{path.name} is larger than {MOST_BYTES // 1_000_000} MB, which no list of reps is"
            )
        content = path.read_bytes()
    except OSError as error:
        raise PermanentError(
            f"{path} cannot be read: {(error.strerror or 'unknown reason').lower()}"
        ) from None
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PermanentError(f"{path.name}:{line}: is not UTF-8 text; save the file as UTF-8") from None
    if "\x00" in text:
        raise PermanentError(f"{path.name} holds binary data: save the spreadsheet as CSV (UTF-8)")
    return text


def _told_in_csv(text: str, own_regions: Collection[str]) -> tuple[list[ToldRep], list[str]]:
    header = text.partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        return [], [f"is no CSV ({error}); save the spreadsheet as CSV (UTF-8)"]
    return told_in_rows(rows[0], rows[1:], own_regions) if rows else ([], [])


def _told_in_yaml(text: str, name: str) -> tuple[list[ToldRep], list[str]]:
    """Raises RepsRefused for what is no YAML."""
    if not re.search(r"^[\"']?reps[\"']?\s*:", text, re.MULTILINE):
        raise RepsRefused(name, [NO_LIST])
    document = read_document(text, name)
    problems = [f"line {problem.line}: {problem}" for problem in document.problems]
    records = document.value_at(("reps",))
    problems += [
        f"line {document.lines.get((key,), 1)}: {key} is no key of a file of reps; write the list below `reps:`"
        for key in document.content
        if key != "reps"
    ]
    if not isinstance(records, list):
        raise RepsRefused(name, [*problems, NO_LIST])
    told = []
    for position, record in enumerate(records):
        line = document.lines.get(("reps", position), 1)
        if isinstance(record, dict):
            told.append(ToldRep(f"line {line}", record))
        else:
            problems.append(f"line {line}: is no record of a rep; write `- rep: ...`")
    return told, problems
