"""Files become facts: once, whole, and nothing is lost on the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest import delimited as delimited_files
from leadflow_pipeline.harvest import door
from leadflow_pipeline.harvest.importing import ImportReport, import_file, import_landed
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import Contents
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import engagement_events, outcomes, source_records, suppressions
from leadflow_pipeline.store.suppressions import ERASURE
from leadflow_pipeline_tests.harvest.nasty_files import PEOPLE, SAME_PEOPLE, delimited

CAMPAIGN = """\
campaign: fair
name: Trade fair
sender: {name: Ida Example, email: ida@leads.example}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: Europe/Berlin
sources:
  - name: stand
    files: "stand-*"
    mapping: {email: Email, full_name: Name, company: Company, city: City}
    day: {column: Received}
  - name: calls
    files: "calls-*"
    mapping: {email: Email}
    outcome: {column: Result, won: ["yes"], lost: ["no"], after_days: 3, value_column: Value}
"""


@pytest.fixture
def bring(engine: Engine, tmp_path: Path) -> Callable[..., ImportReport]:
    """Registers the campaign, and imports texts as files: `bring("Email\\n...", "stand-1.csv")`."""
    register(engine, CAMPAIGN, "fair.yaml")

    def import_text(text: str | bytes, name: str = "stand-1.csv", **arguments: object) -> ImportReport:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        report = import_file(engine, "fair", path, **arguments)  # type: ignore[arg-type]
        assert report.rows == report.new + report.repeated + report.quarantined + report.erased
        return report

    return import_text


def count(engine: Engine, table: object = source_records) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


@pytest.mark.usefixtures("bring")
def test_the_same_people_in_every_dress_are_stored_once(engine: Engine, tmp_path: Path) -> None:
    for name, write in SAME_PEOPLE.items():
        path = tmp_path / name
        write(path)
        report = import_file(engine, "fair", path, source="stand")
        assert (report.rows, report.quarantined, report.erased) == (4, 0, 0), name
    assert count(engine) == 4


def test_every_row_is_accounted_for(bring: Callable[..., ImportReport], engine: Engine) -> None:
    rows = (
        delimited()
        + "ana@leads.example,Ana Pérez,Größe & Söhne,Lisboa,2026-05-01\r\n"
        + "x,y,z,1,2,3\r\ne@leads.example,,,,31.5.\r\n"
    )
    report = bring(rows)
    assert (report.rows, report.new, report.repeated, report.quarantined) == (7, 4, 1, 2)
    assert bring(rows, "stand-2.csv").repeated == 7
    assert count(engine) == 6


@pytest.mark.parametrize("few_keys", [1_000, 0])
def test_a_row_is_known_again_however_far_behind_it_came(
    bring: Callable[..., ImportReport], engine: Engine, monkeypatch: pytest.MonkeyPatch, few_keys: int
) -> None:
    """As of a file that is longer than what is held in memory of it."""
    monkeypatch.setattr(delimited_files, "BLOCK_BYTES", 400)
    monkeypatch.setattr(door, "MOST_KEYS_HELD", 5)
    monkeypatch.setattr(door, "FEW_KEYS", few_keys)
    rows = [f"lead-{number}@leads.example,Ida,Acme,Bonn,2026-05-01" for number in range(60)]
    report = bring(
        "\n".join(["Email,Name,Company,City,Received", *rows, *rows[::2], "new@leads.example,,,,"])
    )
    assert (report.rows, report.new, report.repeated, report.quarantined) == (91, 60, 30, 1)
    assert bring("\n".join(["Email,Name,Company,City,Received", *rows])).repeated == 60
    assert count(engine) == 61


def test_a_corrected_record_is_a_further_fact(bring: Callable[..., ImportReport], engine: Engine) -> None:
    bring(delimited())
    report = bring(delimited(people=[[PEOPLE[0][0], "Ana P. Corrected", *PEOPLE[0][2:]], *PEOPLE[1:]]))
    assert (report.new, report.repeated) == (1, 3)
    assert count(engine) == 5


def test_a_record_that_could_not_be_read_comes_in_once_the_rules_are_mended(
    bring: Callable[..., ImportReport], engine: Engine
) -> None:
    rows = delimited(people=[[*PEOPLE[0][:4], "31-05-2026"]])
    assert bring(rows).quarantined == 1
    register(
        engine, CAMPAIGN.replace("{column: Received}", "{column: Received, format: day-first}"), "fair.yaml"
    )
    assert bring(rows).new == 1


def test_a_refused_file_leaves_nothing(bring: Callable[..., ImportReport], engine: Engine) -> None:
    open_quote = delimited() + 'z@leads.example,"Z,never closed\n' * 3
    with pytest.raises(FileRefused, match=r"stand-1\.csv"):
        bring(open_quote)
    with pytest.raises(FileRefused, match="no source of the campaign takes a file named other"):
        bring(delimited(), "other.csv")
    with pytest.raises(PermanentError, match="nobody"):
        import_file(engine, "nobody", Path("stand-1.csv"))
    assert count(engine) == 0


def test_an_outcome_is_dated_after_its_record_and_stays_so(
    bring: Callable[..., ImportReport], engine: Engine
) -> None:
    rows = (
        'Email,Result,Value\na@leads.example,Yes,"€ 1.250,50"\nb@leads.example,no,\nc@leads.example,maybe,\n'
    )
    at = datetime(2026, 6, 1, 9, tzinfo=UTC)
    bring(rows, "calls-1.csv", received_at=at)
    bring(rows, "calls-2.csv", received_at=at + timedelta(days=40))
    with engine.connect() as connection:
        told = connection.execute(select(outcomes).order_by(outcomes.c.outcome)).all()
    assert [(row.outcome, row.value, row.occurred_at) for row in told] == [
        ("lost", None, at + timedelta(days=3)),
        ("won", 1250.5, at + timedelta(days=3)),
    ]


def test_events_and_outcomes_are_facts_of_the_lead_with_that_address(
    bring: Callable[..., ImportReport], engine: Engine
) -> None:
    events = (
        "email,behaviour,occurred_at,event_id,is_machine\n"
        "Ana@leads.example,click,2026-05-02T10:00:00Z,e-1,\n"
        "ana@leads.example,open,2026-05-02T11:00:00Z,,true\n"
        "ana@leads.example,open,yesterday,,\n"
        ",open,2026-05-02,,\n"
    )
    report = bring(events, "events.csv", contents=Contents.EVENTS)
    assert (report.new, report.quarantined) == (2, 2)
    assert bring(events, "events-again.csv", contents=Contents.EVENTS).repeated == 4
    won = "email,outcome,occurred_at,value\nana@leads.example,won,2026-05-09,100\n"
    assert bring(won, "won.csv", contents=Contents.OUTCOMES).new == 1
    with engine.connect() as connection:
        stored = connection.execute(select(engagement_events).order_by(engagement_events.c.occurred_at)).all()
        lead = connection.scalar(select(outcomes.c.lead_id))
    assert [(row.behaviour, row.is_machine, row.lead_id) for row in stored] == [
        ("click", False, lead),
        ("open", True, lead),
    ]
    with pytest.raises(FileRefused, match=r"events\.csv has no column behaviour"):
        bring("email,occurred_at\na@leads.example,2026-05-01\n", "events.csv", contents=Contents.EVENTS)


def test_a_person_who_was_erased_does_not_come_back(
    bring: Callable[..., ImportReport], engine: Engine
) -> None:
    with engine.begin() as connection:
        subject = address_key("ana@leads.example")
        connection.execute(insert(suppressions).values(scope="address", subject=subject, reason=ERASURE))
    rows = delimited(
        people=[*PEOPLE, ["other@leads.example", "Friend", "cc <ANA@leads.example>", "", "2026-05-01"]]
    )
    report = bring(rows + "ana@leads.example,too,many,fields,in,here\r\n")
    assert (report.rows, report.new, report.erased) == (6, 3, 3)


@pytest.mark.usefixtures("bring")
def test_landed_files_are_imported_and_put_away(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path))
    get_settings.cache_clear()
    folder = tmp_path / "landing" / "fair"
    folder.mkdir(parents=True)
    for name, text in {
        "stand-1.csv": delimited(),
        "what.csv": "x",
        "stand-2.csv.part": "half",
        ".hidden": "",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    now = datetime.now(UTC)
    assert import_landed(engine, "fair", now - timedelta(minutes=1)) == []
    landed = import_landed(engine, "fair", now + timedelta(minutes=1))
    assert [(file.file, file.report is not None) for file in landed] == [
        ("stand-1.csv", True),
        ("what.csv", False),
    ]
    left = sorted(os.path.relpath(path, folder) for path in folder.rglob("*") if path.is_file())
    assert left == [
        ".hidden",
        "done/stand-1.csv",
        "refused/what.csv",
        "refused/what.csv.txt",
        "stand-2.csv.part",
    ]
    assert "stand" in (folder / "refused" / "what.csv.txt").read_text()
    (folder / "stand-1.csv").write_text(delimited(), encoding="utf-8")
    again = import_landed(engine, "fair", now + timedelta(minutes=1))
    assert again[0].report is not None
    assert again[0].report.repeated == 4
    assert (folder / "done" / "stand-1.2.csv").exists()
