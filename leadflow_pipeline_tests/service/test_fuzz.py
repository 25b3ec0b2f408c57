"""Whatever comes over the wire, the service answers, and never that it broke."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadflow_pipeline_tests.service.senders import IDA, Sender, signed

TEXTS = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Cc", "Co"]), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)
OBJECTS = st.dictionaries(TEXTS | st.sampled_from(["contact", "contact.email", "plan"]), VALUES, max_size=6)
BOMBS = st.sampled_from(
    [
        b"[" * 5_000,
        b'{"a":' * 5_000,
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
    st.lists(OBJECTS, max_size=3).map(written),
    VALUES.map(written),
    BOMBS,
    st.binary(max_size=200),
)
METHODS = st.sampled_from(["POST"] * 12 + ["GET", "PUT", "HEAD", "OPTIONS", "TRACE", "BREW", "post", ""])
GOOD_PATHS = ["/webhooks/lead/fair", "/webhooks/lead/fair/form", "/webhooks/lead/fair?source=form"]
ODD_PATHS = [
    "/webhooks/lead/fair?source=form&source=x",
    "/webhooks/lead/fair?source=%ff%00",
    "/webhooks/lead/%00",
    "/webhooks/lead/..%2f",
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
    lines = [f"{name}: {value}" for name, value in (headers | dict(changes)).items()]
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
        suppress(ConnectionResetError, BrokenPipeError),  # it had heard enough
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
def test_nothing_that_comes_over_the_wire_breaks_it(sender: Sender, slow: bool) -> None:
    seen: dict[bytes, int] = {}

    @settings(
        max_examples=10_000 if slow else 500,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(METHODS, PATHS, BODIES, st.integers(0, 10**9), CHANGES, SPLICES)
    def send(
        method: str,
        path: str,
        body: bytes,
        number: int,
        changes: list[tuple[str, str]],
        splice: tuple[float, float, bytes] | None,
    ) -> None:
        said = answers_to(sender.url, request_of(method, path, body, number, changes, splice))
        status = said[9:12]
        seen[status] = seen.get(status, 0) + 1
        assert b"HTTP/1.1 5" not in said
        assert b"Traceback" not in said

    send()
    print(seen)
    assert {b"202", b"400", b"401", b"422"} <= seen.keys(), seen
    assert sender.send(IDA, "msg_after_all").status_code in (200, 202)
