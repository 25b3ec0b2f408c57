"""Reading a mailbox: each new mail is stored once, with all that follows. A door.

What belongs here: the order of things, and that nobody else reads at the same time. What does not: speaking to the
mailbox, and what a mail means.

A mail is taken from the mailbox, or marked there, only once it is stored. Where reading breaks off, the next one goes
on behind the last mail that was stored; a mail that is seen again is known by its content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, Engine, cast, func, select

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.inbound.mail.mailbox import Mailbox, mailbox_of
from leadflow_pipeline.inbound.mail.storing import store_mail
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import read_mails

AT_ONCE = 5000
"""Places that are asked for in one statement."""


@dataclass
class InboxSummary:
    """How many mails were read, by kind; how many of them were known, or of no message of ours."""

    read: int = 0
    known: int = 0
    unmatched: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """For scripts and metadata: counts only."""
        return {
            "read": self.read,
            "known": self.known,
            "unmatched": self.unmatched,
            **dict(sorted(self.kinds.items())),
        }


def read_inbox(
    engine: Engine,
    settings: Settings,
    *,
    url: str | None = None,
    now: datetime | None = None,
    limit: int | None = None,
) -> InboxSummary:
    """Stores what is new in the mailbox. Raises TransientError where another reading is under way."""
    summary = InboxSummary()
    box = mailbox_of(settings, url)
    with _alone(engine, box.name), box:
        since = (now or datetime.now(UTC)) - timedelta(days=settings.mailbox_days)
        for found in islice(box.new_mails(_Known(engine, box.name), since), limit):
            stored = store_mail(engine, box.name, found.place, found.raw, now or datetime.now(UTC))
            box.settle(found.place, settings.mailbox_afterwards)
            summary.read += 1
            if stored.is_new:
                summary.kinds[stored.kind] += 1
                summary.unmatched += not stored.is_matched
            else:
                summary.known += 1
    return summary


def count_new(engine: Engine, settings: Settings, now: datetime) -> int:
    """How many mails there are to read. Raises TransientError where the mailbox does not answer."""
    box: Mailbox = mailbox_of(settings)
    with box:
        return box.count_new(_Known(engine, box.name), now - timedelta(days=settings.mailbox_days))


class _Known:
    """The places of a mailbox in the table of mails that were read."""

    def __init__(self, engine: Engine, mailbox: str) -> None:
        self._engine = engine
        self._mine = select(read_mails.c.place).where(read_mails.c.mailbox == mailbox)

    def are_none(self) -> bool:
        with self._engine.connect() as connection:
            return connection.scalar(self._mine.limit(1)) is None

    def among(self, places: Collection[str]) -> Collection[str]:
        asked = list(places)
        with self._engine.connect() as connection:
            return [
                place
                for start in range(0, len(asked), AT_ONCE)
                for place in connection.scalars(
                    self._mine.where(read_mails.c.place.in_(asked[start : start + AT_ONCE]))
                )
            ]

    def greatest(self, beginning: str) -> int | None:
        number = func.max(cast(func.split_part(read_mails.c.place, "/", 2), BigInteger))
        numbered = self._mine.with_only_columns(number).where(read_mails.c.place.startswith(f"{beginning}/"))
        with self._engine.connect() as connection:
            found: int | None = connection.scalar(numbered)
        return found


@contextmanager
def _alone(engine: Engine, mailbox: str) -> Iterator[None]:
    """Lets one reading of a mailbox go on at a time."""
    number = lock_number("mailbox", mailbox)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(number))):
            raise TransientError("the mailbox is being read at this moment: try again when that has ended")
        try:
            yield
        finally:
            connection.scalar(select(func.pg_advisory_unlock(number)))
