"""Partitions and jobs that failed and were not made good since: what is broken now. A door that reads alone.

What belongs here: comparing Dagster's failed runs with what was written since (lineage). What does not: days that
nobody has tried to compute (`store.due_days`), and mending.

A partition is made good by whatever wrote it later: a retry, the daily run, a backfill, a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, and_, select

from leadflow_pipeline.counting import counted
from leadflow_pipeline.partitions import PartitionRange, days_between, parse_partition_key
from leadflow_pipeline.store.schema import DERIVED_TABLES, campaigns, partition_lineage

if TYPE_CHECKING:
    import dagster as dg

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


def failed_partitions(engine: Engine, instance: dg.DagsterInstance, now: datetime) -> list[FailedPartitions]:
    """Of campaigns that are not archived, by campaign and day; a day is told of with its latest failed run."""
    found: list[FailedPartitions] = []
    seen: set[tuple[str, date]] = set()
    with engine.connect() as connection:
        kept = set(connection.scalars(select(campaigns.c.campaign).where(campaigns.c.status != "archived")))
        for record in _failed_runs(instance, now):
            asked = _range_of(record.dagster_run)
            if asked is None or asked.campaign not in kept:
                continue
            run = record.dagster_run
            missing = _not_made_good(connection, asked, _tables_of(run), run.run_id, _began(record))
            days = tuple(day for day in asked.days if day in missing and (asked.campaign, day) not in seen)
            seen |= {(asked.campaign, day) for day in days}
            if days:
                left = {table for day in days for table in missing[day]}
                tables = tuple(table.name for table in DERIVED_TABLES if table.name in left)
                ended = _ended(record)
                found.append(FailedPartitions(asked.campaign, days, tables, run.run_id, run.job_name, ended))
    return sorted(found, key=lambda each: (each.campaign, each.days))


def failed_jobs(instance: dg.DagsterInstance, now: datetime) -> list[FailedJob]:
    """Jobs without days of a campaign whose latest run that ended failed, by name."""
    import dagster as dg

    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    found = []
    names = {
        record.dagster_run.job_name
        for record in _failed_runs(instance, now)
        if _range_of(record.dagster_run) is None and not record.dagster_run.asset_selection
    }
    for name in sorted(names):
        (latest,) = instance.get_run_records(dg.RunsFilter(job_name=name, statuses=ended), limit=1)
        if latest.dagster_run.status is dg.DagsterRunStatus.FAILURE:
            found.append(FailedJob(name, latest.dagster_run.run_id, _ended(latest)))
    return found


def _failed_runs(instance: dg.DagsterInstance, now: datetime) -> Sequence[dg.RunRecord]:
    """The latest first."""
    import dagster as dg

    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], created_after=now - LOOKED_BACK)
    return instance.get_run_records(failed, limit=MOST_RUNS)


def _range_of(run: dg.DagsterRun) -> PartitionRange | None:
    """The days of a campaign that a run was to compute; None where it was about something else."""
    first, last = (run.tags.get(tag, run.tags.get(PARTITION_TAG, "")) for tag in RANGE_TAGS)
    try:
        campaign, first_day = parse_partition_key(first)
        _, last_day = parse_partition_key(last)
    except ValueError:
        return None
    return PartitionRange(campaign, days_between(first_day, last_day)) if first_day <= last_day else None


def _tables_of(run: dg.DagsterRun) -> list[str]:
    """The tables that it was to write: those of its assets, or all."""
    names = {key.path[-1] for key in run.asset_selection or ()}
    return [table.name for table in DERIVED_TABLES if not names or table.name in names]


def _not_made_good(
    connection: Connection, asked: PartitionRange, tables: Sequence[str], run_id: str, began: datetime
) -> dict[date, list[str]]:
    """Day -> tables that nobody has written since the run began.

    Where it wrote them all, it was a check that failed: then the day is made good by whoever writes the last one anew.
    """
    lineage = partition_lineage.c
    query = select(lineage.table_name, lineage.day, lineage.run_id).where(
        and_(
            lineage.campaign == asked.campaign,
            lineage.day.between(asked.first_day, asked.last_day),
            lineage.table_name.in_(tables),
            lineage.written_at >= began,
        )
    )
    written = {(table, day): by for table, day, by in connection.execute(query).tuples()}
    missing = {day: [name for name in tables if (name, day) not in written] for day in asked.days}
    if any(missing.values()):
        return {day: names for day, names in missing.items() if names}
    return {day: [tables[-1]] for day in asked.days if tables and written[tables[-1], day] == run_id}


def _began(record: dg.RunRecord) -> datetime:
    if record.start_time is None:
        return record.create_timestamp.astimezone(UTC)
    return datetime.fromtimestamp(record.start_time, UTC)


def _ended(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else _began(record)
