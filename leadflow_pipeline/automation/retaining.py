"""What is old ages out: rows as the settings say, and runs of jobs that compute nothing."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.retention import age_out
from leadflow_pipeline.store.run_step import run_step

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
RUNS_AT_A_TIME = 500
MOST_RUNS = 10_000

WITHOUT_PARTITIONS = (
    "import_landed_files", "ask_vendors", "hand_over", "dispatch", "read_mail", "judge_hits", "tell_others", "alert",
    "let_old_things_go",
)  # fmt: skip
"""Jobs whose runs say nothing about a partition. The others' are what the UI knows of partitions from, and stay."""


@dg.op
def age_out_rows(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Lets go of rows that have come of age."""
    with run_step(context):
        counts = age_out(store.engine, get_settings(), datetime.now(UTC))
    context.add_output_metadata(counts)


@dg.op
def age_out_runs(context: dg.OpExecutionContext) -> None:
    """Lets go of old runs with their events and logs."""
    before = datetime.now(UTC) - timedelta(days=get_settings().keep_run_days)
    with run_step(context):
        runs = forget_runs(context.instance, before)
    context.add_output_metadata({"runs": runs})


def forget_runs(instance: dg.DagsterInstance, before: datetime, *, dry_run: bool = False) -> int:
    """Removes ended runs of jobs that compute no partition, with what they printed; how many. Some thousands at the
    most: what is left is for the next day. A dry run only counts.
    """
    filters = [
        dg.RunsFilter(job_name=job, statuses=ENDED, created_before=before) for job in WITHOUT_PARTITIONS
    ]
    if dry_run:
        return sum(instance.get_runs_count(old) for old in filters)
    forgotten = 0
    for old in filters:
        while forgotten < MOST_RUNS and (ids := instance.get_run_ids(old, limit=RUNS_AT_A_TIME)):
            for run_id in ids:
                instance.compute_log_manager.delete_logs(prefix=[run_id])
                instance.delete_run(run_id)
            forgotten += len(ids)
    return forgotten


@dg.job(
    description="Lets go of what is older than LEADFLOW_KEEP_... says.", tags={"dagster/max_retries": "0"}
)
def let_old_things_go() -> None:
    """Two steps that do not wait for each other. Not retried: what is left is for the next day."""
    age_out_rows()
    age_out_runs()


retention_schedule = dg.ScheduleDefinition(
    job=let_old_things_go,
    cron_schedule="30 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night, after the day was computed.",
)
