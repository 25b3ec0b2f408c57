"""Endpoints of webhooks by API and by command: secrets shown once and kept nowhere, and each token sees its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from leadflow_pipeline.cli import app as cli
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline_tests.fakes.webhook_receiver import FakeWebhookReceiver

Ask = Callable[..., httpx.Response]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWebhookReceiver]:
    monkeypatch.setenv("LEADFLOW_WEBHOOKS_TO_PRIVATE_HOSTS", "true")
    get_settings.cache_clear()
    with FakeWebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def ask(engine: Engine, campaign: Callable[..., str]) -> Ask:
    campaign("spring")
    app = build_app()
    tokens = {
        "admin": create_token(engine, "ops", Scope.ADMIN),
        "operator": create_token(engine, "desk", Scope.OPERATE),
        "reader": create_token(engine, "board", Scope.READ),
        "spring": create_token(engine, "spring", Scope.ADMIN, campaigns=frozenset({"spring"})),
    }

    def asked(who: str, method: str, path: str = "", **sent: object) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                headers = {"Authorization": f"Bearer {tokens[who]}", **sent.pop("headers", {})}  # type: ignore[dict-item]
                address = f"/api/v1/webhook-endpoints{path}"
                return await client.request(method, address, headers=headers, **sent)  # type: ignore[arg-type]

        return asyncio.run(ask())

    return asked


def test_an_endpoint_s_life_by_api(ask: Ask, engine: Engine, receiver: FakeWebhookReceiver) -> None:
    body = {"url": f"{receiver.url}/in", "events": ["lead.routed"], "campaigns": ["spring"]}
    key = {"headers": {"Idempotency-Key": "first"}}
    made = ask("admin", "POST", json=body, **key)
    assert made.status_code == 201, made.text
    again = ask("admin", "POST", json=body, **key)
    assert again.json() == made.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    endpoint_id, receiver.secret = made.json()["endpoint_id"], made.json()["secret"]
    with engine.connect() as connection:
        kept = connection.scalar(text("SELECT string_agg(answer::text, '') FROM leadflow.api_requests"))
    assert "whsec" not in (kept or "")
    path = f"/{endpoint_id}"
    assert ask("operator", "POST", f"{path}/test").json() == {
        "endpoint_id": endpoint_id, "is_accepted": True, "status": 204, "reason": None,
    }  # fmt: skip
    seen = ask("operator", "GET", path)
    assert "secret" not in seen.json()
    changed = ask(
        "admin",
        "PUT",
        path,
        json={**body, "events": ["lead.scored"]},
        headers={"If-Match": seen.headers["ETag"]},
    )
    assert changed.json()["events"] == ["lead.scored"]
    assert ask("admin", "PUT", path, json=body, headers={"If-Match": seen.headers["ETag"]}).status_code == 412
    rotated = ask("admin", "POST", f"{path}/rotate").json()
    assert (rotated["key_number"], rotated["secret"] == receiver.secret) == (2, False)
    assert ask("admin", "POST", f"{path}/disable").json()["disabled_reason"] == "disabled by hand"
    assert ask("admin", "POST", f"{path}/retry", json={}).status_code == 409
    assert ask("admin", "POST", f"{path}/enable").json()["disabled_at"] is None
    assert ask("operator", "POST", f"{path}/retry", json={}).json() == {
        "endpoint_id": endpoint_id,
        "messages": 0,
    }
    for kind in ("deliveries", "dead"):
        assert ask("operator", "GET", f"{path}/{kind}").json() == {"items": [], "next_cursor": None}
    assert ask("reader", "GET", path).status_code == 403
    assert ask("operator", "POST", json=body).status_code == 403


def test_a_token_of_some_campaigns_sees_and_makes_what_hears_of_those_alone(
    ask: Ask, receiver: FakeWebhookReceiver
) -> None:
    of_all = {"url": f"{receiver.url}/all"}
    every = ask("admin", "POST", json=of_all).json()["endpoint_id"]
    own = ask("spring", "POST", json={**of_all, "campaigns": ["spring"]}).json()["endpoint_id"]
    assert ask("spring", "POST", json=of_all).status_code == 403
    assert ask("spring", "POST", json={**of_all, "campaigns": ["autumn"]}).status_code == 404
    assert ask("spring", "POST", f"/{every}/rotate").status_code == 404
    assert [each["endpoint_id"] for each in ask("spring", "GET").json()["items"]] == [own]
    pages = [ask("admin", "GET", params={"limit": 1}).json()]
    pages.append(ask("admin", "GET", params={"limit": 1, "cursor": pages[0]["next_cursor"]}).json())
    assert [each["endpoint_id"] for page in pages for each in page["items"]] == sorted([every, own])
    assert pages[1]["next_cursor"] is None


NO_ENDPOINTS: tuple[dict[str, object], ...] = (
    {"url": "https://10.0.0.1/in"}, {"url": "https://x.example.org/ "}, {"url": "file:///etc/passwd"},
    {"url": "https://receiver.example.org/", "events": []}, {"url": "https://receiver.example.org/", "x": 1},
    {"url": "https://receiver.example.org/", "include": ["phone"]}, {"url": 5}, {},
)  # fmt: skip


def test_what_is_no_endpoint_is_refused_in_a_sentence(ask: Ask) -> None:
    for body in NO_ENDPOINTS:
        answer = ask("admin", "POST", json=body)
        assert answer.status_code in (400, 409, 422), (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "example.org" not in answer.json()["detail"].replace("receiver.example.org/path", "")


def test_the_commands(engine: Engine, receiver: FakeWebhookReceiver) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["hooks", *arguments])
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        return str(result.stdout)

    made = json.loads(run("add", f"{receiver.url}/in", "--event", "lead.scored", "--json"))
    receiver.secret, endpoint = made["secret"], made["endpoint_id"]
    assert "taken, with status 204" in run("test", endpoint)
    assert endpoint in run("list")
    assert "secret" not in json.loads(run("list", "--json"))[0]
    assert "whsec_" in run("rotate", endpoint)
    assert "enable" in run("disable", endpoint)
    assert "told again" in run("enable", endpoint)
    assert run("dead", endpoint) == "there is no dead letter\n"
    assert "0 messages" in run("retry", endpoint)
    receiver.misbehave("gone")
    refused = CliRunner().invoke(cli, ["hooks", "test", endpoint])
    assert (refused.exit_code, "410" in str(refused.exception)) == (1, True)
