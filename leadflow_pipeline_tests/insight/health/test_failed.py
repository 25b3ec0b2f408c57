"""What is broken now: failures that nobody has made good.

Annotations are not postponed: Dagster reads them.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy import Engine, insert

from leadflow_pipeline.insight.health.failed import failed_jobs, failed_partitions
from leadflow_pipeline.insight.health.finding import State
from leadflow_pipeline.insight.health.orchestration import look_at_dagster
from leadflow_pipeline.insight.health.schedules import failing_schedules, overdue_schedules
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.dagster_home import dagster_instance
from leadflow_pipeline.store.dagster_tables import ScheduleTicks, heartbeats, runs_by_status, schedule_ticks
from leadflow_pipeline.store.schema import DERIVED_TABLES, partition_lineage

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 3)
NAMES = [table.name for table in DERIVED_TABLES]


@pytest.fixture
def instance(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster on the database of the test, as users have it."""
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path / "home"))
    for name in ("DAGSTER_HOME", "LEADFLOW_DAGSTER_DATABASE_URL", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    get_settings.cache_clear()
    with dagster_instance() as instance:
        yield instance


@dg.op
def fails(context: dg.OpExecutionContext) -> None:
    """Ends as its tag says."""
    if context.run_tags.get("outcome") != "well":
        raise dg.Failure("as asked", allow_retries=False)


@dg.job
def some_job() -> None:
    """One step."""
    fails()


def test_failed_days_are_broken_until_they_are_written_anew(
    engine: Engine, campaign: Callable[..., str], instance: dg.DagsterInstance
) -> None:
    slug = campaign()
    written(engine, slug, days_between(FIRST, LAST), NAMES, "before")
    run_id = run(instance, **PartitionRange(slug, days_between(FIRST, LAST)).tags)
    (broken,) = failed_partitions(engine, datetime.now(UTC))
    assert (broken.days, broken.run_id, broken.tables) == (days_between(FIRST, LAST), run_id, tuple(NAMES))
    assert f"leadflow materialize {slug} --from {FIRST} --to {LAST}" in broken.remedy
    written(engine, slug, [FIRST], NAMES, "later")
    written(engine, slug, [LAST], NAMES[:-2], run_id)
    (broken,) = failed_partitions(engine, datetime.now(UTC))
    assert broken.days == (FIRST + timedelta(days=1), LAST), "what was written is made good"
    written(engine, slug, broken.days, NAMES, "later")
    assert failed_partitions(engine, datetime.now(UTC)) == []

    # A day whose check failed is broken until another run writes it.
    slug = campaign("autumn")
    run_id = run(instance, **{"dagster/partition": f"{slug}|{FIRST}"})
    written(engine, slug, [FIRST], NAMES, run_id)
    assert [each.days for each in failed_partitions(engine, datetime.now(UTC))] == [(FIRST,)]
    written(engine, slug, [FIRST], NAMES, "later")
    assert failed_partitions(engine, datetime.now(UTC)) == []

    # An archived campaign is nobody's business.
    slug = campaign("winter", status="archived")
    run(instance, **{"dagster/partition": f"{slug}|{FIRST}"})
    assert failed_partitions(engine, datetime.now(UTC)) == []


def test_a_job_is_broken_while_its_latest_run_failed(engine: Engine, instance: dg.DagsterInstance) -> None:
    now = datetime.now(UTC)
    run_id = run(instance)
    (broken,) = failed_jobs(engine, now)
    assert (broken.job, broken.run_id) == ("some_job", run_id)
    run(instance, outcome="well")
    assert failed_jobs(engine, now) == []
    with engine.connect() as connection:
        assert runs_by_status(connection, now - timedelta(days=1)) == {"FAILURE": 1, "SUCCESS": 1}


def test_a_database_that_dagster_never_used_has_no_failure(engine: Engine) -> None:
    assert failed_partitions(engine, datetime.now(UTC)) == []
    assert [each.state for each in look_at_dagster(engine)] == [State.LOOK]


def test_a_schedule_is_overdue_when_it_is_quiet_for_longer_than_before() -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    hourly = ScheduleTicks("hourly", tuple(now - timedelta(hours=n, minutes=5) for n in range(4)), False)
    quiet = ScheduleTicks("quiet", tuple(now - timedelta(hours=n, minutes=20) for n in range(1, 4)), True)
    new = ScheduleTicks("new", (now - timedelta(days=9),), False)
    assert overdue_schedules([hourly, quiet, new], now) == ["quiet"]
    assert failing_schedules([hourly, quiet, new]) == ["quiet"]


def test_dagsters_tables_are_read_as_dagster_writes_them(
    engine: Engine, instance: dg.DagsterInstance
) -> None:
    """Written by Dagster, read by us: whoever raises its version finds out here."""
    now = datetime.now(UTC)
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(
            ManagedGrpcPythonEnvCodeLocationOrigin(
                LoadableTargetOrigin(module_name="leadflow_pipeline.definitions"), "leadflow_pipeline"
            ),
            "__repository__",
        ),
        "dispatch_schedule",
    )
    data = ScheduleInstigatorData("*/10 * * * *", (now - timedelta(hours=1)).timestamp())
    state = InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.DECLARED_IN_CODE, data)
    instance.add_instigator_state(state)
    for minutes, status in ((20, TickStatus.SKIPPED), (10, TickStatus.SKIPPED)):
        at = (now - timedelta(minutes=minutes)).timestamp()
        tick = TickData(
            origin.get_id(),
            "dispatch_schedule",
            InstigatorType.SCHEDULE,
            status,
            at,
            selector_id=state.selector_id,
        )
        instance.create_tick(tick)
    instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), "SCHEDULER", "one", []))
    with engine.connect() as connection:
        (schedule,) = schedule_ticks(connection)
        beats = heartbeats(connection)
    assert (schedule.name, len(schedule.ticks), schedule.is_failing) == ("dispatch_schedule", 2, False)
    assert abs((schedule.ticks[0] - now).total_seconds() + 600) < 1
    assert abs((beats["SCHEDULER"] - now).total_seconds()) < 1


def run(instance: dg.DagsterInstance, **tags: str) -> str:
    return some_job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id


def written(engine: Engine, campaign: str, days: Any, tables: list[str], run_id: str) -> None:
    """As the store would have it after a run that came so far."""
    keys = [{"campaign": campaign, "day": day, "table_name": table} for day in days for table in tables]
    with engine.begin() as connection:
        for key in keys:
            lineage = partition_lineage
            connection.execute(
                lineage.delete().where(*(lineage.c[name] == value for name, value in key.items()))
            )
        rest = {"campaign_version": 1, "rows": 0, "run_id": run_id}
        connection.execute(insert(partition_lineage), [{**key, **rest} for key in keys])
