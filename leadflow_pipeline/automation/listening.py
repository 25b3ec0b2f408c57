"""The mailbox is read: replies, automatic answers, bounces and complaints become facts.

What reads mails is loaded when there are some: its words in many languages take every other process of Dagster a while.
"""

from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import run_step


@dg.op
def read_mailbox(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Stores each new mail once, with all that follows from it."""
    from leadflow_pipeline.inbound.mail.inbox import read_inbox

    with run_step(context):
        summary = read_inbox(store.engine, get_settings())
    context.add_output_metadata(summary.to_dict())


@dg.job(
    description="Reads the mailbox that answers and bounces arrive in, each mail once.",
    tags={"dagster/max_retries": "0"},
)
def read_mail() -> None:
    """One step. Not retried: what stayed behind is read at the next tick."""
    read_mailbox()


@dg.schedule(
    job=read_mail,
    cron_schedule="*/5 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every five minutes, where a mailbox is configured and something new lies in it.",
)
def read_mail_schedule(store: StoreResource) -> dg.RunRequest | dg.SkipReason:
    """Requests a run where there is a new mail. A mailbox that does not answer is no news; one that refuses is."""
    settings = get_settings()
    if settings.mailbox is None:
        return dg.SkipReason("no mailbox is configured")
    from leadflow_pipeline.inbound.mail.inbox import count_new

    now = datetime.now(UTC)
    try:
        with plain_failures():
            count = count_new(store.engine, settings, now)
    except TransientError as error:
        return dg.SkipReason(str(error))
    return (
        dg.RunRequest(run_key=now.isoformat()) if count else dg.SkipReason("nothing new lies in the mailbox")
    )
