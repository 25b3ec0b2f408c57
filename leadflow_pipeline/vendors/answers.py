"""Reading lookups: as facts before a moment, and as work that waits for somebody.

What belongs here: queries. What does not: changing anything (`lookup_states`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import ARRAY, Date, Engine, Select, Text, any_, case, literal, select
from sqlalchemy.sql.expression import ColumnElement

from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import LOOKUP_STATES, vendor_lookups

WAITING = "waiting"
"""The state of a lookup that had no answer at the moment asked about, whatever became of it since."""

FROM_ITS_ANSWER = ("finished_at", "day", "expires_at", "credits", "copied_from", "answer", "problem")


def answers_before(engine: Engine, campaign: str, lead_ids: pd.Series, before: datetime) -> pd.DataFrame:
    """What vendors had said of these leads before a moment, and what they had been asked without an answer yet.

    Columns: lookup_id, lead_id, provider, vendor, state (answered, not_found, failed or waiting), requested_at,
    finished_at, day, expires_at, credits, copied_from, answer (JSON text) and problem, by (finished_at, lookup_id),
    waiting ones last. A waiting one has nothing of an answer that came later: as of the moment there was none.
    """
    table = vendor_lookups.c
    is_finished = table.finished_at < before

    def told(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return case((is_finished, column))

    query = (
        select(
            table.lookup_id,
            table.lead_id,
            table.provider,
            table.vendor,
            case((is_finished, table.state), else_=WAITING).label("state"),
            table.requested_at,
            *(told(table[name]).label(name) for name in FROM_ITS_ANSWER),
        )
        .where(
            table.campaign == campaign,
            table.lead_id == any_(literal(lead_ids.unique().tolist(), ARRAY(Text))),
            table.requested_at < before,
        )
        .order_by(told(table.finished_at).nulls_last(), table.lookup_id)
    )
    return _read(engine, query)


def leads_answered_on(engine: Engine, campaign: str, days: Sequence[date]) -> pd.DataFrame:
    """Of whom a vendor said something (or that it knows nothing) on which of these days.

    Each `(lead_id, day)` once, by (day, lead_id).
    """
    table = vendor_lookups.c
    wanted = any_(literal(list(days), ARRAY(Date)))
    found = (
        select(table.lead_id, table.day)
        .where(table.campaign == campaign, table.day == wanted, table.lead_id.is_not(None))
        .distinct()
        .subquery()
    )
    return _read(engine, select(found).order_by(found.c.day, found.c.lead_id.collate("C")))


def lookups_in(engine: Engine, state: str, campaign: str | None = None) -> pd.DataFrame:
    """The lookups in a state, by lookup_id, without what was asked and answered: that is personal.

    Raises ValueError for what is no state.
    """
    if state not in LOOKUP_STATES:
        raise ValueError(f"a lookup is in no state {state}: write one of {', '.join(LOOKUP_STATES)}")
    table = vendor_lookups
    told = [column for column in table.c if column.name not in ("question", "answer", "subject_key")]
    query = select(*told).where(table.c.state == state)
    if campaign is not None:
        query = query.where(table.c.campaign == campaign)
    return _read(engine, query.order_by(table.c.lookup_id))


def _read(engine: Engine, query: Select[Any]) -> pd.DataFrame:
    with engine.connect() as connection:
        return read(connection, query)
