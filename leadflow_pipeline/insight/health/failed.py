"""Partitions and jobs that failed and were not made good since: what is broken now. A door that reads alone.

What belongs here: comparing Dagster's failed runs with what was written since (lineage). What does not: days that
nobody has tried to compute (`store.due_days`), and mending.

A partition is made good by whatever wrote it later: a retry, the daily run, a backfill, a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, select

from leadflow_pipeline.counting import counted
from leadflow_pipeline.partition_keys import days_between, parse_partition_key
from leadflow_pipeline.store.dagster_tables import StoredRun, failed_latest, failed_runs, has_dagster
from leadflow_pipeline.store.schema import DERIVED_TABLES, campaigns, partition_lineage

LOOKED_BACK: Final = timedelta(days=30)
MOST_RUNS: Final = 500
RANGE_TAGS: Final = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
PARTITION_TAG: Final = "dagster/partition"


@dataclass(frozen=True)
class FailedPartitions:
    """Days of a campaign that a run failed to compute, and nobody has since."""

    campaign: str
    days: tuple[date, ...]
    tables: tuple[str, ...]
    """That are missing or older than the run, in the order of a lead's life."""
    run_id: str
    job: str
    failed_at: datetime

    @property
    def sentence(self) -> str:
        """What is broken."""
        days = str(self.days[0]) if len(self.days) == 1 else f"{self.days[0]} to {self.days[-1]}"
        return (
            f"{counted(len(self.days), 'day')} ({days}) not computed since run {self.run_id} failed, from "
            f"{self.tables[0]} on"
        )

    @property
    def remedy(self) -> str:
        """How to mend it."""
        return (
            "look at the run in the Dagster UI, mend the cause, then "
            f"leadflow materialize {self.campaign} --from {self.days[0]} --to {self.days[-1]}"
        )


@dataclass(frozen=True)
class FailedJob:
    """A job of no campaign's days whose latest run that ended failed."""

    job: str
    run_id: str
    failed_at: datetime

    @property
    def sentence(self) -> str:
        """What is broken."""
        return f"its latest run {self.run_id} failed at {self.failed_at:%Y-%m-%d %H:%M} (UTC)"

    @property
    def remedy(self) -> str:
        """How to mend it."""
        return "look at the run in the Dagster UI and mend the cause; its next run makes it good"


def failed_partitions(engine: Engine, now: datetime) -> list[FailedPartitions]:
    """Of campaigns that are not archived, by campaign and day; a day is told of with its latest failed run."""
    found: list[FailedPartitions] = []
    seen: set[tuple[str, date]] = set()
    with engine.connect() as connection:
        if not has_dagster(connection):
            return []
        kept = set(connection.scalars(select(campaigns.c.campaign).where(campaigns.c.status != "archived")))
        for run in failed_runs(connection, now - LOOKED_BACK, MOST_RUNS):
            asked = _range_of(run)
            if asked is None or asked[0] not in kept:
                continue
            campaign, days = asked
            missing = _not_made_good(connection, campaign, days, run)
            broken = tuple(day for day in days if day in missing and (campaign, day) not in seen)
            seen |= {(campaign, day) for day in broken}
            if broken:
                left = {table for day in broken for table in missing[day]}
                tables = tuple(table.name for table in DERIVED_TABLES if table.name in left)
                found.append(FailedPartitions(campaign, broken, tables, run.run_id, run.job, run.ended))
    return sorted(found, key=lambda each: (each.campaign, each.days))


def failed_jobs(engine: Engine, now: datetime) -> list[FailedJob]:
    """Jobs without days of a campaign whose latest run that ended failed, by name."""
    with engine.connect() as connection:
        if not has_dagster(connection):
            return []
        runs = failed_runs(connection, now - LOOKED_BACK, MOST_RUNS)
        jobs = {run.job for run in runs if _range_of(run) is None and not run.assets}
        return [FailedJob(run.job, run.run_id, run.ended) for run in failed_latest(connection, jobs)]


def _range_of(run: StoredRun) -> tuple[str, tuple[date, ...]] | None:
    """The campaign and days that a run was to compute; None where it was about something else."""
    first, last = (run.tags.get(tag, run.tags.get(PARTITION_TAG, "")) for tag in RANGE_TAGS)
    try:
        campaign, first_day = parse_partition_key(first)
        _, last_day = parse_partition_key(last)
    except ValueError:
        return None
    return campaign, days_between(first_day, last_day)


def _not_made_good(
    connection: Connection, campaign: str, days: Sequence[date], run: StoredRun
) -> dict[date, list[str]]:
    """Day -> tables that nobody has written since the run began.

    Where it wrote them all, it was a check that failed: then the day is made good by whoever writes the last one anew.
    """
    tables = [table.name for table in DERIVED_TABLES if not run.assets or table.name in run.assets]
    if not tables or not days:
        return {}
    lineage = partition_lineage.c
    query = select(lineage.table_name, lineage.day, lineage.run_id).where(
        lineage.campaign == campaign,
        lineage.day.between(days[0], days[-1]),
        lineage.table_name.in_(tables),
        lineage.written_at >= run.began,
    )
    written = {(table, day): by for table, day, by in connection.execute(query).tuples()}
    missing = {day: [name for name in tables if (name, day) not in written] for day in days}
    if any(missing.values()):
        return {day: names for day, names in missing.items() if names}
    return {day: [tables[-1]] for day in days if written[tables[-1], day] == run.run_id}
