"""What is broken now: failures that nobody has made good.

Annotations are not postponed: Dagster reads them.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, insert

from leadflow_pipeline.insight.health.failed import failed_jobs, failed_partitions
from leadflow_pipeline.insight.health.schedules import overdue_schedules
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.store.schema import DERIVED_TABLES, partition_lineage

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 3)
NAMES = [table.name for table in DERIVED_TABLES]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
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


def test_a_failed_range_is_broken_until_every_day_was_written_anew(
    engine: Engine, campaign: Callable[..., str], instance: dg.DagsterInstance
) -> None:
    slug = campaign()
    written(engine, slug, days_between(FIRST, LAST), NAMES, "before")
    run_id = run(instance, **PartitionRange(slug, days_between(FIRST, LAST)).tags)
    (broken,) = failed_partitions(engine, instance, datetime.now(UTC))
    assert (broken.days, broken.run_id, broken.tables) == (days_between(FIRST, LAST), run_id, tuple(NAMES))
    assert f"leadflow materialize {slug} --from {FIRST} --to {LAST}" in broken.remedy
    written(engine, slug, [FIRST], NAMES, "later")
    written(engine, slug, [LAST], NAMES[:-2], run_id)
    (broken,) = failed_partitions(engine, instance, datetime.now(UTC))
    assert broken.days == (FIRST + timedelta(days=1), LAST), "what was written is made good"
    written(engine, slug, broken.days, NAMES, "later")
    assert failed_partitions(engine, instance, datetime.now(UTC)) == []


def test_a_day_whose_check_failed_is_broken_until_it_is_written_by_another_run(
    engine: Engine, campaign: Callable[..., str], instance: dg.DagsterInstance
) -> None:
    slug = campaign()
    run_id = run(instance, **{"dagster/partition": f"{slug}|{FIRST}"})
    written(engine, slug, [FIRST], NAMES, run_id)
    assert [each.days for each in failed_partitions(engine, instance, datetime.now(UTC))] == [(FIRST,)]
    written(engine, slug, [FIRST], NAMES, "later")
    assert failed_partitions(engine, instance, datetime.now(UTC)) == []


def test_an_archived_campaign_is_nobodys_business(
    engine: Engine, campaign: Callable[..., str], instance: dg.DagsterInstance
) -> None:
    slug = campaign(status="archived")
    run(instance, **{"dagster/partition": f"{slug}|{FIRST}"})
    assert failed_partitions(engine, instance, datetime.now(UTC)) == []


def test_a_job_is_broken_while_its_latest_run_failed(instance: dg.DagsterInstance) -> None:
    now = datetime.now(UTC)
    run_id = run(instance)
    (broken,) = failed_jobs(instance, now)
    assert (broken.job, broken.run_id) == ("some_job", run_id)
    run(instance, outcome="well")
    assert failed_jobs(instance, now) == []
    assert len(instance.get_runs(dg.RunsFilter())) == 2
    assert overdue_schedules(instance, now) == []


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
