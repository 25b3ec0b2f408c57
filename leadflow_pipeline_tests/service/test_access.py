"""Who gets in: tokens as they are made, rotated and revoked, and how often their holders may ask."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from leadflow_pipeline.cli import app as cli
from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.service.access.allowance import Allowances
from leadflow_pipeline.service.access.audit import note
from leadflow_pipeline.service.access.callers import TRUSTED_FOR, Callers
from leadflow_pipeline.service.access.door import Administrator, Operator, Reader
from leadflow_pipeline.service.access.scopes import Caller, Scope
from leadflow_pipeline.service.access.tokens import (
    create_token,
    list_tokens,
    revoke_token,
    rotate_token,
    token_id_of,
)
from leadflow_pipeline.service.api import routes
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import activity_log, api_tokens
from leadflow_pipeline_tests.service.senders import Clock

CALLER = Caller("0123456789ab", "site", Scope.OPERATE, None)


def some_router(_: ServiceContext) -> APIRouter:
    """A route for each scope, as every subject has them."""
    router = APIRouter()

    @router.get("/campaigns/{campaign}/read")
    async def read(caller: Reader) -> str:
        return caller.actor

    @router.post("/operate")
    async def operate(caller: Operator) -> str:
        return caller.actor

    @router.put("/administer")
    async def administer(caller: Administrator) -> str:
        return caller.actor

    return router


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr(routes, "ROUTERS", (some_router,))
    return build_app(now=clock)


def asked(app: FastAPI, method: str, path: str, token: str | None = None, **sent: str) -> httpx.Response:
    """What is answered, without a socket."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            who = {} if token is None else {"Authorization": f"Bearer {token}"}
            return await client.request(method, f"/api/v1{path}", headers=who | sent)

    return asyncio.run(ask())


def test_a_token_opens_what_its_scope_and_campaigns_say(
    app: FastAPI, engine: Engine, campaign: Callable[..., str]
) -> None:
    campaign("spring")
    reader = create_token(engine, "board", Scope.READ)
    operator = create_token(engine, "site", Scope.OPERATE, campaigns=frozenset({"spring"}))
    for token, path, status in [
        (None, "/campaigns/spring/read", 401),
        ("lf_0123456789ab_" + "0" * 64, "/campaigns/spring/read", 401),
        (reader[:-1] + ("0" if reader[-1] != "0" else "1"), "/campaigns/spring/read", 401),
        (reader, "/campaigns/spring/read", 200),
        (operator, "/campaigns/spring/read", 200),
        (operator, "/campaigns/autumn/read", 404),
        (reader, "/nothing", 404),
        (None, "/nothing", 401),
    ]:
        answer = asked(app, "GET", path, token)
        assert answer.status_code == status, (path, answer.text)
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status
    assert asked(app, "POST", "/operate", reader).status_code == HTTPStatus.FORBIDDEN
    assert asked(app, "POST", "/operate", operator).json() == "api site"
    assert asked(app, "PUT", "/administer", operator).status_code == HTTPStatus.FORBIDDEN


def test_a_token_that_is_rotated_or_revoked_ends_when_it_should(
    app: FastAPI, engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = "/campaigns/spring/read", datetime.now(UTC)
    old = create_token(engine, "board", Scope.READ, expires_at=now + timedelta(days=30))
    old_id = token_id_of(old)
    new, ends = rotate_token(engine, old_id, now=now, actor="ida", grace=timedelta(hours=1))
    with pytest.raises(PermanentError, match="was rotated before"):
        rotate_token(engine, old_id, now=now, actor="ida")
    assert [asked(app, "GET", path, token).status_code for token in (old, new)] == [200, 200]
    clock.ahead = timedelta(minutes=61)
    assert [asked(app, "GET", path, token).status_code for token in (old, new)] == [401, 200]
    states = {token.token_id: token.state for token in list_tokens(engine, now + clock.ahead)}
    assert states == {old_id: "expired", token_id_of(new): "active"}
    assert ends - now == timedelta(hours=1)

    assert revoke_token(engine, token_id_of(new), now=now, actor="ida")
    assert not revoke_token(engine, token_id_of(new), now=now, actor="ida")
    moved = time.monotonic() + TRUSTED_FOR
    monkeypatch.setattr(app.state.gatekeeper.callers, "_clock", lambda: moved)
    assert asked(app, "GET", path, new).status_code == HTTPStatus.UNAUTHORIZED
    with engine.connect() as connection:
        noted = connection.execute(
            select(activity_log.c.actor, activity_log.c.action).order_by(activity_log.c.activity_id)
        ).fetchall()
    assert [(row.actor, row.action) for row in noted] == [
        ("command line", "token.created"), ("ida", "token.rotated"), ("ida", "token.revoked"),
    ]  # fmt: skip


def test_callers_are_known_without_a_query_each(engine: Engine) -> None:
    """And a token made just now at once, a revoked one not beyond the limit, and nobody where the database is away."""
    at, queries = 0.0, 0

    def counted() -> Engine:
        nonlocal queries
        queries += 1
        if at > 100:
            raise TransientError("away")
        return engine

    callers = Callers(counted, lambda: datetime.now(UTC), lambda: at)

    def finds(token: str) -> bool:
        return asyncio.run(callers.find(token)) is not None

    first = create_token(engine, "first", Scope.READ)
    assert all(finds(first) for _ in range(50))
    assert queries == 1
    at = 1.0
    second = create_token(engine, "second", Scope.READ)
    assert finds(second)
    assert finds(first)
    assert queries == 2
    revoke_token(engine, token_id_of(second), now=datetime.now(UTC), actor="ida")
    at += TRUSTED_FOR + 0.1
    assert finds(first)
    assert not finds(second)
    assert not any(map(finds, ["", "lf_", first[:-1], first + "0", "x" * 1_000_000]))
    asyncio.run(callers.note())
    with engine.connect() as connection:
        used = connection.scalar(
            select(api_tokens.c.last_used_at).where(api_tokens.c.token_id == token_id_of(first))
        )
    assert used is not None
    at = 200.0
    with pytest.raises(TransientError):
        finds(first)


def test_who_asks_too_often_is_told_when_to_come_again(app: FastAPI, engine: Engine) -> None:
    token = create_token(engine, "board", Scope.READ, requests_a_minute=2)
    answers = [asked(app, "GET", "/campaigns/spring/read", token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 30
    assert answers[2].headers["content-type"] == "application/problem+json"


def test_a_bucket_fills_as_time_goes_by() -> None:
    allowances = Allowances()
    assert [allowances.take("a", 60, 0.0).is_over for _ in range(61)] == [False] * 60 + [True]
    assert not allowances.take("b", 60, 0.0).is_over
    assert allowances.take("a", 60, 0.9).is_over
    assert not allowances.take("a", 60, 1.0).is_over
    full = allowances.take("a", 60, 10_000.0)
    assert (full.remaining, full.full_after, full.next_after) == (59, 1, 0)


def test_no_page_of_another_origin_may_ask_but_those_that_are_named(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "ROUTERS", (some_router,))
    origin = {"Origin": "https://desk.example.org", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in asked(build_app(), "OPTIONS", "/operate", **origin).headers
    monkeypatch.setenv("LEADFLOW_CORS_ORIGINS", "https://desk.example.org https://other.example.org")
    get_settings.cache_clear()
    named = build_app()
    told = asked(named, "OPTIONS", "/operate", **origin)
    assert (told.status_code, told.headers["access-control-allow-origin"]) == (200, origin["Origin"])
    told = asked(named, "POST", "/operate", **origin)
    assert (told.status_code, told.headers["access-control-allow-origin"]) == (401, origin["Origin"])
    stranger = asked(named, "OPTIONS", "/operate", **origin | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers


def test_the_log_of_changes_is_paged_and_shows_no_campaign_of_others(
    engine: Engine, campaign: Callable[..., str]
) -> None:
    campaign("spring")
    app = build_app()
    with engine.begin() as connection:
        for number in range(5):
            note(
                connection, CALLER, "lead.scored", campaign="spring" if number % 2 else "autumn", rows=number
            )
    reader = create_token(engine, "board", Scope.READ)
    bound = create_token(engine, "spring desk", Scope.READ, campaigns=frozenset({"spring"}))
    told, cursor = [], ""
    while cursor is not None:
        page = asked(app, "GET", f"/audit?limit=2{cursor and '&cursor=' + cursor}", reader).json()
        told += [(entry["action"], entry["detail"].get("rows")) for entry in page["items"]]
        cursor = page["next_cursor"]
    assert told == [("token.created", None)] * 2 + [("lead.scored", rows) for rows in range(4, -1, -1)]
    seen = asked(app, "GET", "/audit?action=lead", bound).json()["items"]
    assert [entry["detail"]["rows"] for entry in seen] == [3, 1]
    assert asked(app, "GET", "/audit?cursor=bm90aGluZw", reader).status_code == HTTPStatus.NOT_FOUND
    assert asked(app, "GET", "/audit?since=yesterday", reader).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_tokens_are_administered_by_command(engine: Engine) -> None:
    def said(*words: str) -> str:
        done = CliRunner().invoke(cli, ["token", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    made = json.loads(said("create", "site", "--scope", "operate", "--days", "30", "--json"))
    assert made["token"].startswith(f"lf_{made['token_id']}_")
    new = json.loads(said("rotate", made["token"], "--hours", "2", "--json"))
    assert {each["state"] for each in json.loads(said("list", "--json"))} == {"active", "rotated"}
    said("revoke", new["token_id"])
    assert len(json.loads(said("list", "--json"))) == 1
    assert CliRunner().invoke(cli, ["token", "create", "x", "--campaign", "nowhere"]).exit_code == 1


def test_nobody_waits_for_long_at_a_gate_whose_database_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    says_something = threading.Event()

    def silent() -> Engine:
        says_something.wait(10)
        raise TransientError("away")

    monkeypatch.setattr("leadflow_pipeline.service.access.callers.SECONDS_TO_READ", 0.05)
    callers = Callers(silent, lambda: datetime.now(UTC))

    async def ask() -> list[object]:
        asked = [callers.find(f"lf_{number:012x}_{'0' * 64}") for number in range(3)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert not says_something.is_set()
        says_something.set()
        return list(found)

    assert [type(each) for each in asyncio.run(ask())] == [TransientError] * 3
