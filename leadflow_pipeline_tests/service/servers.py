"""The service as a process of its own, on a database of its own, and both can be killed.

What belongs here: starting and killing. What does not: who asks the service meanwhile, and what must be true then.

A database has the settings that users get: that of the other tests does not wait for the disk.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import httpx
import psutil
from sqlalchemy import Engine

from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import embedded
from leadflow_pipeline.store.engine import engine_for, normalise_url
from leadflow_pipeline.store.keys import subject_key
from leadflow_pipeline.store.migrate import upgrade
from leadflow_pipeline_tests.ports import free_port
from leadflow_pipeline_tests.service.senders import SECRETS

PATIENCE = 60
WAYS_TO_STOP = {"kill": signal.SIGKILL, "immediate": signal.SIGQUIT, "fast": signal.SIGINT}
"""What PostgreSQL's first process makes of signals: nothing, for it is gone and its children see it; ending without a
checkpoint, as after a crash; ending every session, then all in order (PostgreSQL manual, 18.5).
"""


class Server:
    """`python -m leadflow_pipeline.service` on the database of a home folder.

    `starts_database`: the service takes it for the embedded one, and starts it where it finds none. Else the database
    is somebody else's, as in production: once it is stopped it is away until `start_database`.
    """

    def __init__(self, home: Path, fill: Callable[[Engine, Path], None], *, starts_database: bool) -> None:
        self.home, self.starts_database = home, starts_database
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._client = httpx.Client(base_url=self.url, timeout=PATIENCE)
        self.ready_since = math.inf
        """By the monotonic clock; infinite while the service is away."""
        subject_key("")  # makes the pepper that the service is given
        self.engine = engine_for(self.start_database())
        upgrade(self.engine)
        fill(self.engine, home)
        self.start_service()

    def start_database(self) -> str:
        """Where it is, once it answers."""
        return normalise_url(embedded.acquire(self.home)).render_as_string(hide_password=False)

    def stop_database(self, way: str) -> None:
        """Sends its first process the signal; a database that nobody else starts is gone then."""
        first_process = self._first_process()
        first_process.send_signal(WAYS_TO_STOP[way])
        if not self.starts_database:
            first_process.wait(PATIENCE)

    def freeze_database(self) -> None:
        """Its sockets are there, and nobody reads them: as where its machine hangs, or the network swallows all."""
        first_process = self._first_process()
        first_process.suspend()  # so that no process of it begins meanwhile
        for process in first_process.children():
            process.suspend()

    def thaw_database(self) -> None:
        """It goes on where it was."""
        first_process = self._first_process()
        for process in [*first_process.children(), first_process]:
            process.resume()

    def _first_process(self) -> psutil.Process:
        return psutil.Process(int((self.home / "postgres/postmaster.pid").read_text().split()[0]))

    def start_service(self) -> None:
        """And waits until it is ready."""
        own = {
            "LEADFLOW_HOME": str(self.home),
            "LEADFLOW_SERVICE_PORT": str(self.port),
            "LEADFLOW_PEPPER": (get_settings().home / "pepper").read_text(),  # that all is signed with
        }
        if not self.starts_database:
            own["LEADFLOW_DATABASE_URL"] = self.engine.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "leadflow_pipeline.service"]
        with (self.home / "service.log").open("ab") as log:
            self.process = subprocess.Popen(command, env={**os.environ, **SECRETS, **own}, stderr=log)
        while not self.is_ready():
            assert self.process.poll() is None, self.errors()
            threading.Event().wait(0.05)
        self.ready_since = time.monotonic()

    def stop_service(self, with_signal: int = signal.SIGTERM) -> None:
        """Where it may, it stores what is left on its disk."""
        self.ready_since = math.inf
        self.process.send_signal(with_signal)
        self.process.wait()

    def kill_service(self) -> None:
        """And starts it again."""
        self.stop_service(signal.SIGKILL)
        self.start_service()

    def is_running(self) -> bool:
        """Whether there is a process."""
        return self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether it says so."""
        try:
            return self._client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def errors(self) -> str:
        """The last errors that the service told of.

        Not those of SQLAlchemy alone, which tells of each connection that is dead when it goes back to the pool.
        """
        lines = (self.home / "service.log").read_text(errors="replace").splitlines()
        told = [line for line in lines if "ERROR" in line or "Traceback" in line]
        return "\n".join([line for line in told if "Exception during reset" not in line][-20:])

    def close(self) -> None:
        self._client.close()
        self.process.kill()
        self.process.wait()
        self.engine.dispose()
        embedded.release(self.home)


@contextmanager
def running(fill: Callable[[Engine, Path], None], *, starts_database: bool = True) -> Iterator[Server]:
    """One in a home folder of its own."""
    home = Path(tempfile.mkdtemp(prefix="leadflow-home-"))
    home.chmod(0o711)  # the database runs as another account where the tests run as root
    server = Server(home, fill, starts_database=starts_database)
    try:
        yield server
    finally:
        server.close()
        shutil.rmtree(home, ignore_errors=True)


def turns(ways: Iterable[str], seconds: float) -> Iterator[str]:
    """Each of these, and again in their order until the time is over."""
    end = time.monotonic() + seconds
    yield from ways
    for way in cycle(ways):
        if time.monotonic() >= end:
            return
        yield way
