"""The door through which records come in: a file is read, and its rows become facts.

What belongs here: one transaction a file, exact repeats, people who asked to be forgotten, the landing
folder. What does not: reading a format (`readers`) or making a fact of a row (`records`). Beside `assets` the
only module of this room that knows the database.

For every file: rows = new + repeated + quarantined + erased. Importing a file again changes nothing, so a
process that is killed anywhere is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Column, Connection, Engine, MetaData, Table, exists, func, select, text
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import load
from leadflow_pipeline.harvest import lead_facts
from leadflow_pipeline.harvest.arrivals import Arrival, Contents, arrivals, one_ahead
from leadflow_pipeline.harvest.erasure import rows_of_erased
from leadflow_pipeline.harvest.landing import DONE, REFUSED, free_place, landed_files, source_of
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import OutcomeColumn, SourceRules
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import engagement_events, outcomes, source_records, suppressions

__all__ = ["Contents", "ImportReport", "LandedFile", "import_file", "import_landed"]

ERASURE = "erasure"
"""Reason of the suppressions of people who asked to be forgotten: their records are not stored again."""

VACUUM_FROM_ROWS = 20_000
"""New records from which the next import gains from a table that was looked after at once."""

Progress = Callable[[int], None]
"""Called with the number of rows read so far."""


@dataclass
class ImportReport:
    """What became of each row of a file. `quarantined` rows are stored too, whole, with the reason."""

    campaign: str
    file: str
    contents: Contents
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
        days = {"first_day": self.first_day, "last_day": self.last_day}
        written = {name: day.isoformat() if day else None for name, day in days.items()}
        return asdict(self) | {"contents": self.contents.value} | written

    def see_day(self, day: date | None) -> None:
        """Widens the days that new facts fall on."""
        if day is not None:
            self.first_day = min(self.first_day or day, day)
            self.last_day = max(self.last_day or day, day)


@dataclass(frozen=True)
class LandedFile:
    """A file of the landing folder and what became of it: a report, or a refusal in one sentence."""

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

    The rows are read under the campaign's current rules for `source` (where it is not named: the source whose
    `files` pattern fits). Records without a day column belong to the day of `received_at`, which is now.
    Raises FileRefused for a file that cannot be read, PermanentError for an unknown campaign.
    """
    rules = load(engine, campaign).rules
    if not path.is_file():
        raise FileRefused(f"there is no file {path}: check the path")
    match contents:
        case Contents.LEADS:
            of_file = source_of(path.name, rules.sources, source)
        case Contents.EVENTS:
            of_file = lead_facts.EVENTS
        case Contents.OUTCOMES:
            of_file = lead_facts.OUTCOMES
    report = ImportReport(campaign, path.name, contents, of_file.name)
    now = received_at or datetime.now(UTC)
    first_day = datetime.combine(get_settings().first_day, time.min, UTC)
    with engine.begin() as connection:
        door = _Door(connection, report, of_file)
        for arrival in one_ahead(arrivals(path, contents, campaign, of_file, now, first_day)):
            door.let_in(arrival)
            if progress is not None:
                progress(report.rows)
    if report.new >= VACUUM_FROM_ROWS:
        _vacuum(engine)
    return report


def import_landed(engine: Engine, campaign: str, now: datetime | None = None) -> list[LandedFile]:
    """Imports the complete files of a campaign's landing folder, by name.

    Each then moves to `done`, or to `refused` beside a `.txt` that says why. A process killed before the move
    imports the file again, which changes nothing.
    """
    folder = get_settings().landing_folder / campaign
    paths = landed_files(folder, now or datetime.now(UTC))
    return [_import_landed_file(engine, campaign, path) for path in paths]


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


def _vacuum(engine: Engine) -> None:
    """Lets the next import look keys up in the index alone; autovacuum would come a minute later."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM (ANALYZE) {source_records.fullname}"))


class _Door:
    """One file on its way in, in one transaction."""

    def __init__(self, connection: Connection, report: ImportReport, source: SourceRules) -> None:
        self._connection = connection
        self._report = report
        self._source = source
        # Two files of a campaign with the same records would otherwise wait for each other, crosswise.
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("import", report.campaign))))
        query = select(suppressions.c.subject).where(suppressions.c.reason == ERASURE)
        self._erased_keys = frozenset(connection.scalars(query))
        self._has_earlier_records = connection.scalar(select(exists().where(*self._is_of_source())))
        self._keys_of_file: list[pa.Array] = []

    def let_in(self, arrival: Arrival) -> None:
        """Stores what is new and counts all of it."""
        self._report.rows += arrival.rows
        facts = self._without_erased(arrival.lead_facts)
        if len(facts):
            self._add_lead_facts(facts)
        records = self._without_erased(arrival.records)
        if len(records):
            records = records.assign(source=self._source.name, origin=self._report.file)
            self._add_records(conform(records, source_records, campaign=self._report.campaign))
        told = arrival.told_outcomes
        if self._source.outcome is not None and len(told) and len(records):
            told = told[told["content_key"].isin(records["content_key"])]
            self._add_told_outcomes(told, self._source.outcome)

    def _add_records(self, records: pd.DataFrame) -> None:
        """Stores the records that are not known yet.

        Looking the keys up and then copying only news takes half the time of copying everything and letting
        conflicts be skipped; the lock makes it safe.
        """
        keys = records["content_key"]
        known = pa.chunked_array([*self._keys_of_file, self._stored_keys(keys)], pa.large_string())
        is_known = keys.duplicated().to_numpy() | _is_in(keys, known)
        news = records[~is_known]
        self._keys_of_file.append(pa.array(news["content_key"], pa.large_string()))
        copy_in(self._connection, news, source_records)
        is_readable = news["unreadable_reason"].isna()
        self._report.new += int(is_readable.sum())
        self._report.quarantined += int((~is_readable).sum())
        self._report.repeated += int(is_known.sum())
        if len(news):
            self._report.see_day(news["occurred_at"].min().date())
            self._report.see_day(news["occurred_at"].max().date())

    def _stored_keys(self, keys: pd.Series) -> pa.Array:
        """Which of these keys the source had before this file."""
        if not self._has_earlier_records:
            return pa.array([], pa.large_string())
        arrived = _arrivals(self._connection, "arrived_keys", [source_records.c.content_key])
        copy_in(self._connection, keys.to_frame(), arrived)
        is_stored = exists().where(
            *self._is_of_source(), source_records.c.content_key == arrived.c.content_key
        )
        found = read(self._connection, select(arrived).where(is_stored))["content_key"]
        arrived.drop(self._connection)
        return pa.array(found, pa.large_string())

    def _is_of_source(self) -> tuple[Any, ...]:
        records = source_records.c
        return records.campaign == self._report.campaign, records.source == self._source.name

    def _add_lead_facts(self, facts: pd.DataFrame) -> None:
        """Stores events or outcomes that are not known yet."""
        table = engagement_events if self._report.contents is Contents.EVENTS else outcomes
        columns = [column for column in facts.columns if column in table.columns]
        facts = facts[columns].assign(origin=self._report.file)
        rows = conform(facts, table, campaign=self._report.campaign)
        names = list(rows.columns)
        arrived = _arrivals(self._connection, "arrived_facts", [table.c[name] for name in names])
        copy_in(self._connection, rows, arrived)
        added = insert(table).from_select(names, select(arrived)).on_conflict_do_nothing()
        days = self._connection.scalars(added.returning(table.c.day)).all()
        arrived.drop(self._connection)
        self._report.new += len(days)
        self._report.repeated += len(rows) - len(days)
        for day in set(days):
            self._report.see_day(day)

    def _add_told_outcomes(self, told: pd.DataFrame, rules: OutcomeColumn) -> None:
        """Stores outcomes that records tell, dated after the record as it was first stored."""
        columns = [outcomes.c[name] for name in ("lead_id", "outcome", "value")]
        arrived = _arrivals(self._connection, "told_outcomes", [*columns, source_records.c.content_key])
        copy_in(self._connection, conform(told, arrived), arrived)
        record, after = source_records.c, timedelta(days=rules.after_days)
        dated = (
            select(
                record.campaign,
                *arrived.c["lead_id", "outcome", "value"],
                record.occurred_at + after,
                record.origin,
            )
            .join_from(arrived, source_records, arrived.c.content_key == record.content_key)
            .where(*self._is_of_source(), record.payload.is_not(None))
        )
        names = ["campaign", "lead_id", "outcome", "value", "occurred_at", "origin"]
        self._connection.execute(insert(outcomes).from_select(names, dated).on_conflict_do_nothing())
        arrived.drop(self._connection)

    def _without_erased(self, facts: pd.DataFrame) -> pd.DataFrame:
        if facts.empty or not self._erased_keys:
            return facts
        texts = facts["payload"].fillna(facts["raw"]) if "raw" in facts else facts["payload"]
        is_erased = rows_of_erased(texts, self._erased_keys, address_keys)
        self._report.erased += int(is_erased.sum())
        return facts[~is_erased]


def _is_in(keys: pd.Series, known: pa.ChunkedArray) -> Any:
    return pc.is_in(pa.array(keys, pa.large_string()), value_set=known).to_numpy(zero_copy_only=False)


def _arrivals(connection: Connection, name: str, columns: list[Column[Any]]) -> Table:
    """An empty temporary table with the names and types of columns, without their constraints."""
    copied = [Column(column.name, column.type) for column in columns]
    table = Table(name, MetaData(), *copied, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
    table.create(connection)
    return table
