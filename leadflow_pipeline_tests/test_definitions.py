"""The code location as a whole: it loads anywhere, it is what it was, and it runs on nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline import automation
from leadflow_pipeline.campaign import register
from leadflow_pipeline.definitions import build_defs, defs
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.store import schema
from leadflow_pipeline_tests.samples import minimal_campaign_text

SNAPSHOT = Path(__file__).with_name("definitions.json")

LOAD = """
import sys
from leadflow_pipeline.definitions import build_defs
import dagster as dg
dg.Definitions.validate_loadable(build_defs())
print([name for name in ("matplotlib", "sklearn") if name in sys.modules])
"""


def test_loads_in_a_fresh_interpreter_without_a_database(tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEADFLOW_")}
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD],
        env={**environment, "LEADFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.strip() == "[]", "drawing and learning must be imported where they are used"
    assert not home.exists(), "loading must not start the database"


def test_what_there_is_has_not_changed_unnoticed() -> None:
    """`python -m leadflow_pipeline_tests.test_definitions` writes the file anew after a wanted change."""
    assert snapshot() == json.loads(SNAPSHOT.read_text())


def test_every_derived_table_is_an_asset_with_blocking_checks() -> None:
    assets = {key.to_user_string() for key in defs.resolve_all_asset_keys()}
    blocking = {
        key.asset_key.to_user_string()
        for key in defs.resolve_asset_graph().asset_check_keys
        if defs.resolve_asset_graph().get(key).blocking
    }
    tables = {table.name for table in schema.DERIVED_TABLES}
    assert tables <= assets
    assert tables == blocking


def test_every_stage_makes_well_formed_partitions_of_days_without_a_lead(engine: Engine) -> None:
    register(engine, minimal_campaign_text("quiet"), "quiet.yaml")
    partitions = PartitionRange("quiet", days_between(date(2026, 3, 1), date(2026, 3, 3)))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["quiet"])
        result = run_daily(instance, partitions)
        assert result.success
        assert all(check.passed for check in result.get_asset_check_evaluations())
        assert len(instance.get_runs()) == 1
        for table in schema.DERIVED_TABLES:
            materialized = instance.get_materialized_partitions(dg.AssetKey(table.name))
            assert materialized == set(partitions.keys), table.name
    with engine.connect() as connection:
        lineage = connection.execute(
            select(schema.partition_lineage.c.table_name, schema.partition_lineage.c.rows)
        ).all()
    assert len(lineage) == len(schema.DERIVED_TABLES) * len(partitions.days)
    assert {rows for _, rows in lineage} == {0}


def run_daily(instance: dg.DagsterInstance, partitions: PartitionRange) -> dg.ExecuteInProcessResult:
    job = build_defs().resolve_job_def(automation.daily_pipeline.name)
    return job.execute_in_process(instance=instance, tags=partitions.tags, raise_on_error=False)


def snapshot() -> dict[str, Any]:
    """Everything a user sees the name of, as plain data."""
    graph = defs.resolve_asset_graph()
    return {
        "assets": {
            spec.key.to_user_string(): {
                "group": spec.group_name,
                "owners": list(spec.owners),
                "kinds": sorted(spec.kinds),
                "from": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
                "partitions": sorted(spec.partitions_def.partition_dimension_names)
                if isinstance(spec.partitions_def, dg.MultiPartitionsDefinition)
                else [str(getattr(spec.partitions_def, "name", None))],
                "checks": sorted(
                    f"{key.name}{' (blocks)' if graph.get(key).blocking else ''}"
                    for key in graph.get_check_keys_for_assets({spec.key})
                ),
            }
            for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key)
        },
        "jobs": {
            job.name: sorted(node.name for node in defs.resolve_job_def(job.name).nodes)
            for job in automation.JOBS
        },
        "schedules": {
            schedule.name: [schedule.job_name, schedule.cron_schedule, schedule.default_status.value]
            for schedule in automation.SCHEDULES
        },
        "sensors": {
            sensor.name: [sensor.minimum_interval_seconds, sensor.default_status.value]
            for sensor in automation.SENSORS
        },
    }


@pytest.mark.parametrize("job", automation.JOBS, ids=lambda job: job.name)
def test_every_job_says_what_it_does(job: Any) -> None:
    assert job.description


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(snapshot(), indent=2) + "\n")
