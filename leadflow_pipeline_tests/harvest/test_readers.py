"""Every file is read, every row of it, or refused with a sentence that names file, place and remedy."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from leadflow_pipeline.harvest.readers import read_file
from leadflow_pipeline.harvest.records import facts_of
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import DayColumn, FileSource
from leadflow_pipeline_tests.harvest.nasty_files import (
    HEADER,
    LATIN_PEOPLE,
    PEOPLE,
    SAME_PEOPLE,
    delimited,
    whole_rows_quoted,
)

FAIR = FileSource(name="fair", mapping={"email": "Email", "full_name": "Name"})
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FIRST_DAY = datetime(2008, 5, 1, tzinfo=UTC)


def facts(path: Path, source: FileSource = FAIR) -> pd.DataFrame:
    """Every row of a file as a fact."""
    batches = [facts_of(batch, source, NOW, FIRST_DAY) for batch in read_file(path, source)]
    return pd.concat(batches).sort_values("row_number", ignore_index=True)


def records(path: Path, source: FileSource = FAIR) -> list[dict[str, str]]:
    """The readable records of a file; every row must be one."""
    read = facts(path, source)
    assert read["unreadable_reason"].isna().all(), read["unreadable_reason"].tolist()
    return [json.loads(payload) for payload in read["payload"]]


def write(folder: Path, content: str | bytes, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def people(rows: list[list[str]] = PEOPLE) -> list[dict[str, str]]:
    return [{name: cell for name, cell in zip(HEADER, row, strict=True) if cell} for row in rows]


@pytest.mark.parametrize("name", SAME_PEOPLE)
def test_the_same_people_in_every_dress_are_the_same_records(tmp_path: Path, name: str) -> None:
    plain, path = tmp_path / "plain.csv", tmp_path / name
    SAME_PEOPLE["plain.csv"](plain)
    SAME_PEOPLE[name](path)
    assert records(path) == people()
    assert facts(path)["content_key"].tolist() == facts(plain)["content_key"].tolist()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_single_byte_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, delimited(";", LATIN_PEOPLE).encode(encoding))
    assert records(path) == people(LATIN_PEOPLE)


def test_a_file_glued_together_from_two_encodings_is_read(tmp_path: Path) -> None:
    content = "Email,Name\na@leads.example,José\n".encode() + "b@leads.example,Zoë €\n".encode("cp1252")
    assert [record["Name"] for record in records(write(tmp_path, content))] == ["José", "Zoë €"]


def test_a_declared_encoding_is_obeyed_and_a_contradiction_refused(tmp_path: Path) -> None:
    polish = FAIR.model_copy(update={"encoding": "cp1250"})
    path = write(tmp_path, "Email,Name\na@leads.example,Łódź\n".encode("cp1250"))
    assert records(path, polish)[0]["Name"] == "Łódź"
    with pytest.raises(FileRefused, match=r"people\.csv is not ascii .*encoding"):
        records(path, FAIR.model_copy(update={"encoding": "ascii"}))


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_rows_that_are_quoted_as_a_whole_are_unwrapped(tmp_path: Path, delimiter: str) -> None:
    assert records(write(tmp_path, whole_rows_quoted(delimiter))) == people(PEOPLE[:1])


def test_one_row_quoted_as_a_whole_among_others_is_unwrapped(tmp_path: Path) -> None:
    path = write(tmp_path, 'Email;Name\na@leads.example;A\n"b@leads.example;""B"""\nc@leads.example;C\n')
    assert [record["Name"] for record in records(path)] == ["A", "B", "C"]


def test_trailing_delimiters_and_left_out_cells_are_tolerated(tmp_path: Path) -> None:
    path = write(
        tmp_path, "Email,Name,City\na@leads.example,A,Ghent,,,\nb@leads.example\nc@leads.example,C,\n"
    )
    assert records(path) == [
        {"Email": "a@leads.example", "Name": "A", "City": "Ghent"},
        {"Email": "b@leads.example"},
        {"Email": "c@leads.example", "Name": "C"},
    ]


def test_a_header_with_trailing_delimiters_is_tolerated(tmp_path: Path) -> None:
    assert records(write(tmp_path, "Email,Name,,\na@leads.example,A,,\n")) == [
        {"Email": "a@leads.example", "Name": "A"}
    ]


def test_a_row_with_too_many_fields_is_kept_with_its_number(tmp_path: Path) -> None:
    path = write(tmp_path, "Email,Name\na@leads.example,A\nb@leads.example,B,extra\nc@leads.example,C\n")
    read = facts(path)
    assert read["row_number"].tolist() == [2, 3, 4]
    bad = read[read["unreadable_reason"].notna()].iloc[0]
    assert bad["raw"] == "b@leads.example,B,extra"
    assert bad["unreadable_reason"] == "row 3 has 3 fields, but the header has 2"


def test_rows_keep_their_numbers_over_block_borders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadflow_pipeline.harvest.delimited.BLOCK_BYTES", 256)
    rows = [
        f"{number}@leads.example,{number}" + (",x" if number % 7 == 0 else "") for number in range(2, 200)
    ]
    read = facts(write(tmp_path, "Email,Name\n" + "\n".join(rows)))
    texts = read["payload"].fillna(read["raw"])
    assert [f"{number}@" in text for number, text in zip(read["row_number"], texts, strict=True)] == [
        True
    ] * 198


def test_nul_bytes_are_shown_and_nothing_is_cut(tmp_path: Path) -> None:
    assert records(write(tmp_path, b"Email,Name\na@leads.example,A\x00B\n"))[0]["Name"] == "A␀B"
    path = write(tmp_path, '{"Email": "a@leads.example", "Name": "A\\u0000B \\ud800"}\n', "people.jsonl")
    assert records(path)[0]["Name"].startswith("A␀B")


def test_a_cell_of_ten_megabytes_is_kept_whole(tmp_path: Path) -> None:
    path = write(tmp_path, f'Email,Name\na@leads.example,"{"x" * 10_000_000}"\nb@leads.example,B\n')
    assert [len(record["Name"]) for record in records(path)] == [10_000_000, 1]


def test_a_row_longer_than_a_block_is_refused_with_its_number(tmp_path: Path) -> None:
    path = write(
        tmp_path, f"Email,Name\na@leads.example,A\nb@leads.example,{'x' * (80 << 20)}\nc@leads.example,C\n"
    )
    with pytest.raises(FileRefused, match=r"people\.csv cannot be read after row \d: .*longer than 32 MiB"):
        facts(path)


def test_a_file_without_header_needs_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path, delimited(header=False))
    with pytest.raises(FileRefused, match=r"people\.csv, row 1 holds none .*header: absent"):
        records(path)
    assert records(path, FAIR.model_copy(update={"columns": tuple(HEADER)})) == people()
    with pytest.raises(FileRefused, match="5 fields, but source 'fair' lists 2 columns"):
        records(path, FAIR.model_copy(update={"header": "absent", "columns": ("Email", "Name")}))


def test_a_file_with_nothing_in_it_is_refused_and_one_with_a_header_only_has_no_records(
    tmp_path: Path,
) -> None:
    for content in ("", " \n\n", b"\xef\xbb\xbf"):
        with pytest.raises(FileRefused, match=r"people\.csv"):
            records(write(tmp_path, content))
    assert facts(write(tmp_path, "Email,Name\n")).empty


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"%PDF-1.7", "a PDF"),
        (b"\xd0\xcf\x11\xe0rest", "old Excel"),
        (b"<html><table>", "web page"),
        (b"PK\x03\x04broken", "damaged ZIP"),
        (b"\x1f\x8b\x08broken", "damaged"),
        (b"PAR1broken", "damaged Parquet"),
        (b"[{]", "not valid JSON"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(FileRefused, match=rf"people\.csv .*{sentence}"):
        facts(write(tmp_path, content))


def test_a_missing_column_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    for name, content in (
        ("people.csv", "Email,Nmae\na,b\n"),
        ("people.jsonl", '{"Email": "a", "Nmae": "b"}'),
    ):
        with pytest.raises(FileRefused, match=r"no column 'Name'.*mapping of full_name.*did you mean 'Nmae'"):
            facts(write(tmp_path, content, name))


@pytest.mark.parametrize("after", ["", "d@leads.example,D\n" * 3, 'd@leads.example,"D\n' * 3])
def test_a_quotation_mark_never_closed_is_refused_with_its_row(tmp_path: Path, after: str) -> None:
    path = write(tmp_path, 'Email,Name\na@leads.example,A\nb@leads.example,"B\nc@leads.example,C\n' + after)
    with pytest.raises(FileRefused, match=r"people\.csv, row 3 .*quotation mark that is never closed"):
        facts(path)


def test_an_inch_sign_is_no_quotation_mark(tmp_path: Path) -> None:
    path = write(tmp_path, 'Email,Name\na@leads.example,5" pipe\nb@leads.example,"two\nlines"\n')
    assert [record["Name"] for record in records(path)] == ['5" pipe', "two\nlines"]


def test_broken_json_lines_are_kept_with_their_numbers(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '{"Email": "a@leads.example", "Name": 1.50}\n{"Email": \n[1]\n{"Name": true}',
        "people.jsonl",
    )
    read = facts(path)
    assert read["row_number"].tolist() == [1, 2, 3, 4]
    assert json.loads(read["payload"][0])["Name"] == "1.50"
    assert read["unreadable_reason"].isna().tolist() == [True, False, False, True]
    assert json.loads(read["payload"][3]) == {"Name": "true"}


def test_an_exported_formula_comes_back_as_it_was(tmp_path: Path) -> None:
    path = write(
        tmp_path, "Email,Name\na@leads.example,'=1+1\nb@leads.example,''=1\nc@leads.example,'t Hooft\n"
    )
    assert [record["Name"] for record in records(path)] == ["=1+1", "'=1", "'t Hooft"]


def test_a_sheet_is_found_by_name_and_its_absence_named(tmp_path: Path) -> None:
    SAME_PEOPLE["workbook.xlsx"](tmp_path / "people.xlsx")
    with pytest.raises(FileRefused, match="no sheet 'Leads', only Sheet"):
        facts(tmp_path / "people.xlsx", FAIR.model_copy(update={"sheet": "Leads"}))


@pytest.mark.parametrize(
    ("form", "written", "day"),
    [
        ("iso", "2026-05-31T23:30:00-02:00", "2026-06-01"),
        ("day-first", "31-05-2026", "2026-05-31"),
        ("month-first", "5/31/2026", "2026-05-31"),
        ("unix-seconds", "1780185600", "2026-05-31"),
    ],
)
def test_a_record_belongs_to_the_day_its_column_says(
    tmp_path: Path, form: str, written: str, day: str
) -> None:
    source = FAIR.model_copy(update={"day": DayColumn(column="On", format=form)})  # type: ignore[arg-type]
    read = facts(
        write(tmp_path, f"Email,Name,On\na@leads.example,A,{written}\nb@leads.example,B,13-13-2026\n"), source
    )
    assert read["occurred_at"].dt.date.astype("str").tolist() == [day, "2026-06-01"]
    assert read["unreadable_reason"][1] == f"its column 'On' holds no date written as {form}"
    assert json.loads(read["raw"][1])["Email"] == "b@leads.example"


def test_days_that_have_no_partition_are_not_lost(tmp_path: Path) -> None:
    source = FAIR.model_copy(update={"day": DayColumn(column="On")})
    read = facts(
        write(tmp_path, "Email,Name,On\na@leads.example,A,1999-01-01\nb@leads.example,B,2206-01-01\n"), source
    )
    assert read["unreadable_reason"].str.contains("before 2008-05-01|in the future").all()
    assert (read["occurred_at"] == NOW).all()
