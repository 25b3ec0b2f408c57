"""The service and the database are killed while owners are decided: what was acknowledged stands, and all of it once.

On a server of its own with the settings that users get: that of the other tests does not wait for the disk.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.store import embedded
from leadflow_pipeline.store.engine import engine_for
from leadflow_pipeline.store.keys import subject_key
from leadflow_pipeline.store.migrate import upgrade
from leadflow_pipeline_tests.benchmarks.decisions import check, invented
from leadflow_pipeline_tests.service.test_kill import Server

ASKERS, LEADS, REPS = 4, 400, 20
PATIENCE = 60


class DecisionServer(Server):
    """The service on a database of its own, with leads that have no owner and reps who can take few."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        subject_key("")  # makes the pepper that the service is given
        self.engine = engine_for(self.database_url())
        upgrade(self.engine)
        invented(self.engine, home, LEADS, REPS, datetime.now(UTC))
        self.token = create_token(self.engine, "crm", Scope.OPERATE, requests_a_minute=1_000_000)
        self.start()


@pytest.fixture
def server() -> Iterator[DecisionServer]:
    home = Path(tempfile.mkdtemp(prefix="leadflow-kill-"))
    home.chmod(0o711)
    server = DecisionServer(home)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait()
        server.engine.dispose()
        embedded.release(home)
        shutil.rmtree(home, ignore_errors=True)


def test_what_was_answered_stands_whatever_is_killed(server: DecisionServer, slow: bool) -> None:
    answered: dict[str, str] = {}
    stop, count = threading.Event(), threading.Lock()

    def ask(asker: int) -> None:
        """Each lead until it is answered, with the same key; then the next."""
        client = httpx.Client(headers={"Authorization": f"Bearer {server.token}"}, timeout=20)
        for number in range(asker, LEADS, ASKERS):
            lead_id = f"lead-{number:07}"
            while not stop.is_set():
                try:
                    answer = client.post(
                        f"{server.url}/api/v1/routing/decide",
                        json={"campaign": "spring", "lead_id": lead_id},
                        headers={"Idempotency-Key": lead_id},
                    )
                except httpx.TransportError:
                    stop.wait(0.02)
                    continue
                if answer.status_code == 200:
                    assert answer.json()["status"] == "ROUTED", answer.text
                    with count:
                        answered[lead_id] = answer.json()["owner"]
                    break
                assert answer.status_code == 503, answer.text
                stop.wait(0.05)

    def wait_for(more: int) -> None:
        wanted = len(answered) + more
        for _ in range(PATIENCE * 20):
            if len(answered) >= wanted:
                return
            stop.wait(0.05)
        pytest.fail(f"only {len(answered)} were answered")

    threads = [threading.Thread(target=ask, args=(asker,)) for asker in range(ASKERS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10 if slow else 1):
            wait_for(10)
            server.kill_service()
            wait_for(10)
            if slow:
                server.kill_database()
                wait_for(10)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    with server.engine.connect() as connection:
        connection.invalidate()  # the server that it spoke with is no more
    check(server.engine)
    with server.engine.connect() as connection:
        owners = dict(connection.exec_driver_sql("SELECT lead_id, rep FROM leadflow.handoffs").tuples().all())
    assert answered.items() <= owners.items()
