"""A large file goes through in little memory. Small by default; a million rows with --slow."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from sqlalchemy import Engine, func, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.store.schema import source_records
from leadflow_pipeline_tests.harvest.test_importing import CAMPAIGN

MOST_MEMORY = 1.5 * (1 << 20)
"""KiB that the whole process may have held at its peak."""


def write_people(path: Path, rows: int) -> None:
    """A CSV file of 12 columns."""
    numbers = range(rows)
    columns = {
        "Email": [f"person{number}@leads.example" for number in numbers],
        "Name": [f"Person {number % 997}" for number in numbers],
        "Company": [f"Company {number % 20_011} Ltd" for number in numbers],
        "City": ["Ghent", "Łódź", "Lisboa", ""] * (rows // 4),
        "Received": [f"2026-05-{number % 28 + 1:02d}" for number in numbers],
        **{
            f"Further {column}": [str(number % (column * 101)) for number in numbers]
            for column in range(1, 8)
        },
    }
    pa_csv.write_csv(pa.table(columns), path)


@pytest.mark.slow
def test_a_large_file_is_imported_once_in_little_memory(engine: Engine, tmp_path: Path, slow: bool) -> None:
    rows = 1_000_000 if slow else 20_000
    register(engine, CAMPAIGN, "fair.yaml")
    write_people(tmp_path / "stand-1.csv", rows)
    before = time.monotonic()
    report = import_file(engine, "fair", tmp_path / "stand-1.csv")
    seconds = time.monotonic() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{rows:,} rows in {seconds:.1f} s, peak {peak / (1 << 20):.2f} GiB")
    assert (report.rows, report.new) == (rows, rows)
    assert peak < MOST_MEMORY
    assert import_file(engine, "fair", tmp_path / "stand-1.csv").repeated == rows
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(source_records)) == rows
