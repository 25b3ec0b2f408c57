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


def failed(engine: Engine) -> dict[str, dict[str, object]]:
    with engine.connect() as connection:
        return {
            result.check_name: {name: value.value for name, value in result.metadata.items()}
            for result in check_rows(connection, TABLE, RANGE)
            if not result.passed
        }


def alter(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.usefixtures("two_leads")
def test_sound_rows_pass(engine: Engine) -> None:
    assert failed(engine) == {}


@pytest.mark.usefixtures("two_leads")
def test_a_repeated_key_is_found(engine: Engine) -> None:
    alter(
        engine,
        "ALTER TABLE leadflow.qualified_leads DROP CONSTRAINT qualified_leads_pkey",
        "UPDATE leadflow.qualified_leads SET lead_id = 'a'",
    )
    assert failed(engine) == {"keys_unique": {"rows": 2, "broken/primary key": 1}}


@pytest.mark.usefixtures("two_leads")
def test_a_missing_value_is_found(engine: Engine) -> None:
    alter(
        engine,
        "ALTER TABLE leadflow.qualified_leads ALTER source DROP NOT NULL",
        "UPDATE leadflow.qualified_leads SET source = NULL WHERE lead_id = 'b'",
    )
    assert failed(engine) == {"columns_not_null": {"rows": 2, "broken/source": 1}}


@pytest.mark.usefixtures("two_leads")
def test_a_value_out_of_range_is_found(engine: Engine) -> None:
    alter(
        engine,
        "ALTER TABLE leadflow.qualified_leads DROP CONSTRAINT qualified_leads_score_check",
        "UPDATE leadflow.qualified_leads SET score = 101",
    )
    assert list(failed(engine)) == ["values_allowed"]


@pytest.mark.usefixtures("two_leads")
def test_a_row_of_another_campaign_version_is_found(engine: Engine) -> None:
    alter(engine, "UPDATE leadflow.qualified_leads SET campaign_version = 2 WHERE lead_id = 'a'")
    assert failed(engine) == {"campaign_version_as_recorded": {"rows": 2, "broken/campaign_version": 1}}


@pytest.mark.usefixtures("two_leads")
def test_only_the_days_of_the_run_are_looked_at(engine: Engine) -> None:
    alter(
        engine,
        "ALTER TABLE leadflow.qualified_leads DROP CONSTRAINT qualified_leads_score_check",
        "UPDATE leadflow.qualified_leads SET score = 101",
    )
    other = PartitionRange("spring", (DAY + timedelta(days=1),))
    with engine.connect() as connection:
        assert all(result.passed for result in check_rows(connection, TABLE, other))


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
