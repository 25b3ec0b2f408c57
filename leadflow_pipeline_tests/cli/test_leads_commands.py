"""`leadflow import`, `export`, `override` and `erase`, as a person or a script calls them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import typer
from sqlalchemy import Engine, func, select
from typer.testing import CliRunner, Result

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.cli import leads
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.plan import plan_harvested, read_records
from leadflow_pipeline.harvest.stored_records import records_of_days
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import consistency
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    activity_log,
    harvested_leads,
    metadata,
    overrides,
    quarantined_records,
    source_records,
)

CAMPAIGN = """\
campaign: fair
name: Trade fair
sender: {name: Ida Example, email: ida@leads.example}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: Europe/Berlin
sources:
  - name: stand
    mapping: {email: Email, full_name: Name}
    day: {column: Received}
"""
ROWS = """\
Email,Name,Received
ana@leads.example,=cmd|calc,2026-05-01
diana@leads.example,"Di, a friend of Ana",2026-05-01
bo@leads.example,-5 €,2026-05-02
,nobody: ana@leads.example,2026-05-02
ANA@leads.example,Ana,2026-05-02
bo@leads.example,too,many,fields
"""

Run = Callable[..., Result]


@pytest.fixture
def run(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line against a database with the campaign, and a home folder of its own."""
    register(engine, CAMPAIGN, "fair.yaml")
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path))
    get_settings.cache_clear()
    app = typer.Typer()
    leads.register(app)
    (tmp_path / "stand.csv").write_text(ROWS, encoding="utf-8")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(
            app, [argument.replace("FILE", str(tmp_path / "stand.csv")) for argument in arguments]
        )

    return invoke


def harvest(engine: Engine) -> None:
    """What the asset does, for the days of the file."""
    days = [day.date() for day in pd.date_range("2026-05-01", "2026-12-31")]
    sources = load(engine, "fair").rules.sources
    mapped, quarantined = read_records("fair", records_of_days(engine, "fair", days), sources)
    leads_of_days = plan_harvested(mapped, empty(harvested_leads), sources)
    for table, frame in ((harvested_leads, leads_of_days), (quarantined_records, quarantined)):
        rows = conform(frame, table, campaign="fair", campaign_version=1)
        replace_partitions(engine, table, "fair", days, rows, campaign_version=1, run_id="test")


def test_a_script_can_read_what_became_of_every_row(run: Run) -> None:
    report = json.loads(run("import", "fair", "FILE", "--json").stdout)
    assert {name: report[name] for name in ("rows", "new", "repeated", "quarantined", "erased")} == {
        "rows": 6, "new": 5, "repeated": 0, "quarantined": 1, "erased": 0,
    }  # fmt: skip
    assert json.loads(run("import", "fair", "FILE", "--json").stdout)["repeated"] == 6


def test_a_person_sees_the_counts_and_the_next_step(run: Run) -> None:
    result = run("import", "fair", "FILE")
    assert "quarantined" in result.stdout
    assert "leadflow materialize fair --from 2026-05-01" in result.stdout


def test_a_refusal_is_one_sentence(run: Run) -> None:
    result = run("import", "fair", "nowhere.csv")
    assert isinstance(result.exception, PermanentError)
    assert str(result.exception) == "there is no file nowhere.csv: check the path"


def test_an_export_is_harmless_in_a_spreadsheet_and_comes_back_as_it_was(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    run("import", "fair", "FILE")
    harvest(engine)
    first = run("export", "harvested_leads", "--campaign", "fair").stdout
    names = [row["full_name"] for row in csv.DictReader(io.StringIO(first))]
    assert "'=Cmd|Calc" in names
    assert "'-5 €" in names
    (tmp_path / "again.csv").write_text(first, encoding="utf-8")
    register(
        engine,
        CAMPAIGN.replace("Email", "email").replace("Name", "full_name").replace("Received", "day"),
        "fair.yaml",
    )
    run("import", "fair", str(tmp_path / "again.csv"))
    with engine.connect() as connection:
        again = select(source_records.c.payload["full_name"].astext).where(
            source_records.c.origin == "again.csv"
        )
        assert {"=Cmd|Calc", "-5 €"} <= set(connection.scalars(again))


def test_json_lines_and_parquet_hold_the_same_rows(run: Run, engine: Engine, tmp_path: Path) -> None:
    run("import", "fair", "FILE")
    harvest(engine)
    lines = [
        json.loads(line) for line in run("export", "harvested_leads", "--format", "jsonl").stdout.splitlines()
    ]
    target = tmp_path / "leads.parquet"
    result = run("export", "harvested_leads", "--format", "parquet", "--output", str(target))
    assert result.exit_code == 0
    table = pq.read_table(target)
    assert table["lead_id"].to_pylist() == [line["lead_id"] for line in lines]
    assert lines[0]["custom"] == {}
    assert sorted(path.name for path in tmp_path.glob(".*.part")) == []
    of_one_day = run("export", "harvested_leads", "--from", "2026-05-02", "--to", "2026-05-02").stdout
    assert {row["day"] for row in csv.DictReader(io.StringIO(of_one_day))} == {"2026-05-02"}


def test_only_known_tables_are_exported_and_filters_must_fit(run: Run) -> None:
    assert "did you mean harvested_leads" in str(run("export", "harvested_lead; drop").exception)
    assert "campaigns has no day" in str(run("export", "campaigns", "--from", "2026-05-01").exception)


def test_a_person_overrides_by_address_and_is_told_of_slips(run: Run, engine: Engine) -> None:
    run("import", "fair", "FILE")
    harvest(engine)
    said = ("--reason", "met at the fair", "--actor", "ida")
    answer = json.loads(run("override", "fair", "Ana@leads.example", "tier", "hot", *said, "--json").stdout)
    assert answer["field"] == "tier"
    assert answer["value"] == "HOT"
    with engine.connect() as connection:
        stored = connection.execute(select(overrides)).one()
    assert (stored.lead_id, stored.value, stored.actor) == (answer["lead_id"], "HOT", "ida")
    assert "did you mean qualified" in str(
        run("override", "fair", stored.lead_id, "status", "QUALIFYED", *said).exception
    )
    assert "no such lead" in str(
        run("override", "fair", "nobody@leads.example", "tier", "HOT", *said).exception
    )


def test_an_erased_person_is_nowhere_and_stays_away(run: Run, engine: Engine, tmp_path: Path) -> None:
    run("import", "fair", "FILE")
    harvest(engine)
    run("override", "fair", "ana@leads.example", "tier", "HOT", "--reason", "x", "--actor", "ida")
    outbox = tmp_path / "outbox" / "fair"
    outbox.mkdir(parents=True)
    (outbox / "1.eml").write_text("To: ana@leads.example\n\nHello", encoding="utf-8")
    (outbox / "2.eml").write_text("To: diana@leads.example\n\nHello", encoding="utf-8")
    report = json.loads(run("erase", "Ana@leads.example", "--actor", "ida", "--json").stdout)
    assert report["rows"] == {
        "harvested_leads": 2,
        "overrides": 1,
        "quarantined_records": 1,
        "source_records": 3,
    }
    assert report["files_removed"] == 1
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            rows = str(connection.execute(select(table)).all()).lower().replace("diana@leads.example", "")
            assert "ana@leads.example" not in rows, table.name
        assert connection.scalar(select(func.count()).select_from(activity_log)) == 2
    assert not [finding for finding in consistency.findings(engine) if "lineage" in finding.problem]
    again = json.loads(run("import", "fair", "FILE", "--json").stdout)
    assert (again["erased"], again["new"], again["repeated"]) == (3, 0, 3)
    assert json.loads(run("erase", "ana@leads.example", "--json").stdout)["rows"] == {}
    assert "no email address" in str(run("erase", "ana").exception)
