"""What attribution credited channels with, as it was recorded for the score: where the two stages meet.

What belongs here: recording and reading. What does not: attribution (`insight.attribution`), and what a credit earns
(`score.source_credit`).

A record is a fact: it holds from its day until the next one's, knows nothing of that day or later, and is never
changed. So a day that is computed again has the credits that it had.
"""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Connection, Engine, exists, func, select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import channel_credits


def read_credits(engine: Engine, campaign: str, last_day: date) -> pd.DataFrame:
    """`from_day`, `channel`, `leads`, `conversions` of every record that holds from `last_day` or before."""
    recorded = channel_credits.c
    query = (
        select(recorded.from_day, recorded.channel, recorded.leads, recorded.conversions)
        .where(recorded.campaign == campaign, recorded.from_day <= last_day)
        .order_by(recorded.from_day, recorded.channel)
    )
    with engine.connect() as connection:
        return read(connection, query)


def is_recorded_in_week_of(engine: Engine, campaign: str, day: date) -> bool:
    """Whether there is a record from some day of that ISO week."""
    with engine.connect() as connection:
        return _is_recorded(connection, campaign, *_week_of(day))


def record_credits(
    engine: Engine, campaign: str, from_day: date, credits: pd.DataFrame, *, once_a_week: bool = False
) -> bool:
    """Keeps what channels are credited with from a day on: `channel`, `leads`, `conversions`.

    With `once_a_week` nothing happens, and the answer is False, where there is a record of that ISO week. Without it a
    second record for the same day raises PermanentError. No channel makes no record.
    """
    first, last = _week_of(from_day) if once_a_week else (from_day, from_day)
    rows = credits[["channel", "leads", "conversions"]].assign(
        from_day=pd.Timestamp(from_day), campaign=campaign
    )
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("channel_credits", campaign))))
        if _is_recorded(connection, campaign, first, last):
            if once_a_week:
                return False
            raise PermanentError(
                f"credits of {campaign} are recorded from {from_day} already and are never changed: record another day"
            )
        copy_in(connection, conform(rows, channel_credits), channel_credits)
    return not rows.empty


def _week_of(day: date) -> tuple[date, date]:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def _is_recorded(connection: Connection, campaign: str, first: date, last: date) -> bool:
    recorded = channel_credits.c
    query = select(exists().where(recorded.campaign == campaign, recorded.from_day.between(first, last)))
    return bool(connection.scalar(query))
