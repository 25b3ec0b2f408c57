"""Owners are told: planned owners become owners, and promises of a first touch are looked after."""

from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.delivery.first_touch import count_overdue, sweep_first_touches
from leadflow_pipeline.delivery.graduation import count_graduations, graduate_due
from leadflow_pipeline.delivery.handover import count_waiting, hand_over_due
from leadflow_pipeline.insight.similar_accounts.for_briefs import similar_accounts_of
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import run_step


@dg.op
def hand_over_due_leads(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Hands over what waits and what came of age, then passes on leads whose owner was not in touch in time."""
    with run_step(context):
        summary = hand_over_due(store.engine, similar=similar_accounts_of)
        graduated = graduate_due(store.engine, similar=similar_accounts_of)
        swept = sweep_first_touches(store.engine, similar=similar_accounts_of)
    context.add_output_metadata({**summary.to_dict(), **graduated.to_dict(), **swept.to_dict()})


@dg.job(
    description="Tells owners of their leads, each once. What was planned long ago is told to nobody.",
    tags={"dagster/max_retries": "0"},
)
def hand_over() -> None:
    """One step. Not retried: what stayed behind waits for the next tick."""
    hand_over_due_leads()


@dg.schedule(
    job=hand_over,
    cron_schedule="*/5 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every five minutes, where a lead waits for its owner, came of age, or its owner's time is over.",
)
def hand_over_schedule(store: StoreResource) -> dg.RunRequest | dg.SkipReason:
    """Requests a run where there is something to do. Leads that are held are tried again by each of them."""
    now = datetime.now(UTC)
    with plain_failures():
        count = sum(each(store.engine, now) for each in (count_waiting, count_graduations, count_overdue))
    return dg.RunRequest(run_key=now.isoformat()) if count else dg.SkipReason("no lead waits for its owner")
