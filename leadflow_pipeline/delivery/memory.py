"""What this machine remembers of what left, beside the database: so that an older copy of it is known for one.

What belongs here: a short file in the home folder, and comparing it with the database. What does not: what follows from
that (`breaker`).

A database that is restored from a snapshot has forgotten what left since. Its touches are due again, and what people
asked in the meantime is gone, too. Every attempt is committed before the wire is reached, so a database that does not
know an attempt that this file knows is older, unless the person was erased since.

Each line: when the oldest campaign of the database was registered, by which it is told from another one; the moment up
to which messages had been claimed; the number of a message, and of its attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, exists, func, select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.schema import activity_log, campaigns, message_attempts

FILE: Final = "left.log"
MOST_LINES: Final = 4_000
KEPT_LINES: Final = 500


@dataclass(frozen=True)
class Left:
    """One line. Everything that had been claimed by `until` may have left."""

    birth: str
    until: datetime
    message_id: int
    attempt: int

    @classmethod
    def read(cls, line: str) -> Left | None:
        """A line of the file; None for one that was cut off."""
        try:
            birth, until, message_id, attempt = line.split()
            return cls(birth, datetime.fromisoformat(until), int(message_id), int(attempt))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.birth} {self.until.isoformat()} {self.message_id} {self.attempt}\n"


class Memory:
    """The file. Several processes add to it at once; a line is one write."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._birth = ""

    def recognise(self, connection: Connection) -> None:
        """Learns which database it is."""
        born = connection.scalar(select(func.min(campaigns.c.created_at)))
        self._birth = "" if born is None else born.isoformat()

    def note(self, until: datetime, message_id: int, attempt: int) -> None:
        """Remembers an attempt that is committed. Raises PermanentError where the folder cannot be written."""
        if not self._birth:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="ascii") as file:
                file.write(str(Left(self._birth, until, message_id, attempt)))
        except OSError as error:
            raise PermanentError(
                f"{self._path} cannot be written ({error.strerror}): it remembers what left, so nothing leaves"
            ) from None

    def forgotten_by(self, connection: Connection) -> datetime | None:
        """Up to when messages left that the database knows nothing of; None where it knows all."""
        lines = self._lines()
        for line in reversed(lines):
            if line.birth == self._birth:
                return line.until if self._is_forgotten(connection, line) else None
        return None

    def _is_forgotten(self, connection: Connection, line: Left) -> bool:
        attempt, note = message_attempts, activity_log
        is_known = exists().where(attempt.c.message_id == line.message_id, attempt.c.attempt == line.attempt)
        was_erased = exists().where(note.c.action == "erase", note.c.occurred_at >= line.until)
        return not connection.scalar(select(is_known | was_erased))

    def _lines(self) -> list[Left]:
        try:
            lines = self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        if len(lines) > MOST_LINES:
            partial = self._path.with_suffix(".partial")
            partial.write_text("\n".join(lines[-KEPT_LINES:]) + "\n", encoding="ascii")
            partial.replace(self._path)
        return [left for line in lines if (left := Left.read(line)) is not None]
