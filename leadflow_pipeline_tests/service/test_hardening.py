"""What nobody means well with: bodies too long, slow, deep or ambiguous get a 4xx, and the memory stays flat."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine
from starlette.datastructures import Headers
from starlette.types import Message

from leadflow_pipeline.service import bodies, protocol
from leadflow_pipeline.service.access.door import Operator, Reader
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.api import routes
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.service.bodies import bounded_blocks, whole_body
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.service.strict_json import MOST_NESTED, parsed
from leadflow_pipeline_tests.service.conftest import served

MEBIBYTE = b"x" * (1 << 20)
MOST_GROWTH = 24 << 20


class Wish(BaseModel):
    """A body as routes declare them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: str = Field(max_length=100)
    score: float | None = Field(None, ge=0, le=100)
    fields: dict[str, int] = Field(default_factory=dict)


def wish_router(_: ServiceContext) -> APIRouter:
    router = APIRouter()

    @router.post("/wishes")
    def wish(_caller: Operator, body: Wish) -> int:
        return len(body.email)

    @router.get("/wishes")
    def wishes(_caller: Reader, limit: int = 1) -> int:
        return limit

    return router


@pytest.fixture
def client(engine: Engine, fair: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Somebody with a token, and a service that listens in this process."""
    monkeypatch.setattr(routes, "ROUTERS", (wish_router,))
    headers = {"Authorization": f"Bearer {create_token(engine, 'site', Scope.OPERATE)}"}
    with served(build_app()) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def raw(client: httpx.Client, *parts: bytes) -> bytes:
    """What is answered to some bytes."""
    address = urlsplit(str(client.base_url))
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        return connection.recv(65_536)


def head_of(client: httpx.Client, *lines: str, path: str = "/api/v1/wishes") -> bytes:
    token = f"authorization: {client.headers['authorization']}"
    return "\r\n".join([f"POST {path} HTTP/1.1", "host: x", token, *lines, "", ""]).encode()


JSON = {"content-type": "application/json"}


BODIES: list[tuple[bytes, dict[str, str], int]] = [
    (b'{"email": "a"}', {}, 200),
    (b'{"email": "a", "score": 99.5}', {"content-type": "application/json; charset=UTF-8"}, 200),
    (b"[" * 100_000, {}, 422),
    (b'{"a":' * 100_000, {}, 422),
    (b"[" * (MOST_NESTED + 1) + b"]" * (MOST_NESTED + 1), {}, 422),
    (b'{"email": "a", "score": NaN}', {}, 400),
    (b'{"email": "a", "score": -Infinity}', {}, 400),
    (b'{"email": "a", "score": 1e999}', {}, 422),
    (b'{"email": "a", "score": ' + b"9" * 5_000 + b"}", {}, 422),
    (b'{"email": "a", "fields": {"n": 9223372036854775808}}', {}, 422),
    (b'{"email": "a", "email": "b"}', {}, 422),
    (b'{"email": "a", "fields": {"\\u0061": 1, "a": 2}}', {}, 422),
    (b'{"email": "\\ud800"}', {}, 422),
    (b'{"email": "a", "fields": {"\\udfff": 1}}', {}, 422),
    (b'{"email": "\\ud83d\\ude00"}', {}, 200),
    (b'{"email": "\\u0000"}', {}, 422),
    (b'{"email": "\x00"}', {}, 400),
    (b'{"email": "\xff"}', {}, 400),
    ('{"email": "a"}'.encode("utf-16"), {}, 400),
    (b'\xef\xbb\xbf{"email": "a"}', {}, 400),
    (b"{", {}, 400),
    (b"", {}, 422),
    (b"[]", {}, 422),
    (b'{"email": "a"}', {"content-type": "text/plain"}, 415),
    (b'{"email": "a"}', {"content-type": "application/json; charset=utf-16"}, 415),
    (b'{"email": "a"}', {"content-type": ""}, 415),
    (b"\x1f\x8b", {"content-encoding": "gzip"}, 415),
]


def test_whatever_is_sent_is_answered_in_its_words_and_the_memory_stays_flat(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body, headers, status in BODIES:
        answer = client.post("/api/v1/wishes", content=body, headers=JSON | headers)
        assert answer.status_code == status, (body[:50], headers, answer.text)
        if status != HTTPStatus.OK:
            assert answer.headers["content-type"] == "application/problem+json"
    head = client.head("/api/v1/wishes?limit=7")
    assert (head.status_code, head.headers["content-length"], head.content) == (HTTPStatus.OK, "1", b"")
    assert client.get("/api/v1/wishes?limit=%00").status_code == HTTPStatus.BAD_REQUEST
    assert client.get("/api/v1/wishes%00").status_code == HTTPStatus.BAD_REQUEST
    large_bodies_are_refused(client)
    slow_ones_are_refused(client, monkeypatch)


def large_bodies_are_refused(client: httpx.Client) -> None:
    """100 MB, with a length and without, by somebody with a token and by a stranger."""
    process = psutil.Process()

    def blocks() -> Iterator[bytes]:
        for _ in range(100):
            yield MEBIBYTE

    def send(path: str, headers: dict[str, str]) -> int:
        return client.post(path, content=blocks(), headers=JSON | headers).status_code

    length = {"content-length": str(100 << 20)}
    assert send("/api/v1/wishes", {}) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    before = process.memory_info().rss
    assert send("/api/v1/wishes", length) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert send("/webhooks/lead/fair", length) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert send("/api/v1/wishes", length | {"authorization": "Bearer lf_no"}) == HTTPStatus.UNAUTHORIZED
    assert process.memory_info().rss - before < MOST_GROWTH
    assert raw(client, head_of(client, "x: " + "x" * (300 << 10))).startswith(b"HTTP/1.1 431 ")
    asks_first = head_of(
        client, "content-type: application/json", "content-length: 104857600", "expect: 100-continue"
    )
    assert raw(client, asks_first).startswith(b"HTTP/1.1 413 ")


def slow_ones_are_refused(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that never ends to come, and a head."""
    monkeypatch.setattr(bodies, "SECONDS_TO_ARRIVE", 0.1)
    monkeypatch.setattr(protocol, "SECONDS_TO_ARRIVE", 0.1)
    head = head_of(client, "content-type: application/json", "content-length: 20")
    assert raw(client, head, b'{"em').startswith(b"HTTP/1.1 408 ")
    assert raw(client, head[:40]) == b""


def test_a_problem_names_the_field_and_never_what_was_sent(client: httpx.Client) -> None:
    told = {
        b"{}": [("body.email", "is missing")],
        json.dumps({"email": "x" * 101}).encode(): [("body.email", "takes at most 100 characters")],
        b'{"email": "a", "score": "ida@leads.example"}': [("body.score", "is no number")],
        b'{"email": "a", "score": 101}': [("body.score", "is more than 100")],
        b'{"email": "a", "ida@leads.example": 1}': [("body", "has a member that is not documented")],
        b'{"email": "a", "fields": {"ida@leads.example": "x"}}': [("body.fields", "is no whole number")],
        b'["ida@leads.example"]': [("body", "is no object")],
    }
    for body, fields in told.items():
        answer = client.post("/api/v1/wishes", content=body, headers=JSON)
        assert [(each["field"], each["problem"]) for each in answer.json()["errors"]] == fields
        assert "leads.example" not in answer.text
        assert answer.json()["detail"].startswith(f"{fields[0][0]} {fields[0][1]}")
    assert client.get("/api/v1/wishes?limit=x").json()["errors"][0]["field"] == "query.limit"
    wrong = client.put("/api/v1/wishes")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST")


def test_a_body_that_is_over_is_not_waited_for() -> None:
    """The last of its blocks is the one that makes it too long."""

    async def refused() -> None:
        blocks = iter([{"type": "http.request", "body": b"x" * 11, "more_body": False}])

        async def receive() -> Message:
            for block in blocks:
                return block
            await asyncio.Event().wait()
            raise AssertionError

        with pytest.raises(Problem) as problem:
            await whole_body(Headers({"transfer-encoding": "chunked"}), receive, 10)
        assert problem.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    asyncio.run(asyncio.wait_for(refused(), 10))


def test_a_byte_now_and_then_is_no_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS_TO_ARRIVE", 0.1)

    async def drip() -> Message:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def read() -> None:
        receive = bounded_blocks(drip, 1 << 20)
        while True:
            await receive()

    with pytest.raises(Problem) as problem:
        asyncio.run(asyncio.wait_for(read(), 10))
    assert problem.value.status == HTTPStatus.REQUEST_TIMEOUT


def test_depth_is_counted_as_it_is_nested() -> None:
    deepest: Any = []
    for _ in range(MOST_NESTED - 1):
        deepest = [deepest]
    assert parsed(json.dumps([[]] * 100 + deepest).encode())
    with pytest.raises(Problem):
        parsed(json.dumps([deepest]).encode())
