"""Alerts: what needs looking after is told, once each time it begins."""

from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.delivery.alerts.door import watch, would_change
from leadflow_pipeline.insight.health.readings import readings_of
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import run_step


@dg.op
def watch_conditions(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Begins and ends alerts, and puts what is told of them into the outbox."""
    with run_step(context):
        now = datetime.now(UTC)
        changes = watch(store.engine, get_settings(), readings_of(store.engine, now), now)
    context.add_output_metadata(changes.to_dict())


@dg.job(
    description="Tells once of what needs looking after: late days, promises not kept, messages that do not leave.",
    tags={"dagster/max_retries": "0"},
)
def alert() -> None:
    """One step. Not retried: the next tick looks again."""
    watch_conditions()


@dg.schedule(
    job=alert,
    cron_schedule="*/5 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every five minutes, where something begins to need looking after or no longer does.",
)
def alert_schedule(store: StoreResource) -> dg.RunRequest | dg.SkipReason:
    """Looks, and requests a run only where there is a change: a run for nothing would fill Dagster's log."""
    now = datetime.now(UTC)
    with plain_failures():
        if not would_change(store.engine, readings_of(store.engine, now)):
            return dg.SkipReason("nothing began or ended")
    return dg.RunRequest(run_key=now.isoformat())
