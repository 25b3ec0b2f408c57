"""The records of some days as the plan takes them.

What belongs here: queries. What does not: what becomes of them (`plan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Date,
    Engine,
    Text,
    any_,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)

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


@dataclass(frozen=True)
class Names:
    """By what leads are looked for: each by its email, else by its phone's digits, else by its key in its source."""

    emails: Sequence[str]
    digits: Sequence[str]
    source_keys: Sequence[str]


def records_naming(
    connection: Connection, campaign: str, days: Sequence[date], names: Names, source: SourceRules
) -> pd.DataFrame:
    """Records of some days that name one of some leads, and perhaps some of others: whose they are their mapping says.

    It is a look through the days' records for each lead, and whoever asks has few to ask about.
    """
    records = source_records.c
    texts = cast(records.payload, Text)
    conditions = []
    if names.emails:
        conditions.append(_holds_any(func.lower(texts), names.emails))
    if names.digits:
        conditions.append(_holds_any(func.regexp_replace(texts, "[^0-9]", "", "g"), names.digits))
    if names.source_keys:
        column = mapping_of(source).get(SOURCE_KEY, SOURCE_KEY)
        keys = any_(literal(list(names.source_keys), ARRAY(Text)))
        conditions.append(
            (records.source == source.name) & (func.btrim(records.payload[column].astext) == keys)
        )
    return _records(
        connection, records.campaign == campaign, records.day.in_(days), or_(false(), *conditions)
    )


def _holds_any(text: ColumnElement[str], parts: Sequence[str]) -> ColumnElement[bool]:
    if len(parts) == 1:
        return func.strpos(text, parts[0]) > 0
    part = func.unnest(literal(list(parts), ARRAY(Text))).column_valued("part")
    return exists(select(part).where(func.strpos(text, part) > 0))


def _records(connection: Connection, *conditions: ColumnElement[bool]) -> pd.DataFrame:
    query = select(*(source_records.c[name] for name in RECORD_COLUMNS)).where(*conditions)
    return read(connection, query).sort_values(["occurred_at", "record_id"], ignore_index=True)
