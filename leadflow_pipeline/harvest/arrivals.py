"""What a batch of rows turns out to be, before it meets the database.

What belongs here: the facts of a batch, whatever its file holds: leads, events, outcomes or spend. What does not:
storing.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pandas as pd

from leadflow_pipeline.harvest import lead_facts, spend_facts
from leadflow_pipeline.harvest.batches import Batch
from leadflow_pipeline.harvest.readers import read_file
from leadflow_pipeline.harvest.records import facts_of, outcomes_of
from leadflow_pipeline.harvest.rules import Contents, FileSource, SourceRules

Item = TypeVar("Item")


@dataclass(frozen=True)
class Arrival:
    """The facts of some rows of a file, each row in exactly one of `records` and `lead_facts`."""

    rows: int
    records: pd.DataFrame
    """Leads, and whatever could not be read: the columns of `records.FACT_COLUMNS`."""
    lead_facts: pd.DataFrame
    """Events, outcomes or spend, where the file holds such."""
    told_outcomes: pd.DataFrame
    """Outcomes that leads' own records tell: content_key, lead_id, outcome, value."""
    received_at: datetime


def arrivals(
    path: Path, campaign: str, source: FileSource, received_at: datetime, first_day: datetime
) -> Iterator[Arrival]:
    """Everything a file holds, batch by batch. Raises FileRefused for a file that cannot be read."""
    for batch in read_file(path, source):
        if source.contents is Contents.SPEND and batch.cells.num_columns:
            spend_facts.require_spend_columns(batch.cells.column_names, source, path.name)
        elif source.contents is not Contents.LEADS and batch.cells.num_columns:
            lead_facts.require_fact_columns(batch.cells.column_names, source, path.name)
        yield arrival_of(batch, campaign, source, received_at, first_day)


def arrival_of(
    batch: Batch, campaign: str, source: SourceRules, received_at: datetime, first_day: datetime
) -> Arrival:
    """The facts of some rows of a source, whatever its contents."""
    facts = told = pd.DataFrame()
    if source.contents is Contents.LEADS:
        records = facts_of(batch, source, received_at, first_day)
        if source.outcome is not None:
            told = _told_outcomes(campaign, batch, records, source)
    elif source.contents is Contents.SPEND:
        facts, rest = spend_facts.facts_about_spend(batch, source, received_at)
        records = facts_of(rest, source, received_at, first_day)
    else:
        facts, rest = lead_facts.facts_about_leads(campaign, batch, source, received_at)
        records = facts_of(rest, source, received_at, first_day)
    return Arrival(batch.row_count, records, facts, told, received_at)


def _told_outcomes(campaign: str, batch: Batch, records: pd.DataFrame, source: SourceRules) -> pd.DataFrame:
    readable = records.loc[records["unreadable_reason"].isna(), ["row_number", "content_key"]]
    return outcomes_of(campaign, batch, source).merge(readable, on="row_number").drop(columns="row_number")


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; the next is made in a thread of its own while the caller stores the last."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader") as reader:
        ahead = reader.submit(next, items, None)
        while (item := ahead.result()) is not None:
            ahead = reader.submit(next, items, None)
            yield item
