"""Starts processes that belong together, watches them, and stops them together.

What belongs here: processes, signals, logs, ports. What does not: which processes (`operate`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leadflow_pipeline.errors import PermanentError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
SECONDS_TO_START = 120
SECONDS_TO_STOP = 15
SECONDS_FOR_THE_REST = 3


@dataclass(frozen=True)
class Service:
    """A process to run: its name, its command, and where its output goes."""

    name: str
    command: Sequence[str]
    log: Path


class ServiceStopped(PermanentError):
    """A process ended by itself, or did not get ready."""


class Services:
    """Running processes, each the leader of a group of its own, so that none of its children stays."""

    def __init__(self, services: Sequence[Service], environment: Mapping[str, str]) -> None:
        self.running: list[tuple[Service, subprocess.Popen[bytes]]] = []
        try:
            for service in services:
                self.running.append((service, _start(service, environment)))
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Raises ServiceStopped, naming the log to read, if a process has ended."""
        for service, process in self.running:
            if process.poll() is not None:
                raise ServiceStopped(
                    f"{service.name} stopped with exit code {process.returncode}; its log: {service.log}"
                )

    def stop(self) -> None:
        """Asks every process to end, then ends whatever is left of its group."""
        for _, process in self.running:
            if process.poll() is None:
                process.terminate()
        patience = time.monotonic() + SECONDS_TO_STOP
        for _, process in self.running:
            try:
                process.wait(max(0.1, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _end_group(process.pid)


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C or SIGTERM, instead of an exception in the middle of anything."""
    event = threading.Event()
    before = {number: signal.signal(number, lambda *_: event.set()) for number in STOP_SIGNALS}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_until_answering(url: str, services: Services, stop: threading.Event) -> bool:
    """Waits until `url` answers; False if we were asked to stop. Raises ServiceStopped if it never will."""
    patience = time.monotonic() + SECONDS_TO_START
    while not stop.wait(0.1):
        services.check()
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 (our own address)
                return True
        except (urllib.error.URLError, OSError):
            if time.monotonic() > patience:
                logs = ", ".join(str(service.log) for service, _ in services.running)
                raise ServiceStopped(
                    f"nothing answers at {url} after {SECONDS_TO_START} s; see {logs}"
                ) from None
    return False


def require_free_port(port: int, host: str = "127.0.0.1", option: str = "--port") -> None:
    """Raises PermanentError if somebody else serves this port; `option` is what chooses another."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PermanentError(
                f"port {port} is in use, perhaps by another leadflow up: stop it, or choose a {option}"
            ) from None


def _start(service: Service, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    service.log.parent.mkdir(parents=True, exist_ok=True)
    with service.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 (our own commands)
            service.command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end_group(group: int) -> None:
    """Ends what a process left behind: politely, then not."""
    _signal_group(group, signal.SIGTERM)
    patience = time.monotonic() + SECONDS_FOR_THE_REST
    while _signal_group(group, 0) and time.monotonic() < patience:
        time.sleep(0.05)
    _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
