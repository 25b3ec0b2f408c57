"""What was told us and is not in the database yet, in files of this machine: told is kept, whatever happens next.

What belongs here: writing lines that survive, and giving them back file by file. What does not: what a line says.

A line is on the disk before whoever told it is answered; one flush serves all that came while the one before was under
way. Each process writes a file of its own and holds its lock for as long as it writes. A file that nobody holds (closed
for storing, or left by a process that was killed) is stored by whoever finds it, and removed only once the database has
committed it: so a line may be given back twice, never lost, and storing it again must change nothing.

No line may hold personal data: keys, families and moments only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

Line = Mapping[str, Any]

MOST_WAITING = 20_000
"""Lines. Beyond, the disk cannot keep up, and telling so is better than to run out of memory."""

LARGEST = 4 << 20
"""Bytes of a file, after which another is begun though nothing could be stored: it is given back in one piece."""


ENCODER = json.JSONEncoder(separators=(",", ":"))


class JournalFull(Exception):
    """The disk did not take a line, or not fast enough: it was not kept."""


class Journal:
    """Writes lines to a file in `folder`, from one event loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None
        self._size = 0
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._is_writing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def keep(self, line: Line) -> None:
        """Returns when the line is on the disk. Raises JournalFull where it cannot be."""
        if len(self._waiting) >= MOST_WAITING:
            raise JournalFull
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        self._waiting.append((ENCODER.encode(line).encode() + b"\n", kept))
        if not self._is_writing:
            self._is_writing = True
            loop.create_task(self._write())  # noqa: RUF006 - each waiting future keeps it in sight
        await kept

    async def close_file(self) -> None:
        """Ends the file that is being written, so that it can be stored; the next line begins another."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._end_file)

    def is_large(self) -> bool:
        """Whether the file has grown so much that another should be begun."""
        return self._size >= LARGEST

    def shut(self) -> None:
        """Ends the file and the thread."""
        self._thread.submit(self._end_file)
        self._thread.shutdown(wait=True)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await loop.run_in_executor(self._thread, self._append, b"".join(line for line, _ in group))
            except OSError as reason:
                log.error("the journal in the home folder takes no more (%s)", os.strerror(reason.errno or 0))
                error = JournalFull()
            for _, kept in group:
                if kept.done():
                    continue
                if error is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(error)
        self._is_writing = False

    def _append(self, lines: bytes) -> None:
        if self._file is None:
            self._file, self._size = _new_file(self.folder), 0
        try:
            written = 0
            while written < len(lines):
                written += os.write(self._file, lines[written:])
            os.fsync(self._file)
        except OSError:
            # Half a line must not stand before the next one.
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(lines)

    def _end_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file, self._size = None, 0


def closed_files(folder: Path) -> list[Path]:
    """Files of the journal, oldest first; some may still be written."""
    return sorted(folder.glob("*.jsonl"))


@contextmanager
def held(path: Path) -> Iterator[list[Line] | None]:
    """The lines of a file that nobody writes or stores; None where somebody does. Removed at the end, but not where
    the body raises.
    """
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        if not (_is_locked(file) and path.exists()):
            yield None
            return
        with os.fdopen(os.dup(file), "rb") as content:
            lines = list(_lines(content.read()))
        yield lines
        path.unlink(missing_ok=True)
    finally:
        os.close(file)


def refuse(folder: Path, lines: Sequence[Line]) -> None:
    """Puts lines aside that the database will never hold, for a person to look at."""
    with (folder / "refused").open("ab") as file:
        file.writelines(json.dumps(line).encode() + b"\n" for line in lines)


def _lines(content: bytes) -> Iterator[Line]:
    """What was written whole. The end of a file whose writer was killed may be half a line, which nobody was told is
    kept."""
    for text in content.split(b"\n")[:-1]:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line


def _new_file(folder: Path) -> int:
    """A file that is locked before anybody can find it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    hidden = folder / f".{name}"
    file = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    if not _is_locked(file):
        raise OSError("a new file is locked by another process")
    hidden.rename(folder / f"{name}.jsonl")
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return file


def _is_locked(file: int) -> bool:
    """Takes the lock, where nobody has it. Windows has no such lock: there one process may serve at a time."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
