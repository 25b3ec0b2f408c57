"""What is old ages out, and a day whose records are gone is never computed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.utils import make_new_run_id
from sqlalchemy import Engine, insert, select, update

from leadflow_pipeline.automation.retaining import forget_runs
from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.door import take_in
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.due_days import due_days
from leadflow_pipeline.store.facts import log_activity
from leadflow_pipeline.store.retention import age_out, closed_days_before, require_open
from leadflow_pipeline_tests.samples import minimal_campaign_text
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


def test_what_comes_in_late_for_a_closed_day_is_kept_and_not_computed(engine: Engine) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    with engine.begin() as connection:
        connection.execute(update(schema.campaigns).values(closed_before=HORIZON))
    (source,) = load(engine, "spring").rules.sources
    days = (HORIZON - timedelta(days=1), HORIZON)
    rows = [{"Email": f"lead{number}@leads.example", "Received": str(day)} for number, day in enumerate(days)]
    with engine.begin() as connection:
        report = take_in(connection, "spring", source, rows, origin="test", received_at=NOW)
    assert (report.new, report.quarantined) == (1, 1)
    with engine.connect() as connection:
        kept = connection.execute(
            select(schema.source_records.c.day, schema.source_records.c.raw.is_not(None)).order_by("day")
        ).all()
    assert [tuple(each) for each in kept] == [(HORIZON, False), (NOW.date(), True)]


def test_runs_that_compute_nothing_are_forgotten_and_others_stay() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for job, status in (
            ("dispatch", dg.DagsterRunStatus.SUCCESS),
            ("alert", dg.DagsterRunStatus.FAILURE),
            ("dispatch", dg.DagsterRunStatus.STARTED),
            ("daily_leads", dg.DagsterRunStatus.SUCCESS),
        ):
            instance.add_run(dg.DagsterRun(job_name=job, run_id=make_new_run_id(), status=status))
        in_an_hour = datetime.now(UTC) + timedelta(hours=1)
        assert forget_runs(instance, datetime.now(UTC) - timedelta(days=1)) == 0
        assert forget_runs(instance, in_an_hour, dry_run=True) == 2
        assert forget_runs(instance, in_an_hour) == 2
        left = {(run.job_name, run.status.value) for run in instance.get_runs()}
        assert left == {("dispatch", "STARTED"), ("daily_leads", "SUCCESS")}


def test_rows_go_when_their_time_has_come_and_not_before(engine: Engine) -> None:
    log_activity(engine, actor="ida", action="archive")
    with engine.begin() as connection:
        connection.execute(update(schema.activity_log).values(occurred_at=NOW - timedelta(days=100)))
        connection.execute(
            insert(schema.inbound_mails).values(
                mailbox="inbox", mail_key="k", kind="reply", received_at=LONG_AGO, body_text="yes", verdict={}
            )
        )
        for ticket, days in (("old", 9), ("young", 7)):
            row = {"ticket": ticket, "request_key": "k", "wanted": {}, "begun_at": NOW - timedelta(days=days)}
            connection.execute(insert(schema.run_launches).values(row))
    counts = {"tracking_hits": 0, "inbound_mails": 0, "api_requests": 0, "run_launches": 1}
    assert age_out(engine, Settings(), NOW) == counts
    with engine.connect() as connection:
        assert connection.scalars(select(schema.run_launches.c.ticket)).all() == ["young"]
    short = Settings(keep_mail_days=30, keep_activity_days=90)
    assert age_out(engine, short, NOW)["inbound_mails"] == 1
    with engine.connect() as connection:
        assert set(connection.scalars(select(schema.activity_log.c.action))) == {"age_out"}
        kept = connection.execute(select(schema.inbound_mails.c.kind, schema.inbound_mails.c.body_text)).one()
    assert tuple(kept) == ("reply", None)
