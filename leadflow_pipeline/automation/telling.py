"""Others are told what became of leads: news goes into the outbox, and webhooks leave without waiting for emails."""

from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.delivery.dispatch import dispatch_webhooks, webhooks_due
from leadflow_pipeline.delivery.lead_events.telling import is_anything_new, tell_news
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import run_step


@dg.op
def tell_news_of_leads(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Puts present news into the outbox, and sends the webhooks that are due."""
    with run_step(context):
        told = tell_news(store.engine)
        sent = dispatch_webhooks(store.engine, get_settings())
    context.add_output_metadata({**told.to_dict(), "sent": sent.sent, "deferred": sent.deferred})


@dg.job(
    description="Tells endpoints what became of leads, each change once. A backfill is told to nobody.",
    tags={"dagster/max_retries": "0"},
)
def tell_others() -> None:
    """One step. Not retried: what stayed behind waits for the next tick."""
    tell_news_of_leads()


@dg.schedule(
    job=tell_others,
    cron_schedule="* * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every minute, where there is news of leads that somebody hears of, or a webhook is due.",
)
def tell_others_schedule(store: StoreResource) -> dg.RunRequest | dg.SkipReason:
    """Requests a run where there is something to tell."""
    now = datetime.now(UTC)
    with plain_failures():
        is_something = is_anything_new(store.engine, now) or webhooks_due(store.engine, now)
    if not is_something:
        return dg.SkipReason("there is no news that somebody hears of")
    return dg.RunRequest(run_key=now.isoformat())
