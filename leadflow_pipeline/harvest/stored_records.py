"""The records of some days as the plan takes them.

What belongs here: queries. What does not: what becomes of them (`plan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
from sqlalchemy import ARRAY, ColumnElement, Connection, Date, Engine, Text, any_, cast, func, literal, select

from leadflow_pipeline.harvest.mapping import SOURCE_KEY, mapping_of
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import source_records

RECORD_COLUMNS = (
    "record_id", "day", "occurred_at", "source", "content_key", "origin", "row_number", "payload", "raw",
    "unreadable_reason",
)  # fmt: skip


def records_of_days(engine: Engine, campaign: str, days: Sequence[date]) -> pd.DataFrame:
    """The records of these days, in order of time, and of arrival within a moment.

    They are put in order here: sorting a million whole records, the database would write them to disk.
    """
    with engine.connect() as connection:
        return _records(
            connection,
            source_records.c.campaign == campaign,
            source_records.c.day == any_(literal(list(days), ARRAY(Date))),
        )


def records_naming(
    connection: Connection,
    campaign: str,
    day: date,
    *,
    email: str | None,
    digits: str | None,
    source_key: str | None,
    source: SourceRules,
) -> pd.DataFrame:
    """Records of one day that name one lead, and perhaps some of others: whose they are their mapping says.

    A lead is known by its email, else by the digits of its phone, else by its key in its source, so it is looked for
    by the first of these that it has. It is a look through the day's records, and whoever asks has few to ask about.
    """
    records = source_records.c
    texts = cast(records.payload, Text)
    if email is not None:
        names = func.strpos(func.lower(texts), email) > 0
    elif digits is not None:
        # Looked for as they stand: to take all else out of each text first costs twenty times as much.
        names = texts.op("~")("[^0-9]*".join(digits))
    else:
        column = mapping_of(source).get(SOURCE_KEY, SOURCE_KEY)
        names = (records.source == source.name) & (func.btrim(records.payload[column].astext) == source_key)
    return _records(connection, records.campaign == campaign, records.day == day, names)


def _records(connection: Connection, *conditions: ColumnElement[bool]) -> pd.DataFrame:
    query = select(*(source_records.c[name] for name in RECORD_COLUMNS)).where(*conditions)
    return read(connection, query).sort_values(["occurred_at", "record_id"], ignore_index=True)
