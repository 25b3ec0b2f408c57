"""Records that name a lead are found however it is written: what the mapping makes of them is that lead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.harvest.door import take_in
from leadflow_pipeline.harvest.stored_records import Names, records_naming

NOW = datetime(2026, 5, 6, 9, 30, tzinfo=UTC)
CAMPAIGN = """
campaign: spring
name: Spring Sale
sender: {name: Eva Berg, email: eva@sender.example.org}
postal_address: 1 Sample Street, 10115 Berlin
time_zone: UTC
sources:
  - {name: list, mapping: {email: mail, phone: number, source_key: id}}
  - {name: shop, mapping: {email: contact}, constants: {phone: "0049 30 123456"}}
"""
EMAILS = [
    "ida@leads.example", " IDA@leads.example ", "Ida Example <Ida@leads.example>", "mailto:ida@leads.example",
    "ｉｄａ@leads.example", "ida\u200b@leads.example",
]  # fmt: skip
PHONES = ["0049 (30) 123-456", "+4930123456", "4930123456.0", "+49 30/123 456", "４９30123456"]


@pytest.mark.parametrize("how", ["email", "digits", "key", "nothing"])
def test_a_record_is_found_however_its_lead_is_written(engine: Engine, how: str) -> None:
    register(engine, CAMPAIGN, "spring.yaml")
    sources = load(engine, "spring").rules.sources
    told = [{"mail": email, "id": f"m{number}"} for number, email in enumerate(EMAILS)]
    told += [{"number": phone, "id": f"n{number}"} for number, phone in enumerate(PHONES)]
    told += [
        {"mail": "ben@leads.example"},
        {"number": "+49 30 999999"},
        {"id": " a key "},
        {"note": "ida@leads.example"},
    ]
    with engine.begin() as connection:
        take_in(connection, "spring", sources[0], told, origin="test", received_at=NOW)
    with engine.begin() as connection:
        take_in(
            connection,
            "spring",
            sources[1],
            [{"contact": "other@leads.example"}],
            origin="test",
            received_at=NOW,
        )
    names = {
        "email": Names(["ida@leads.example", "nobody@leads.example"], [], []),
        "digits": Names([], ["4930123456"], []),
        "key": Names([], [], ["a key"]),
        "nothing": Names([], [], []),
    }
    count = {"email": len(EMAILS), "digits": len(PHONES) + 1, "key": 1, "nothing": 0}
    with engine.connect() as connection:
        found = records_naming(connection, "spring", [NOW.date()], names[how], sources[0], sources)
    assert len(found) == count[how], found["payload"].tolist()
