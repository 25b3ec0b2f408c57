"""Two people compute the same days at the same moment: one waits for the other, and nobody sees half of a day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, func, literal_column, select, text, union_all

from leadflow_pipeline.campaign import VERSION_TAG, register
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, defs
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.experiment_states import change_state
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.schema import DERIVED_TABLES, harvested_leads
from leadflow_pipeline_tests.samples import minimal_campaign_text

LEADFLOW = [sys.executable, "-W", "ignore", "-c", "from leadflow_pipeline.cli import main; main()"]
HEADER = "Email,First name,Last name,Company,Title,Industry,Employees,Country,Phone,Plan,Received"
TRIED = """experiments:
  - key: slower
    hypothesis: why not
    kind: sequences
    bandit: {}
    variants: [{key: as-is}, {key: slower, sequences: {HOT: regular_nurture}}]
    primary: {behaviour: reply, within_days: 2}
"""
DAYS = PartitionRange("spring", days_between(date(2026, 3, 1), date(2026, 3, 4)))
LEADS = 400

Seen = dict[str, dict[int, int]]
"""Table -> campaign version -> rows."""


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """A home of its own, and the fresh database."""
    return {**os.environ, "LEADFLOW_HOME": str(tmp_path / "home"), "LEADFLOW_DATABASE_URL": database_url}


@pytest.mark.timeout(120)
def test_the_same_days_at_once(engine: Engine, environment: dict[str, str], tmp_path: Path) -> None:
    """Both runs put rows of version 2 in the place of rows of version 1, while a reader looks on."""
    tell_the_facts(engine, tmp_path)
    compute_alone(version=2)
    expected, new = digest(engine), rows_seen(engine)
    compute_alone(version=1)
    old = rows_seen(engine)
    assert {name: set(versions) for name, versions in old.items()} == {name: {1} for name in new}
    empty = {table.name for table in DERIVED_TABLES} - set(new)
    nobody_has_reps = {"owner_decisions", "rep_days"}
    assert empty == {"quarantined_records", "lead_aliases", *nobody_has_reps}, "nothing broken, nobody twice"

    with stage_lock(engine, "spring", harvested_leads.name):
        both = [compute(environment, version=2) for _ in range(2)]
        wait_for_waiting(engine, both)
    seen = [rows_seen(engine)]
    while not have_ended(both):
        seen.append(rows_seen(engine))
    reports = [finish(process) for process in both]

    assert reports[0]["run_id"] != reports[1]["run_id"]
    for name in new:
        assert all(moment[name] in (old[name], new[name]) for moment in seen), f"half of {name} was seen"
    assert seen[-1] == new
    assert digest(engine) == expected


def tell_the_facts(engine: Engine, folder: Path) -> None:
    """Leads of four days, and a second version of the rules that decides otherwise."""
    for extra in ("routing: {max_leads: 50}\n", ""):
        extra += "qualification: {threshold: 10, review_band: 0}\n" + TRIED
        version = register(engine, minimal_campaign_text("spring", extra=extra), "spring.yaml")
    tried = version.rules.experiments
    change_state(engine, "spring", tried[0], tried, "running", DAYS.first_day, actor="ana", reason="a test")
    rows = [
        f"lead{number}@leads.example,Ida,Example,Example Ltd,Head of Sales,software,200,DE,,gold,"
        f"{DAYS.days[number % len(DAYS.days)]}"
        for number in range(LEADS)
    ]
    leads = folder / "leads.csv"
    leads.write_text("\n".join([HEADER, *rows]) + "\n")
    assert import_file(engine, "spring", leads).new == LEADS


def compute_alone(version: int) -> None:
    """Computes all days in this process."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        result = dg.materialize(
            list(STAGE_ASSETS),
            instance=instance,
            resources=defs.resources,
            tags={**DAYS.tags, VERSION_TAG: str(version)},
            run_config=QUIET,
        )
    assert result.success


def compute(environment: dict[str, str], version: int) -> subprocess.Popen[str]:
    """Begins to compute all days in a process of its own."""
    days = ["--from", str(DAYS.first_day), "--to", str(DAYS.last_day)]
    return subprocess.Popen(
        [*LEADFLOW, "materialize", "spring", *days, "--version", str(version), "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def have_ended(processes: Sequence[subprocess.Popen[str]]) -> bool:
    """Whether all of them have; leaves them the machine for a moment."""
    for process in processes:
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            return False
    return True


def finish(process: subprocess.Popen[str]) -> dict[str, str]:
    """What a run says when it has succeeded."""
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    report: dict[str, str] = json.loads(said)
    return report


def wait_for_waiting(engine: Engine, processes: Sequence[subprocess.Popen[str]]) -> None:
    """Until each of them waits for a lock that we hold. One that ends instead says why."""
    waiting = text(
        "SELECT count(*) FROM pg_locks, pg_sleep(0.02) WHERE locktype = 'advisory' AND NOT granted"
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.scalar(waiting) < len(processes):
            for process in processes:
                assert process.poll() is None, process.communicate()


def rows_seen(engine: Engine) -> Seen:
    """What a reader sees in one look."""
    each = [
        select(
            literal_column(f"'{table.name}'").label("name"),
            table.c.campaign_version,
            func.count().label("rows"),
        ).group_by(table.c.campaign_version)
        for table in DERIVED_TABLES
    ]
    seen: Seen = {}
    with engine.connect() as connection:
        for name, version, rows in connection.execute(union_all(*each)):
            seen.setdefault(name, {})[version] = rows
    return seen
