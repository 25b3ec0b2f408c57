"""What comes back is judged: opens and clicks that have settled become facts."""

from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.inbound.tracking.judging import count_unjudged, judge_due
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import run_step


@dg.op
def judge_settled_hits(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Judges requests of pixels and links that are some minutes old."""
    with run_step(context):
        judged = judge_due(store.engine)
    context.add_output_metadata(judged.to_dict())


@dg.job(
    description="Tells people's opens and clicks from machines', and makes facts of both. Machines' count for nothing.",
    tags={"dagster/max_retries": "0"},
)
def judge_hits() -> None:
    """One step. Not retried: what stayed behind is judged at the next tick."""
    judge_settled_hits()


@dg.schedule(
    job=judge_hits,
    cron_schedule="*/5 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every five minutes, where an open or a click waits to be judged.",
)
def judge_hits_schedule(store: StoreResource) -> dg.RunRequest | dg.SkipReason:
    """Requests a run where there is something to judge."""
    now = datetime.now(UTC)
    with plain_failures():
        count = count_unjudged(store.engine, now)
    return dg.RunRequest(run_key=now.isoformat()) if count else dg.SkipReason("no open or click waits")
