"""Whatever is sent to any route, none of it is found in error bodies, log lines or spans.

A word of its own stands wherever a caller can put one: parts of addresses, queries, headers, tokens, bodies good and
bad. What a statement that fails quotes is a row with that word.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Engine, text

from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.api import routes
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.telemetry import spans
from leadflow_pipeline.telemetry.correlation import HEADER
from leadflow_pipeline.telemetry.logs import JsonLines

CANARY = "canaryq"
EMAIL = f"{CANARY}@leads.example"
FAILING = "/api/v1/failing"
BODIES = (
    json.dumps({"email": EMAIL, CANARY: CANARY, "lead": {"first_name": CANARY}, "reason": CANARY}),
    f'{{"email": "{EMAIL}", "score": NaN',
    f'["{CANARY}", "{CANARY}"]',
)


def failing_router(context: ServiceContext) -> APIRouter:
    """Routes on which something goes wrong that quotes whoever it is about."""
    router = APIRouter()

    @router.get("/failing/statement")
    def statement() -> None:
        with context.engine.connect() as connection:
            connection.execute(text("SELECT CAST(:email AS integer)"), {"email": EMAIL})

    @router.get("/failing/python")
    def python() -> None:
        error = ValueError(f"could not convert {EMAIL}")
        error.add_note(CANARY)
        raise error

    return router


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Every line that the process would write, at its most talkative."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    handler.addFilter(lambda record: not record.name.startswith(("httpx", "asyncio")))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Where spans go."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(spans, "_tracer", lambda: provider.get_tracer("tests"))
    return kept


async def answers(app: FastAPI, token: str) -> list[tuple[str, httpx.Response]]:
    """What every route of the document answers to a caller who may and to one who may not."""
    told = []
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {
        HEADER: EMAIL,
        "User-Agent": CANARY,
        "Idempotency-Key": CANARY,
        "If-Match": f'"{CANARY}"',
        "Content-Type": "application/json",
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://service.example") as client:
        for path, methods in app.openapi()["paths"].items():
            filled = "/".join(CANARY if part.startswith("{") else part for part in path.split("/"))
            for method in methods:
                for body in BODIES if method in ("post", "put", "patch") else (None,):
                    for bearer in (token, f"lf_{CANARY}_{CANARY}"):
                        sent: dict[str, Any] = {"params": {"email": EMAIL, "cursor": CANARY, "limit": CANARY}}
                        sent["headers"] = {**headers, "Authorization": f"Bearer {bearer}"}
                        answer = await client.request(method, filled, content=body, **sent)
                        told.append((f"{method} {path}", answer))
    return told


def test_nothing_that_was_sent_is_found_where_people_look(
    engine: Engine,
    lines: io.StringIO,
    exporter: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routes, "ROUTERS", (*routes.ROUTERS, failing_router))
    token = create_token(engine, "tests", Scope.ADMIN, requests_a_minute=1_000_000)
    told = asyncio.run(answers(build_app(lambda: engine), token))

    assert {answer.status_code for route, answer in told if FAILING in route} == {500, 401}
    leaks = [
        route
        for route, answer in told
        if CANARY in str(answer.headers) or (answer.status_code >= 400 and CANARY in answer.text)
    ]
    assert leaks == []
    written = lines.getvalue()
    assert written.count('"answered"') == len(told), "each request has its line"
    assert "DataError" in written
    assert CANARY not in written
    kept = exporter.get_finished_spans()
    assert len([each for each in kept if each.name == "request"]) == len(told)
    assert CANARY not in "\n".join(each.to_json() for each in kept)
