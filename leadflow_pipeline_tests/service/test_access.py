"""Who gets in: tokens as they are made, rotated and revoked, and how often their holders may ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine

from leadflow_pipeline.service.access.door import Administrator, Operator, Reader
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.api import routes
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline_tests.service.senders import Clock


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


def asked(app: FastAPI, method: str, path: str, token: str | None = None, **sent: object) -> httpx.Response:
    """What is answered, without a socket."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return await client.request(method, f"/api/v1{path}", headers=headers, **sent)  # type: ignore[arg-type]

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
