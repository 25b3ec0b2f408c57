"""The door through which records come in: a file is read, and its rows become facts.

What belongs here: one transaction a file, exact repeats, people who asked to be forgotten, the landing folder. What
does not: reading a format (`readers`) or making a fact of a row (`records`). Beside `assets` the only module of this
room that knows the database.

For every file: rows = new + repeated + quarantined + erased. Importing a file again changes nothing, so a process that
is killed anywhere is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Column, Connection, Engine, MetaData, Table, exists, func, select, text
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import load
from leadflow_pipeline.harvest import lead_facts
from leadflow_pipeline.harvest.batches import Batch
from leadflow_pipeline.harvest.erasure import rows_of_erased
from leadflow_pipeline.harvest.landing import DONE, REFUSED, free_place, landed_files, source_of
from leadflow_pipeline.harvest.readers import read_file
from leadflow_pipeline.harvest.records import facts_of, outcomes_of
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import engagement_events, outcomes, source_records, suppressions

ERASURE = "erasure"
"""Reason of the suppressions of people who asked to be forgotten: their records are not stored again."""

Progress = Callable[[int], None]
"""Called with the number of rows read so far."""


class Contents(StrEnum):
    """What the rows of a file are."""

    LEADS = "leads"
    EVENTS = "events"
    OUTCOMES = "outcomes"


@dataclass
class ImportReport:
    """What became of each row of a file. `quarantined` rows are stored too, whole, with the reason."""

    campaign: str
    file: str
    contents: str
    source: str
    rows: int = 0
    new: int = 0
    repeated: int = 0
    quarantined: int = 0
    erased: int = 0
    first_day: date | None = None
    last_day: date | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        days = {
            name: day.isoformat() if (day := getattr(self, name)) else None
            for name in ("first_day", "last_day")
        }
        return asdict(self) | days

    def see_days(self, first: date | None, last: date | None) -> None:
        """Widens the days that new records fall on."""
        self.first_day = min((day for day in (self.first_day, first) if day), default=None)
        self.last_day = max((day for day in (self.last_day, last) if day), default=None)


@dataclass(frozen=True)
class LandedFile:
    """A file of the landing folder and what became of it."""

    file: str
    report: ImportReport | None = None
    refusal: str | None = None


def import_file(
    engine: Engine,
    campaign: str,
    path: Path,
    *,
    source: str | None = None,
    contents: Contents = Contents.LEADS,
    received_at: datetime | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Stores every row of a file as a fact, all of them or none.

    The rows are read under the campaign's current rules for `source` (where it is not named: the source whose `files`
    pattern fits). Records without a day column belong to the day of `received_at`, which is now. Raises FileRefused
    for a file that cannot be read, PermanentError for an unknown campaign.
    """
    rules = load(engine, campaign).rules
    if not path.is_file():
        raise FileRefused(f"there is no file {path}: check the path")
    received_at = received_at or datetime.now(UTC)
    if contents is Contents.LEADS:
        of_file = source_of(path.name, rules.sources, source)
    else:
        of_file = lead_facts.EVENTS if contents is Contents.EVENTS else lead_facts.OUTCOMES
    report = ImportReport(campaign, path.name, contents.value, of_file.name)
    with engine.begin() as connection:
        door = _Door(connection, report, of_file, received_at)
        for batch in read_file(path, of_file):
            report.rows += batch.row_count
            door.let_in(batch)
            if progress is not None:
                progress(report.rows)
    return report


def import_landed(engine: Engine, campaign: str, now: datetime | None = None) -> list[LandedFile]:
    """Imports the complete files of a campaign's landing folder, by name.

    Each then moves to `done`, or to `refused` beside a `.txt` that says why. A process killed before the move imports
    the file again, which changes nothing.
    """
    folder = get_settings().landing_folder / campaign
    return [
        _import_landed_file(engine, campaign, path) for path in landed_files(folder, now or datetime.now(UTC))
    ]


def _import_landed_file(engine: Engine, campaign: str, path: Path) -> LandedFile:
    try:
        report = import_file(engine, campaign, path)
    except FileRefused as refusal:
        place = _moved(path, REFUSED)
        place.with_name(f"{place.name}.txt").write_text(f"{refusal}\n", encoding="utf-8")
        return LandedFile(path.name, refusal=str(refusal))
    _moved(path, DONE)
    return LandedFile(path.name, report=report)


def _moved(path: Path, folder_name: str) -> Path:
    folder = path.parent / folder_name
    folder.mkdir(exist_ok=True)
    return path.rename(free_place(folder, path.name))


class _Door:
    """One file on its way in, in one transaction."""

    def __init__(
        self, connection: Connection, report: ImportReport, source: SourceRules, received_at: datetime
    ) -> None:
        self._connection = connection
        self._report = report
        self._source = source
        self._received_at = received_at
        # Two files of a campaign with the same records would otherwise wait for each other, crosswise.
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("import", report.campaign))))
        query = select(suppressions.c.subject).where(suppressions.c.reason == ERASURE)
        self._erased_keys = frozenset(connection.scalars(query))
        self._columns_are_checked = False
        self._keys_of_file = pd.Series(dtype="str")
        self._has_earlier_records = connection.scalar(
            select(
                exists().where(
                    source_records.c.campaign == report.campaign, source_records.c.source == source.name
                )
            )
        )

    def let_in(self, batch: Batch) -> None:
        """Stores what is new of a batch and counts all of it."""
        match self._report.contents:
            case Contents.EVENTS:
                self._require_columns(batch, "behaviour")
                facts, batch = lead_facts.events_of(self._report.campaign, batch)
                self._store_lead_facts(facts, engagement_events)
            case Contents.OUTCOMES:
                self._require_columns(batch, "outcome")
                facts, batch = lead_facts.outcomes_of_leads(self._report.campaign, batch)
                self._store_lead_facts(facts, outcomes)
        self._store_records(batch)

    def _require_columns(self, batch: Batch, needed: str) -> None:
        if not self._columns_are_checked and batch.cells.num_columns:
            lead_facts.require_fact_columns(batch.cells.column_names, needed, self._report.file)
            self._columns_are_checked = True

    def _store_records(self, batch: Batch) -> None:
        first_day = datetime.combine(get_settings().first_day, time.min, UTC)
        facts = facts_of(batch, self._source, self._received_at, first_day)
        facts = self._without_erased(facts, facts["payload"].fillna(facts["raw"]))
        if facts.empty:
            return
        records = facts.assign(source=self._source.name, origin=self._report.file)
        self._add_records(conform(records, source_records, campaign=self._report.campaign))
        if self._source.outcome is not None:
            self._store_outcomes_of(batch, facts, self._source.outcome.after_days)

    def _add_records(self, records: pd.DataFrame) -> None:
        """Stores the records that are not known yet.

        Looking the keys up and then copying only news takes half the time of copying everything and letting
        conflicts be skipped; the lock makes it safe.
        """
        keys = records["content_key"]
        is_known = keys.duplicated() | keys.isin(self._keys_of_file) | keys.isin(self._stored_keys(keys))
        news = records[~is_known]
        self._keys_of_file = pd.concat([self._keys_of_file, news["content_key"]], ignore_index=True)
        copy_in(self._connection, news, source_records)
        self._report.new += int(news["unreadable_reason"].isna().sum())
        self._report.quarantined += int(news["unreadable_reason"].notna().sum())
        self._report.repeated += int(is_known.sum())
        if len(news):
            self._report.see_days(news["occurred_at"].min().date(), news["occurred_at"].max().date())

    def _stored_keys(self, keys: pd.Series) -> pd.Series:
        """Which of these keys the source had before this file."""
        if not self._has_earlier_records:
            return keys.iloc[:0]
        arrived = _arrivals(self._connection, "arrived_keys", [source_records.c.content_key])
        copy_in(self._connection, keys.to_frame(), arrived)
        stored = select(arrived).where(
            exists().where(
                source_records.c.campaign == self._report.campaign,
                source_records.c.source == self._source.name,
                source_records.c.content_key == arrived.c.content_key,
            )
        )
        found = read(self._connection, stored)["content_key"]
        arrived.drop(self._connection)
        return found

    def _store_lead_facts(self, facts: pd.DataFrame, table: Table) -> None:
        """Events or outcomes of a file that holds nothing else."""
        facts = self._without_erased(facts, facts["payload"])
        columns = [column for column in facts.columns if column in table.columns]
        rows = conform(facts[columns].assign(origin=self._report.file), table, campaign=self._report.campaign)
        arrived = _arrivals(
            self._connection, f"arrived_{table.name}", [table.c[name] for name in rows.columns]
        )
        copy_in(self._connection, rows, arrived)
        added = insert(table).from_select(list(rows.columns), select(arrived)).on_conflict_do_nothing()
        days = self._connection.scalars(added.returning(table.c.day)).all()
        arrived.drop(self._connection)
        self._report.new += len(days)
        self._report.repeated += len(rows) - len(days)
        self._report.see_days(min(days, default=None), max(days, default=None))

    def _store_outcomes_of(self, batch: Batch, facts: pd.DataFrame, after_days: int) -> None:
        """Outcomes that a source of leads tells, dated after the record as it was first stored."""
        told = outcomes_of(self._report.campaign, batch, self._source)
        told = told.merge(facts[["row_number", "content_key"]], on="row_number").drop(columns="row_number")
        if told.empty:
            return
        arrived = _arrivals(self._connection, "told_outcomes", _TOLD_OUTCOME)
        copy_in(self._connection, conform(told, arrived), arrived)
        record = source_records
        occurred_at = record.c.occurred_at + timedelta(days=after_days)
        dated = (
            select(
                record.c.campaign,
                arrived.c.lead_id,
                arrived.c.outcome,
                occurred_at,
                arrived.c.value,
                record.c.origin,
            )
            .join_from(arrived, record, arrived.c.content_key == record.c.content_key)
            .where(
                record.c.campaign == self._report.campaign,
                record.c.source == self._source.name,
                record.c.payload.is_not(None),
            )
        )
        names = ["campaign", "lead_id", "outcome", "occurred_at", "value", "origin"]
        self._connection.execute(insert(outcomes).from_select(names, dated).on_conflict_do_nothing())
        arrived.drop(self._connection)

    def _without_erased(self, facts: pd.DataFrame, texts: pd.Series) -> pd.DataFrame:
        is_erased = rows_of_erased(texts, self._erased_keys, address_keys)
        self._report.erased += int(is_erased.sum())
        return facts[~is_erased] if is_erased.any() else facts


_TOLD_OUTCOME = [outcomes.c[name] for name in ("lead_id", "outcome", "value")] + [
    source_records.c.content_key
]


def _arrivals(connection: Connection, name: str, columns: list[Column[Any]]) -> Table:
    """An empty temporary table; it goes with the transaction."""
    # Only names and types: the constraints are those of the table the rows are bound for.
    table = Table(
        name,
        MetaData(),
        *(Column(column.name, column.type) for column in columns),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    table.create(connection)
    return table
