"""The server is killed in the middle of a load: what it acknowledged is in the database, and all of it once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline.store.schema import source_records
from leadflow_pipeline_tests.service.senders import SECRETS, Sender, stored_ids

SENDERS = 8


class Server:
    """`python -m leadflow_pipeline.service`, as often as it is needed."""

    def __init__(self, database_url: str, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.environment = {
            **os.environ,
            **SECRETS,
            "LEADFLOW_HOME": str(home),
            "LEADFLOW_DATABASE_URL": database_url,
            "LEADFLOW_SERVICE_PORT": str(self.port),
        }
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "leadflow_pipeline.service"]
        self.process = subprocess.Popen(command, env=self.environment)
        while True:
            assert self.process.poll() is None
            try:
                if httpx.get(f"{self.url}/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                threading.Event().wait(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(fair: str, database_url: str, tmp_path: Path) -> Iterator[Server]:
    running = Server(database_url, tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


def lead(webhook_id: str) -> dict[str, object]:
    return {"contact": {"email": f"{webhook_id}@leads.example"}}


def send_until_it_is_gone(
    url: str, name: int, acknowledged: list[str], has_enough: threading.Event, enough: int
) -> None:
    sender = Sender(url)
    for number in range(100_000):
        webhook_id = f"msg_{name}_{number}"
        try:
            if sender.send(lead(webhook_id), webhook_id).status_code != 202:
                return
        except httpx.TransportError:
            return
        acknowledged.append(webhook_id)
        if len(acknowledged) >= enough:
            has_enough.set()


def test_what_was_acknowledged_survives_a_kill(server: Server, engine: Engine, slow: bool) -> None:
    acknowledged: list[str] = []
    for round_number in range(20 if slow else 2):
        has_enough = threading.Event()
        enough = len(acknowledged) + 20 + round_number
        names = range(round_number * SENDERS, (round_number + 1) * SENDERS)
        senders = [
            threading.Thread(
                target=send_until_it_is_gone, args=(server.url, name, acknowledged, has_enough, enough)
            )
            for name in names
        ]
        for thread in senders:
            thread.start()
        assert has_enough.wait(60)
        server.kill()
        for thread in senders:
            thread.join()
        assert set(acknowledged) <= stored_ids(engine)
        server.start()
    again = Sender(server.url)
    for webhook_id in acknowledged[-20:]:
        assert again.send(lead(webhook_id), webhook_id).status_code == 200
    with engine.connect() as connection:
        origins = list(connection.scalars(select(source_records.c.origin)))
    assert len(origins) == len(set(origins))
    assert {f"webhook {webhook_id}" for webhook_id in acknowledged} <= set(origins)
