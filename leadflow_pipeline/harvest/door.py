"""The door through which every record comes in: files, pages of vendors and webhooks alike.

What belongs here: storing arrivals as facts inside the caller's transaction: what is new, exact repeats, people
who asked to be forgotten, and the count of each. What does not: reading a file or asking a vendor, and making a
fact of a row (`records`, `lead_facts`).

For everything that comes in: rows = new + repeated + quarantined + erased. Taking the same rows in again changes
nothing, so whoever is interrupted simply does it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    Text,
    any_,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.erasure import rows_of_erased
from leadflow_pipeline.harvest.arrivals import Arrival, arrival_of
from leadflow_pipeline.harvest.held_keys import HeldKeys
from leadflow_pipeline.harvest.keyed_leads import told_of_known_leads
from leadflow_pipeline.harvest.nested import batch_of_records
from leadflow_pipeline.harvest.records import unreadable_facts
from leadflow_pipeline.harvest.rules import Contents, OutcomeColumn, SourceRules
from leadflow_pipeline.harvest.spending import Spending
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.retention import closed_before
from leadflow_pipeline.store.schema import (
    engagement_events,
    outcomes,
    rep_touches,
    source_records,
    suppressions,
)
from leadflow_pipeline.store.suppressions import ERASURE, stands

TABLE_OF = {
    Contents.EVENTS: engagement_events,
    Contents.OUTCOMES: outcomes,
    Contents.TOUCHES: rep_touches,
}

FEW_KEYS = 1_000
"""Up to here keys are looked up as an array: a temporary table for every webhook would bloat the catalogue."""

MOST_KEYS_HELD = 1_000_000
"""Up to here the keys of an origin's rows are held in memory, which is quicker than to look them up where they are
stored; beyond it they are not, so that memory stays flat however long a file is."""


@dataclass
class ImportReport:
    """What became of each row that came in. `quarantined` rows are stored too, whole, with the reason."""

    campaign: str
    file: str
    """The origin: a file's name without its folder, a vendor's page, a webhook's id."""
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


def take_in(
    connection: Connection,
    campaign: str,
    source: SourceRules,
    rows: Sequence[Mapping[str, Any]],
    *,
    origin: str | Sequence[str],
    received_at: datetime,
    first_row: int = 1,
    keys_of: SourceRules | None = None,
) -> ImportReport:
    """Stores JSON objects as facts of a source, in the caller's transaction: what is committed is in.

    The members of nested objects become columns with dotted names (`company.name`); lists stay JSON text. From
    there on an object is a row like a file's: the same mapping, content key, erased people and told outcomes.
    Records without a day column belong to the day of `received_at`. `origin` is where all of them came from, or
    where each did; rows are numbered from `first_row`. `keys_of` is the source that events or outcomes speak `of`.
    A transaction takes in what is of one source only.
    """
    report = ImportReport(campaign, origin if isinstance(origin, str) else "", source.contents, source.name)
    if rows:
        batch = batch_of_records(rows, source, first_row)
        arrival = arrival_of(batch, campaign, source, received_at, first_moment(connection, campaign))
        origins = None if isinstance(origin, str) else pd.Series(list(origin), index=batch.row_numbers)
        Door(connection, report, source, keys_of).let_in(arrival, origins)
    return report


def source_with_keys(source: SourceRules, sources: Sequence[SourceRules]) -> SourceRules | None:
    """The source in whose keys the rows of `source` name their leads, if it declares one."""
    return next((other for other in sources if other.name == source.of), None)


def first_moment(connection: Connection, campaign: str) -> datetime:
    """The beginning of the first day that is there and not closed; records from before it are unreadable."""
    first = get_settings().first_day
    return datetime.combine(max(first, closed_before(connection, campaign) or first), time.min, UTC)


class Door:
    """What comes in for one source from one origin, in one transaction; `report` counts it."""

    def __init__(
        self,
        connection: Connection,
        report: ImportReport,
        source: SourceRules,
        keys_of: SourceRules | None = None,
    ) -> None:
        self._connection = connection
        self._report = report
        self._source = source
        self._keys_of = keys_of
        # Two files of a source with the same records would otherwise wait for each other, crosswise.
        self._lock("import", source.name)
        query = select(suppressions.c.subject).where(suppressions.c.reason == ERASURE, stands())
        self._erased_keys = frozenset(connection.scalars(query))
        self._has_earlier_records = connection.scalar(select(exists().where(*self._is_of_source())))
        self._keys_of_origin = HeldKeys()
        self._is_beyond_memory = False
        self._spending = Spending(connection, report.campaign, source.name)

    def let_in(self, arrival: Arrival, origins: pd.Series | None = None) -> None:
        """Stores what is new and counts all of it. `origins`: row number -> origin, where there are several."""
        self._report.rows += arrival.rows
        facts = self._without_erased(arrival.lead_facts)
        records = self._without_erased(arrival.records)
        if self._keys_of is not None and len(facts):
            campaign = self._report.campaign
            facts, refused = told_of_known_leads(self._connection, campaign, facts, self._keys_of)
            records = pd.concat([records, unreadable_facts(refused, arrival.received_at)], ignore_index=True)
        if len(facts) and self._report.contents is Contents.SPEND:
            self._add_spend(facts)
        elif len(facts):
            self._add_lead_facts(self._with_origin(facts, origins))
        if len(records):
            records = self._with_origin(records, origins).assign(source=self._source.name)
            self._add_records(conform(records, source_records, campaign=self._report.campaign))
        told = arrival.told_outcomes
        if self._source.outcome is not None and len(told) and len(records):
            told = told[told["content_key"].isin(records["content_key"])]
            self._add_told_outcomes(told, self._source.outcome)

    def _with_origin(self, rows: pd.DataFrame, origins: pd.Series | None) -> pd.DataFrame:
        if origins is None:
            return rows.assign(origin=self._report.file)
        return rows.assign(origin=rows["row_number"].map(origins).astype("str"))

    def _add_records(self, records: pd.DataFrame) -> None:
        """Stores the records that are not known yet.

        Looking the keys up and then copying only news takes half the time of copying everything and letting
        conflicts be skipped; the lock makes it safe.
        """
        keys = records["content_key"]
        is_held, is_stored = self._keys_of_origin.are_held(keys), _is_in(keys, self._stored_keys(keys))
        is_known = keys.duplicated().to_numpy() | is_held | is_stored
        news = records[~is_known]
        copy_in(self._connection, news, source_records)
        if len(self._keys_of_origin) + len(news) > MOST_KEYS_HELD:
            self._keys_of_origin = HeldKeys()
            self._is_beyond_memory = True
        elif not self._is_beyond_memory:
            self._keys_of_origin.hold(news["content_key"])
        is_readable = news["unreadable_reason"].isna()
        self._report.new += int(is_readable.sum())
        self._report.quarantined += int((~is_readable).sum())
        self._report.repeated += int(is_known.sum())
        if len(news):
            self._report.see_day(news["occurred_at"].min().date())
            self._report.see_day(news["occurred_at"].max().date())

    def _stored_keys(self, keys: pd.Series) -> pa.Array:
        """Which of these keys the source had before."""
        if not (self._has_earlier_records or self._is_beyond_memory):
            return pa.array([], pa.large_string())
        if len(keys) <= FEW_KEYS:
            stored = select(source_records.c.content_key).where(*self._is_of_source())
            few = source_records.c.content_key == any_(literal(keys.tolist(), ARRAY(Text)))
            return pa.array(self._connection.scalars(stored.where(few)).all(), pa.large_string())
        arrived = _arrivals(self._connection, "arrived_keys", [source_records.c.content_key])
        copy_in(self._connection, keys.to_frame(), arrived)
        is_key = source_records.c.content_key == arrived.c.content_key
        is_stored: ColumnElement[bool] = exists().where(*self._is_of_source(), is_key)
        if self._is_beyond_memory:
            # Key by key: of rows that came a moment ago there are no statistics, and a join would read all of them.
            one = select(literal(1)).where(*self._is_of_source(), is_key).limit(1)
            is_stored = one.scalar_subquery().is_not(None)
        found = read(self._connection, select(arrived).where(is_stored))["content_key"]
        arrived.drop(self._connection)
        return pa.array(found, pa.large_string())

    def _is_of_source(self) -> tuple[Any, ...]:
        records = source_records.c
        return records.campaign == self._report.campaign, records.source == self._source.name

    def _add_lead_facts(self, facts: pd.DataFrame) -> None:
        """Stores events, outcomes or touches that are not known yet."""
        self._lock("import lead facts")
        table = TABLE_OF[self._report.contents]
        columns = [column for column in facts.columns if column in table.columns]
        rows = conform(facts[columns], table, campaign=self._report.campaign)
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

    def _add_spend(self, facts: pd.DataFrame) -> None:
        """Stores what channels cost: amounts of a channel and day are added up, over all rows so far."""
        new, repeated = self._spending.tell(facts)
        self._report.new += new
        self._report.repeated += repeated
        self._report.see_day(facts["day"].min().date())
        self._report.see_day(facts["day"].max().date())

    def _add_told_outcomes(self, told: pd.DataFrame, rules: OutcomeColumn) -> None:
        """Stores outcomes that records tell, dated after the record as it was first stored."""
        self._lock("import lead facts")
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

    def _lock(self, *name: str) -> None:
        """Until the transaction ends. A source's lock comes before the one of what sources may both tell."""
        number = lock_number(*name, self._report.campaign)
        self._connection.execute(select(func.pg_advisory_xact_lock(number)))

    def _without_erased(self, facts: pd.DataFrame) -> pd.DataFrame:
        if facts.empty or not self._erased_keys:
            return facts
        is_erased = self.is_erased(facts)
        self._report.erased += int(is_erased.sum())
        return facts[~is_erased]

    def is_erased(self, facts: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which of these facts are of somebody who asked to be forgotten; they are never stored."""
        texts = facts["payload"].fillna(facts["raw"]) if "raw" in facts else facts["payload"]
        return rows_of_erased(texts, self._erased_keys, address_keys)


def _is_in(keys: pd.Series, known: pa.Array) -> Any:
    return pc.is_in(pa.array(keys, pa.large_string()), value_set=known).to_numpy(zero_copy_only=False)


def _arrivals(connection: Connection, name: str, columns: list[Column[Any]]) -> Table:
    """An empty temporary table with the names and types of columns, without their constraints."""
    copied = [Column(column.name, column.type) for column in columns]
    table = Table(name, MetaData(), *copied, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
    table.create(connection)
    return table
