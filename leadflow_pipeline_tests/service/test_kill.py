"""The database and the service are killed under load: no write that was acknowledged is lost or done twice.

What belongs here: every kind of write of the service, while the database restarts and the service does not, on a
database that somebody else runs, as in production; then while the service is killed, and while it is to start the
database itself. What does not: more about decisions (`test_decision_kill`).
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine, text

from leadflow_pipeline.campaign import register
from leadflow_pipeline.delivery.unsubscribe import unsubscribe_url
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline_tests.benchmarks.decisions import check, invented
from leadflow_pipeline_tests.inbound.letters import Letter, send
from leadflow_pipeline_tests.service.senders import CAMPAIGN, signed
from leadflow_pipeline_tests.service.servers import PATIENCE, WAYS_TO_STOP, Server, running, turns

LONGEST_WAIT: Final = 30.0
"""Seconds in which whoever asks is answered, one way or the other, whatever becomes of the database."""
PATIENCE_WITH_SILENCE: Final = 2
"""Seconds, of the service with a database that is frozen."""
SOON: Final = 30.0
"""Seconds after which everything works again once the database answers. On a machine that does other things too."""
REPS: Final = 20
TARGETS: Final = 100
"""Leads that people decide about: those that have an owner before the load begins."""
API: Final = "/api/v1"
QUICK_QUESTIONS: Final = (f"{API}/health", "/metrics", f"{API}/campaigns", f"{API}/campaigns/spring/leads")

Request = dict[str, Any]
"""What `httpx.Client.request` takes."""


@dataclass
class Acknowledged:
    """A write that was answered with success."""

    request: Request
    answer: Any
    etag: str


@dataclass
class Load:
    """Somebody for each kind of write, who does one after the other, each until it is acknowledged."""

    server: Server
    token: str
    letters: list[Letter]
    pause: float
    """Seconds between two writes of one kind."""
    done: dict[str, list[Acknowledged]] = field(default_factory=dict)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    hung_up: Counter[str] = field(default_factory=Counter)
    """Requests that the service was killed over."""
    broken: list[str] = field(default_factory=list)
    longest: dict[str, float] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)
    """Addresses that are read, and the status of each."""
    has_ended: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        writers: dict[str, Callable[[httpx.Client], Iterator[Request]]] = {
            "webhooks": self.webhooks, "overrides": self.overrides, "suppressions": self.suppressions,
            "uploads": self.uploads, "versions": self.versions, "absences": self.absences,
            "endpoints": self.endpoints, "decisions": self.decisions, "newcomers": self.newcomers,
            "hits": self.hits, "wishes": self.wishes, "reads": self.reads,
        }  # fmt: skip
        for name in writers:
            self.done[name], self.statuses[name], self.longest[name] = [], Counter(), 0.0
        self.threads = [
            threading.Thread(target=self._write, args=each, daemon=True) for each in writers.items()
        ]
        for thread in self.threads:
            thread.start()

    def wait_for(self, more: int, within: float = PATIENCE) -> float:
        """Seconds until each has done so many more."""
        begun = time.monotonic()
        wanted = {name: len(done) + more for name, done in self.done.items()}
        while behind := [name for name, number in wanted.items() if len(self.done[name]) < number]:
            assert not self.broken, (self.broken, self.server.errors())
            assert time.monotonic() - begun < within, f"{behind} do not go on: {self.server.errors()}"
            self.has_ended.wait(0.005)
        return time.monotonic() - begun

    def wait_for_refusals(self) -> None:
        """Until everybody who needs the database has been told that it is away."""
        begun = time.monotonic()
        before = {
            name: counts[503] for name, counts in self.statuses.items() if name not in ("hits", "wishes")
        }
        while any(self.statuses[name][503] == number for name, number in before.items()):
            assert not self.broken, (self.broken, self.server.errors())
            assert time.monotonic() - begun < PATIENCE
            self.has_ended.wait(0.005)

    def end(self) -> None:
        """Each is through with what it is doing, and goes."""
        self.has_ended.set()
        for thread in self.threads:
            thread.join()

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.server.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=PATIENCE
        )

    def webhooks(self, _: httpx.Client) -> Iterator[Request]:
        for number in count():
            body = json.dumps({"contact": {"email": f"hook-{number}@leads.example"}}).encode()
            headers = signed(body, f"msg_{number}")
            yield {"method": "POST", "url": "/webhooks/lead/fair", "content": body, "headers": headers}

    def overrides(self, _: httpx.Client) -> Iterator[Request]:
        for number in count():
            asked = {"field": "tier", "value": ("HOT", "COLD")[number % 2], "reason": f"word {number}"}
            yield _keyed(
                "override", number, f"/campaigns/spring/leads/{_lead(number % TARGETS)}/overrides", asked
            )

    def suppressions(self, _: httpx.Client) -> Iterator[Request]:
        """Of a lead, and taken back."""
        for number in count():
            path = (
                f"/campaigns/spring/leads/{_lead(number // 2 % TARGETS)}/suppression{'/lift' * (number % 2)}"
            )
            yield _keyed("suppression", number, path, {"reason": f"wish {number}"})

    def uploads(self, _: httpx.Client) -> Iterator[Request]:
        for number in count():
            rows = "".join(f"row-{number}-{row}@leads.example,{row}\n" for row in range(3))
            request = _keyed(
                "upload", number, f"/campaigns/spring/leads/uploads?file_name=list-{number}.csv", None
            )
            yield {**request, "content": f"email,plan\n{rows}".encode()}

    def versions(self, client: httpx.Client) -> Iterator[Request]:
        """Of a campaign, each of the one before."""
        for number in count():
            request = _keyed("version", number, "/campaigns/fair", {"source_text": _named(number)}, "PUT")
            present = self._until_it_is_done("versions", client, {"method": "GET", "url": request["url"]})
            if present is None:
                return
            request["headers"]["If-Match"] = present.etag
            yield request

    def absences(self, _: httpx.Client) -> Iterator[Request]:
        for number in count():
            day = str(date(2030, 1, 1) + timedelta(days=number))
            yield _keyed("absence", number, "/reps/rep-000/absences", {"first_day": day, "last_day": day})

    def endpoints(self, _: httpx.Client) -> Iterator[Request]:
        for number in count():
            asked = {"url": "https://hook.example.org/leads", "description": f"endpoint {number}"}
            yield _keyed("endpoint", number, "/webhook-endpoints", asked)

    def decisions(self, _: httpx.Client) -> Iterator[Request]:
        for number in count(TARGETS):
            yield _keyed(
                "decision", number, "/routing/decide", {"campaign": "spring", "lead_id": _lead(number)}
            )

    def newcomers(self, _: httpx.Client) -> Iterator[Request]:
        """Leads that nobody knew: taken in, judged and decided."""
        for number in count():
            asked = {"campaign": "spring", "lead": {"email": f"new-{number}@leads.example"}}
            yield _keyed("newcomer", number, "/routing/decide", asked)

    def hits(self, _: httpx.Client) -> Iterator[Request]:
        for number, letter in enumerate(cycle(self.letters)):
            yield {"method": "GET", "url": letter.link(1) if number % 3 == 0 else letter.pixel}

    def wishes(self, _: httpx.Client) -> Iterator[Request]:
        """One click of a mail program each."""
        for number in count():
            path = unsubscribe_url("", "spring-sale", address_key(f"wish-{number}@leads.example"))
            yield {"method": "POST", "url": path}

    def reads(self, _: httpx.Client) -> Iterator[Request]:
        for path in cycle(self.questions):
            yield {"method": "GET", "url": path}

    def ask(self, paths: Iterable[str]) -> None:
        """What these answer in peace: no other answer but 503 is right later. Dagster is away, and said to be so."""
        with self.client() as client:
            self.questions = {path: client.get(path).status_code for path in paths}
        assert 500 not in self.questions.values(), self.questions

    def all_questions(self) -> Iterator[str]:
        """Every address that is asked what there is. Not those of exports: a stream is broken off in its middle."""
        named = {
            "campaign": "spring", "lead_id": _lead(0), "rep": "rep-000", "version": 1,
            "token": "x", "experiment": "none", "model_version": "none", "run_id": "none", "endpoint_id": "none",
        }  # fmt: skip
        for path, methods in httpx.get(f"{self.server.url}/openapi.json").json()["paths"].items():
            if "get" in methods and "/exports/" not in path:
                yield path.format(**named)

    def _write(self, name: str, writer: Callable[[httpx.Client], Iterator[Request]]) -> None:
        with self.client() as client:
            for request in writer(client):
                try:
                    done = self._until_it_is_done(name, client, request)
                except httpx.TimeoutException:
                    self.broken.append(f"{request['url']} was not answered")
                    return
                if done is None:
                    return
                self.done[name].append(done)
                if self.has_ended.wait(self.pause):
                    return

    def _until_it_is_done(self, name: str, client: httpx.Client, request: Request) -> Acknowledged | None:
        while True:
            begun = time.monotonic()
            try:
                answer = client.request(**request)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if begun > self.server.ready_since:
                    self.broken.append(f"{request['url']}: nobody was there")
                    return None
                self.hung_up[name] += 1
                time.sleep(0.05)
                continue
            self.longest[name] = max(self.longest[name], time.monotonic() - begun)
            self.statuses[name][answer.status_code] += 1
            if answer.is_success or answer.status_code == self.questions.get(request["url"], 302):
                return Acknowledged(request, _read(answer), answer.headers.get("ETag", ""))
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                self.broken.append(
                    f"{request['method']} {request['url']}: {answer.status_code} {answer.text}"
                )
                return None
            if name == "reads" and self.has_ended.is_set():
                return None
            time.sleep(0.05)


def test_no_acknowledged_write_is_lost_or_done_twice(
    slow: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    letters: list[Letter] = []
    tokens: list[str] = []
    room = TARGETS + (2_000 if slow else 20)

    def fill(engine: Engine, home: Path) -> None:
        invented(engine, home, 20_000 if slow else 1_000, REPS, datetime.now(UTC), each=room // REPS)
        register(engine, CAMPAIGN, "fair.yaml")
        letters.extend(send(engine, 8))
        tokens.append(create_token(engine, "crm", Scope.ADMIN, requests_a_minute=10_000_000))

    recovered: dict[str, list[float]] = {}
    until_told: list[float] = []
    monkeypatch.setenv("LEADFLOW_DATABASE_PATIENCE", str(PATIENCE_WITH_SILENCE))
    with running(fill, starts_database=False) as server:
        load = Load(server, tokens[0], letters, pause=0.02 if slow else 0.25)
        _give_owners(load)
        load.ask(load.all_questions() if slow else QUICK_QUESTIONS)
        load.begin()
        try:
            load.wait_for(1)
            for way in turns(WAYS_TO_STOP, 30) if slow else ("fast",):
                server.stop_database(way)
                load.wait_for_refusals()
                assert not server.is_ready()
                server.start_database()
                recovered.setdefault(f"{way}, started again by others", []).append(
                    load.wait_for(2 if slow else 1, SOON)
                )
                assert server.is_ready()
            for _ in range(3 if slow else 1):
                server.freeze_database()
                begun = time.monotonic()
                load.wait_for_refusals()
                until_told.append(time.monotonic() - begun)
                assert not server.is_ready()
                server.thaw_database()
                recovered.setdefault("frozen, and thawed", []).append(load.wait_for(2 if slow else 1, SOON))
                assert server.is_ready()
            server.starts_database = True
            for way in turns(WAYS_TO_STOP, 30) if slow else ("kill",):
                server.kill_service()
                recovered.setdefault("service killed", []).append(load.wait_for(2 if slow else 1, SOON))
                server.stop_database(way)
                recovered.setdefault(f"{way}, started again by the service", []).append(
                    load.wait_for(2 if slow else 1, SOON)
                )
        finally:
            server.start_database()  # without it nobody would be through
            load.end()
        assert not load.broken, (load.broken, server.errors())
        with server.engine.connect() as connection:
            connection.invalidate()  # the server that it spoke with is no more
        _judge(server.engine, load, room)
        with load.client() as client:
            _wait_until(lambda: "leadflow_database_up 1.0" in client.get("/metrics").text)
        before = _counts(server.engine)
        _say_all_again(load, 200 if slow else 5)
        assert _counts(server.engine) == before
        server.stop_service()
        assert not list((server.home / "journal").glob("*.jsonl"))
        assert server.errors() == "", "an error is in the log"
    assert max(load.longest.values()) < LONGEST_WAIT, load.longest
    if slow:
        with capsys.disabled():
            print(json.dumps(_figures(load, recovered)))


def _give_owners(load: Load) -> None:
    with load.client() as client:
        asked = {"campaign": "spring", "lead_ids": [_lead(number) for number in range(TARGETS)]}
        client.post(f"{API}/routing/batch", json=asked).raise_for_status()


def _judge(engine: Engine, load: Load, room: int) -> None:
    """Each write that was acknowledged is there, once, as it was acknowledged."""
    answers = {name: [each.answer for each in done] for name, done in load.done.items()}
    # What the disk of the service keeps is stored within moments, by the service as it runs.
    _wait_until(lambda: _one(engine, "SELECT count(*) FROM leadflow.tracking_hits") >= len(answers["hits"]))
    wishes = "SELECT count(*) FROM leadflow.suppressions WHERE scope = 'address' AND reason = 'unsubscribed'"
    _wait_until(lambda: _one(engine, wishes) >= len(answers["wishes"]))
    assert _one(engine, wishes) == len(answers["wishes"])
    unsure = load.statuses["hits"][503] + load.hung_up["hits"]
    hits = _one(engine, "SELECT count(*) FROM leadflow.tracking_hits")
    assert len(answers["hits"]) <= hits <= len(answers["hits"]) + unsure

    hooks = [f"webhook {answer['id']}" for answer in answers["webhooks"]]
    assert Counter(
        _all(engine, "SELECT origin FROM leadflow.source_records WHERE campaign = 'fair'")
    ) == Counter(hooks)
    kept = _all(engine, "SELECT reason FROM leadflow.overrides ORDER BY override_id")
    assert kept == [each.request["json"]["reason"] for each in load.done["overrides"]]
    assert _all(engine, "SELECT override_id FROM leadflow.overrides ORDER BY override_id") == [
        answer["override_id"] for answer in answers["overrides"]
    ]
    told = "SELECT action, count(*) FROM leadflow.activity_log GROUP BY action"
    with engine.connect() as connection:
        noted = dict(connection.execute(text(told)).tuples().all())
    assert noted["override"] == len(answers["overrides"])
    assert noted["import"] == len(answers["uploads"])
    assert noted["suppress"] + noted.get("suppress.lift", 0) == len(answers["suppressions"])
    files = "SELECT origin FROM leadflow.source_records WHERE campaign = 'spring' AND origin LIKE 'list-%'"
    assert Counter(_all(engine, files)) == {
        f"list-{number}.csv": 3 for number in range(len(answers["uploads"]))
    }
    versions = "SELECT version FROM leadflow.campaign_versions WHERE campaign = 'fair' ORDER BY version"
    assert _all(engine, versions) == [1, *(answer["version"] for answer in answers["versions"])]
    absences = "SELECT absence_id FROM leadflow.rep_absences ORDER BY absence_id"
    assert _all(engine, absences) == [answer["absence_id"] for answer in answers["absences"]]
    endpoints = set(_all(engine, "SELECT endpoint_id FROM leadflow.webhook_endpoints"))
    assert endpoints == {answer["endpoint_id"] for answer in answers["endpoints"]}
    assert len(endpoints) == len(answers["endpoints"])

    decisions = {answer["lead_id"]: answer for answer in answers["decisions"] + answers["newcomers"]}
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT lead_id, answer FROM leadflow.routing_decisions ORDER BY decision_id OFFSET :first"),
            {"first": TARGETS},
        ).all()
    assert len(rows) == len(decisions)
    assert {row.lead_id: row.answer for row in rows} == decisions
    check(engine)
    routed = sum(answer["status"] == "ROUTED" for answer in decisions.values())
    assert _one(engine, "SELECT count(*) FROM leadflow.handoffs") == routed + TARGETS
    assert {answer["status"] for answer in answers["decisions"][: room - TARGETS]} == {"ROUTED"}
    new = "SELECT count(*) FROM leadflow.source_records WHERE campaign = 'spring' AND origin = 'service'"
    assert _one(engine, new) == len(answers["newcomers"])


def _say_all_again(load: Load, most: int) -> None:
    """Writes that were acknowledged, with the keys that they had: the answers are those that they had."""
    with load.client() as client:
        for name, done in load.done.items():
            if name in ("hits", "wishes", "reads"):
                continue
            for each in done[-most:]:
                again = client.request(**each.request)
                assert again.is_success, again.text
                assert name == "webhooks" or again.headers["Idempotent-Replayed"] == "true"
                assert _read(again) == each.answer


TABLES: Final = (
    "source_records", "webhook_deliveries", "overrides", "suppressions", "campaign_versions", "rep_absences",
    "webhook_endpoints", "handoffs", "routing_decisions", "activity_log", "api_requests",
)  # fmt: skip


def _counts(engine: Engine) -> dict[str, int]:
    return {table: _one(engine, f"SELECT count(*) FROM leadflow.{table}") for table in TABLES}


def _figures(load: Load, recovered: Mapping[str, list[float]]) -> Mapping[str, Any]:
    return {
        "acknowledged": {name: len(done) for name, done in load.done.items()},
        "told to come again": {name: counts[503] for name, counts in load.statuses.items()},
        "hung up on": dict(load.hung_up),
        "longest_wait_seconds": round(max(load.longest.values()), 2),
        "seconds until every kind of write goes on: times, p50, longest": {
            what: [len(seconds), round(float(np.median(seconds)), 2), round(max(seconds), 2)]
            for what, seconds in recovered.items()
        },
    }


def _lead(number: int) -> str:
    return f"lead-{number:07}"


def _named(number: int) -> str:
    return CAMPAIGN.replace("name: Trade fair", f"name: Trade fair {number}")


def _keyed(kind: str, number: int, path: str, asked: Any, method: str = "POST") -> Request:
    """A request with an idempotency key."""
    request = {"method": method, "url": f"{API}{path}", "headers": {"Idempotency-Key": f"{kind}-{number}"}}
    return request if asked is None else {**request, "json": asked}


def _read(answer: httpx.Response) -> Any:
    return answer.json() if answer.headers.get("content-type", "").startswith("application/json") else None


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def _one(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def _all(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.scalars(text(query)))
