"""Dagster: its storage, its daemon, its schedules, and what failed and was not made good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from leadflow_pipeline.insight.health.failed import failed_jobs, failed_partitions
from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.insight.health.schedules import failing_schedules, overdue_schedules
from leadflow_pipeline.store.dagster_tables import has_dagster, heartbeats, schedule_ticks

STALE_HEARTBEAT = timedelta(minutes=5)


def look_at_dagster(engine: Engine) -> Iterator[Finding]:
    """Everything there is to say of it."""
    now = datetime.now(UTC)
    with engine.connect() as connection:
        if not has_dagster(connection):
            sentence = "has never used this database: nothing happens by itself"
            yield Finding("Dagster storage", State.LOOK, sentence, "leadflow up")
            return
        yield Finding("Dagster storage", State.WELL, "answers")
        beats, schedules = heartbeats(connection), schedule_ticks(connection)
    yield look_at_daemon(beats, now)
    if late := overdue_schedules(schedules, now):
        remedy = "leadflow up; if it runs, look at the log of its daemon"
        yield Finding("schedules", State.BROKEN, f"{', '.join(late)} should have been looked at", remedy)
    if failing := failing_schedules(schedules):
        remedy = "the Dagster UI shows the error of the last tick, under Automation"
        yield Finding(
            "failing schedules", State.BROKEN, f"{', '.join(failing)} failed when last looked at", remedy
        )
    for failed in failed_partitions(engine, now):
        yield Finding(f"campaign {failed.campaign}", State.BROKEN, failed.sentence, failed.remedy)
    for job in failed_jobs(engine, now):
        yield Finding(f"job {job.job}", State.BROKEN, job.sentence, job.remedy)


def look_at_daemon(beats: dict[str, datetime], now: datetime) -> Finding:
    """Whether schedules and sensors are being looked at."""
    if not beats:
        sentence = "has never run: nothing happens by itself"
        return Finding("Dagster daemon", State.LOOK, sentence, "leadflow up")
    age = now - max(beats.values())
    if age > STALE_HEARTBEAT:
        sentence = f"gave its last sign of life {age.total_seconds() / 3600:,.1f} hours ago"
        return Finding("Dagster daemon", State.BROKEN, sentence, "leadflow up")
    return Finding("Dagster daemon", State.WELL, "is alive")
