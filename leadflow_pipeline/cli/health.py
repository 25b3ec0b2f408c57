"""What is broken now, and how to mend it.

What belongs here: looking, at everything that `leadflow` needs, without changing it. What does not: printing,
and judging yesterday: a failure that a later run made good is no finding.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import dagster as dg
import requests
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from leadflow_pipeline.campaign import load
from leadflow_pipeline.cli.instance import dagster_environment
from leadflow_pipeline.cli.output import counted
from leadflow_pipeline.delivery.holding import reason_and_remedy
from leadflow_pipeline.delivery.linting.addresses import leads_nowhere
from leadflow_pipeline.delivery.pending import LOOKED_BACK, never_told
from leadflow_pipeline.errors import LeadflowError, PermanentError, TransientError
from leadflow_pipeline.harvest.sources.webhook import WebhookSource
from leadflow_pipeline.inbound.mail.mailbox import mailbox_of
from leadflow_pipeline.partitions import CAMPAIGN_TAG, last_complete_day
from leadflow_pipeline.settings import get_settings, secret
from leadflow_pipeline.signatures import key_of
from leadflow_pipeline.store import migrate
from leadflow_pipeline.store.due_days import active_campaigns, due_days, known_campaigns
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.failures import describe
from leadflow_pipeline.store.schema import (
    held_handoffs,
    match_reviews,
    messages,
    quarantined_records,
    source_cursors,
    vendor_breakers,
    vendor_lookups,
)
from leadflow_pipeline.store.sequences import is_to_lead

GIBIBYTE = 2**30
ENOUGH_DISK = 2 * GIBIBYTE
STALE_HEARTBEAT = timedelta(minutes=5)
LATE_MESSAGE = timedelta(hours=1)
LATE_LINES = timedelta(minutes=5)
LONG_WAIT = timedelta(hours=24)
SECONDS_TO_ANSWER = 5


class State(StrEnum):
    """How it is with one thing."""

    WELL = "well"
    LOOK = "look"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do, where there is something to do."""

    subject: str
    state: State
    sentence: str
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def diagnose() -> list[Finding]:
    """Looks at everything. What cannot be looked at, because something beneath it is broken, is left out."""
    findings = [look_at_disk()]
    try:
        engine = get_engine()
        migrate.check(engine)
    except (LeadflowError, SQLAlchemyError) as error:
        remedy = (
            "" if isinstance(error, LeadflowError) else "start the server that LEADFLOW_DATABASE_URL names"
        )
        return [*findings, Finding("database", State.BROKEN, describe(error), remedy)]
    findings.append(Finding("database", State.WELL, "answers, and its tables are up to date"))
    for look in LOOKS:
        findings.extend(look(engine))
    return findings


def look_at_disk() -> Finding:
    """Whether the home folder has room."""
    home = get_settings().home
    folder = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    sentence = f"{free / GIBIBYTE:,.1f} GiB free for {home}"
    if free >= ENOUGH_DISK:
        return Finding("disk", State.WELL, sentence)
    return Finding("disk", State.BROKEN, sentence, "free some space, or set LEADFLOW_HOME to a larger disk")


def look_at_days(engine: Engine) -> Iterator[Finding]:
    """Whether each active campaign has been computed up to yesterday."""
    with engine.connect() as connection:
        active = active_campaigns(connection)
    late = {
        due.campaign: due
        for due in due_days(engine, get_settings().first_day, last_complete_day(datetime.now(UTC)))
    }
    if not active:
        yield Finding("campaigns", State.LOOK, "none is active", "leadflow campaign add FILE")
    for campaign in active:
        if campaign in late:
            sentence = f"due since {late[campaign].first}"
            yield Finding(f"campaign {campaign}", State.BROKEN, sentence, f"leadflow materialize {campaign}")
        else:
            yield Finding(f"campaign {campaign}", State.WELL, "no day is due")


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


def look_at_owners(engine: Engine) -> Iterator[Finding]:
    """Leads that wait for an owner, owners who were never told, and messages to owners that did not arrive."""
    now, settings = datetime.now(UTC), get_settings()
    failed_query = (
        select(messages.c.channel, messages.c.state_reason, func.count())
        .where(messages.c.state == "failed", ~is_to_lead(), messages.c.updated_at > now - LOOKED_BACK)
        .group_by(messages.c.channel, messages.c.state_reason)
        .order_by(messages.c.channel, messages.c.state_reason)
    )
    held_query = (
        select(
            held_handoffs.c.campaign,
            held_handoffs.c.reason,
            func.count(),
            func.min(held_handoffs.c.held_since),
            func.min(held_handoffs.c.decision_day),
        )
        .group_by(held_handoffs.c.campaign, held_handoffs.c.reason)
        .order_by(held_handoffs.c.campaign, func.count().desc(), held_handoffs.c.reason)
    )
    with engine.connect() as connection:
        active = active_campaigns(connection)
        held = connection.execute(held_query.where(held_handoffs.c.campaign.in_(active))).all()
        failed = connection.execute(failed_query).tuples().all()
        versions = [load(engine, campaign) for campaign in active]
        untold = {version.campaign: never_told(connection, version.rules, now) for version in versions}
    for campaign, reason, count, since, day in held:
        why, remedy = reason_and_remedy(reason)
        hours = (now - since).total_seconds() / 3600
        sentence = (
            f"{counted(count, 'lead')} without an owner, for {hours:,.1f} hours, decided on {day}: {why}"
        )
        by_hand = (
            f"leadflow override {campaign} LEAD owner REP gives one away; leadflow handover held lists them"
        )
        state = State.BROKEN if now - since > LONG_WAIT else State.LOOK
        yield Finding(f"owners of {campaign}", state, sentence, f"{remedy}; {by_hand}")
    for campaign, count in untold.items():
        if count:
            sentence = f"{counted(count, 'lead')} with a planned owner who was not told in time"
            remedy = "leadflow handover --since DAY tells owners of decisions from that day on"
            yield Finding(f"untold owners of {campaign}", State.LOOK, sentence, remedy)
    for channel, reason, count in failed:
        sentence = f"{counted(count, 'message')} to owners did not arrive: {reason}"
        remedy = f"mend it, then leadflow messages again --channel {channel}; list --state failed shows them"
        yield Finding(f"messages by {channel}", State.BROKEN, sentence, remedy)
    for version in versions:
        rules = version.rules.handover
        lacking = [
            *(["LEADFLOW_SLACK_TOKEN"] if rules.slack_channel and settings.slack_token is None else ()),
            *(["LEADFLOW_HUBSPOT_TOKEN"] if rules.hubspot and settings.hubspot_token is None else ()),
        ]
        for name in lacking:
            sentence = f"{name} is not set: what should go there is written to {settings.outbox_folder}"
            yield Finding(f"hand-over of {version.campaign}", State.LOOK, sentence, f"set {name}")


def look_at_quarantine(engine: Engine) -> Iterator[Finding]:
    """Records that could not become a lead."""
    table = quarantined_records
    with engine.connect() as connection:
        counts = connection.execute(
            select(table.c.campaign, func.count()).group_by(table.c.campaign).order_by(table.c.campaign)
        ).all()
    for campaign, count in counts:
        yield Finding(
            f"quarantine of {campaign}",
            State.LOOK,
            f"{count:,} records could not become a lead",
            f"leadflow export quarantined_records --campaign {campaign}, mend and import them",
        )


def look_at_vendors(engine: Engine) -> Iterator[Finding]:
    """Sources that cannot be read, vendors that are left alone for now, and paid questions of unknown fate."""
    cursors, breakers, lookups = source_cursors.c, vendor_breakers.c, vendor_lookups.c
    with engine.connect() as connection:
        behind = connection.execute(
            select(cursors.campaign, cursors.source, cursors.state, cursors.problem)
            .where(cursors.state != "ready", cursors.campaign.in_(active_campaigns(connection)))
            .order_by(cursors.campaign, cursors.source)
        ).all()
        left_alone = connection.execute(
            select(breakers.vendor, breakers.problem)
            .where(breakers.opened_at.is_not(None))
            .order_by(breakers.vendor)
        ).all()
        unknown = connection.scalar(select(func.count()).where(lookups.state == "unknown")) or 0
    for campaign, source, state, problem in behind:
        is_failed = state == "failed"
        yield Finding(
            f"source {source} of {campaign}",
            State.BROKEN if is_failed else State.LOOK,
            problem,
            f"mend it, then leadflow collect {campaign} --source {source}" if is_failed else "",
        )
    for vendor, problem in left_alone:
        yield Finding(
            f"vendor {vendor}", State.LOOK, problem or "fails again and again: it is left alone for now"
        )
    if unknown:
        yield Finding(
            "questions to vendors",
            State.BROKEN,
            f"of {unknown:,} it is unknown whether they were answered and paid for, so they are never repeated",
            "leadflow enrich status; look at the vendor's own list, then leadflow enrich settle",
        )


def look_at_reviews(engine: Engine) -> Iterator[Finding]:
    """Pairs of which a person is to say whether they are the same."""
    with engine.connect() as connection:
        waiting = connection.scalar(select(func.count()).where(match_reviews.c.state == "open")) or 0
    if waiting:
        sentence = f"{waiting:,} pairs wait for a person to say whether they are the same"
        yield Finding("who is who", State.LOOK, sentence, "leadflow identity reviews, then decide")


def look_at_webhooks(engine: Engine) -> Iterator[Finding]:
    """Whether the service answers, and has the secrets of every active campaign that takes webhooks."""
    with engine.connect() as connection:
        active = active_campaigns(connection)
    webhooks = [
        (campaign, source)
        for campaign in active
        for source in load(engine, campaign).rules.sources
        if isinstance(source, WebhookSource)
    ]
    for campaign, source in webhooks:
        subject = f"webhook {source.name} of {campaign}"
        try:
            for name in source.secrets_from:
                key_of(secret(name))
        except LeadflowError as error:
            yield Finding(subject, State.BROKEN, describe(error), "leadflow webhook secret makes a new one")
        else:
            yield Finding(subject, State.WELL, "has its secrets")
    if webhooks:
        yield look_at_service()


def look_at_service() -> Finding:
    """Whether the HTTP service answers where the settings say it listens."""
    settings = get_settings()
    url = f"{settings.service_url}/health/ready"
    try:
        is_ready = requests.get(url, timeout=SECONDS_TO_ANSWER).ok
    except requests.RequestException:
        is_ready = False
    if is_ready:
        return Finding("HTTP service", State.WELL, "answers")
    sentence = f"does not answer at {url}: no webhook comes in"
    return Finding("HTTP service", State.BROKEN, sentence, "leadflow up, or leadflow serve")


def look_at_journal(_: Engine) -> Iterator[Finding]:
    """Whether what the service was told has reached the database, and all of it fitted."""
    folder = get_settings().journal_folder
    late = datetime.now(UTC) - LATE_LINES
    waiting = [path for path in folder.glob("*.jsonl") if path.stat().st_mtime < late.timestamp()]
    if waiting:
        sentence = f"{counted(len(waiting), 'file')} of opens, clicks and wishes wait to be stored"
        yield Finding("journal", State.BROKEN, sentence, "leadflow serve, or leadflow up, stores them")
    if (folder / "refused").exists():
        sentence = f"the database does not hold some lines, which are in {folder / 'refused'}"
        yield Finding("journal", State.LOOK, sentence, "look at them, then remove the file")


def look_at_dagster(engine: Engine) -> Iterator[Finding]:
    """Dagster's storage, its daemon, and the latest run of each campaign."""
    os.environ.update(dagster_environment())
    try:
        with dg.DagsterInstance.get() as instance:
            yield Finding("Dagster storage", State.WELL, "answers")
            yield look_at_daemon(instance)
            with engine.connect() as connection:
                campaigns = known_campaigns(connection)
            yield from look_at_runs(instance, campaigns)
    except (SQLAlchemyError, dg.DagsterError) as error:
        sentence = f"does not answer ({type(error).__name__})"
        yield Finding("Dagster storage", State.BROKEN, sentence, "leadflow up, and look at its logs")


def look_at_daemon(instance: dg.DagsterInstance) -> Finding:
    """Whether schedules and sensors are being looked at."""
    beats = [status.timestamp for status in instance.get_daemon_heartbeats().values()]
    if not beats:
        return Finding(
            "Dagster daemon", State.LOOK, "has never run: nothing happens by itself", "leadflow up"
        )
    age = datetime.now(UTC) - datetime.fromtimestamp(max(beats), UTC)
    if age > STALE_HEARTBEAT:
        sentence = f"gave its last sign of life {age.total_seconds() / 3600:,.1f} hours ago"
        return Finding("Dagster daemon", State.BROKEN, sentence, "leadflow up")
    return Finding("Dagster daemon", State.WELL, "is alive")


def look_at_runs(instance: dg.DagsterInstance, campaigns: list[str]) -> Iterator[Finding]:
    """Campaigns whose latest run failed."""
    for campaign in campaigns:
        for run in instance.get_runs(dg.RunsFilter(tags={CAMPAIGN_TAG: campaign}), limit=1):
            if run.status is dg.DagsterRunStatus.FAILURE:
                yield Finding(
                    f"campaign {campaign}",
                    State.BROKEN,
                    f"its latest run {run.run_id} ({run.job_name}) failed",
                    "look at the run in the UI, mend the cause, then leadflow materialize " + campaign,
                )


LOOKS = (
    look_at_days,
    look_at_messages,
    look_at_links,
    look_at_mailbox,
    look_at_owners,
    look_at_quarantine,
    look_at_vendors,
    look_at_reviews,
    look_at_webhooks,
    look_at_journal,
    look_at_dagster,
)
"""In the order of a lead's life, and Dagster last, which takes longest."""
