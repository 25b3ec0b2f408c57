"""A Maildir: a folder in which each mail is a file. A door to the file system.

What belongs here: finding files that are new, and moving one aside. What does not: what is in them. A mail's place is
its file's name up to the flags, which stays when a program moves it from `new` to `cur` or marks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.inbound.mail.letter import MOST_BYTES
from leadflow_pipeline.inbound.mail.mailbox import FoundMail, KnownPlaces

FLAGS = ":2,"


class MaildirMailbox:
    """The mails in `new` and `cur` of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"maildir:{folder}"

    def __enter__(self) -> MaildirMailbox:
        """Raises PermanentError where the folder is no Maildir."""
        if not all((self.folder / each).is_dir() for each in ("new", "cur")):
            raise PermanentError(f"{self.folder} is no Maildir: it has no folders new and cur")
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def new_mails(self, known: KnownPlaces, since: datetime) -> Iterator[FoundMail]:
        """Mails that are not known, the oldest first. A file that another program moves meanwhile is found again."""
        for place, path in self._new_files(known, since):
            raw = _content(self._where(place) or path)
            if raw is not None:
                yield FoundMail(place, raw)

    def count_new(self, known: KnownPlaces, since: datetime) -> int:
        """How many there are."""
        return len(self._new_files(known, since))

    def settle(self, place: str, afterwards: str) -> None:
        """Marks the mail as seen, or removes its file. One that is gone is left alone."""
        path = self._where(place)
        if path is None:
            return
        if afterwards == "delete":
            path.unlink(missing_ok=True)
        elif afterwards == "seen":
            flags = path.name.partition(FLAGS)[2]
            if path.parent.name == "new" or "S" not in flags:
                marked = "".join(sorted({*flags, "S"}))
                path.rename(self.folder / "cur" / f"{place}{FLAGS}{marked}")

    def _new_files(self, known: KnownPlaces, since: datetime) -> list[tuple[str, Path]]:
        files = self._files()
        read = set(known.among(list(files)))
        is_first = not read and known.are_none()
        found = [
            (path.stat().st_mtime, place, path)
            for place, path in files.items()
            if place not in read and path.exists()
        ]
        return [
            (place, path)
            for moment, place, path in sorted(found)
            if not is_first or moment >= since.timestamp()
        ]

    def _files(self) -> dict[str, Path]:
        return {
            path.name.partition(FLAGS)[0]: path
            for each in ("new", "cur")
            for path in (self.folder / each).iterdir()
            if not path.name.startswith(".") and path.is_file()
        }

    def _where(self, place: str) -> Path | None:
        fresh = self.folder / "new" / place
        if fresh.exists():
            return fresh
        return self._files().get(place)


def _content(path: Path) -> bytes | None:
    """What is in the file, as far as a mail is looked at; None where it is gone."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TransientError(f"a mail in {path.parent} cannot be read: {error.strerror}") from None
