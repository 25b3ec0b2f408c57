"""How runs are, as the Dagster webserver tells.

What belongs here: reading runs, and the schedule of the daily chain. What does not: launching (`launcher`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from leadflow_pipeline.launching.webserver import LOCATION, WebserverRefused, ask, run_page
from leadflow_pipeline.partition_keys import CAMPAIGN_TAG
from leadflow_pipeline.telemetry.correlation import CORRELATION_TAG

UNFINISHED: Final = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
DAILY_SCHEDULE: Final = "daily_schedule"


@dataclass(frozen=True)
class RunSeen:
    """A run as it is now."""

    run_id: str
    page: str
    job: str
    status: str
    campaign: str | None
    first_partition: str | None
    last_partition: str | None
    correlation_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class StepSeen:
    """A step of a run: times only, because messages of others might quote a lead."""

    step: str
    status: str
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class ScheduleSeen:
    """The schedule of the daily chain, for all campaigns."""

    is_running: bool
    cron: str
    next_at: datetime | None


RUN = "runId jobName status creationTime startTime endTime tags { key value }"
RUNS = (
    "query($filter: RunsFilter!, $cursor: String, $limit: Int!) {"
    "  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) { ... on Runs { results { "
    + RUN
    + " } } } }"
)
ONE_RUN = (
    "query($run: ID!) { runOrError(runId: $run) { ... on Run { "
    + RUN
    + " stepStats { stepKey status startTime endTime } } } }"
)
SCHEDULE = """
query($schedule: ScheduleSelector!) {
  scheduleOrError(scheduleSelector: $schedule) {
    ... on Schedule { cronSchedule scheduleState { status } futureTicks(limit: 1) { results { timestamp } } }
  }
}
"""


def runs_of(
    campaign: str, limit: int, after: str | None = None, statuses: Sequence[str] = ()
) -> list[RunSeen]:
    """A campaign's runs, the newest first, behind the run `after`. Raises as `webserver.ask` does."""
    wanted: dict[str, Any] = {"tags": [{"key": CAMPAIGN_TAG, "value": campaign}]}
    if statuses:
        wanted["statuses"] = list(statuses)
    found = ask(RUNS, {"filter": wanted, "cursor": after, "limit": limit})["runsOrError"]
    if "results" not in found:
        raise WebserverRefused("Dagster does not list its runs: its webserver's log says why")
    return [_seen(run) for run in found["results"]]


def run_of(run_id: str) -> tuple[RunSeen, list[StepSeen]] | None:
    """One run, and its steps; None where there is none."""
    found = ask(ONE_RUN, {"run": run_id})["runOrError"]
    if "runId" not in found:
        return None
    steps = [
        StepSeen(
            each["stepKey"], each["status"] or "UNKNOWN", _moment(each["startTime"]), _moment(each["endTime"])
        )
        for each in found["stepStats"]
    ]
    return _seen(found), steps


def daily_schedule() -> ScheduleSeen:
    """Whether the daily chain runs by itself, and when it is looked next what is due."""
    selector = {**LOCATION, "scheduleName": DAILY_SCHEDULE}
    found = ask(SCHEDULE, {"schedule": selector})["scheduleOrError"]
    if "cronSchedule" not in found:
        raise WebserverRefused("Dagster has not loaded our definitions: see the page Deployment of its UI")
    ticks = found["futureTicks"]["results"]
    is_running = found["scheduleState"]["status"] == "RUNNING"
    next_at = _moment(ticks[0]["timestamp"]) if ticks and is_running else None
    return ScheduleSeen(is_running, found["cronSchedule"], next_at)


def _seen(run: dict[str, Any]) -> RunSeen:
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    partition = tags.get("dagster/partition")
    return RunSeen(
        run_id=run["runId"],
        page=run_page(run["runId"]),
        job=run["jobName"],
        status=run["status"],
        campaign=tags.get(CAMPAIGN_TAG),
        first_partition=tags.get("dagster/asset_partition_range_start", partition),
        last_partition=tags.get("dagster/asset_partition_range_end", partition),
        correlation_id=tags.get(CORRELATION_TAG),
        created_at=datetime.fromtimestamp(run["creationTime"], UTC),
        started_at=_moment(run["startTime"]),
        ended_at=_moment(run["endTime"]),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
