"""The generated checks find what they are there for, in a database that was altered by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.checks import check_nothing_lost, check_rows
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.partitions import replace_partitions

DAY = date(2026, 3, 1)
RANGE = PartitionRange("spring", (DAY,))
TABLE = schema.qualified_leads


@pytest.fixture
def two_leads(engine: Engine, campaign: Callable[..., str]) -> None:
    campaign("spring", versions=2)
    frame = empty(TABLE).drop(columns=["campaign", "campaign_version"]).reindex(range(2))
    frame = frame.assign(
        day=datetime(2026, 3, 1),  # noqa: DTZ001 (days are naive)
        lead_id=["a", "b"],
        source="website",
        icp_fit=0.5,
        score=70.0,
        status="QUALIFIED",
        reasons="[]",
        is_override=False,
    )
    conformed = conform(frame, TABLE, campaign="spring", campaign_version=1)
    replace_partitions(engine, TABLE, "spring", [DAY], conformed, campaign_version=1, run_id="run")


def broken(engine: Engine, partitions: PartitionRange = RANGE) -> dict[str, object]:
    """Rule -> rows that break it; empty where the check passes."""
    with engine.connect() as connection:
        verdict = check_rows(connection, TABLE, partitions)
    found = {name: value.value for name, value in verdict.metadata.items() if name.startswith("broken/")}
    assert verdict.passed == (not found)
    return found


def alter(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.usefixtures("two_leads")
def test_sound_rows_pass(engine: Engine) -> None:
    assert broken(engine) == {}


@pytest.mark.usefixtures("two_leads")
def test_a_repeated_key_is_found(engine: Engine) -> None:
    alter(
        engine,
        "ALTER TABLE leadflow.qualified_leads DROP CONSTRAINT qualified_leads_pkey",
        "UPDATE leadflow.qualified_leads SET lead_id = 'a'",
    )
    assert broken(engine) == {"broken/primary key": 1}


@pytest.mark.usefixtures("two_leads")
def test_a_missing_value_is_found(engine: Engine) -> None:
    alter(
        engine,
        "ALTER TABLE leadflow.qualified_leads ALTER source DROP NOT NULL",
        "UPDATE leadflow.qualified_leads SET source = NULL WHERE lead_id = 'b'",
    )
    assert broken(engine) == {"broken/source": 1}


@pytest.mark.usefixtures("two_leads")
def test_a_value_out_of_range_is_found(engine: Engine) -> None:
    alter(
        engine,
        "ALTER TABLE leadflow.qualified_leads DROP CONSTRAINT qualified_leads_score_check",
        "UPDATE leadflow.qualified_leads SET score = 101",
    )
    assert broken(engine) == {"broken/qualified_leads_score_check": 2}


@pytest.mark.usefixtures("two_leads")
def test_a_row_of_another_campaign_version_is_found(engine: Engine) -> None:
    alter(engine, "UPDATE leadflow.qualified_leads SET campaign_version = 2 WHERE lead_id = 'a'")
    assert broken(engine) == {"broken/campaign version as recorded": 1}


@pytest.mark.usefixtures("two_leads")
def test_only_the_days_of_the_run_are_looked_at(engine: Engine) -> None:
    alter(
        engine,
        "ALTER TABLE leadflow.qualified_leads DROP CONSTRAINT qualified_leads_score_check",
        "UPDATE leadflow.qualified_leads SET score = 101",
    )
    other = PartitionRange("spring", (DAY + timedelta(days=1),))
    assert broken(engine, other) == {}


def test_a_record_that_became_nothing_is_missed(engine: Engine, campaign: Callable[..., str]) -> None:
    campaign("spring")
    with engine.connect() as connection:
        assert check_nothing_lost(connection, RANGE).passed
    with engine.begin() as connection:
        connection.execute(
            schema.source_records.insert().values(
                campaign="spring",
                source="website",
                content_key="k",
                occurred_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
                origin="leads.csv",
                row_number=1,
                payload={},
            )
        )
    with engine.connect() as connection:
        assert not check_nothing_lost(connection, RANGE).passed
