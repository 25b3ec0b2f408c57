"""The service and the database are killed while owners are decided: what was answered stands, and all of it once.

What belongs here: decisions at full speed, up to the last place that reps have; a long campaign alone (`--slow`). What
does not: the service's other writes, and few decisions in every run of the tests (`test_kill`).
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine, text

from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline_tests.benchmarks.decisions import check, invented
from leadflow_pipeline_tests.service.servers import PATIENCE, Server, running, turns

ASKERS = 4
BETWEEN = 10
"""Answers between two kills."""
SECONDS = 120
"""Of kills."""

HELD_TOO_EARLY = text(
    """
    SELECT count(*) FROM leadflow.routing_decisions AS told WHERE answer ->> 'status' = 'HELD'
        AND :room > (SELECT count(*) FROM leadflow.handoffs AS given WHERE given.decided_at <= told.decided_at)
    """
)


class Askers:
    """Each asks about its leads, one after the other, with the same key until it is answered. When it is through it
    begins again: what was told of a key once is told of it for ever.
    """

    def __init__(self, server: Server, token: str, leads: int) -> None:
        self.server, self.token, self.leads = server, token, leads
        self.answered: dict[str, dict[str, Any]] = {}
        self.count = 0
        self.unanswered: Counter[str] = Counter()
        self.waits: list[float] = []
        self.broken: list[str] = []
        self.has_ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask_all, args=(name,), daemon=True) for name in range(ASKERS)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int) -> float:
        """Seconds until so many more are answered."""
        begun, wanted = time.monotonic(), self.count + more
        while self.count < wanted:
            assert not self.broken, self.broken
            assert time.monotonic() - begun < PATIENCE, f"{wanted - self.count} of {more} are not answered"
            self.has_ended.wait(0.005)
        return time.monotonic() - begun

    def wait_for_all(self) -> None:
        """Until every lead is answered for the first time."""
        while len(self.answered) < self.leads:
            self.wait_for(1)

    def end(self) -> None:
        """Each hears of the lead that it asks about, and goes."""
        self.has_ended.set()
        for thread in self._threads:
            thread.join()

    def _ask_all(self, name: int) -> None:
        client = httpx.Client(headers={"Authorization": f"Bearer {self.token}"}, timeout=PATIENCE)
        for number in cycle(range(name, self.leads, ASKERS)):
            if self.has_ended.is_set() or not self._ask(client, f"lead-{number:07}"):
                return

    def _ask(self, client: httpx.Client, lead_id: str) -> bool:
        body = {"campaign": "spring", "lead_id": lead_id}
        while True:
            begun = time.monotonic()
            try:
                answer = client.post(
                    f"{self.server.url}/api/v1/routing/decide",
                    json=body,
                    headers={"Idempotency-Key": lead_id},
                )
            except httpx.TransportError as error:
                self.unanswered[type(error).__name__] += 1
                if self.has_ended.is_set() and not self.server.is_running():
                    return False
                time.sleep(0.02)
                continue
            with self._lock:
                self.waits.append(time.monotonic() - begun)
            if answer.status_code != 200:
                self.unanswered[str(answer.status_code)] += 1
                if answer.status_code != 503 or "Retry-After" not in answer.headers:
                    self.broken.append(answer.text)
                    return False
                time.sleep(0.05)
                continue
            with self._lock:
                self.count += 1
                if self.answered.setdefault(lead_id, answer.json()) != answer.json():
                    self.broken.append(f"{lead_id} is told another answer: {answer.text}")
            return True


def test_what_was_answered_stands_whatever_is_killed(slow: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if not slow:
        pytest.skip("a long campaign: --slow")
    leads, reps = 3_000, 20
    room = reps * (leads * 9 // 10 // reps)  # for nine leads of ten: what comes after has to wait
    tokens: list[str] = []

    def fill(engine: Engine, home: Path) -> None:
        invented(engine, home, leads, reps, datetime.now(UTC), each=room // reps)
        tokens.append(create_token(engine, "crm", Scope.OPERATE, requests_a_minute=1_000_000))

    recovered: dict[str, list[float]] = {"service": [], "kill": [], "immediate": [], "fast": [], "both": []}
    with running(fill) as server:
        askers = Askers(server, tokens[0], leads)
        try:
            for what in turns(recovered, SECONDS):
                askers.wait_for(BETWEEN)
                begun = time.monotonic()
                if what != "service":
                    server.stop_database("kill" if what == "both" else what)
                if what in ("service", "both"):
                    server.kill_service()
                askers.wait_for(BETWEEN)
                recovered[what].append(time.monotonic() - begun)
            askers.wait_for_all()
        finally:
            askers.end()
        assert not askers.broken, server.errors()
        with server.engine.connect() as connection:
            connection.invalidate()  # the server that it spoke with is no more
        check(server.engine)
        stands = _kept_as_told(server.engine, askers.answered)
        with server.engine.connect() as connection:
            assert connection.scalar(HELD_TOO_EARLY, {"room": room}) == 0
    assert stands == {"ROUTED": room, "HELD": leads - room}
    with capsys.disabled():
        print(json.dumps(_figures(askers, recovered, stands)))


def _kept_as_told(engine: Engine, answered: dict[str, dict[str, Any]]) -> dict[str, int]:
    """What became of the leads: each answer is on record once, as it was told, and its hand-over with it."""
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT lead_id, answer FROM leadflow.routing_decisions")).all()
        given = connection.execute(text("SELECT lead_id, rep FROM leadflow.handoffs")).all()
    assert len(kept) == len(answered)
    assert {row.lead_id: row.answer for row in kept} == answered
    assert len(given) == len({row.lead_id for row in given})
    owners = {lead_id: answer["owner"] for lead_id, answer in answered.items() if answer["owner"] is not None}
    assert {row.lead_id: row.rep for row in given} == owners
    return dict(Counter(answer["status"] for answer in answered.values()))


def _figures(askers: Askers, recovered: dict[str, list[float]], stands: dict[str, int]) -> dict[str, Any]:
    return {
        "decided": stands,
        "answered": askers.count,
        "not answered, and asked again": dict(askers.unanswered),
        "longest_wait_seconds": round(max(askers.waits), 2),
        "killed": {what: len(seconds) for what, seconds in recovered.items()},
        f"seconds from a kill to the {BETWEEN}th answer, p50 and longest": {
            what: [round(float(np.median(seconds)), 2), round(max(seconds), 2)]
            for what, seconds in recovered.items()
        },
    }
