"""Whatever comes over the wire, the service answers, and never that it broke."""

from __future__ import annotations

import itertools
import json
import socket
from contextlib import suppress
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline_tests.service.senders import BUSY, IDA, Sender, signed

LONG = st.integers(0, 1_000).map(lambda seed: Random(seed).randbytes(4_000).hex())
"""Texts that no index holds."""

TEXTS = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Cc", "Co"]), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)
OBJECTS = st.dictionaries(TEXTS | st.sampled_from(["contact", "contact.email", "plan"]), VALUES, max_size=6)
EMAILS = st.sampled_from(["ida@leads.example", "@", "x" * 300 + "@leads.example"])
TOLD = st.fixed_dictionaries(
    {"what": st.sampled_from(["won", "lost", "meeting", "click", "visit"]) | TEXTS},
    optional={
        "id": st.sampled_from(["1", "2"]) | LONG | VALUES,
        "contact": st.fixed_dictionaries({"email": EMAILS | LONG}) | VALUES,
        "event": st.integers(0, 9) | LONG | VALUES,
        "amount": st.sampled_from(["1e999", "-1", "1.000,5", "NaN", "9" * 400, 1e308]) | VALUES,
        "at": st.just("2026-03-01T10:00:00Z")
        | st.datetimes().map(str)
        | st.sampled_from(["2026-02-30", "9999-12-31T23:59:59-23:59", "0001-01-01", 1e300, ""])
        | VALUES,
    },
)
BOMBS = st.sampled_from(
    [
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b"[" * 2_000 + b"]" * 2_000,
        b'{"a":' * 900 + b"[]" + b"}" * 900,
        b'{"n": ' + b"9" * 20_000 + b"}",
        b'{"n": 1e99999999, "m": -Infinity, "o": NaN}',
        b'{"a": 1, "a": {"a": 2}, "a": [3]}',
        b'{"a": "\\ud800\\u0000", "\\udfff": "\\u0000"}',
        b'{"contact": {"email": "\\u0000"}, "contact.email": [[]]}',
        '{"contact": 1}'.encode("utf-16"),
        b"\xff\xfe\x00",
        b"null",
        b'"text"',
    ]
)


def written(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()


BODIES = st.one_of(
    OBJECTS.map(written),
    TOLD.map(written),
    st.lists(TOLD, max_size=3).map(written),
    st.lists(OBJECTS, max_size=3).map(written),
    VALUES.map(written),
    BOMBS,
    st.binary(max_size=200),
)
METHODS = st.sampled_from(["POST"] * 12 + ["GET", "PUT", "HEAD", "OPTIONS", "TRACE", "BREW", "post", ""])
GOOD_PATHS = [
    "/webhooks/lead/fair",
    "/webhooks/lead/fair?source=form",
    "/webhooks/lead/busy/form",
    "/webhooks/lead/busy/crm",
    "/webhooks/lead/busy/visits",
]
ODD_PATHS = [
    "/webhooks/lead/fair?source=form&source=x",
    "/webhooks/lead/fair?source=%ff%00",
    "/webhooks/lead/%00",
    "/webhooks/lead/..%2f",
    "/webhooks/lead/fair|2026-01-01",
    "/webhooks/lead/fair%7C2026-01-01",
    "/webhooks/lead/messe-münchen",
    "/webhooks/lead/m%C3%BCnchen/\u202e",
    "/webhooks/lead/" + "f" * 70_000,
    "/webhooks/lead/fair/form/x",
    "//",
    "*",
    "/health/ready",
    "/docs",
]
PATHS = (
    st.sampled_from(GOOD_PATHS * 10 + ODD_PATHS)
    | st.sampled_from(GOOD_PATHS)
    | st.text(max_size=20).map("/{}".format)
)
HEADER_NAMES = st.sampled_from(
    [
        *("webhook-id", "webhook-timestamp", "webhook-signature", "content-length", "content-type"),
        *("content-encoding", "transfer-encoding", "expect", "connection", "upgrade", "host", "cookie"),
    ]
)
HEADER_VALUES = st.text(max_size=30) | st.sampled_from(
    [
        "chunked",
        "gzip",
        "100-continue",
        "-1",
        "1e9",
        "999999999999999999999",
        "v1,",
        "v1",
        ",",
        "\u00e9",
        "close",
    ]
)
NO_CHANGES: st.SearchStrategy[list[tuple[str, str]]] = st.just([])
CHANGES = NO_CHANGES | NO_CHANGES | st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=3)
SPLICES = st.none() | st.none() | st.tuples(st.floats(0, 1), st.floats(0, 0.2), st.binary(max_size=20))


IDS = st.integers(0, 200)
WELL_FORMED = st.tuples(st.just("POST"), st.sampled_from(GOOD_PATHS), BODIES, IDS, st.just([]), st.none())
REQUESTS = WELL_FORMED | st.tuples(METHODS, PATHS, BODIES, IDS, CHANGES, SPLICES)


def request_of(
    method: str,
    path: str,
    body: bytes,
    number: int,
    changes: list[tuple[str, str]],
    splice: tuple[float, float, bytes] | None,
) -> bytes:
    """A request as bytes: signed, then spoilt."""
    headers = {"host": "x", "content-length": str(len(body)), **signed(body, f"msg_{number}")}
    if number % 8:
        headers |= dict(changes)
        changes = []
    lines = [f"{name}: {value}" for name, value in [*headers.items(), *changes]]  # perhaps twice
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
    whole = head.encode("utf-8", "replace") + body
    if splice is None:
        return whole
    start, length = int(splice[0] * len(whole)), int(splice[1] * len(whole))
    return whole[:start] + splice[2] + whole[start + length :]


def answers_to(url: str, request: bytes) -> bytes:
    """Everything the service says until it closes; a request that it waits for the rest of is ended."""
    address = urlsplit(url)
    said = b""
    with (
        socket.create_connection((address.hostname or "", address.port or 0), timeout=0.3) as connection,
        suppress(OSError),  # it had heard enough and closed
    ):
        connection.sendall(request)
        with suppress(TimeoutError):
            said = connection.recv(65_536)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(20)
        while block := connection.recv(65_536):
            said += block
    return said


@pytest.mark.timeout(7200)
def test_nothing_that_comes_over_the_wire_breaks_it(sender: Sender, engine: Engine, slow: bool) -> None:
    register(engine, BUSY, "busy.yaml")
    seen: dict[bytes, int] = {}
    unused = itertools.count(20)

    @settings(
        max_examples=10_000 if slow else 400,
        derandomize=not slow,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(REQUESTS)
    def send(request: Any) -> None:
        method, path, body, number, *spoilt = request
        number = number if number < 20 else next(unused)
        said = answers_to(sender.url, request_of(method, path, body, number, *spoilt))
        status = said[9:12]
        seen[status] = seen.get(status, 0) + 1
        assert b"HTTP/1.1 5" not in said
        assert b"Traceback" not in said

    send()
    print(seen)
    assert {b"202", b"400", b"401", b"422"} <= seen.keys(), seen
    assert sender.send(IDA, "msg_after_all").status_code in (200, 202)
