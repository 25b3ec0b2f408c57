"""What is measured for alerts, now. A door: it reads the database and changes nothing.

What belongs here: a reading for each condition of `delivery.alerts.conditions`. What does not: what is alarming.

Every reading is of few rows: recent ones, or one for each campaign, rep or sender, so that all of them together may be
taken every few minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, Integer, func, select

from leadflow_pipeline.delivery import breaker
from leadflow_pipeline.delivery.alerts.conditions import REQUESTS, Reading
from leadflow_pipeline.partition_keys import end_of, last_complete_day
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.activity import REQUESTS_FAILED
from leadflow_pipeline.store.due_days import LAST_TABLE, active_campaigns, due_days, latest_day
from leadflow_pipeline.store.due_models import TRAINED
from leadflow_pipeline.store.schema import (
    activity_log,
    campaigns,
    conversion_models,
    experiment_arms,
    message_attempts,
    messages,
    partition_lineage,
    rep_days,
)

WEEK: Final = timedelta(days=7)
LONGEST_CLOCK: Final = timedelta(days=14)
"""Hand-overs before the week whose first touch may fall due in it."""
LOAD_IS_KNOWN: Final = timedelta(days=7)
RECENT: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
RUN_FAILED: Final = "run_failed"
HOUR: Final = 3600.0
MINUTE: Final = 60.0


def readings_of(engine: Engine, now: datetime) -> list[Reading]:
    """Every reading there is."""
    found = [*late_campaigns(engine, now), *first_touches(engine, now), *experiments(engine, now)]
    with engine.connect() as connection:
        for read in (loads, models, failures, waiting_messages, complaints):
            found.extend(read(connection, now))
    return found


def late_campaigns(engine: Engine, now: datetime) -> Iterator[Reading]:
    """Hours since a campaign's first missing day ended; a day that late facts made due again is not missing."""
    complete = last_complete_day(now)
    for due in due_days(engine, get_settings().first_day, complete):
        with engine.connect() as connection:
            latest = latest_day(connection, LAST_TABLE, due.campaign)
            created = connection.scalar(
                select(campaigns.c.created_at).where(campaigns.c.campaign == due.campaign)
            )
        missing = due.first if latest is None else latest + DAY
        if missing <= complete:
            since = max(end_of(missing), created or end_of(missing))
            hours = (now - since).total_seconds() / HOUR
            yield Reading("late", due.campaign, hours, detail={"day": missing.isoformat()})


def first_touches(engine: Engine, now: datetime) -> Iterator[Reading]:
    """Which share of first touches that fell due in the last week came in time, by active campaign."""
    from leadflow_pipeline.delivery.first_touch import read_first_touch_times
    from leadflow_pipeline.delivery.first_touch_times import compliance

    times = read_first_touch_times(engine, now, since=now - WEEK - LONGEST_CLOCK)
    due = times[times["due_at"].between(now - WEEK, now)]
    with engine.connect() as connection:
        active = set(active_campaigns(connection))
    for row in compliance(due, ["campaign"]).to_dict("records") if len(due) else []:
        judged = int(row["kept"] + row["late"] + row["open_late"])
        if row["campaign"] in active and judged:
            yield Reading("sla", str(row["campaign"]), float(row["share"]), judged)


def experiments(engine: Engine, now: datetime) -> Iterator[Reading]:
    """Which running experiments have a winner, or hurt a guardrail, in campaigns that ran one lately."""
    with engine.connect() as connection:
        recent = (
            select(experiment_arms.c.campaign).distinct().where(experiment_arms.c.day >= (now - WEEK).date())
        )
        with_one = set(connection.scalars(recent)) & set(active_campaigns(connection))
    for campaign in sorted(with_one):
        from leadflow_pipeline.insight.experiments.analysis import is_won
        from leadflow_pipeline.insight.experiments.reading import results_of

        for results in results_of(engine, campaign, last_complete_day(now)):
            if results.standing.state != "running":
                continue
            because = "; ".join(results.harmed) or results.verdict.words
            is_known = is_won(results) or bool(results.harmed)
            subject = f"{campaign}/{results.experiment.key}"
            yield Reading("experiment", subject, float(is_known), detail={"because": because})


def loads(connection: Connection, now: datetime) -> Iterator[Reading]:
    """How much of each rep's room is taken, in the campaign in which most is."""
    latest = (
        select(rep_days.c.campaign, rep_days.c.rep, rep_days.c.load)
        .where(
            rep_days.c.day >= (now - LOAD_IS_KNOWN).date(),
            rep_days.c.campaign.in_(active_campaigns(connection)),
        )
        .order_by(rep_days.c.campaign, rep_days.c.rep, rep_days.c.day.desc())
        .distinct(rep_days.c.campaign, rep_days.c.rep)
        .subquery()
    )
    query = select(latest.c.rep, func.max(latest.c.load)).group_by(latest.c.rep).order_by(latest.c.rep)
    for rep, load_of_rep in connection.execute(query).tuples():
        yield Reading("load", rep, load_of_rep)


def models(connection: Connection, _now: datetime) -> Iterator[Reading]:
    """Whether the champion was found degraded when the campaign's model was last trained."""
    with_one = select(conversion_models.c.campaign).distinct()
    query = (
        select(activity_log.c.campaign, activity_log.c.detail)
        .where(activity_log.c.action == TRAINED, activity_log.c.campaign.in_(with_one))
        .order_by(activity_log.c.campaign, activity_log.c.occurred_at.desc())
        .distinct(activity_log.c.campaign)
    )
    active = set(active_campaigns(connection))
    for campaign, detail in connection.execute(query).tuples():
        if campaign in active:
            is_degraded = detail.get("degraded") is not None
            because = (
                f"{detail.get('because') or ''}{'; it has made way' if detail.get('stepped_down') else ''}"
            )
            yield Reading("model", campaign, float(is_degraded), detail={"because": because})


def failures(connection: Connection, now: datetime) -> Iterator[Reading]:
    """Which share of the day's runs failed, of those that wrote a partition or failed; of the hour's attempts to send;
    and of its requests to the service, from the first that failed on.
    """
    failed = connection.scalar(
        select(func.count()).where(
            activity_log.c.action == RUN_FAILED, activity_log.c.occurred_at > now - DAY
        )
    )
    wrote = connection.scalar(
        select(func.count(partition_lineage.c.run_id.distinct())).where(
            partition_lineage.c.written_at > now - DAY
        )
    )
    runs = (failed or 0) + (wrote or 0)
    if runs:
        yield Reading("errors", "runs", (failed or 0) / runs, runs)
    is_bad = func.coalesce(message_attempts.c.phase != "done", True).cast(Integer)
    attempts, bad = connection.execute(
        select(func.count(), func.coalesce(func.sum(is_bad), 0)).where(
            message_attempts.c.finished_at > now - RECENT
        )
    ).one()
    if attempts:
        yield Reading("errors", "attempts to send", bad / attempts, attempts)
    noted = activity_log.c.detail
    answered, unanswered = connection.execute(
        select(
            func.coalesce(func.sum(noted["answered"].as_integer()), 0),
            func.coalesce(func.sum(noted["failed"].as_integer()), 0),
        ).where(activity_log.c.action == REQUESTS_FAILED, activity_log.c.occurred_at > now - RECENT)
    ).one()
    if answered:
        yield Reading("errors", REQUESTS, int(unanswered) / int(answered), int(answered))


def waiting_messages(connection: Connection, now: datetime) -> Iterator[Reading]:
    """Minutes that the oldest message of each channel has been due."""
    query = (
        select(messages.c.channel, func.count(), func.min(messages.c.next_attempt_at))
        .join(campaigns, campaigns.c.campaign == messages.c.campaign)
        .where(
            messages.c.state == "planned",
            messages.c.next_attempt_at < now,
            messages.c.not_after > now,
            campaigns.c.status == "active",
        )
        .group_by(messages.c.channel)
        .order_by(messages.c.channel)
    )
    for channel, count, oldest in connection.execute(query).tuples():
        yield Reading("outbox", channel, (now - oldest.astimezone(UTC)).total_seconds() / MINUTE, count)


def complaints(connection: Connection, now: datetime) -> Iterator[Reading]:
    """Which share of a sender's emails was complained of, as the breaker counts it."""
    for counts in breaker.count(connection, now):
        if counts.reason == breaker.COMPLAINTS:
            yield Reading("complaints", counts.sender_domain, counts.rate, counts.cases)
