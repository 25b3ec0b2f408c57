"""Campaigns over HTTP: files in, versions and figures out, and runs launched once, by a real Dagster webserver."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, func, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.launching import webserver
from leadflow_pipeline.partition_keys import last_complete_day
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.api.paging import cursor_of
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import activity_log, partition_lineage, run_launches
from leadflow_pipeline_tests.ports import free_port
from leadflow_pipeline_tests.samples import minimal_campaign_text

YESTERDAY = last_complete_day(datetime.now(UTC))


class Asking:
    """Somebody with a token, who asks in this process."""

    def __init__(self, app: FastAPI, token: str) -> None:
        self._app, self._token = app, token

    def __call__(self, method: str, path: str, **sent: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}", **sent.pop("headers", {})}  # type: ignore[dict-item]

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(method, f"/api/v1{path}", headers=headers, timeout=90, **sent)  # type: ignore[arg-type]

        return asyncio.run(ask())


@pytest.fixture
def asking(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Asking:
    """An administrator. Nobody answers where Dagster should be."""
    monkeypatch.setenv("LEADFLOW_DAGSTER_URL", f"http://127.0.0.1:{free_port()}")
    get_settings.cache_clear()
    return Asking(build_app(), create_token(engine, "site", Scope.ADMIN, requests_a_minute=10_000))


def test_a_campaign_lives_by_the_api_alone(asking: Asking, engine: Engine) -> None:
    text = minimal_campaign_text("spring")
    wrong = {"source_text": text.replace("time_zone: Europe/Berlin", "time_zone: Europe/Berlim")}
    refused = asking("POST", "/campaigns", json=wrong)
    assert refused.status_code == 422
    assert "Berlim" not in refused.text
    assert "line 7" in refused.json()["detail"]
    told = asking("POST", "/campaign-files/validate", json=wrong).json()
    assert not told["valid"]
    assert [(each["line"], each["path"]) for each in told["problems"]] == [(7, "time_zone")]
    assert asking("POST", "/campaign-files/validate", json={"source_text": text}).json()["valid"]

    key = {"headers": {"Idempotency-Key": "k1"}}
    made = asking("POST", "/campaigns", json={"source_text": text}, **key)
    assert (made.status_code, made.json()["version"], made.json()["is_new"]) == (201, 1, True)
    assert asking("POST", "/campaigns", json={"source_text": text}, **key).json() == made.json()
    assert asking("POST", "/campaigns", json={"source_text": text}).status_code == 409

    seen = asking("GET", "/campaigns/spring")
    newer = {"source_text": text.replace("name: Campaign spring", "name: Spring again")}
    matching = {"headers": {"If-Match": seen.headers["ETag"]}}
    assert asking("PUT", "/campaigns/spring", json=newer, **matching).json()["version"] == 2
    assert asking("PUT", "/campaigns/spring", json=newer, **matching).status_code == 412
    assert asking("PUT", "/campaigns/spring", json=newer).json()["is_new"] is False
    assert (
        asking("PUT", "/campaigns/spring", json={"source_text": minimal_campaign_text("other")}).status_code
        == 422
    )
    versions = asking("GET", "/campaigns/spring/versions?limit=1").json()
    assert [each["version"] for each in versions["items"]] == [2]
    beyond = asking("GET", f"/campaigns/spring/versions?cursor={cursor_of([2**62])}")
    assert len(beyond.json()["items"]) == 2
    first = asking("GET", "/campaigns/spring/versions/1").json()
    assert (first["source_text"], first["rules"]["name"]) == (text, "Campaign spring")
    assert asking("GET", "/campaigns/spring/versions/3").status_code == 404

    assert asking("POST", "/campaigns/spring/pause").json()["status"] == "paused"
    assert asking("GET", "/campaigns?status=paused&text=AGAIN").json()["items"][0]["campaign"] == "spring"
    assert asking("GET", "/campaigns?status=active").json()["items"] == []
    assert asking("POST", "/campaigns/spring/execute/harvest").status_code == 409
    assert asking("POST", "/campaigns/spring/archive").json()["status"] == "archived"
    assert asking("POST", "/campaigns/spring/schedule", json={"status": "active"}).status_code == 409
    assert asking("POST", "/campaigns/spring/resume").json()["status"] == "active"
    paused = asking("POST", "/campaigns/spring/schedule", json={"status": "paused"}).json()
    assert (paused["status"], paused["is_schedule_running"], paused["days_due"]) == ("paused", None, 0)
    with engine.connect() as connection:
        of_campaigns = activity_log.c.action.like("campaign.%")
        actors = connection.scalars(select(activity_log.c.actor).where(of_campaigns).distinct()).all()
    assert actors == ["api site"]


def test_lists_go_on_where_they_ended(asking: Asking, engine: Engine) -> None:
    for slug in ("amber", "birch", "cedar"):
        register(engine, minimal_campaign_text(slug), f"{slug}.yaml")
    first = asking("GET", "/campaigns?limit=2").json()
    rest = asking("GET", f"/campaigns?limit=2&cursor={first['next_cursor']}").json()
    names = [each["campaign"] for page in (first, rest) for each in page["items"]]
    assert (names, rest["next_cursor"]) == (["amber", "birch", "cedar"], None)
    some = Asking(build_app(), create_token(engine, "birch", Scope.READ, campaigns=frozenset({"birch"})))
    assert [each["campaign"] for each in some("GET", "/campaigns").json()["items"]] == ["birch"]
    assert some("GET", "/stats").json()["campaigns"] == {"active": 1}


def test_figures_of_a_campaign_without_a_lead(asking: Asking, engine: Engine) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    figures = asking("GET", "/campaigns/spring/performance").json()
    assert (figures["as_of_day"], figures["funnel"][0]["leads"], figures["channels"]) == (None, 0, [])
    board = asking("GET", "/campaigns/spring/dashboard").json()
    assert (board["status"]["runs_under_way"], board["latest_runs"]) == (None, None)
    page = asking("GET", "/campaigns/spring/report")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert asking("GET", "/campaigns/autumn/status").status_code == 404


def test_where_dagster_does_not_answer_nothing_is_launched_and_the_key_stays_good(
    asking: Asking, engine: Engine
) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    day = {"first_day": str(YESTERDAY), "last_day": str(YESTERDAY), "version": 1.0}
    answer = asking("POST", "/campaigns/spring/execute/harvest", json=day, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "LEADFLOW_DAGSTER_URL" in answer.json()["detail"]
    assert asking("GET", "/campaigns/spring/runs").status_code == 503
    tomorrow = {"last_day": str(YESTERDAY + timedelta(days=1))}
    assert asking("POST", "/campaigns/spring/execute/harvest", json=tomorrow).status_code == 409
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(run_launches)) == 0
        actions = set(connection.scalars(select(activity_log.c.action)))
    assert {"run.launch", "run.not_launched"} <= actions


def test_an_answer_that_is_lost_is_not_asked_for_twice(
    asking: Asking, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster takes the request and dies: the key stays reserved, until the run is found or time has shown none."""
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("LEADFLOW_DAGSTER_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(webserver, "SECONDS_TO_ANSWER", 0.2)
        get_settings.cache_clear()
        day = {"first_day": str(YESTERDAY), "last_day": str(YESTERDAY)}
        for _ in range(2):
            key = {"Idempotency-Key": "k"}
            answer = asking("POST", "/campaigns/spring/execute/full-pipeline", json=day, headers=key)
            assert answer.status_code == 503
    with engine.connect() as connection:
        assert [row.run_id for row in connection.execute(select(run_launches))] == [None]


@pytest.fixture
def dagster(slow: bool, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real webserver and daemon over the test's database, as `leadflow up` starts them."""
    if not slow:
        pytest.skip("starts a webserver and a daemon: needs --slow")
    from leadflow_pipeline.cli.supervise import Service, Services, stop_signal, wait_until_answering
    from leadflow_pipeline.store.dagster_home import dagster_environment, shipped_file

    home, port = tmp_path / "home", free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("LEADFLOW_HOME", str(home))
    monkeypatch.setenv("LEADFLOW_DAGSTER_URL", url)
    get_settings.cache_clear()
    workspace = str(shipped_file("workspace.yaml"))
    address = ["-h", "127.0.0.1", "-p", str(port)]
    services = Services(
        [
            Service(
                "webserver",
                [sys.executable, "-m", "dagster_webserver", *address, "-w", workspace],
                home / "webserver.log",
            ),
            Service(
                "daemon",
                [sys.executable, "-m", "dagster._daemon", "run", "-w", workspace],
                home / "daemon.log",
            ),
        ],
        dagster_environment(),
    )
    try:
        with stop_signal() as stop:
            assert wait_until_answering(f"{url}/server_info", services, stop)
        yield url
    finally:
        services.stop()


def test_a_run_is_launched_once_and_comes_to_its_end(engine: Engine, dagster: str) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    asking = Asking(build_app(), create_token(engine, "site", Scope.ADMIN))
    day = {"first_day": str(YESTERDAY), "last_day": str(YESTERDAY)}
    key = {"Idempotency-Key": "k", "X-Correlation-ID": "c-1"}
    path = "/campaigns/spring/execute/harvest"
    launched = asking("POST", path, json=day, headers=key)
    assert launched.status_code == 202, launched.text
    run = launched.json()
    assert run["page"] == f"{dagster}/runs/{run['run_id']}"
    assert run["first_partition"] == run["last_partition"] == f"spring|{YESTERDAY}"
    again = asking("POST", path, json=day, headers=key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (run, "true")
    assert asking("POST", path, json={}, headers=key).status_code == 409
    until = datetime.now(UTC) + timedelta(seconds=120)
    while True:
        seen = asking("GET", f"/campaigns/spring/runs/{run['run_id']}").json()
        if seen["status"] in ("SUCCESS", "FAILURE") or datetime.now(UTC) > until:
            break
    assert seen["status"] == "SUCCESS", seen
    assert {step["step"] for step in seen["steps"]} == {"harvest", "harvest_checks"}
    listed = asking("GET", "/campaigns/spring/runs").json()["items"]
    assert [each["run_id"] for each in listed if each["job"] == "daily_pipeline"] == [run["run_id"]]
    with engine.connect() as connection:
        ids = set(connection.scalars(select(partition_lineage.c.run_id)))
    assert ids == {run["run_id"]}
    assert asking("GET", "/campaigns/spring/schedule").json()["is_schedule_running"] is not None
