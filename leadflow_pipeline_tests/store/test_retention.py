"""What is old ages out, and a day whose records are gone is never computed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.due_days import due_days
from leadflow_pipeline.store.facts import log_activity
from leadflow_pipeline.store.retention import age_out, closed_days_before, require_open
from leadflow_pipeline_tests.store.test_due_days import FIRST, LAST, LONG_AGO, computed, record

NOW = datetime(2026, 8, 1, 4, 30, tzinfo=UTC)
SETTINGS = Settings(keep_record_days=90, first_day=FIRST)
HORIZON = (NOW - timedelta(days=90)).date()


def payloads(engine: Engine) -> list[dict[str, str]]:
    with engine.connect() as connection:
        return list(connection.scalars(select(schema.source_records.c.payload)))


def test_a_day_that_was_never_computed_keeps_its_records(engine: Engine, campaign) -> None:
    slug = campaign()
    record(engine, slug, FIRST)
    with engine.begin() as connection:
        connection.execute(update(schema.source_records).values(payload={"email": "ida@leads.example"}))
    assert age_out(engine, SETTINGS, NOW)["source_records"] == 0
    assert payloads(engine) == [{"email": "ida@leads.example"}]
    require_open(engine, slug, FIRST)


def test_days_that_aged_out_are_closed_for_good(engine: Engine, campaign) -> None:
    slug = campaign()
    for day in (FIRST, LAST):
        record(engine, slug, day)
    with engine.begin() as connection:
        connection.execute(update(schema.source_records).values(payload={"email": "ida@leads.example"}))
    computed(engine, slug, FIRST, NOW.date() - timedelta(days=1))

    assert age_out(engine, SETTINGS, NOW, dry_run=True)["source_records"] == 2
    assert closed_days_before(engine, slug) is None
    assert age_out(engine, SETTINGS, NOW)["source_records"] == 2
    assert age_out(engine, SETTINGS, NOW)["source_records"] == 0
    assert payloads(engine) == [{}, {}]
    assert closed_days_before(engine, slug) == HORIZON
    with pytest.raises(PermanentError, match=f"before {HORIZON} are closed"):
        require_open(engine, slug, HORIZON - timedelta(days=1))
    require_open(engine, slug, HORIZON)

    record(engine, slug, FIRST, known_at=NOW)
    assert due_days(engine, FIRST, NOW.date() - timedelta(days=1)) == [], "a late fact opens no closed day"
    age_out(engine, Settings(keep_record_days=400, first_day=FIRST), NOW)
    assert closed_days_before(engine, slug) == HORIZON, "a longer time brings nothing back"


def test_rows_go_when_their_time_has_come_and_not_before(engine: Engine) -> None:
    log_activity(engine, actor="ida", action="archive")
    with engine.begin() as connection:
        connection.execute(update(schema.activity_log).values(occurred_at=NOW - timedelta(days=100)))
        connection.execute(
            insert(schema.inbound_mails).values(
                mailbox="inbox", mail_key="k", kind="reply", received_at=LONG_AGO, body_text="yes", verdict={}
            )
        )
    assert age_out(engine, Settings(), NOW) == {"tracking_hits": 0, "inbound_mails": 0, "api_requests": 0}
    short = Settings(keep_mail_days=30, keep_activity_days=90)
    assert age_out(engine, short, NOW)["inbound_mails"] == 1
    with engine.connect() as connection:
        assert connection.scalars(select(schema.activity_log.c.action)).all() == ["age_out"]
        kept = connection.execute(select(schema.inbound_mails.c.kind, schema.inbound_mails.c.body_text)).one()
    assert tuple(kept) == ("reply", None)
