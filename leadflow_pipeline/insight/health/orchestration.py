"""Dagster: its storage, its daemon, and runs that failed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from leadflow_pipeline.insight.health.failed import failed_jobs, failed_partitions
from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.insight.health.schedules import overdue_schedules
from leadflow_pipeline.store.dagster_home import dagster_environment

STALE_HEARTBEAT = timedelta(minutes=5)


def look_at_dagster(engine: Engine) -> Iterator[Finding]:
    """Dagster's storage, its daemon, and the latest run of each campaign."""
    os.environ.update(dagster_environment())
    try:
        with dg.DagsterInstance.get() as instance:
            yield Finding("Dagster storage", State.WELL, "answers")
            yield look_at_daemon(instance)
            yield from look_at_schedules(instance)
            yield from look_at_failures(engine, instance)
    except (SQLAlchemyError, dg.DagsterError) as error:
        sentence = f"does not answer ({type(error).__name__})"
        yield Finding("Dagster storage", State.BROKEN, sentence, "leadflow up, and look at its logs")


def look_at_daemon(instance: dg.DagsterInstance) -> Finding:
    """Whether schedules and sensors are being looked at."""
    beats = [status.timestamp for status in instance.get_daemon_heartbeats().values()]
    if not beats:
        return Finding(
            "Dagster daemon", State.LOOK, "has never run: nothing happens by itself", "leadflow up"
        )
    age = datetime.now(UTC) - datetime.fromtimestamp(max(beats), UTC)
    if age > STALE_HEARTBEAT:
        sentence = f"gave its last sign of life {age.total_seconds() / 3600:,.1f} hours ago"
        return Finding("Dagster daemon", State.BROKEN, sentence, "leadflow up")
    return Finding("Dagster daemon", State.WELL, "is alive")


def look_at_schedules(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Schedules whose time has come and gone."""
    late = overdue_schedules(instance, datetime.now(UTC))
    if late:
        sentence = f"{', '.join(late)} should have been looked at"
        yield Finding(
            "schedules", State.BROKEN, sentence, "leadflow up; if it runs, look at its daemon's log"
        )


def look_at_failures(engine: Engine, instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Partitions that a run failed to compute and no later run made good, and jobs whose latest run failed."""
    now = datetime.now(UTC)
    for failed in failed_partitions(engine, instance, now):
        yield Finding(f"campaign {failed.campaign}", State.BROKEN, failed.sentence, failed.remedy)
    for job in failed_jobs(instance, now):
        yield Finding(f"job {job.job}", State.BROKEN, job.sentence, job.remedy)
