"""What goes out: touches that are due become messages, and messages are sent."""

from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import run_step


@dg.op
def dispatch_due_messages(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Releases touches that are due now into the outbox, and sends what it holds."""
    with run_step(context):
        settings = get_settings()
        summary = dispatch_due(store.engine, settings, workers=settings.dispatchers)
    context.add_output_metadata(summary.to_dict())


@dg.job(
    description="Sends what is due now, each message once. What was due long ago expires unsent.",
    tags={"dagster/max_retries": "0"},
)
def dispatch() -> None:
    """One step. Not retried: what stayed behind is due at the next tick."""
    dispatch_due_messages()


@dg.schedule(
    job=dispatch,
    cron_schedule="*/10 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every ten minutes, where something is due.",
)
def dispatch_schedule(store: StoreResource) -> dg.RunRequest | dg.SkipReason:
    """Requests a run where there is a touch to release or a message to send."""
    now = datetime.now(UTC)
    with plain_failures():
        would = dispatch_due(store.engine, get_settings(), now, dry_run=True)
    if not would.released + would.waiting:
        return dg.SkipReason("no message is due")
    return dg.RunRequest(run_key=now.isoformat())
