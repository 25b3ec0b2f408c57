"""Messages on their way, and whether those who get them can answer and unsubscribe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

from leadflow_pipeline.delivery.breaker import stops
from leadflow_pipeline.delivery.linting.addresses import leads_nowhere
from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.inbound.mail.mailbox import mailbox_of
from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.failures import describe
from leadflow_pipeline.store.schema import messages

MOST_STOPS = 20
LATE_MESSAGE = timedelta(hours=1)
SECONDS_TO_ANSWER = 5


def look_at_messages(engine: Engine) -> Iterator[Finding]:
    """Messages whose fate is unknown, and messages that should have left."""
    now = datetime.now(UTC)
    with engine.connect() as connection:
        unknown = connection.scalar(select(func.count()).where(messages.c.state == "unknown")) or 0
        waiting, oldest = connection.execute(
            select(func.count(), func.min(messages.c.next_attempt_at)).where(
                messages.c.state == "planned", messages.c.next_attempt_at < now
            )
        ).one()
    if unknown:
        yield Finding(
            "messages",
            State.BROKEN,
            f"of {unknown:,} it is unknown whether they arrived, so they are never sent again by themselves",
            "leadflow messages list --state unknown; ask the mail server's log, then leadflow messages settle",
        )
    if oldest is not None and now - oldest > LATE_MESSAGE:
        hours = (now - oldest).total_seconds() / 3600
        sentence = f"{waiting:,} should have left, the oldest {hours:,.1f} hours ago"
        yield Finding("outbox", State.BROKEN, sentence, "leadflow dispatch, and look at what it says")
    else:
        yield Finding("outbox", State.WELL, f"{waiting:,} messages wait to be sent")


def look_at_stops(engine: Engine) -> Iterator[Finding]:
    """Senders whose emails stand still."""
    with engine.connect() as connection:
        standing = [stop for stop in stops(connection, MOST_STOPS) if stop["closed_at"] is None]
    for stop in standing:
        whose = stop["sender_domain"] or "all senders"
        sentence = f"emails of {whose} stand still since {stop['opened_at']:%Y-%m-%d %H:%M}: {stop['reason']}"
        remedy = f"leadflow sending show; once the cause is mended, leadflow sending resume {stop['sender_domain']}"
        yield Finding("sending", State.BROKEN, sentence, remedy.rstrip())


def look_at_links(_engine: Engine) -> Iterator[Finding]:
    """Whether emails that reach people hold links that people can follow: to unsubscribe, above all."""
    settings = get_settings()
    if settings.transport == "smtp" and leads_nowhere(settings.public_url):
        yield Finding(
            "links of emails",
            State.BROKEN,
            "emails leave by a mail server, and their links lead to this machine, so nobody could unsubscribe",
            "set LEADFLOW_PUBLIC_URL to where the service is found from outside",
        )


def look_at_mailbox(_engine: Engine) -> Iterator[Finding]:
    """Whether the mailbox that bounces and answers come to can be opened, as it is each time it is read."""
    settings = get_settings()
    if not settings.mailbox:
        return
    try:
        with mailbox_of(settings, timeout=SECONDS_TO_ANSWER):
            yield Finding("mailbox", State.WELL, "can be opened and read")
    except TransientError as error:
        remedy = (
            "look whether LEADFLOW_MAILBOX names the right server; the next reading tries again by itself"
        )
        yield Finding("mailbox", State.BROKEN, describe(error), remedy)
    except PermanentError as error:
        remedy = "mend it, then leadflow inbox read: until then nobody hears of bounces and answers"
        yield Finding("mailbox", State.BROKEN, describe(error), remedy)
