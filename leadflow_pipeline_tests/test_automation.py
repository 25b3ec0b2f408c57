"""When work starts by itself: once for what is due, again after a failure, and not for ever."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline import automation
from leadflow_pipeline.automation.attempts import ATTEMPTS
from leadflow_pipeline.automation.daily import daily_request
from leadflow_pipeline.campaign import register
from leadflow_pipeline.definitions import build_defs, defs
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.insight.health.failed_check import NO_PARTITION_FAILED
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, last_complete_day
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.checks import LATEST_DAY_PRESENT
from leadflow_pipeline.store.due_days import DueDays
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline_tests.samples import minimal_campaign_text

YESTERDAY = last_complete_day(datetime.now(UTC))
DUE = DueDays("spring", date(2026, 3, 1), date(2026, 3, 5))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as temporary:
        yield temporary


@pytest.fixture
def lasting() -> Iterator[dg.DagsterInstance]:
    """One on disk, which a schedule can open again. Writing to it takes several times as long."""
    with dg.instance_for_test() as temporary:
        yield temporary


def tick_of_schedule(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    with dg.build_schedule_context(
        instance, resources={"store": StoreResource()}, repository_def=defs.get_repository_def()
    ) as context:
        return list(automation.daily_schedule.evaluate_tick(context).run_requests or [])


def one_lead(email: str, day: date) -> str:
    header = "Email,First name,Last name,Company,Title,Industry,Employees,Country,Phone,Plan,Received"
    return f"{header}\n{email},Ida,Example,Example Ltd,Head of Sales,software,200,DE,,gold,{day}\n"


def without_dagsters_own(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name != "dagster/schedule_name"}


def import_lead(engine: Engine, folder: Path, slug: str, days_ago: int) -> None:
    register(engine, minimal_campaign_text(slug), f"{slug}.yaml")
    file = folder / f"{slug}.csv"
    day = YESTERDAY - timedelta(days=days_ago)
    file.write_text(one_lead(f"ida-{slug}@leads.example", day))
    import_file(engine, slug, file)


def test_one_run_for_each_active_campaign_with_due_days(
    engine: Engine, lasting: dg.DagsterInstance, tmp_path: Path
) -> None:
    import_lead(engine, tmp_path, "spring", days_ago=2)
    import_lead(engine, tmp_path, "summer", days_ago=0)
    register(engine, minimal_campaign_text("quiet"), "quiet.yaml")
    register(engine, minimal_campaign_text("paused", extra="status: paused\n"), "paused.yaml")
    first = YESTERDAY - timedelta(days=2)
    requests = tick_of_schedule(lasting)
    assert [without_dagsters_own(request.tags) for request in requests] == [
        {
            "dagster/asset_partition_range_start": f"spring|{first}",
            "dagster/asset_partition_range_end": f"spring|{YESTERDAY}",
            "leadflow/campaign": "spring",
            "leadflow/work": f"spring:{first}:{YESTERDAY}",
        },
        {
            "dagster/asset_partition_range_start": f"summer|{YESTERDAY}",
            "dagster/asset_partition_range_end": f"summer|{YESTERDAY}",
            "leadflow/campaign": "summer",
            "leadflow/work": f"summer:{YESTERDAY}:{YESTERDAY}",
        },
    ]


def test_what_the_schedule_asks_for_computes_every_due_day_and_then_nothing_is_due(
    engine: Engine, lasting: dg.DagsterInstance, tmp_path: Path
) -> None:
    import_lead(engine, tmp_path, "spring", days_ago=2)
    lasting.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
    (request,) = tick_of_schedule(lasting)
    job = build_defs().resolve_job_def(automation.daily_pipeline.name)
    assert job.execute_in_process(instance=lasting, tags=request.tags).success
    assert len(lasting.get_materialized_partitions(dg.AssetKey(schema.nurture_touches.name))) == 3
    assert tick_of_schedule(lasting) == []


def test_a_failed_run_is_tried_again_under_a_new_key_and_not_for_ever(instance: dg.DagsterInstance) -> None:
    keys = []
    for _ in range(ATTEMPTS):
        request = daily_request(instance, DUE)
        assert request is not None
        keys.append(request.run_key)
        add_run(instance, request, dg.DagsterRunStatus.FAILURE)
    assert len(set(keys)) == ATTEMPTS
    assert daily_request(instance, DUE) is None
    another_day = DueDays(DUE.campaign, DUE.first, DUE.last + timedelta(days=1))
    assert daily_request(instance, another_day) is not None


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_campaign_has_one_run_at_a_time(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    request = daily_request(instance, DUE)
    assert request is not None
    add_run(instance, request, status)
    assert daily_request(instance, DUE) is None
    assert daily_request(instance, DueDays("autumn", DUE.first, DUE.last)) is not None


def add_run(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    run = dg.DagsterRun(job_name=automation.daily_pipeline.name, status=status, tags=request.tags)
    instance.add_run(run)


def test_every_campaign_gets_its_partition_and_none_loses_it(
    campaign: Callable[..., str], instance: dg.DagsterInstance
) -> None:
    campaign("spring")
    campaign("autumn", status="archived")
    instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["gone"])
    context = dg.build_sensor_context(instance, resources={"store": StoreResource()})
    result = automation.register_campaigns.evaluate_tick(context)
    (added,) = result.dynamic_partitions_requests
    assert (added.partitions_def_name, added.partition_keys) == (
        CAMPAIGN_PARTITIONS_NAME,
        ["autumn", "spring"],
    )
    instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, added.partition_keys)
    again = automation.register_campaigns.evaluate_tick(context)
    assert not again.dynamic_partitions_requests
    assert set(instance.get_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME)) == {"autumn", "gone", "spring"}


def test_a_landed_file_is_imported_once_and_its_name_stays_out_of_dagster(
    engine: Engine, instance: dg.DagsterInstance
) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    folder = get_settings().landing_folder / "spring"
    folder.mkdir(parents=True)
    file = folder / "leads-of-ida-canary.csv"
    file.write_text(one_lead("ida@leads.example", YESTERDAY))
    context = dg.build_sensor_context(
        instance, resources={"store": StoreResource()}, repository_def=defs.get_repository_def()
    )
    assert not automation.landing_folders.evaluate_tick(context).run_requests, "it may still be written to"

    long_ago = file.stat().st_mtime - 60
    os.utime(file, (long_ago, long_ago))
    (request,) = automation.landing_folders.evaluate_tick(context).run_requests
    job = defs.resolve_job_def(automation.import_landed_files.name)
    result = job.execute_in_process(instance=instance, run_config=request.run_config, tags=request.tags)
    assert result.success
    with engine.connect() as connection:
        assert len(connection.execute(select(schema.source_records.c.record_id)).all()) == 1
    assert not automation.landing_folders.evaluate_tick(context).run_requests
    events = "".join(dg.serialize_value(event) for event in instance.all_logs(result.run_id))
    assert "canary" not in events + str(request)


def test_a_failed_run_is_noted_where_people_look(campaign: Callable[..., str], engine: Engine) -> None:
    campaign("spring")

    @dg.op
    def broken() -> None:
        raise ValueError("ida@leads.example")

    @dg.job(tags={"leadflow/campaign": "spring"})
    def daily() -> None:
        broken()

    with dg.DagsterInstance.ephemeral() as instance:
        result = daily.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="record_failures",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"store": StoreResource()},
        ).for_run_failure()
        automation.record_failures(context)
    with engine.connect() as connection:
        activity = schema.activity_log.c
        noted = connection.execute(select(activity.action, activity.campaign, activity.detail)).one()
    assert noted.action == "run_failed"
    assert noted.campaign == "spring"
    assert noted.detail == {"run_id": result.run_id, "job": "daily", "steps": ["broken"]}


def test_a_late_campaign_fails_the_check_of_the_latest_day(
    engine: Engine, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    job = defs.resolve_job_def(automation.latest_day_watch.name)
    checks = checks_of(job.execute_in_process(instance=instance))
    assert {name: check.passed for name, check in checks.items()} == {
        LATEST_DAY_PRESENT: True,
        NO_PARTITION_FAILED: True,
    }
    import_lead(engine, tmp_path, "spring", days_ago=1)
    check = checks_of(job.execute_in_process(instance=instance))[LATEST_DAY_PRESENT]
    assert not check.passed
    assert check.metadata["spring"].value == f"due since {YESTERDAY - timedelta(days=1)}"


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_dispatch_is_asked_for_only_when_something_is_due(engine: Engine) -> None:
    with dg.build_schedule_context(
        dg.DagsterInstance.ephemeral(), resources={"store": StoreResource()}
    ) as context:
        assert automation.dispatch_schedule.evaluate_tick(context).skip_message == "no message is due"


def test_who_is_who_is_asked_at_the_first_look_though_no_lead_came_since(
    instance: dg.DagsterInstance,
) -> None:
    looks = []
    cursor = None
    for _ in range(2):
        look = dg.evaluate_automation_conditions(
            defs, instance, dg.AssetSelection.assets("persons", "accounts"), cursor=cursor
        )
        looks.append(look.total_requested)
        cursor = look.cursor
    assert looks == [2, 0]
