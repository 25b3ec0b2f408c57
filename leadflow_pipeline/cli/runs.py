"""Runs the daily chain in this process, recorded where the UI shows it.

What belongs here: choosing the days and stages of a run, executing it, telling how far it is and how it
ended. What does not: what a stage computes, and printing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy import Engine

from leadflow_pipeline.automation import daily_pipeline
from leadflow_pipeline.automation.selections import PRESENT, STAGES
from leadflow_pipeline.campaign import VERSION_TAG
from leadflow_pipeline.definitions import defs
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.partitions import (
    CAMPAIGN_PARTITIONS_NAME,
    PartitionRange,
    days_between,
    last_complete_day,
)
from leadflow_pipeline.score.model_registry import MODEL_TAG, NO_MODEL, full_version
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.due_days import days_to_compute, known_campaigns, rows_written

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster prints every event otherwise. The events are in its log, and failures are told by us."""

SECONDS_BETWEEN_LOOKS = 0.5

TICKET_TAG = "leadflow/ticket"
"""Finds the run that this process started while it is still running."""

OnStep = Callable[[int, int, str], None]
"""Called with the number of steps done, of all steps, and the name of one that has just ended."""


@dataclass(frozen=True)
class RunReport:
    """What one run did. `failures` holds a sentence a failed step, without personal data."""

    run_id: str
    campaign: str
    first_day: date
    last_day: date
    rows: dict[str, int]
    failures: tuple[str, ...]
    failed_checks: tuple[str, ...]

    @property
    def is_success(self) -> bool:
        """Whether everything was computed and every blocking check passed."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "success": self.is_success}


def register_partitions(instance: dg.DagsterInstance, engine: Engine) -> None:
    """Makes a partition for every campaign, as the sensor does for those who wait for it."""
    with engine.connect() as connection:
        campaigns = known_campaigns(connection)
    instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, campaigns)


def choose_days(
    engine: Engine, campaign: str, first: date | None, last: date | None
) -> PartitionRange | None:
    """The partitions of `due_days.days_to_compute`, as of now."""
    now = datetime.now(UTC)
    chosen = days_to_compute(
        engine, campaign, first, last, earliest=get_settings().first_day, complete=last_complete_day(now)
    )
    return PartitionRange(campaign, days_between(chosen.first, chosen.last)) if chosen else None


def run_days(
    instance: dg.DagsterInstance,
    engine: Engine,
    partitions: PartitionRange,
    *,
    stage: str | None = None,
    version: int | None = None,
    model: str | None = None,
    on_step: OnStep | None = None,
) -> RunReport:
    """Computes the days as one run: every stage, or one of them on what the stages before it left.

    `model` is a version, or the beginning of one, that scores in the place of each day's champion; `none` for the rules
    alone. Raises PermanentError for an unknown stage or model.
    """
    if stage is not None and stage not in STAGES:
        raise PermanentError(f"there is no stage {stage!r}: choose one of {', '.join(STAGES)}")
    register_partitions(instance, engine)
    ticket = uuid4().hex
    tags = {**partitions.tags, TICKET_TAG: ticket}
    if version is not None:
        tags[VERSION_TAG] = str(version)
    if model is not None:
        tags[MODEL_TAG] = model if model == NO_MODEL else full_version(engine, partitions.campaign, model)
    with (
        _step_watch(instance, ticket, on_step),
        dg.execute_job(
            dg.reconstructable(daily_job),
            instance,
            run_config=QUIET,
            tags=tags,
            asset_selection=None if stage is None else assets_of(stage),
        ) as result,
    ):
        return RunReport(
            run_id=result.run_id,
            campaign=partitions.campaign,
            first_day=partitions.first_day,
            last_day=partitions.last_day,
            rows=rows_written(engine, result.run_id),
            failures=failures_of(result),
            failed_checks=tuple(
                f"{check.asset_key.to_user_string()}: {check.check_name}"
                for check in result.get_asset_check_evaluations()
                if not check.passed
            ),
        )


def daily_job() -> dg.JobDefinition:
    """The job, from a function, because Dagster wants one that it can import.

    It is run by `execute_job`; `execute_in_process` would keep every stage's frame in memory.
    """
    job: dg.JobDefinition = defs.resolve_job_def(daily_pipeline.name)
    return job


def assets_of(stage: str) -> list[dg.AssetKey]:
    """The assets of one stage."""
    return sorted((dg.AssetSelection.groups(stage) - PRESENT).resolve(defs.resolve_asset_graph()))


def failures_of(result: dg.JobExecutionResult) -> tuple[str, ...]:
    """A sentence for each step that failed; where none did and the run failed all the same, why it did.

    A run may end before its first step, for example because Dagster's storage did not answer.
    """
    of_steps = tuple(failure_of(event) for event in result.get_step_failure_events())
    if of_steps or result.success:
        return of_steps
    ended = [event for event in result.all_events if event.is_job_failure]
    errors = [event.job_failure_data.error for event in ended]
    return (f"the run: {_innermost(errors[-1]) if errors else 'it did not come to its end'}",)


def failure_of(event: dg.DagsterEvent) -> str:
    """One sentence: the step, and the innermost message, which is ours (`store.failures`)."""
    data = event.step_failure_data.user_failure_data
    if data is not None and data.description:
        return f"{event.step_key}: {data.description.strip().splitlines()[0]}"
    return f"{event.step_key}: {_innermost(event.step_failure_data.error)}"


def _innermost(error: SerializableErrorInfo | None) -> str:
    """The first line of the message of the error that an error began with."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error and error.message.strip() else "no reason"


@contextmanager
def _step_watch(instance: dg.DagsterInstance, ticket: str, on_step: OnStep | None) -> Iterator[None]:
    """Tells `on_step` how far the run is, from a thread of its own, while the run has this one."""
    if on_step is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_watch_steps, args=(instance, ticket, on_step, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _watch_steps(instance: dg.DagsterInstance, ticket: str, on_step: OnStep, stop: threading.Event) -> None:
    total = len(daily_job().nodes)
    while not stop.wait(SECONDS_BETWEEN_LOOKS):
        for run in instance.get_runs(dg.RunsFilter(tags={TICKET_TAG: ticket}), limit=1):
            records = instance.get_records_for_run(
                run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS
            ).records
            if records:
                on_step(len(records), total, records[-1].event_log_entry.step_key or "")
