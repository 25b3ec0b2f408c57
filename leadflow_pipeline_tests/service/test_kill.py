"""The service and the database are killed in the middle of a load: what was acknowledged is there, and all of it once.

So is every open and click that was answered, and every override and uploaded list, whatever was away at the time.

On a server of its own with the settings that users get: that of the other tests does not wait for the disk.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import func, insert, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import embedded
from leadflow_pipeline.store.engine import engine_for, normalise_url
from leadflow_pipeline.store.migrate import upgrade
from leadflow_pipeline.store.schema import (
    activity_log,
    harvested_leads,
    overrides,
    partition_lineage,
    source_records,
    tracking_hits,
)
from leadflow_pipeline_tests.inbound.letters import CAMPAIGN as LISTS
from leadflow_pipeline_tests.inbound.letters import Letter, send
from leadflow_pipeline_tests.service.senders import CAMPAIGN, SECRETS, Sender, stored_ids

SENDERS = 8
PATIENCE = 60
LEAD = {
    "campaign": LISTS, "lead_id": "ada", "day": date(2026, 5, 4), "campaign_version": 1, "is_new": True,
    "record_count": 1, "source": "list", "received_at": datetime(2026, 5, 4, 9, tzinfo=UTC), "custom": {},
}  # fmt: skip
COMPUTED = {
    "table_name": "harvested_leads", "campaign": LISTS, "day": LEAD["day"], "campaign_version": 1, "rows": 1,
    "run_id": "by hand",
}  # fmt: skip
OF_LEAD = f"/api/v1/campaigns/{LISTS}/leads/ada/overrides"
OF_LISTS = f"/api/v1/campaigns/{LISTS}/leads/uploads?file_name=list.csv&source=list"


class Server:
    """`python -m leadflow_pipeline.service` on the database of a home folder, and both can be killed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        engine = engine_for(self.database_url())
        upgrade(engine)
        register(engine, CAMPAIGN, "fair.yaml")
        self.letters = send(engine, SENDERS)
        with engine.begin() as connection:
            connection.execute(insert(harvested_leads).values(LEAD))
            connection.execute(insert(partition_lineage).values(COMPUTED))
        self.token = create_token(engine, "desk", Scope.OPERATE, requests_a_minute=1_000_000)
        engine.dispose()
        self.start()

    def database_url(self) -> str:
        return normalise_url(embedded.acquire(self.home)).render_as_string(hide_password=False)

    def start(self) -> None:
        own = {
            "LEADFLOW_HOME": str(self.home),
            "LEADFLOW_SERVICE_PORT": str(self.port),
            "LEADFLOW_PEPPER": (
                get_settings().home / "pepper"
            ).read_text(),  # that the letters are signed with
        }
        command = [sys.executable, "-m", "leadflow_pipeline.service"]
        self.process = subprocess.Popen(
            command, env={**os.environ, **SECRETS, **own}, stderr=subprocess.DEVNULL
        )
        while not self.is_ready():
            assert self.process.poll() is None
            threading.Event().wait(0.05)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def kill_service(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def kill_database(self) -> None:
        """The first process of the server, without a word to the others. The service starts it again by itself."""
        psutil.Process(int((self.home / "postgres/postmaster.pid").read_text().split()[0])).kill()


@pytest.fixture
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="leadflow-home-"))
    folder.chmod(0o711)  # the database runs as another account where the tests run as root
    running = Server(folder)
    yield running
    running.process.kill()
    running.process.wait()
    embedded.release(folder)
    shutil.rmtree(folder)


def lead(webhook_id: str) -> dict[str, object]:
    return {"contact": {"email": f"{webhook_id}@leads.example"}}


class Load:
    """Senders that send one lead after the other, an override of a lead and a list, each until it is acknowledged."""

    def __init__(self, url: str, letters: Sequence[Letter], token: str) -> None:
        self.url = url
        self.letters = letters
        self.token = token
        self.acknowledged: list[str] = []
        self.answered: list[str] = []
        self.decided: list[str] = []
        self.uploaded: list[str] = []
        self.unanswered = 0
        self.refused: set[int] = set()
        self.has_ended = threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(name,)) for name in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def send(self, name: int) -> None:
        sender = Sender(self.url)
        number = 0
        while not self.has_ended.is_set():
            webhook_id = f"msg_{name}_{number}"
            try:
                self.ask(sender, name, number)
                if not (self.override(sender, webhook_id) and self.upload(sender, webhook_id)):
                    continue
                status = sender.send(lead(webhook_id), webhook_id).status_code
            except httpx.TransportError:
                self.unanswered += 1
                continue
            if status in (200, 202):
                self.acknowledged.append(webhook_id)
                number += 1
            else:
                self.refused.add(status)

    def ask(self, sender: Sender, name: int, number: int) -> None:
        """Opens or clicks an email, and remembers what was answered."""
        letter = self.letters[name]
        path = letter.link(1) if number % 3 == 0 else letter.pixel
        status = sender.client.get(path).status_code
        if status in (200, 302):
            self.answered.append(path)
        else:
            self.unanswered += 1
            self.refused.add(status)

    def override(self, sender: Sender, name: str) -> bool:
        """Decides about a lead, and whether that was acknowledged."""
        asked = {"field": "status", "value": "REJECTED", "reason": name}
        return self.has_changed(sender, name, self.decided, path=OF_LEAD, json=asked)

    def upload(self, sender: Sender, name: str) -> bool:
        """Sends a list of one lead, and whether it was acknowledged."""
        file = f"email\n{name}@leads.example\n".encode()
        return self.has_changed(sender, name, self.uploaded, path=OF_LISTS, content=file)

    def has_changed(self, sender: Sender, name: str, noted: list[str], *, path: str, **sent: object) -> bool:
        """By the same key whenever it is tried, so that it is carried out once."""
        if name in noted:
            return True
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": name}
        answer = sender.client.request("POST", path, headers=headers, **sent)  # type: ignore[arg-type]
        if answer.status_code == 201:
            noted.append(name)
            return True
        self.refused.add(answer.status_code)
        return False

    def wait_for(self, more: int) -> None:
        enough, patience = len(self.acknowledged) + more, threading.Event()
        for _ in range(PATIENCE * 100):
            if len(self.acknowledged) >= enough:
                return
            patience.wait(0.01)
        raise AssertionError(f"only {len(self.acknowledged)} of {enough} were acknowledged: {self.refused}")

    def end(self) -> None:
        self.has_ended.set()
        for thread in self.threads:
            thread.join()


def test_what_was_acknowledged_survives_every_kill(server: Server, slow: bool) -> None:
    load = Load(server.url, server.letters, server.token)
    try:
        for round_number in range(20 if slow else 1):
            load.wait_for(20 + round_number)
            server.kill_service()
            load.wait_for(20 + round_number)
            server.kill_database()
            load.wait_for(1)
    finally:
        load.end()
    assert load.refused <= {503}
    server.process.terminate()  # which stores what is left on its disk
    server.process.wait()
    engine = engine_for(server.database_url())
    assert set(load.acknowledged) <= stored_ids(engine)
    with engine.connect() as connection:
        origins = list(connection.scalars(select(source_records.c.origin)))
        hits = connection.scalar(select(func.count()).select_from(tracking_hits)) or 0
        decided = list(connection.scalars(select(overrides.c.reason)))
        listed = list(
            connection.scalars(
                select(source_records.c.payload["email"].astext).where(source_records.c.campaign == LISTS)
            )
        )
        imports = select(func.count()).select_from(activity_log).where(activity_log.c.action == "import")
        noted = connection.scalar(imports)
    engine.dispose()
    assert not list((server.home / "journal").glob("*.jsonl"))
    # More than were answered: some were kept, and the service killed before it could say so.
    assert len(load.answered) <= hits <= len(load.answered) + load.unanswered
    assert set(load.decided) <= set(decided)
    assert len(decided) == len(set(decided))
    assert {f"{name}@leads.example" for name in load.uploaded} <= set(listed)
    assert len(listed) == len(set(listed)) == noted
    assert {f"webhook {webhook_id}" for webhook_id in load.acknowledged} <= set(origins)
