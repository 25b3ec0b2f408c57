"""A database that cannot be had: whoever asks is told to come again, and nothing of the service dies of it.

What belongs here: ways of being away that no kill shows (`test_kill`): one that cannot be started, one that only reads,
and errors that nobody foresaw.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, func, select, text

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.store.schema import overrides, tracking_hits
from leadflow_pipeline_tests.delivery.owners_world import OwnersWorld
from leadflow_pipeline_tests.inbound.letters import send
from leadflow_pipeline_tests.service.conftest import served
from leadflow_pipeline_tests.service.senders import IDA, Sender, count

LEAD, UPLOADS = "/api/v1/campaigns/spring/leads/lead-1", "/api/v1/campaigns/spring/leads/uploads"

MANY_LONG_ROWS = text(
    """
    INSERT INTO leadflow.quarantined_records
        (campaign, day, source, content_key, origin, row_number, reason, raw, campaign_version)
    SELECT 'spring', '2026-03-01', 'form', 'key-' || number, 'a.csv', number, 'it is long',
        repeat('ida@leads.example', 20000), 1
    FROM generate_series(1, 100) AS number
    """
)
"""More than sockets hold."""


class Away:
    """A service whose engine can be replaced by an error, and somebody who asks it."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine = engine
        self.error: Exception | None = None
        world = OwnersWorld(engine, home)
        world.register()
        world.rep("anke")
        world.plan({"lead-1": [], "lead-2": []})
        self.app = build_app(self.engine_of)
        token = create_token(engine, "crm", Scope.OPERATE)
        self.client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def engine_of(self) -> Engine:
        if self.error is not None:
            raise self.error
        return self.engine

    def post(self, path: str, **sent: Any) -> httpx.Response:
        return self.client.post(path, **sent)

    def decide(self, **asked: Any) -> httpx.Response:
        return self.post("/api/v1/routing/decide", json={"campaign": "spring", **asked})

    def database(self) -> str:
        """What `/health` says of it."""
        found = self.client.get("/api/v1/health").json()["findings"]
        return next(str(each["state"]) for each in found if each["subject"] == "database")

    def metrics(self) -> dict[str, float]:
        """Those without labels."""
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        return {each.name: each.value for family in families for each in family.samples if not each.labels}

    def override(self) -> httpx.Response:
        return self.post(f"{LEAD}/overrides", json={"field": "tier", "value": "HOT", "reason": "it is"})


@pytest.fixture
def away(engine: Engine, tmp_path: Path, fair: str) -> Iterator[Away]:
    service = Away(engine, tmp_path)
    with served(service.app) as url:
        service.client.base_url = httpx.URL(url)
        yield service


def test_a_database_that_cannot_be_started_is_one_that_does_not_answer(
    away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    sender = Sender(str(away.client.base_url).rstrip("/"))
    asks: list[Callable[[], httpx.Response]] = [
        lambda: away.decide(lead_id="lead-1"),
        lambda: away.decide(lead={"email": "new@leads.example"}),
        lambda: away.post("/api/v1/routing/predict", json={"campaign": "spring", "lead_id": "lead-1"}),
        away.override,
        lambda: away.post(f"{UPLOADS}?file_name=a.csv", content=b"email,plan\na@leads.example,1"),
        lambda: away.post(f"{LEAD}/suppression", json={"reason": "it is"}),
        lambda: sender.send(IDA),
        lambda: away.client.get(LEAD),
    ]  # fmt: skip
    assert [ask().status_code for ask in asks] == [200, 200, 200, 201, 201, 200, 202, 200]
    kept = count(away.engine), count(away.engine, overrides)
    away.error = PermanentError("the disk that holds the database is full: free some room there")
    for ask in [*asks, lambda: away.client.get("/health/ready")]:
        answer = ask()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10"), answer.text
    assert away.client.get("/health/live").status_code == 200
    assert "free some room" in caplog.text
    assert (away.database(), away.metrics()["leadflow_database_up"]) == ("broken", 0.0)
    away.error = None
    _wait_until(lambda: (away.database(), away.metrics()["leadflow_database_up"]) == ("well", 1.0))
    assert (count(away.engine), count(away.engine, overrides)) == kept
    assert away.client.get("/health/ready").status_code == 200
    assert away.decide(lead_id="lead-2").json()["owner"] == "anke"
    assert [away.override().status_code, sender.send(IDA, "msg_2").status_code] == [201, 202]


def test_a_database_that_only_reads_takes_nothing_and_says_so(away: Away) -> None:
    assert away.decide(lead_id="lead-1").status_code == 200
    _say(away.engine, "SET default_transaction_read_only = on")
    try:
        answers = [
            away.override(),
            away.decide(lead_id="lead-2"),
            Sender(str(away.client.base_url)).send(IDA),
        ]
        assert [answer.status_code for answer in answers] == [503] * 3
        assert away.client.get("/health/ready").status_code == 200
    finally:
        _say(away.engine, "RESET default_transaction_read_only")
    assert [away.override().status_code, away.decide(lead_id="lead-2").status_code] == [201, 200]


def test_no_part_that_works_in_the_background_ends_with_an_error(
    away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    (letter,) = send(away.engine)
    away.error = RuntimeError("ida@leads.example")  # which nobody foresaw
    with caplog.at_level(logging.ERROR):
        assert away.client.get(letter.pixel).status_code == 200
        _wait_until(lambda: caplog.text.count("RuntimeError in ") >= 2)  # what cleans, and what stores
    assert "ida@leads.example" not in caplog.text
    away.error = None

    def hits() -> int:
        with away.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(tracking_hits)) or 0

    _wait_until(lambda: hits() == 1)


def test_a_download_that_breaks_off_is_seen_not_to_be_whole(
    away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    with away.engine.begin() as connection:
        connection.execute(MANY_LONG_ROWS)
    path = "/api/v1/campaigns/spring/exports/quarantined_records"
    with away.client.stream("GET", path) as answer:
        assert (answer.status_code, answer.headers["Transfer-Encoding"]) == (200, "chunked")
        assert "Content-Length" not in answer.headers
        blocks = answer.iter_bytes()
        next(blocks)
        _end_sessions(away.engine)
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            list(blocks)
    assert "an answer was broken off in its middle" in caplog.text
    assert away.client.get(path).status_code == 200
    assert "ida@leads.example" not in caplog.text


def _say(engine: Engine, what: str) -> None:
    """Of the database, to every session that begins from now on."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f'ALTER DATABASE "{engine.url.database}" {what}'))
    _end_sessions(engine)
    engine.dispose()


def _end_sessions(engine: Engine) -> None:
    """All but the one that ends them."""
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
