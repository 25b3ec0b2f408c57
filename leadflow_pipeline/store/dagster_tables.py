"""Dagster's own tables, read as they lie in our database. A door that reads alone.

What belongs here: every statement that knows what Dagster's tables look like. What does not: writing to them (Dagster's
alone), and what a run or a tick means to us.

Whoever asks how things are every few seconds, or in a process that must answer in milliseconds, cannot afford to load
Dagster. Its version is pinned, and `test_dagster_tables` reads what that version writes.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, text

HEARTBEATS: Final = text("SELECT daemon_type, timestamp FROM public.daemon_heartbeats ORDER BY daemon_type")
FAILED_RUNS: Final = text(
    "SELECT run_id, pipeline_name, run_body, create_timestamp, start_time, end_time FROM public.runs "
    "WHERE status = 'FAILURE' AND create_timestamp >= :since ORDER BY id DESC LIMIT :most"
)
LATEST_ENDED: Final = text(
    "SELECT DISTINCT ON (pipeline_name) pipeline_name, run_id, status, create_timestamp, start_time, end_time "
    "FROM public.runs WHERE status IN ('SUCCESS', 'FAILURE') AND pipeline_name IN :jobs "
    "ORDER BY pipeline_name, id DESC"
).bindparams(bindparam("jobs", expanding=True))
RUNS_BY_STATUS: Final = text(
    "SELECT status, count(*) FROM public.runs WHERE create_timestamp >= :since GROUP BY 1"
)
TICKS: Final = text(
    "SELECT selector_id, status, timestamp, tick_body FROM ("
    "  SELECT ticks.*, row_number() OVER (PARTITION BY selector_id ORDER BY timestamp DESC) AS place"
    "  FROM public.job_ticks AS ticks JOIN public.instigators USING (selector_id)"
    "  WHERE type = 'SCHEDULE' AND instigators.status IN ('DECLARED_IN_CODE', 'RUNNING')"
    ") AS latest WHERE place <= :most ORDER BY selector_id, timestamp DESC"
)
TICKS_LOOKED_AT: Final = 6


@dataclass(frozen=True)
class StoredRun:
    """A run that ended."""

    run_id: str
    job: str
    began: datetime
    ended: datetime
    tags: dict[str, str]
    assets: frozenset[str]
    """The last part of the key of each asset that it was to make; empty: all of the job's."""


@dataclass(frozen=True)
class ScheduleTicks:
    """A schedule that is switched on, and when it was last looked at."""

    name: str
    ticks: tuple[datetime, ...]
    """The latest first."""
    is_failing: bool
    """Looking at it failed the last time."""


def has_dagster(connection: Connection) -> bool:
    """Whether Dagster has ever used this database."""
    return connection.scalar(text("SELECT to_regclass('public.job_ticks')")) is not None


def heartbeats(connection: Connection) -> dict[str, datetime]:
    """When each daemon gave its last sign of life."""
    return {name: at.replace(tzinfo=UTC) for name, at in connection.execute(HEARTBEATS).tuples()}


def failed_runs(connection: Connection, since: datetime, most: int) -> list[StoredRun]:
    """Runs that failed and were created after a moment, the latest first."""
    rows = connection.execute(FAILED_RUNS, {"since": _plain(since), "most": most})
    return [_run(row.pipeline_name, row, json.loads(row.run_body)) for row in rows]


def failed_latest(connection: Connection, jobs: Collection[str]) -> list[StoredRun]:
    """The latest run that ended of each of these jobs, where it failed, by name."""
    if not jobs:
        return []
    rows = connection.execute(LATEST_ENDED, {"jobs": sorted(jobs)})
    return [_run(row.pipeline_name, row, {}) for row in rows if row.status == "FAILURE"]


def runs_by_status(connection: Connection, since: datetime) -> dict[str, int]:
    """How many runs that were created after a moment are in which state, in Dagster's words."""
    return dict(connection.execute(RUNS_BY_STATUS, {"since": _plain(since)}).tuples().all())


def schedule_ticks(connection: Connection) -> list[ScheduleTicks]:
    """Every schedule that is switched on and was ever looked at, by name."""
    found: dict[str, list[Any]] = {}
    for row in connection.execute(TICKS, {"most": TICKS_LOOKED_AT}):
        found.setdefault(row.selector_id, []).append(row)
    schedules = [
        ScheduleTicks(
            json.loads(rows[0].tick_body)["job_name"],
            tuple(row.timestamp.replace(tzinfo=UTC) for row in rows),
            rows[0].status == "FAILURE",
        )
        for rows in found.values()
    ]
    return sorted(schedules, key=lambda schedule: schedule.name)


def _run(job: str, row: Any, body: dict[str, Any]) -> StoredRun:
    selected = (body.get("asset_selection") or {}).get("__frozenset__", ())
    began = _moment(row.start_time) or row.create_timestamp.replace(tzinfo=UTC)
    return StoredRun(
        row.run_id,
        job,
        began,
        _moment(row.end_time) or began,
        dict(body.get("tags") or {}),
        frozenset(key["path"][-1] for key in selected),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _plain(moment: datetime) -> datetime:
    """As Dagster stores moments: UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
