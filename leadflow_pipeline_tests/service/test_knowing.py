"""Knowing that all is well: health, metrics, alerts, and what waits for a person."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, insert, update

from leadflow_pipeline.delivery.alerts.conditions import REQUESTS, Reading, alarms_of
from leadflow_pipeline.delivery.alerts.door import watch
from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.insight.health.readings import failures
from leadflow_pipeline.launching.wanted import days_run
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.engine import engine_for, get_engine
from leadflow_pipeline.store.keys import subject_key
from leadflow_pipeline.store.schema import (
    held_handoffs,
    messages,
    quarantined_records,
    run_launches,
)
from leadflow_pipeline_tests.databases import Databases
from leadflow_pipeline_tests.delivery.owners_world import NOW, YESTERDAY, OwnersWorld
from leadflow_pipeline_tests.service.conftest import served

SECRET = "ida.example@leads.example"


class Service:
    """The service over a populated database, and tokens for it. No socket."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.app = build_app(now=lambda: NOW + timedelta(hours=1))
        self.tokens = {
            "reader": create_token(engine, "reader", Scope.READ),
            "operator": create_token(engine, "operator", Scope.OPERATE),
            "elsewhere": create_token(engine, "elsewhere", Scope.OPERATE, campaigns=frozenset({"autumn"})),
        }

    def asked(self, method: str, path: str, who: str | None = "reader", **sent: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                headers = sent.pop("headers", {})
                if who is not None:
                    headers["Authorization"] = f"Bearer {self.tokens[who]}"
                return await client.request(method, path, headers=headers, **sent)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def service(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests of this module: what one changes, no other looks at."""
    patch = pytest.MonkeyPatch()
    url = databases.take()
    patch.setenv("LEADFLOW_DATABASE_URL", url)
    patch.setenv("LEADFLOW_HOME", str(tmp_path_factory.mktemp("home")))
    get_settings.cache_clear()
    engine = get_engine()
    populate(OwnersWorld(engine, tmp_path_factory.mktemp("world")))
    yield Service(engine)
    engine_for(url).dispose()
    patch.undo()
    get_settings.cache_clear()
    databases.give_back(url)


def populate(world: OwnersWorld) -> None:
    """A lead without an owner, a record that is none, a message that failed and one of unknown fate."""
    campaign = world.register()
    world.register("autumn")
    ana = world.rep("ana")
    world.plan({"lead-1": [ana], "lead-2": [ana]})
    world.hand_over(NOW)
    common = {"campaign": campaign, "campaign_version": 1}
    with world.engine.begin() as connection:
        connection.execute(
            update(messages)
            .where(messages.c.lead_id == "lead-1", messages.c.step == 1)
            .values(state="failed", state_reason="no such box")
        )
        unknown = (
            update(messages)
            .where(messages.c.lead_id == "lead-2", messages.c.step == 1)
            .values(state="unknown")
        )
        connection.execute(unknown)
        row = {
            "campaign": campaign,
            "lead_id": "lead-3",
            "assignment_number": 1,
            "decision_day": YESTERDAY,
            "reason": "ana is full",
            "held_since": NOW,
            "last_tried_at": NOW,
        }
        connection.execute(insert(held_handoffs), [row, {**row, "lead_id": "lead-4"}])
        record = {
            **common,
            "day": YESTERDAY,
            "source": "list",
            "origin": "file.csv",
            "reason": "no address",
            "raw": SECRET,
        }
        records = [{**record, "content_key": f"{number:032}", "row_number": number} for number in range(3)]
        connection.execute(insert(quarantined_records), records)
    watch(world.engine, world.settings, [Reading("load", "ana", 0.9)], NOW)


def test_health_tells_the_worst_and_what_to_do(service: Service) -> None:
    answer = service.asked("GET", "/api/v1/health").json()
    found = {finding["subject"]: finding for finding in answer["findings"]}
    assert answer["state"] == "broken"
    assert found["database"]["state"] == found["disk"]["state"] == "well"
    assert found["messages"]["state"] == "broken"
    assert "leadflow messages settle" in found["messages"]["remedy"]
    assert {"memory", "outbox", "quarantine of spring", "owners of spring", "Dagster storage"} <= set(found)
    assert service.asked("GET", "/api/v1/health", "elsewhere").status_code == 403
    assert service.asked("GET", "/health/ready", None).json() == {"status": "ready"}


def test_metrics_need_a_token_unless_the_setting_opens_them_to_this_machine(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service.asked("GET", "/metrics", None).status_code == 401
    assert service.asked("GET", "/metrics", "elsewhere").status_code == 403
    monkeypatch.setenv("LEADFLOW_METRICS_OPEN", "true")
    get_settings.cache_clear()
    assert service.asked("GET", "/metrics", None).status_code == 200
    monkeypatch.undo()
    get_settings.cache_clear()


def test_metrics_are_what_is_in_the_database_and_hold_no_personal_data(service: Service) -> None:
    service.asked("GET", f"/api/v1/nowhere/{SECRET}")
    service.asked("GET", f"/api/v1/operations/held?campaign={SECRET}")
    said = service.asked("GET", "/metrics").text
    assert "example" not in said.replace("sender.example.org", "")
    assert "ana" not in said
    found = metrics_of(said)
    assert found["leadflow_database_up", ()] == 1
    assert found["leadflow_messages", ("email", "failed")] == 1
    assert found["leadflow_messages", ("email", "unknown")] == 1
    assert found["leadflow_held_leads", ("spring",)] == 2
    assert found["leadflow_alerts", ("load",)] == 1
    assert found["leadflow_alerts", ("sla",)] == 0
    assert found["leadflow_http_requests_total", ("GET", "/api/v1/operations/held", "422")] == 1
    assert found["leadflow_http_requests_total", ("GET", "none", "404")] >= 1


def test_the_dashboard_shows_metrics_that_there_are_and_all_of_them(service: Service) -> None:
    """Whoever renames a metric finds out here, not on the wall."""
    dashboard = json.loads((files("leadflow_pipeline.service") / "grafana" / "leadflow.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    named = {name for each in asked for name in re.findall(r"\b(?:leadflow|process)_[a-z_]+", each)}
    source = "\n".join(
        path.read_text() for path in (Path(str(files("leadflow_pipeline.service"))) / "metrics").glob("*.py")
    )
    own = set(re.findall(r'"(leadflow_[a-z_]+)"', source)) | {
        "leadflow_complaint_rate",
        "leadflow_bounce_rate",
    }
    plain = {name.removesuffix("_bucket") for name in named} - {"process_resident_memory_bytes"}
    assert plain <= own
    assert own - plain == {"leadflow_metrics_seconds"}
    assert "process_resident_memory_bytes" in service.asked("GET", "/metrics").text
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


def test_alerts_are_listed(service: Service) -> None:
    (alert,) = service.asked("GET", "/api/v1/alerts?state=on").json()["items"]
    assert (alert["condition"], alert["subject"]) == ("load", "ana")
    assert alert["remedy"]
    assert service.asked("GET", "/api/v1/alerts?state=over").json()["items"] == []
    assert service.asked("GET", "/api/v1/alerts?condition=nonsense").status_code == 422


def test_requests_that_failed_while_the_database_was_away_are_told_of_afterwards(service: Service) -> None:
    """By another process, from the database; who only asks whether all is well counts for nothing."""
    is_away = True

    def engine_of() -> Engine:
        if is_away:
            raise TransientError("the database is away")
        return service.engine

    headers = {"Authorization": f"Bearer {service.tokens['reader']}"}
    with served(build_app(engine_of)) as url, httpx.Client(base_url=url, headers=headers) as client:
        failed = [client.get("/api/v1/campaigns").status_code for _ in range(12)]
        assert client.get("/health/ready").status_code == 503
        is_away = False
        answered = [client.get("/api/v1/campaigns").status_code for _ in range(4)]
        assert client.get("/health/ready").status_code == 200
    assert (set(failed), set(answered)) == ({503}, {200})
    with service.engine.connect() as connection:
        readings = list(failures(connection, datetime.now(UTC)))
    (reading,) = (each for each in readings if each.subject == REQUESTS)
    assert (reading.value, reading.cases) == (0.75, 16)
    (alarm,) = alarms_of([reading], ())
    assert alarm.sentence == "75.0% of 16 requests to the service failed"


def test_the_queues_are_told_page_by_page_without_personal_data(service: Service) -> None:
    first = service.asked("GET", "/api/v1/operations/held?limit=1").json()
    rest = service.asked("GET", f"/api/v1/operations/held?limit=1&cursor={first['next_cursor']}").json()
    assert [lead["lead_id"] for lead in first["items"] + rest["items"]] == ["lead-3", "lead-4"]
    assert rest["next_cursor"] is None
    assert "raise a capacity" in first["items"][0]["remedy"]
    assert service.asked("GET", "/api/v1/operations/held", "elsewhere").json()["items"] == []
    (reason,) = service.asked("GET", "/api/v1/operations/quarantine").json()
    assert (reason["reason"], reason["records"]) == ("no address", 3)
    path = "/api/v1/campaigns/spring/quarantine"
    page = service.asked("GET", f"{path}?limit=2").json()
    last = service.asked("GET", f"{path}?limit=2&cursor={page['next_cursor']}").json()
    assert [each["row_number"] for each in page["items"] + last["items"]] == [0, 1, 2]
    assert SECRET not in str(page)
    assert service.asked("GET", f"{path}?with_records=true").status_code == 403
    whole = service.asked("GET", f"{path}?with_records=true", "operator").json()
    assert {each["raw"] for each in whole["items"]} == {SECRET}
    assert service.asked("GET", path, "elsewhere").status_code == 404
    assert service.asked("GET", "/api/v1/campaigns/winter/quarantine").status_code == 404


def test_what_failed_is_tried_again_once_for_each_key(service: Service) -> None:
    letters = service.asked("GET", "/api/v1/operations/messages").json()["items"]
    by_state = {letter["state"]: letter for letter in letters}
    assert set(by_state) == {"failed", "unknown"}
    assert SECRET not in str(letters)
    failed, unknown = by_state["failed"]["message_id"], by_state["unknown"]["message_id"]
    path, body, key = "/api/v1/operations/messages/retry", {"message_ids": [failed]}, {"Idempotency-Key": "k"}
    assert service.asked("POST", path, json=body).status_code == 403
    assert service.asked("POST", path, "elsewhere", json=body).status_code == 404
    for _ in range(2):
        assert service.asked("POST", path, "operator", json=body, headers=dict(key)).json() == body
    assert service.asked("POST", path, "operator", json=body).status_code == 409, (
        "it does not stand as failed"
    )
    settle = f"/api/v1/operations/messages/{unknown}/settle"
    assert service.asked("POST", settle, "operator", json={"found": "sent"}).json()["state"] == "sent"
    assert service.asked("POST", settle, "operator", json={"found": "sent"}).status_code == 409
    assert service.asked("POST", settle, "operator", json={"found": "lost"}).status_code == 422
    nothing = service.asked("POST", "/api/v1/campaigns/spring/leads/nobody/retry", "operator")
    assert nothing.status_code == 404


def test_failures_are_listed_and_nothing_is_retried_that_is_well(service: Service) -> None:
    assert service.asked("GET", "/api/v1/operations/failures").json() == {"partitions": [], "jobs": []}
    path = "/api/v1/operations/partitions/retry"
    assert service.asked("POST", path, "operator", json={"campaign": "spring"}).status_code == 409
    assert service.asked("POST", path, "operator", json={"campaign": "winter"}).status_code == 404
    assert service.asked("POST", path, "elsewhere", json={"campaign": "spring"}).status_code == 404
    # A key whose run has mended everything since gets that run again.
    token, body = service.tokens["operator"].split("_")[1], b'{"campaign":"spring"}'
    launched = {
        "ticket": subject_key(f"launch\x1f{token}\x1fagain"),
        "request_key": subject_key(f"POST {path}?\x1f{body.hex()}"),
        "wanted": asdict(days_run("spring", YESTERDAY, YESTERDAY)),
        "run_id": "the-run",
        "begun_at": NOW,
    }
    with service.engine.begin() as connection:
        connection.execute(insert(run_launches).values(launched))
    again = service.asked(
        "POST", path, "operator", json={"campaign": "spring"}, headers={"Idempotency-Key": "again"}
    )
    assert (again.status_code, again.json()["run_id"]) == (202, "the-run")
    assert again.headers["Idempotent-Replayed"] == "true"


def metrics_of(said: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Name and label values, by the name of the label -> value."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    }
