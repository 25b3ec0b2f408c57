"""Bodies that nobody means well with, against the real service: what is answered, how soon, how much memory it takes.

    python -m leadflow_pipeline_tests.benchmarks.hostile_bodies

Every kind of address that takes a body: JSON of the API, an upload, a signed webhook of leads, a provider's, and the
button of an email. Each gets 100 MB with its length and in blocks, a byte now and then that never ends, a depth of
100,000, NaN, a member twice, half of a surrogate pair, and NUL; all signed or with a token. Prints a line of JSON for
each kind of address, and one for the memory; ends with 1 where an answer is none of those below, none at all, or the
memory grows. A dripping body is answered after 30 s; all others are to be within 10 s.

JSON of the API and of webhooks is refused for all of it (4xx), but that webhooks of leads keep a long number as it was
written (202). Rows of a file are kept or quarantined, whatever they say (201). A button's form is no JSON: whoever
presses it has unsubscribed (200).
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import psutil

from leadflow_pipeline.campaign import register
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.signatures import key_of, sign
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.webhooks import CAMPAIGN, SECRET, free_port, started
from leadflow_pipeline_tests.inbound.letters import send

LARGE: Final = 100 << 20
BLOCK: Final = b"x" * (1 << 20)
DRIPS, BETWEEN_DRIPS = 100, 0.5
MOST_GROWTH: Final = 48 << 20
MOST_SECONDS: Final = 10.0
DRIPPED_OUT: Final = 40.0

ODD: Final[Mapping[str, bytes]] = {
    "depth 100,000": b"[" * 100_000 + b"]" * 100_000,
    "objects 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b'{"campaign": "fair", "lead_id": NaN}',
    "a member twice": b'{"campaign": "fair", "campaign": "fair", "lead_id": "a"}',
    "half a pair": b'{"campaign": "fair", "lead_id": "\\ud800"}',
    "NUL": b'{"campaign": "fair", "lead_id": "\\u0000"}',
    "NUL as it is": b'{"campaign": "fair", "lead_id": "\x00"}',
    "no UTF-8": b'{"campaign": "fair", "lead_id": "\xff"}',
    "a number of 400 digits": b'{"campaign": "fair", "lead_id": ' + b"9" * 400 + b"}",
}
KEPT_AS_WRITTEN: Final = frozenset({"a number of 400 digits"})

Signed = Callable[[bytes], Mapping[str, str]]


class Address:
    """Where a body goes, and with which headers."""

    def __init__(self, kind: str, path: str, headers: Signed, kept: frozenset[str] = frozenset()) -> None:
        self.kind, self.path, self.headers = kind, path, headers
        self.kept = kept
        """Odd bodies of which something is kept: any answer but a 5xx will do."""


def main() -> None:
    """Prints a line of JSON for each kind of address."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with fresh_home() as engine:
        register(engine, CAMPAIGN, "fair.yaml")
        token = create_token(engine, "hostile", Scope.ADMIN, requests_a_minute=100_000)
        (letter,) = send(engine, 1)
        port = free_port()
        os.environ["LEADFLOW_PROVIDER_WEBHOOK_SECRET"] = SECRET
        server = started(port)
        try:
            is_well = tried(port, server.pid, addresses(token, letter.unsubscribe))
        finally:
            server.terminate()
            server.wait()
    sys.exit(0 if is_well else 1)


def addresses(token: str, unsubscribe: str) -> list[Address]:
    """One of each kind."""

    def with_token(kind: str) -> Signed:
        return lambda _: {"authorization": f"Bearer {token}", "content-type": kind}

    def by_standard(body: bytes) -> Mapping[str, str]:
        at = int(datetime.now(UTC).timestamp())
        own = f"msg_{time.time_ns()}"
        return {
            "content-type": "application/json",
            "webhook-id": own,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(key_of(SECRET), own, at, body),
        }

    every = frozenset(ODD)
    upload = "/api/v1/campaigns/spring-sale/leads/uploads?file_name=rows.jsonl&source=list"
    return [
        Address("JSON", "/api/v1/routing/predict", with_token("application/json")),
        Address("upload", upload, with_token("application/octet-stream"), every),
        Address("webhook of leads", "/webhooks/lead/fair", by_standard, KEPT_AS_WRITTEN),
        Address("webhook of a provider", "/webhooks/provider/generic", by_standard),
        Address(
            "button of an email",
            unsubscribe,
            lambda _: {"content-type": "application/x-www-form-urlencoded"},
            every,
        ),
    ]


def tried(port: int, server: int, every: list[Address]) -> bool:
    """Whether all was answered as it should be, within its time, in a memory that stayed flat."""
    for address in every:  # what is loaded the first time is no growth
        answered(port, address, ODD["NaN"])
    process = psutil.Process(server)
    before = process.memory_info().rss
    most, has_ended = [before], threading.Event()

    def watch() -> None:
        while not has_ended.wait(0.02):
            most[0] = max(most[0], process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    is_well = True
    with ThreadPoolExecutor(len(every)) as dripping:
        drips = [dripping.submit(dripped, port, address) for address in every]
        for address in every:
            told: dict[str, tuple[int, float]] = {
                "100 MB": answered(port, address, None, LARGE),
                "100 MB in blocks": answered(port, address, None),
            }
            for name, body in ODD.items():
                told[name] = answered(port, address, body)
            wrong = [
                name
                for name, (status, seconds) in told.items()
                if not (400 <= status < 500 or (name in address.kept and 200 <= status < 300))
                or seconds > MOST_SECONDS
            ]
            is_well = is_well and not wrong
            shown = {name: [status, round(seconds, 2)] for name, (status, seconds) in told.items()}
            print(json.dumps({"address": address.kind, "answers": shown, "wrong": wrong}), flush=True)
        slow = {address.kind: each.result() for address, each in zip(every, drips, strict=True)}
    has_ended.set()
    watching.join()
    is_flat = most[0] - before < MOST_GROWTH
    is_patient = all(status == 408 and seconds < DRIPPED_OUT for status, seconds in slow.values())
    print(
        json.dumps(
            {
                "dripping": {kind: [status, round(seconds, 1)] for kind, (status, seconds) in slow.items()},
                "MiB before": before >> 20,
                "MiB at most": most[0] >> 20,
                "flat": is_flat,
                "server lives": process.is_running(),
            }
        ),
        flush=True,
    )
    return is_well and is_flat and is_patient and process.is_running()


def answered(port: int, address: Address, body: bytes | None, length: int | None = None) -> tuple[int, float]:
    """The status (0: none), and how many seconds after the last byte. No body: 100 MB, in blocks without a length."""
    head = dict(address.headers(body or b""))
    if body is not None or length is not None:
        head["content-length"] = str(len(body) if body is not None else length)
    else:
        head["transfer-encoding"] = "chunked"

    def parts() -> Iterator[bytes]:
        if body is not None:
            yield body
            return
        for _ in range(LARGE // len(BLOCK)):
            yield BLOCK if length is not None else b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK)
        if length is None:
            yield b"0\r\n\r\n"

    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head_of(address, head))
        with suppress(ConnectionError):  # refused before its end: what was answered is there
            for part in parts():
                connection.sendall(part)
        begun = time.perf_counter()
        return status_in(connection), time.perf_counter() - begun


def dripped(port: int, address: Address) -> tuple[int, float]:
    """A byte now and then: the status, and after how many seconds it came."""
    head = {**address.headers(b""), "content-length": "1000"}
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=BETWEEN_DRIPS) as connection:
        connection.sendall(head_of(address, head))
        for _ in range(DRIPS):
            try:
                connection.sendall(b" ")
                return status_in(connection), time.perf_counter() - begun
            except TimeoutError:
                continue
    return 0, time.perf_counter() - begun


def head_of(address: Address, headers: Mapping[str, str]) -> bytes:
    """The head of a request."""
    lines = [
        f"POST {address.path} HTTP/1.1",
        "host: x",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def status_in(connection: socket.socket) -> int:
    """The status of an answer; 0 where the connection ended without one."""
    try:
        words = connection.recv(65_536).split(b" ", 2)
    except ConnectionError:
        return 0
    return int(words[1]) if len(words) > 1 else 0


if __name__ == "__main__":
    main()
