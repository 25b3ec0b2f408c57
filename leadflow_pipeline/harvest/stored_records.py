"""The records of some days as the plan takes them.

What belongs here: one query. What does not: what becomes of them (`plan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
from sqlalchemy import ARRAY, Date, Engine, any_, literal, select

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
    query = select(*(source_records.c[name] for name in RECORD_COLUMNS)).where(
        source_records.c.campaign == campaign,
        source_records.c.day == any_(literal(list(days), ARRAY(Date))),
    )
    with engine.connect() as connection:
        records = read(connection, query)
    return records.sort_values(["occurred_at", "record_id"], ignore_index=True)
