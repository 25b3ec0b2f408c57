"""The records of some days as the plan takes them. A door to the database that only reads.

What belongs here: queries. What does not: what becomes of them (`plan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Date,
    Engine,
    Text,
    any_,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.sql.elements import CollectionAggregate

from leadflow_pipeline.harvest.mapping import SOURCE_KEY, mapping_of
from leadflow_pipeline.harvest.normalise import DIGITS_ALONE
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
    """By what leads are looked for: each by its email, else by its phone's digits, else by its key in one source."""

    emails: Sequence[str]
    digits: Sequence[str]
    source_keys: Sequence[str]


def records_naming(
    connection: Connection,
    campaign: str,
    days: Sequence[date],
    names: Names,
    source: SourceRules,
    sources: Sequence[SourceRules],
) -> pd.DataFrame:
    """Records of some days that name one of some leads, and perhaps some of others: whose they are their mapping says.

    Keys are keys in `source`; an email or a phone may be told by any of the `sources`. It is one look through the days'
    records, at what each source maps to the field, however many are looked for.
    """
    named = []
    for each in sources:
        by_email = _named_by_email(each, names.emails) if names.emails else false()
        by_phone = _named_by_phone(each, names.digits) if names.digits else false()
        by_key: ColumnElement[bool] = false()
        if names.source_keys and each.name == source.name:
            by_key = func.btrim(_written(each, SOURCE_KEY)) == _any(names.source_keys)
        named.append((source_records.c.source == each.name) & or_(by_email, by_phone, by_key))
    return _records(
        connection,
        source_records.c.campaign == campaign,
        source_records.c.day == any_(literal(list(days), ARRAY(Date))),
        or_(false(), *named),
    )


PLAIN: Final = "^[!-9;=?-~]+$"
"""ASCII without spaces, `:`, `<` and `>`: as an email it stands for itself, whatever its case (`clean_email`)."""
NOT_ASCII: Final = "[^ -~]"


def _named_by_email(source: SourceRules, emails: Sequence[str]) -> ColumnElement[bool]:
    if _is_translated(source, "email"):
        return true()
    written = func.lower(_written(source, "email"))
    part = func.unnest(literal(list(emails), ARRAY(Text))).column_valued("part")
    is_wrapped = exists(select(part).where(func.strpos(written, part) > 0))
    is_odd = written.op("!~")(PLAIN) & (written.op("~")(NOT_ASCII) | is_wrapped)
    return (written == _any(emails)) | is_odd


def _named_by_phone(source: SourceRules, digits: Sequence[str]) -> ColumnElement[bool]:
    if _is_translated(source, "phone"):
        return true()
    written = _written(source, "phone")
    # With the 0 of a spreadsheet's `.0` too, which `clean_phone` takes off.
    known = _any([*digits, *(f"{each}0" for each in digits)])
    return (func.regexp_replace(written, DIGITS_ALONE, "", "g") == known) | written.op("~")(NOT_ASCII)


def _is_translated(source: SourceRules, field: str) -> bool:
    """Whether the campaign file says what written words mean: then its mapping alone can tell."""
    return field in source.constants or field in source.meanings


def _written(source: SourceRules, field: str) -> ColumnElement[str]:
    column = mapping_of(source).get(field)
    return source_records.c.payload[column].astext if column is not None else null().cast(Text)


def _any(values: Sequence[str]) -> CollectionAggregate[bool]:
    return any_(literal(list(values), ARRAY(Text)))


def _records(connection: Connection, *conditions: ColumnElement[bool]) -> pd.DataFrame:
    query = select(*(source_records.c[name] for name in RECORD_COLUMNS)).where(*conditions)
    return read(connection, query).sort_values(["occurred_at", "record_id"], ignore_index=True)
