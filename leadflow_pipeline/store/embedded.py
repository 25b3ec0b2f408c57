"""The embedded PostgreSQL: starts with its first user, serves every process, stops with the last.

What belongs here: who is using the server. What does not: how a server is started or mended (see `cluster`),
and anything inside the database but its existence.

A user is a process that holds a shared lock on `postgres.users` in the home folder. The kernel drops the lock
when the process ends, however it ends, so there is no list of process ids that could name the dead or the
wrong. Whoever can turn its lock into an exclusive one is the last user, and stops the server. Starting and
stopping happen under a second lock, one process at a time. A server whose users were all killed stays until
the next user comes and goes.
"""

from __future__ import annotations

import atexit
import errno
import math
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import URL

from leadflow_pipeline.errors import LeadflowError, PermanentError, TransientError
from leadflow_pipeline.store.cluster import PORT, SUPERUSER, Cluster, locate

if sys.platform != "win32":
    import fcntl

DATABASE = "leadflow"


@dataclass
class _Use:
    """This process's use of one home's server."""

    cluster: Cluster
    lock: int
    stops_with_us: bool = True
    listened_until: float = -math.inf
    """By the monotonic clock: till then nobody looks again whether the server is there."""

    def is_listening(self) -> bool:
        """Whether the server is there, or was a moment ago: each look has it start a process, and whoever asks for
        decisions would look a thousand times a second.
        """
        now = time.monotonic()
        if now > self.listened_until:
            if not self.cluster.is_listening():
                return False
            self.listened_until = now + SECONDS_BETWEEN_LOOKS
        return True


_uses: dict[Path, _Use] = {}
_starting = threading.Lock()
SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_TO_WAIT = 10.0
"""For another thread of this process that starts the server."""


def acquire(home: Path, extra_settings: Mapping[str, str] | None = None) -> str:
    """The URL of the home's server, which runs from now until this process ends; starts it where it does not
    run.

    One thread of a process starts it. The others wait for a while, since a server that mends what a crash left takes
    its time, and whoever asks them has to be told. Raises TransientError then; PermanentError, in one sentence, for a
    full disk, or data of another owner or PostgreSQL.
    """
    if sys.platform == "win32":
        raise PermanentError(
            "the embedded PostgreSQL needs Linux or macOS: set LEADFLOW_DATABASE_URL to a server"
        )
    home = home.resolve()
    use = _uses.get(home)
    if use is None or not use.is_listening():
        if not _starting.acquire(timeout=SECONDS_TO_WAIT):
            raise TransientError("the embedded PostgreSQL is being started: try again in a moment")
        try:
            with _plain_disk_errors(home):
                use = _start(home, extra_settings)
        finally:
            _starting.release()
    return _url(use.cluster)


def release(home: Path) -> None:
    """Ends this process's use; stops the server if it was the last."""
    home = home.resolve()
    use = _uses.pop(home, None)
    if use is None:
        return
    try:
        if use.stops_with_us and _is_lock_of(use.lock, home / "postgres.users"):
            with _start_lock(home):
                if _become_last_user(use.lock):
                    use.cluster.stop()
    finally:
        os.close(use.lock)


def leave_running(home: Path) -> None:
    """Lets the server outlive this process, e.g. for the person who asked for its URL."""
    use = _uses.get(home.resolve())
    if use is not None:
        use.stops_with_us = False


def _start(home: Path, extra_settings: Mapping[str, str] | None) -> _Use:
    home.mkdir(parents=True, exist_ok=True)
    with _start_lock(home):
        use = _uses.get(home)
        if use is None or not _is_lock_of(use.lock, home / "postgres.users"):
            lock = _open_lock(home / "postgres.users")
            fcntl.flock(lock, fcntl.LOCK_SH)
            use = _Use(locate(home), lock)
        if not use.cluster.wait_until_ready():
            use.cluster.start(extra_settings)
        _ensure_database(use.cluster)
        _uses[home] = use
    return use


def _ensure_database(cluster: Cluster) -> None:
    with psycopg.connect(
        host=str(cluster.sockets), port=PORT, user=SUPERUSER, dbname="postgres", autocommit=True
    ) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())


def _url(cluster: Cluster) -> str:
    url = URL.create("postgresql", SUPERUSER, database=DATABASE, query={"host": str(cluster.sockets)})
    return url.render_as_string(hide_password=False)


def _open_lock(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if os.geteuid() == 0:
        # Whoever owns the home must be able to use it after root did.
        owner = path.parent.stat()
        os.chown(lock, owner.st_uid, owner.st_gid)
    return lock


@contextmanager
def _start_lock(home: Path) -> Iterator[None]:
    lock = _open_lock(home / "postgres.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _become_last_user(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_lock_of(lock: int, path: Path) -> bool:
    """False where the home was removed since: its successor's server is not ours to stop."""
    return path.exists() and os.path.samestat(os.fstat(lock), path.stat())


@contextmanager
def _plain_disk_errors(home: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise PermanentError(
            f"{error.filename or home} is not ours to write: run as its owner, "
            f"or give LEADFLOW_HOME another folder"
        ) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise PermanentError(
            f"the disk that holds {home} is full: free some room there and start again"
        ) from None


def _release_all() -> None:
    for home in list(_uses):
        try:
            release(home)
        except LeadflowError as error:
            sys.stderr.write(f"error: {error}\n")


def _take_own_locks() -> None:
    """A forked child shares its parent's locks, and would seem to end with it: it takes its own."""
    global _starting
    _starting = threading.Lock()  # a thread that held it is not in the child
    for home, use in _uses.items():
        inherited, use.lock = use.lock, _open_lock(home / "postgres.users")
        fcntl.flock(use.lock, fcntl.LOCK_SH)
        os.close(inherited)


atexit.register(_release_all)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_take_own_locks)
