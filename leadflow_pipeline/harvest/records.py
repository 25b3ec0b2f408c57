"""Rows of a file to facts.

What belongs here: what a fact of a row is: its payload, its content key, its moment, its outcome if the
source tells one. What does not: reading the file, storing the fact.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.harvest.batches import Batch, no_texts, texts_of
from leadflow_pipeline.harvest.days import INSTANT, parse_moments
from leadflow_pipeline.harvest.json_text import json_objects
from leadflow_pipeline.harvest.keys import content_keys, unreadable_keys
from leadflow_pipeline.harvest.mapping import leads_of
from leadflow_pipeline.harvest.normalise import Numbers, parse_numbers
from leadflow_pipeline.harvest.rules import OutcomeColumn, SourceRules

FACT_COLUMNS = ["content_key", "occurred_at", "row_number", "payload", "raw", "unreadable_reason"]


def facts_of(batch: Batch, source: SourceRules, received_at: datetime, first_day: datetime) -> pd.DataFrame:
    """One fact a row of the batch, readable or not, by row number: FACT_COLUMNS.

    A record without a day column came to be when it was received. One whose day column cannot be understood,
    or names a day before `first_day` or more than a day after `received_at`, is unreadable, and filed under
    the day it was received on, so that it shows up in a quarantine and not in the wrong partition or in none.
    """
    moment = pd.Timestamp(received_at).as_unit("us")
    payloads = json_objects(batch.cells).to_pandas().astype("str")
    nothing = no_texts(payloads.index)
    facts = pd.DataFrame(
        {
            "content_key": content_keys(payloads),
            "occurred_at": pd.Series(moment, index=payloads.index, dtype=INSTANT),
            "row_number": batch.row_numbers,
            "payload": payloads,
            "raw": nothing,
            "unreadable_reason": nothing,
        },
        index=payloads.index,
    )
    if source.day is not None:
        facts = _dated(facts, batch.cells, source, moment, pd.Timestamp(first_day))
    if len(batch.unreadable):
        facts = pd.concat([facts, unreadable_facts(batch.unreadable, received_at)], ignore_index=True)
    return facts[FACT_COLUMNS].sort_values("row_number", kind="stable", ignore_index=True)


def unreadable_facts(rows: pd.DataFrame, received_at: datetime) -> pd.DataFrame:
    """Rows that cannot be read (row_number, raw, reason) as facts: FACT_COLUMNS."""
    facts = rows.rename(columns={"reason": "unreadable_reason"})
    facts = facts.assign(
        content_key=unreadable_keys(facts["raw"]),
        occurred_at=pd.Series(pd.Timestamp(received_at).as_unit("us"), index=facts.index, dtype=INSTANT),
        payload=no_texts(facts.index),
    )
    return facts[FACT_COLUMNS]


def _dated(
    facts: pd.DataFrame,
    cells: pa.Table,
    source: SourceRules,
    received_at: pd.Timestamp,
    first_day: pd.Timestamp,
) -> pd.DataFrame:
    """The facts with the moments of their day column; those it does not give are unreadable."""
    assert source.day is not None  # noqa: S101 - the caller asked
    column = source.day.column
    moments = parse_moments(texts_of(cells, column), source.day)
    problems = no_texts(facts.index)
    problems[moments.isna()] = f"its column {column!r} holds no date written as {source.day.format}"
    problems[moments < first_day] = (
        f"its column {column!r} is before {first_day.date()}, the first day there is"
    )
    problems[moments > received_at + pd.Timedelta(days=1)] = f"its column {column!r} is in the future"
    is_bad = problems.notna()
    if not is_bad.any():
        return facts.assign(occurred_at=moments)
    return facts.assign(
        occurred_at=moments.where(~is_bad, received_at),
        unreadable_reason=problems,
        raw=facts["payload"].where(is_bad),
        payload=facts["payload"].where(~is_bad),
        content_key=facts["content_key"].where(~is_bad, unreadable_keys(facts["payload"])),
    )


def outcomes_of(campaign: str, batch: Batch, source: SourceRules) -> pd.DataFrame:
    """What the source tells of how it ended: row_number, lead_id, outcome, value (money or NaN).

    Rows whose outcome is neither among the won nor among the lost words, or whose lead cannot be told, have
    none. The moment is not here: it follows from the stored fact, so that importing again gives the same
    outcome.
    """
    rules = source.outcome
    assert rules is not None  # noqa: S101 - the caller asked
    outcomes = pd.DataFrame(
        {
            "row_number": batch.row_numbers,
            "lead_id": leads_of(campaign, batch.cells, source),
            "outcome": _outcome_words(batch.cells, rules),
            "value": _outcome_values(batch.cells, rules),
        }
    )
    return outcomes.dropna(subset=["lead_id", "outcome"]).reset_index(drop=True)


def _outcome_words(cells: pa.Table, rules: OutcomeColumn) -> pd.Series:
    meaning = dict.fromkeys(map(_folded, rules.lost), "lost") | dict.fromkeys(map(_folded, rules.won), "won")
    words: pd.Series = texts_of(cells, rules.column).str.strip().str.lower()
    return words.map(meaning).astype("str")


def _folded(word: str) -> str:
    return word.strip().lower()


def _outcome_values(cells: pa.Table, rules: OutcomeColumn) -> Numbers:
    if rules.value_column is None or rules.value_column not in cells.column_names:
        return np.full(cells.num_rows, np.nan)
    return parse_numbers(cells.column(rules.value_column))
