"""Files as they arrive in real life, written at run time. All people are invented."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

HEADER = ["Email", "Name", "Company", "City", "Received"]
PEOPLE = [
    ["ana@leads.example", "Ana Pérez", "Größe & Söhne", "Lisboa", "2026-05-01"],
    ["bo@leads.example", "Bo, Jr.", 'The "Shop"', "Ghent", "2026-05-01"],
    ["cy@leads.example", "Cy", "Line one\nline two", "", "2026-05-02"],
    ["di@leads.example", "Di", "x;y|z\tw", "Łódź", "2026-05-03"],
]
LATIN_PEOPLE = [[cell.replace("Łódź", "Córdoba") for cell in person] for person in PEOPLE]


def delimited(
    delimiter: str = ",", people: list[list[str]] = PEOPLE, *, header: bool = True, quoting: int = 0
) -> str:
    """The people as delimited text."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")  # type: ignore[arg-type]
    writer.writerows([HEADER, *people] if header else people)
    return text.getvalue()


def whole_rows_quoted(delimiter: str) -> str:
    """Every row one quoted cell."""
    rows = [delimiter.join(row).replace('"', '""') for row in [HEADER, *PEOPLE[:1]]]
    return "".join(f'"{row}"\n' for row in rows)


def write_workbook(path: Path) -> None:
    """The people as the second sheet of a workbook, dates as dates."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in [HEADER, *PEOPLE]:
        sheet.append(row)
    workbook.save(path)


def write_parquet(path: Path) -> None:
    """The people as Parquet."""
    pq.write_table(pa.table(dict(zip(HEADER, zip(*PEOPLE, strict=True), strict=True))), path)


def json_objects() -> list[dict[str, str]]:
    """The people as objects, empty cells left out."""
    return [{key: cell for key, cell in zip(HEADER, person, strict=True) if cell} for person in PEOPLE]


def _text(text: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    return lambda path: path.write_bytes(text.encode(encoding)) and None  # type: ignore[func-returns-value]


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("export/people.csv", delimited())


SAME_PEOPLE: dict[str, Callable[[Path], None]] = {
    "plain.csv": _text(delimited()),
    "bom.csv": _text(delimited(), "utf-8-sig"),
    "utf16.csv": _text(delimited(), "utf-16"),
    "utf16-le-no-mark.csv": _text(delimited(), "utf-16-le"),
    "utf16-be-no-mark.csv": _text(delimited(), "utf-16-be"),
    "utf32.csv": _text(delimited(), "utf-32"),
    "semicolon.csv": _text(delimited(";")),
    "tab.tsv": _text(delimited("\t")),
    "pipe.txt": _text(delimited("|")),
    "all-quoted.csv": _text(delimited(quoting=csv.QUOTE_ALL)),
    "old-mac.csv": _text(delimited().replace("\r\n", "\r")),
    "separator-line.csv": _text("sep=;\r\n" + delimited(";")),
    "empty-lines.csv": _text(delimited().replace("\r\nbo@", "\r\n\r\nbo@") + "\r\n\r\n"),
    "other-case.csv": _text(delimited().replace("Email,Name", " EMAIL ,NAME", 1)),
    "lines.jsonl": _text("\n".join(json.dumps(person) for person in json_objects())),
    "array.json": _text(json.dumps(json_objects(), indent=2)),
    "workbook.xlsx": write_workbook,
    "workbook-named.csv": write_workbook,
    "text-named.xlsx": _text(delimited()),
    "people.parquet": write_parquet,
    "packed.csv.gz": lambda path: path.write_bytes(gzip.compress(delimited().encode())) and None,  # type: ignore[func-returns-value]
    "packed.zip": _zipped,
}
"""The same four people in every dress: each file must give the same records."""
