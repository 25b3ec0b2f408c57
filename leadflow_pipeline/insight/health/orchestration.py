"""Dagster: its storage, its daemon, and runs that failed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.partitions import CAMPAIGN_TAG
from leadflow_pipeline.store.dagster_home import dagster_environment
from leadflow_pipeline.store.due_days import known_campaigns

STALE_HEARTBEAT = timedelta(minutes=5)


def look_at_dagster(engine: Engine) -> Iterator[Finding]:
    """Dagster's storage, its daemon, and the latest run of each campaign."""
    os.environ.update(dagster_environment())
    try:
        with dg.DagsterInstance.get() as instance:
            yield Finding("Dagster storage", State.WELL, "answers")
            yield look_at_daemon(instance)
            with engine.connect() as connection:
                campaigns = known_campaigns(connection)
            yield from look_at_runs(instance, campaigns)
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


def look_at_runs(instance: dg.DagsterInstance, campaigns: list[str]) -> Iterator[Finding]:
    """Campaigns whose latest run failed."""
    for campaign in campaigns:
        for run in instance.get_runs(dg.RunsFilter(tags={CAMPAIGN_TAG: campaign}), limit=1):
            if run.status is dg.DagsterRunStatus.FAILURE:
                yield Finding(
                    f"campaign {campaign}",
                    State.BROKEN,
                    f"its latest run {run.run_id} ({run.job_name}) failed",
                    "look at the run in the UI, mend the cause, then leadflow materialize " + campaign,
                )
