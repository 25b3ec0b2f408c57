"""JSON objects through the door: the same facts as a file's rows make, and whose they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.harvest.door import ImportReport, source_with_keys, take_in
from leadflow_pipeline.harvest.importing import import_file, import_landed
from leadflow_pipeline.harvest.lead_facts import OUTCOMES
from leadflow_pipeline.harvest.nested import flattened
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import outcomes, source_records

CAMPAIGN = """\
campaign: fair
name: Trade fair
sender: {name: Ida Example, email: ida@leads.example}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: Europe/Berlin
sources:
  - name: contacts
    files: "contacts*"
    mapping: {source_key: id, email: mail, company: company.name, custom.origin: origin}
    meanings: {custom.origin: {google: Google, "n.v.": ""}}
    day: {column: since}
  - name: deals
    contents: outcomes
    of: contacts
    files: "all-deals*"
    mapping: {source_key: contact, outcome: stage, value: amount}
    meanings: {outcome: {closed won: won, closed lost: lost}}
    day: {column: closed}
"""
AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
PEOPLE: list[dict[str, Any]] = [
    {
        "id": 7,
        "mail": "Ida@leads.example",
        "company": {"name": "Example Ltd", "tags": ["a"]},
        "since": "2026-05-02",
    },
    {"id": 8, "mail": None, "company": {}, "since": "2026-05-03T23:30:00Z", "origin": "GOOGLE"},
]
DEALS = """\
contact,stage,amount,closed,lost_because
7,Closed Won,"1,500",2026-05-20,
8,Closed lost,,2026-05-03,price
8,Closed Won,,2026-05-02,
9,Closed Won,,2026-05-20,
7,Negotiating,,2026-05-19,
"""


@pytest.fixture
def fair(engine: Engine) -> Engine:
    """A campaign with contacts, and a file of what became of them."""
    register(engine, CAMPAIGN, "fair.yaml")
    return engine


def take(engine: Engine, source: str, rows: Sequence[Mapping[str, Any]], **arguments: Any) -> ImportReport:
    sources = load(engine, "fair").rules.sources
    (rules,) = [each for each in sources if each.name == source]
    arguments.setdefault("origin", "page 1")
    keys_of = source_with_keys(rules, sources)
    with engine.begin() as connection:
        return take_in(connection, "fair", rules, rows, received_at=AT, keys_of=keys_of, **arguments)


def test_objects_and_the_same_rows_in_a_file_are_the_same_facts(fair: Engine, tmp_path: Path) -> None:
    report = take(fair, "contacts", PEOPLE, first_row=11)
    assert (report.rows, report.new, report.file) == (2, 2, "page 1")
    assert take(fair, "contacts", PEOPLE).repeated == 2
    path = tmp_path / "contacts.jsonl"
    path.write_text("\n".join(json.dumps(flattened(person)) for person in PEOPLE))
    assert import_file(fair, "fair", path).repeated == 2
    with fair.connect() as connection:
        rows = connection.execute(select(source_records).order_by(source_records.c.row_number)).all()
    assert [(row.row_number, row.origin) for row in rows] == [(11, "page 1"), (12, "page 1")]
    assert rows[0].payload["company.name"] == "Example Ltd"
    assert rows[0].payload["company.tags"] == '["a"]'


def test_each_row_may_have_an_origin_of_its_own_and_none_may_have_members(fair: Engine) -> None:
    report = take(fair, "contacts", [{}, {"id": 1, "since": "2026-05-02"}], origin=["first", "second"])
    assert (report.rows, report.new, report.quarantined) == (2, 1, 1)
    with fair.connect() as connection:
        rows = connection.execute(select(source_records.c.origin, source_records.c.unreadable_reason)).all()
    assert {(row.origin, row.unreadable_reason is None) for row in rows} == {
        ("first", False),
        ("second", True),
    }
    assert take(fair, "contacts", []).rows == 0


def test_outcomes_find_their_leads_by_the_key_they_have_elsewhere(fair: Engine, tmp_path: Path) -> None:
    path = tmp_path / "all-deals.csv"
    path.write_text(DEALS)
    assert import_file(fair, "fair", path).quarantined == 5  # nobody is known yet
    take(fair, "contacts", PEOPLE)
    report = import_file(fair, "fair", path)
    assert (report.rows, report.new, report.quarantined, report.repeated) == (5, 2, 0, 3)
    with fair.connect() as connection:
        told = connection.execute(select(outcomes).order_by(outcomes.c.occurred_at)).all()
        reasons = connection.scalars(
            select(source_records.c.unreadable_reason).where(source_records.c.source == "deals")
        ).all()
    assert [(row.outcome, row.value, row.day.isoformat()) for row in told] == [
        ("lost", None, "2026-05-03"),
        ("won", 1500.0, "2026-05-20"),
    ]
    assert told[1].lead_id == lead_with(fair, "ida@leads.example")
    assert "it has no usable outcome (won, lost or meeting)" in reasons


def lead_with(engine: Engine, email: str) -> str:
    """The id of the lead with an address, told by a row that names its lead so."""
    row = {"email": email, "outcome": "meeting", "occurred_at": "2026-05-09"}
    with engine.begin() as connection:
        take_in(connection, "fair", OUTCOMES, [row], origin="by hand", received_at=AT)
        found = select(outcomes.c.lead_id).where(outcomes.c.outcome == "meeting")
        return str(connection.scalars(found).one())


def test_what_is_told_before_the_lead_was_known_is_quarantined_with_the_reason(fair: Engine) -> None:
    take(fair, "contacts", PEOPLE)
    deals = [
        {"contact": 8, "stage": "closed won", "closed": "2026-05-02"},
        {"contact": 9, "stage": "closed won", "closed": "2026-05-20"},
    ]
    report = take(fair, "deals", deals)
    assert (report.new, report.quarantined) == (0, 2)
    with fair.connect() as connection:
        assert connection.scalars(select(outcomes.c.lead_id)).all() == []
        reasons = connection.scalars(
            select(source_records.c.unreadable_reason)
            .where(source_records.c.source == "deals")
            .order_by(source_records.c.row_number)
        ).all()
    assert reasons == [
        "it is dated before the day its lead was first known",
        "it names no lead that came from contacts: import the leads first",
    ]
    assert take(fair, "deals", [deals[0] | {"closed": "2026-05-03"}]).new == 1


def test_landed_files_of_leads_come_before_what_is_told_of_them(
    fair: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path))
    get_settings.cache_clear()
    folder = tmp_path / "landing" / "fair"
    folder.mkdir(parents=True)
    (folder / "all-deals.csv").write_text(DEALS)
    (folder / "contacts.jsonl").write_text("\n".join(json.dumps(flattened(person)) for person in PEOPLE))
    landed = import_landed(fair, "fair", datetime(2100, 1, 1, tzinfo=UTC))
    assert [(file.file, file.report.new if file.report else None) for file in landed] == [
        ("contacts.jsonl", 2),
        ("all-deals.csv", 2),
    ]


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
@settings(max_examples=200)
def test_flattening_loses_no_value(record: dict[str, Any]) -> None:
    def leaves(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [leaf for inner in value.values() for leaf in leaves(inner)]
        return [repr(value)]

    flat = flattened(record)
    assert sorted(map(repr, flat.values())) == sorted(leaves(record))
    assert not any(isinstance(value, dict) for value in flat.values())


def test_flattening_is_no_burden_to_the_stack() -> None:
    record: dict[str, Any] = {"x": 1}
    for _ in range(5_000):
        record = {"x": record}
    (name,) = flattened(record)
    assert name.count(".") == 5_000
