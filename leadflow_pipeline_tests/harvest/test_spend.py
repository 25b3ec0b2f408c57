"""Spend comes in like leads do: whole, once, and restated by whoever told it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.harvest.importing import ImportReport, import_file
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import Contents
from leadflow_pipeline.store.schema import channel_spend, source_records
from leadflow_pipeline_tests.samples import minimal_campaign_text

SOURCES = """\
sources:
  - name: costs
    contents: spend
    files: "costs-*"
    mapping: {channel: Platform, amount: Cost}
    meanings: {channel: {Google Ads: ads}}
    day: {column: Date, format: day-first}
  - {name: fair-costs, contents: spend, files: "fair-*", channel: event}
"""

Bring = Callable[..., ImportReport]


@pytest.fixture
def bring(engine: Engine, tmp_path: Path) -> Bring:
    register(
        engine,
        minimal_campaign_text().replace("sources:\n", SOURCES).replace('"*.csv"', '"leads*"'),
        "spring.yaml",
    )

    def import_text(text: str, name: str = "costs-may.csv", **arguments: Any) -> ImportReport:
        path = tmp_path / name
        path.write_text(text)
        report = import_file(engine, "spring", path, **arguments)
        assert report.rows == report.new + report.repeated + report.quarantined + report.erased
        return report

    return import_text


def spent(engine: Engine) -> dict[tuple[str, date, str], float]:
    table = channel_spend.c
    with engine.connect() as connection:
        rows = connection.execute(select(table.channel, table.day, table.origin, table.amount)).all()
    return {(channel, day, origin): amount for channel, day, origin, amount in rows}


def test_rows_of_one_channel_and_day_are_added_up_once(bring: Bring, engine: Engine) -> None:
    text = "Platform,Date,Cost\ngoogle ads,01.05.2026,10.50\nGoogle Ads,01.05.2026,2\nsocial,02.05.2026,€ 7\n"
    first = bring(text)
    assert (first.new, first.first_day, first.last_day) == (3, date(2026, 5, 1), date(2026, 5, 2))
    again = bring(text, "costs-may-again.csv")
    assert (again.new, again.repeated) == (0, 3)
    assert spent(engine) == {
        ("ads", date(2026, 5, 1), "costs"): 12.5,
        ("social", date(2026, 5, 2), "costs"): 7.0,
    }


def test_what_a_source_tells_later_takes_the_place_of_what_it_told(bring: Bring, engine: Engine) -> None:
    bring("Platform,Date,Cost\nads,01.05.2026,10\nsocial,01.05.2026,4\n")
    bring("day,amount\n2026-05-01,900\n", "fair-hall.csv")
    report = bring("Platform,Date,Cost\nads,01.05.2026,9\nsocial,01.05.2026,4\n", "costs-final.csv")
    assert (report.new, report.repeated) == (1, 1)
    assert spent(engine) == {
        ("ads", date(2026, 5, 1), "costs"): 9.0,
        ("social", date(2026, 5, 1), "costs"): 4.0,
        ("event", date(2026, 5, 1), "fair-costs"): 900.0,
    }


def test_a_long_file_is_added_up_over_all_its_batches(bring: Bring, engine: Engine) -> None:
    text = "day,channel,amount\n" + "2026-05-01,ads,1\n" * 120_000
    assert bring(text, "ad-costs.csv", contents=Contents.SPEND).new == 120_000
    assert spent(engine) == {("ads", date(2026, 5, 1), "spend"): 120_000.0}
    assert bring(text, "ad-costs-again.csv", contents=Contents.SPEND).repeated == 120_000


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ads,31.04.2026,5", "it has no usable day"),
        ("ads,01.05.2199,5", "it has no usable day"),
        (",01.05.2026,5", "it has no usable channel"),
        ("ads,01.05.2026,-5", "it has no usable amount (0 or more)"),
        ("ads,01.05.2026,free", "it has no usable amount (0 or more)"),
    ],
)
def test_a_row_that_says_no_cost_is_kept_with_the_reason(
    bring: Bring, engine: Engine, row: str, reason: str
) -> None:
    assert bring(f"Platform,Date,Cost\n{row}\n").quarantined == 1
    with engine.connect() as connection:
        assert connection.scalars(select(source_records.c.unreadable_reason)).all() == [reason]
    assert spent(engine) == {}


def test_a_file_without_a_needed_column_is_refused(bring: Bring) -> None:
    with pytest.raises(FileRefused, match="has no column channel and no amount and no day: name"):
        bring("money\n5\n", "ad-costs.csv", contents=Contents.SPEND)
