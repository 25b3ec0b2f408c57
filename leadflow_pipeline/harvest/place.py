"""How far a source has been read: one row for each source of a campaign, and nobody else reads it meanwhile.

What belongs here: reading and changing `source_cursors`, and the lock. A door to the database. What does not: asking,
and storing records (`collecting`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import source_cursors


@dataclass(frozen=True)
class Place:
    """Where to go on: at the page that `cursor` names, behind its first `skip` records, which are stored."""

    cursor: str | None = None
    skip: int = 0

    @classmethod
    def of(cls, text: str | None) -> Place:
        """The place that was written as text; the beginning where there is none."""
        return cls(**json.loads(text)) if text else cls()

    @property
    def text(self) -> str:
        """The place as it is stored."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Standing:
    """A row of `source_cursors`."""

    place: Place
    state: str
    next_attempt_at: datetime
    pages: int
    seen: tuple[str, ...]
    """Fingerprints of the sweep under way."""


@contextmanager
def sole_reader(engine: Engine, campaign: str, source: str) -> Iterator[bool]:
    """Makes this process the only reader of a source, where nobody else is: True. It ends with the process."""
    number = lock_number("source", campaign, source)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_mine = bool(connection.scalar(select(func.pg_try_advisory_lock(number))))
        try:
            yield is_mine
        finally:
            if is_mine:
                connection.execute(select(func.pg_advisory_unlock(number)))


def standing_of(engine: Engine, campaign: str, source: str, now: datetime) -> Standing:
    """Where a source stands; a new one stands at the beginning, and is due."""
    row = source_cursors.c
    first = insert(source_cursors).values(campaign=campaign, source=source, next_attempt_at=now)
    with engine.begin() as connection:
        connection.execute(first.on_conflict_do_nothing())
        found = connection.execute(
            select(source_cursors).where(row.campaign == campaign, row.source == source)
        ).one()
    return Standing(
        Place.of(found.cursor), found.state, found.next_attempt_at, found.pages, tuple(found.seen_cursors)
    )


def due_sources(engine: Engine, campaign: str, sources: Sequence[str], now: datetime) -> list[str]:
    """Those of the sources that are to be read now, in their order: whose time has come, and new ones."""
    row = source_cursors.c
    query = select(row.source).where(row.campaign == campaign, row.next_attempt_at > now)
    with engine.connect() as connection:
        resting = set(connection.scalars(query))
    return [source for source in sources if source not in resting]


def move_on(connection: Connection, campaign: str, source: str, was: Place, new: int, **values: Any) -> None:
    """Changes the row, in the transaction that stores what was read from `was`; `new` records are added to its count.

    Raises TransientError where the source does not stand there any more: the lock was lost, and another process went
    on. Nothing of this transaction is kept then.
    """
    row = source_cursors.c
    stands = func.coalesce(row.cursor, Place().text) == was.text
    statement = (
        update(source_cursors)
        .where(row.campaign == campaign, row.source == source, stands)
        .values(records=row.records + new, updated_at=func.now(), **values)
        .returning(row.source)
    )
    if connection.scalar(statement) is None:
        raise TransientError("another process has read on meanwhile: this one leaves it to it")


def count(connection: Connection, campaign: str, source: str, new: int) -> None:
    """Adds new records to the source's count, wherever it stands."""
    row = source_cursors.c
    mine = update(source_cursors).where(row.campaign == campaign, row.source == source)
    connection.execute(mine.values(records=row.records + new))


def rest_until(
    engine: Engine, campaign: str, source: str, until: datetime, problem: str | None, state: str
) -> None:
    """Notes when to come back, and why."""
    row = source_cursors.c
    values = {"state": state, "problem": problem, "next_attempt_at": until, "updated_at": func.now()}
    with engine.begin() as connection:
        connection.execute(
            update(source_cursors).where(row.campaign == campaign, row.source == source).values(**values)
        )


def fingerprint(*texts: str | None) -> str:
    """A short hash: a cursor may hold what is nobody else's business."""
    return blake2b("\x1f".join(text or "" for text in texts).encode(), digest_size=8).hexdigest()
