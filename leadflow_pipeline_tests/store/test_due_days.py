"""Which days are due, from what was written and what has happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine, insert, text

from leadflow_pipeline.partitions import days_between
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.channel_credits import record_credits
from leadflow_pipeline.store.due_days import DaysBehind, DueDays, days_behind, due_days
from leadflow_pipeline.store.facts import facts_until
from leadflow_pipeline.store.frames import empty
from leadflow_pipeline.store.partitions import replace_partitions

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 10)
LONG_AGO = datetime(2026, 3, 20, 12, tzinfo=UTC)
"""When the days of these tests were computed."""


def record(
    engine: Engine, campaign: str, day: date, known_at: datetime = LONG_AGO - timedelta(hours=1)
) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(schema.source_records).values(
                campaign=campaign,
                source="website",
                content_key=f"{day}{known_at}",
                occurred_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
                received_at=known_at,
                origin="leads.csv",
                row_number=1,
                payload={},
            )
        )


def event(engine: Engine, campaign: str, day: date, known_at: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(schema.engagement_events).values(
                campaign=campaign,
                event_id=f"{day}{known_at}",
                lead_id="lead",
                behaviour="click",
                occurred_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
                received_at=known_at,
                origin="test",
            )
        )


def answer(engine: Engine, campaign: str, day: date, known_at: datetime) -> None:
    """What a vendor says of a lead is a fact of the day it is known, so here the two are one."""
    with engine.begin() as connection:
        connection.execute(
            insert(schema.vendor_lookups).values(
                campaign=campaign,
                lead_id="lead",
                provider="acme",
                vendor="acme",
                subject_key=f"{day}{known_at}",
                question={},
                state="answered",
                answer={},
                finished_at=known_at,
                expires_at=known_at + timedelta(days=90),
            )
        )


def computed(
    engine: Engine,
    campaign: str,
    first: date,
    last: date,
    at: datetime = LONG_AGO,
    tables: tuple = schema.DERIVED_TABLES,
) -> None:
    rows = [
        {
            "table_name": table.name,
            "campaign": campaign,
            "day": day,
            "campaign_version": 1,
            "rows": 0,
            "run_id": "run",
            "written_at": at + timedelta(seconds=position),
        }
        for position, table in enumerate(schema.DERIVED_TABLES)
        if table in tables
        for day in days_between(first, last)
    ]
    upsert = text(
        "INSERT INTO leadflow.partition_lineage "
        "VALUES (:table_name, :campaign, :day, :campaign_version, :rows, :run_id, :written_at, :written_at) "
        "ON CONFLICT (table_name, campaign, day) DO UPDATE "
        "SET written_at = excluded.written_at, facts_until = excluded.facts_until"
    )
    with engine.begin() as connection:
        connection.execute(upsert, rows)


def due(engine: Engine) -> list[DueDays]:
    return due_days(engine, date(2026, 1, 1), LAST)


@pytest.fixture
def spring(campaign: Callable[..., str]) -> str:
    return campaign("spring")


def test_a_campaign_without_a_record_has_no_due_day(engine: Engine, spring: str) -> None:
    assert due(engine) == []


def test_the_first_run_begins_with_the_first_record(engine: Engine, spring: str) -> None:
    record(engine, spring, date(2026, 3, 4))
    assert due(engine) == [DueDays(spring, date(2026, 3, 4), LAST)]


def test_a_week_without_a_tick_is_made_good_at_once(engine: Engine, spring: str) -> None:
    record(engine, spring, FIRST)
    computed(engine, spring, FIRST, date(2026, 3, 3))
    assert due(engine) == [DueDays(spring, date(2026, 3, 4), LAST)]


def test_a_campaign_that_is_up_to_date_has_no_due_day(engine: Engine, spring: str) -> None:
    record(engine, spring, FIRST)
    computed(engine, spring, FIRST, LAST)
    assert due(engine) == []


@pytest.mark.parametrize("fact", [record, event], ids=["record", "event"])
def test_a_fact_that_arrives_late_makes_its_day_due_again_and_all_after_it(
    engine: Engine, spring: str, fact: Callable[..., None]
) -> None:
    record(engine, spring, FIRST)
    computed(engine, spring, FIRST, LAST)
    fact(engine, spring, date(2026, 3, 6), LONG_AGO + timedelta(hours=1))
    assert due(engine) == [DueDays(spring, date(2026, 3, 6), LAST)]
    computed(engine, spring, date(2026, 3, 6), LAST, LONG_AGO + timedelta(hours=2))
    assert due(engine) == []


def test_credits_recorded_for_a_past_day_make_it_due_again_and_for_one_to_come_do_not(
    engine: Engine, spring: str
) -> None:
    record(engine, spring, FIRST)
    computed(engine, spring, FIRST, LAST)
    credits = pd.DataFrame({"channel": ["ads"], "leads": [40], "conversions": [31.5]})
    record_credits(engine, spring, LAST + timedelta(days=1), credits)
    assert due(engine) == []
    record_credits(engine, spring, FIRST + timedelta(days=3), credits)
    assert due(engine) == [DueDays(spring, FIRST + timedelta(days=3), LAST)]


def test_an_answer_that_came_after_its_day_was_computed_makes_the_day_due_again(
    engine: Engine, spring: str
) -> None:
    record(engine, spring, FIRST, known_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    evening = datetime(2026, 3, 6, 23, 59, 30, tzinfo=UTC)
    computed(engine, spring, FIRST, LAST, at=evening - timedelta(minutes=1))
    answer(engine, spring, date(2026, 3, 6), evening)
    assert due(engine) == [DueDays(spring, date(2026, 3, 6), LAST)]


def test_a_decision_about_the_model_of_a_past_day_makes_that_day_due_again(
    engine: Engine, spring: str
) -> None:
    record(engine, spring, FIRST)
    computed(engine, spring, FIRST, LAST)

    def decide(from_day: date, at: datetime) -> None:
        values = {
            "campaign": spring,
            "from_day": from_day,
            "decided_at": at,
            "actor": "x",
            "reason": "worse",
        }
        with engine.begin() as connection:
            connection.execute(insert(schema.model_promotions).values(values))

    decide(date(2026, 3, 4), LONG_AGO - timedelta(minutes=5))  # known when the days were computed
    decide(LAST + timedelta(days=1), LONG_AGO + timedelta(minutes=5))
    assert due_days(engine, FIRST, LAST) == []
    decide(date(2026, 3, 6), LONG_AGO + timedelta(minutes=5))
    assert due_days(engine, FIRST, LAST) == [DueDays(spring, date(2026, 3, 6), LAST)]


def test_a_run_that_ended_half_way_stays_due(engine: Engine, spring: str) -> None:
    record(engine, spring, FIRST)
    computed(engine, spring, FIRST, LAST)
    computed(engine, spring, date(2026, 3, 5), LAST, LONG_AGO + timedelta(hours=1), (schema.harvested_leads,))
    assert due(engine) == [DueDays(spring, date(2026, 3, 5), LAST)]


def test_facts_before_the_first_partition_are_never_due(engine: Engine, spring: str) -> None:
    record(engine, spring, date(2025, 12, 31))
    record(engine, spring, FIRST)
    computed(engine, spring, FIRST, LAST)
    assert due(engine) == []


def test_today_is_not_due_before_it_has_ended(engine: Engine, spring: str) -> None:
    record(engine, spring, LAST + timedelta(days=1))
    assert due(engine) == []


def test_what_was_being_stored_while_its_day_was_computed_makes_it_due(engine: Engine, spring: str) -> None:
    def compute() -> None:
        moment = facts_until(engine)
        for table in schema.DERIVED_TABLES:
            replace_partitions(
                engine,
                table,
                spring,
                [LAST],
                empty(table),
                campaign_version=1,
                run_id="run",
                facts_until=moment,
            )

    fact = insert(schema.source_records).values(
        campaign=spring,
        source="website",
        occurred_at=datetime(2026, 3, 10, 9, tzinfo=UTC),
        origin="leads.csv",
        row_number=1,
        payload={},
    )
    with engine.begin() as connection:
        connection.execute(fact.values(content_key="there before"))
    with engine.begin() as connection:
        connection.execute(fact.values(content_key="not there before the day is computed"))
        compute()
    assert due(engine) == [DueDays(spring, LAST, LAST)]
    compute()
    assert due(engine) == []


@pytest.mark.parametrize("status", ["paused", "archived"])
def test_only_active_campaigns_have_due_days(
    engine: Engine, campaign: Callable[..., str], status: str
) -> None:
    record(engine, campaign("autumn", status=status), FIRST)
    assert due(engine) == []


def test_earlier_days_that_cannot_be_relied_on_are_counted(engine: Engine, spring: str) -> None:
    record(engine, spring, FIRST)
    computed(engine, spring, date(2026, 3, 3), LAST)
    event(engine, spring, date(2026, 3, 4), LONG_AGO + timedelta(days=1))
    with engine.connect() as connection:
        scored = days_behind(connection, schema.scored_leads, [schema.enriched_leads], spring, LAST)
        routed = days_behind(connection, schema.routed_leads, [schema.qualified_leads], spring, LAST)
        first = days_behind(connection, schema.routed_leads, [schema.qualified_leads], spring, FIRST)
    assert scored == DaysBehind(missing=2, outdated=1)
    assert routed == DaysBehind(missing=2, outdated=0)
    assert first == DaysBehind(0, 0)
