"""What is kept only for a time: rows that have come of age, and days that are closed since their records have.

What belongs here: which rows of ours age out, and what of them goes. What does not: for how long they are kept
(`settings.keep_...`), Dagster's runs (`automation.retaining`), ids of webhooks (the service), and forgetting a person
(`harvest.erasing`).

What a partition or a decision rests on stays, but for raw records where a limit is set for them. Then the days before
it are closed for good: their partitions stay as they are, and nothing computes them again. Of a record its key stays,
so that it does not come in a second time; of a mail, that it came and what followed from it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Delete,
    Engine,
    Table,
    Update,
    and_,
    case,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.sql.expression import ColumnElement

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.due_days import first_due_day, known_campaigns
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.schema import (
    activity_log,
    api_requests,
    campaigns,
    harvested_leads,
    inbound_mails,
    quarantined_records,
    run_launches,
    source_records,
    tracking_hits,
)

ROWS_AT_A_TIME: Final = 10_000
"""In a transaction: nobody waits for long, and what was done before an interruption stays done."""


def age_out(engine: Engine, settings: Settings, now: datetime, *, dry_run: bool = False) -> dict[str, int]:
    """Lets go of what is older than the settings say; table -> rows, of those tables that have a limit.

    Safe to repeat, and to be interrupted. A dry run only counts.
    """
    counts = {}
    for table, days, moment, condition, emptied in _limits(settings):
        if days is not None:
            is_old = and_(moment < _horizon(now, days), condition)
            counts[table.name] = _let_go(engine, table, is_old, emptied, dry_run=dry_run)
    if settings.keep_record_days is not None:
        counts |= _age_out_records(
            engine, settings, _horizon(now, settings.keep_record_days).date(), dry_run=dry_run
        )
    if any(counts.values()) and not dry_run:
        with engine.begin() as connection:
            connection.execute(
                insert(activity_log).values(actor="retention", action="age_out", detail={"rows": counts})
            )
    return counts


def closed_days_before(engine: Engine, campaign: str) -> date | None:
    """The first day of a campaign that is not closed; None where none is."""
    with engine.connect() as connection:
        return closed_before(connection, campaign)


def closed_before(connection: Connection, campaign: str) -> date | None:
    """`closed_days_before` in a transaction of the caller's."""
    query = select(campaigns.c.closed_before).where(campaigns.c.campaign == campaign)
    found: date | None = connection.scalar(query)
    return found


def require_open(engine: Engine, campaign: str, day: date) -> None:
    """Raises PermanentError where a day is closed."""
    before = closed_days_before(engine, campaign)
    if before is not None and day < before:
        raise PermanentError(
            f"days of {campaign} before {before} are closed: the records that they were made of have aged out "
            f"(LEADFLOW_KEEP_RECORD_DAYS), and what was made of them stays as it is. Begin with {before}"
        )


def _limits(
    settings: Settings,
) -> tuple[tuple[Table, int | None, Column[Any], ColumnElement[bool], dict[str, Any] | None], ...]:
    """Each table with its days, the moment that counts, which rows may go, and what is emptied where rows stay."""
    mails = inbound_mails.c
    has_words = or_(mails.subject.is_not(None), mails.body_text.is_not(None))
    is_judged = tracking_hits.c.is_machine.is_not(None)
    words: dict[str, Any] = {"subject": None, "body_text": None}
    return (
        (tracking_hits, settings.keep_tracking_days, tracking_hits.c.stored_at, is_judged, None),
        (inbound_mails, settings.keep_mail_days, mails.received_at, has_words, words),
        (api_requests, settings.keep_request_days, api_requests.c.received_at, true(), None),
        (run_launches, settings.keep_request_days, run_launches.c.begun_at, true(), None),
        (activity_log, settings.keep_activity_days, activity_log.c.occurred_at, true(), None),
    )


def _horizon(now: datetime, days: int) -> datetime:
    """The midnight (UTC) before which everything is older than so many days."""
    return datetime.combine(now.astimezone(UTC).date() - timedelta(days=days), time.min, UTC)


def _age_out_records(engine: Engine, settings: Settings, horizon: date, *, dry_run: bool) -> dict[str, int]:
    """Empties the records of days before `horizon`, up to the first that still has to be computed."""
    counts = {source_records.name: 0, quarantined_records.name: 0}
    with engine.connect() as connection:
        slugs = known_campaigns(connection)
    for slug in slugs:
        with stage_lock(engine, slug, harvested_leads.name):  # no harvest reads them meanwhile
            with engine.connect() as connection:
                last = horizon - timedelta(days=1)
                before = first_due_day(connection, slug, settings.first_day, last) or horizon
            for table, is_full, emptied in RAW_TEXTS:
                is_old = and_(table.c.campaign == slug, table.c.day < before, is_full)
                old = _let_go(engine, table, is_old, emptied, dry_run=True)
                counts[table.name] += old
                if old and not dry_run:
                    _close(engine, slug, before)
                    _let_go(engine, table, is_old, emptied)
    return counts


RAW_TEXTS: Final[tuple[tuple[Table, ColumnElement[bool], dict[str, Any]], ...]] = (
    (
        source_records,
        or_(source_records.c.payload != {}, source_records.c.raw.is_not(None)),
        {"payload": case((source_records.c.payload.is_not(None), text("'{}'::jsonb"))), "raw": null()},
    ),
    (quarantined_records, quarantined_records.c.raw != "", {"raw": ""}),
)
"""Tables of raw records, which rows still hold something, and what they hold afterwards."""


def _close(engine: Engine, campaign: str, before: date) -> None:
    """A day that was closed once stays so."""
    latest = func.greatest(campaigns.c.closed_before, before)
    with engine.begin() as connection:
        connection.execute(
            update(campaigns).where(campaigns.c.campaign == campaign).values(closed_before=latest)
        )


def _let_go(
    engine: Engine,
    table: Table,
    is_old: ColumnElement[bool],
    emptied: dict[str, Any] | None,
    *,
    dry_run: bool = False,
) -> int:
    """Removes rows, or empties columns of them; how many rows."""
    if dry_run:
        with engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(table).where(is_old)) or 0
    key = tuple(table.primary_key)
    is_one = tuple_(*key).in_(select(*key).where(is_old).limit(ROWS_AT_A_TIME))
    statement: Delete | Update = delete(table).where(is_one)
    if emptied is not None:
        statement = update(table).where(is_one).values(emptied)
    done = 0
    while True:
        with engine.begin() as connection:
            changed = connection.execute(statement).rowcount
        done += changed
        if changed < ROWS_AT_A_TIME:
            return done
