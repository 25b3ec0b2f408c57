"""What all stand-ins of vendors share: a web server on a real socket that can misbehave in every way a network can.

What belongs here: receiving, replying, logging what was asked and what was charged, and the failures that any server
may have. What does not: the shapes of one vendor; a subclass gives `respond` and its own documented `failures`.

A test asks for trouble with `server.misbehave("too many requests", times=2)`; `FakeServer.kinds()` lists what a server
can do, so that a test can go through all of it. Nothing here sleeps: a response that is held is held until
`release()` or the end of the test.
"""

from __future__ import annotations

import io
import json
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import parse_qs, urlsplit

Delivery = Literal["whole", "reset", "reset midway", "held"]
ALWAYS = 1_000_000_000
REFUSED = "connection refused"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
TICK = 0.005
"""Seconds after which a server notices that it should stop."""


@dataclass(frozen=True)
class Received:
    """One request as it came in. `query` keeps repeated names; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, or None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True)
class Reply:
    """One response, and how much of it reaches the client."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = "whole"


Failure = Callable[[Any, Received], Reply]
"""What a server answers instead: called with the server and the request."""


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply in JSON, letters of every language unescaped."""
    body = json.dumps(content, ensure_ascii=False).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})


def html_reply(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply in HTML."""
    page = f"<!doctype html><html><body>{text}</body></html>"
    return Reply(status, page.encode(), {"Content-Type": "text/html; charset=utf-8", **(headers or {})})


def text_reply(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply in plain text."""
    return Reply(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8", **(headers or {})})


def carried_out(change: Callable[[Reply], Reply]) -> Failure:
    """A failure after the request was carried out, and charged: only the answer suffers."""
    return lambda server, received: change(server.respond(received))


def refused(reply: Reply) -> Failure:
    """A failure before anything was carried out."""
    return lambda _server, _received: reply


def with_headers(failure: Failure, headers: Mapping[str, str]) -> Failure:
    """The same failure with further response headers."""

    def answer(server: Any, received: Received) -> Reply:
        reply = failure(server, received)
        return replace(reply, headers={**reply.headers, **headers})

    return answer


NETWORK_FAILURES: Mapping[str, Failure] = {
    # The listening socket is closed until `recover()`: the kernel refuses, no code of ours runs.
    REFUSED: refused(Reply(delivery="reset")),
    "reset before answer": refused(Reply(delivery="reset")),
    "lost answer": carried_out(lambda reply: replace(reply, delivery="reset")),
    "reset midway": carried_out(lambda reply: replace(reply, delivery="reset midway")),
    "read timeout": carried_out(lambda reply: replace(reply, delivery="held")),
    "empty body": carried_out(lambda reply: replace(reply, body=b"")),
    "truncated json": carried_out(lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2])),
    "gateway timeout": carried_out(lambda _reply: html_reply("504 Gateway Time-out", 504)),
    "html instead of json": refused(html_reply("Please log in")),
    "server error": refused(json_reply({"message": "internal error"}, 500)),
    "bad gateway": refused(html_reply("502 Bad Gateway", 502)),
    "unavailable": refused(html_reply("503 Service Unavailable", 503)),
    "unavailable, come back soon": refused(html_reply("503", 503, {"Retry-After": "2"})),
    "unavailable for long": refused(html_reply("503", 503, {"Retry-After": "3600"})),
}


@dataclass
class _Trouble:
    kind: str
    path: str
    times: int


class FakeServer:
    """A web server on a free port of 127.0.0.1, for the length of a `with` block.

    `requests` is what came in, in order. `charges` counts the credits charged for each subject: what is counted twice
    was paid twice.
    """

    prefix: ClassVar[str] = ""
    failures: ClassVar[Mapping[str, Failure]] = NETWORK_FAILURES

    def __init__(self, *, key: str = "test-key") -> None:
        self.key = key
        self.requests: list[Received] = []
        self.charges: Counter[str] = Counter()
        self.faults: list[BaseException] = []
        self.port = 0
        self._troubles: list[_Trouble] = []
        self._lock = threading.RLock()
        self._released = threading.Event()
        self._connections: set[socket.socket] = set()
        self._placeholder: socket.socket | None = None
        self._web: _Web | None = None
        self._file: Path | None = None

    # --- life ---

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.release()
        self._stop_listening()
        if self._placeholder is not None:
            self._placeholder.close()
        if self.faults and kind is None:
            raise AssertionError("the stand-in itself failed") from self.faults[0]

    @property
    def url(self) -> str:
        """The base URL that stands for the vendor's."""
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    # --- what outlives it ---

    def remember(self, file: Path) -> Self:
        """Goes on from what the file holds, and keeps it there: a vendor outlives those who ask it, killed ones too."""
        self._file = file
        if file.exists():
            self.restore(json.loads(file.read_text("utf-8")))
        return self

    def memory(self) -> dict[str, Any]:
        """What a vendor does not forget, as JSON; a subclass adds to it."""
        return {"charges": self.charges}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Takes up what `memory` gave."""
        self.charges.update(memory["charges"])

    def _keep_memory(self) -> None:
        if self._file is not None:
            fresh = self._file.with_suffix(".new")
            fresh.write_text(json.dumps(self.memory()), "utf-8")
            fresh.replace(self._file)

    # --- what a test can ask for ---

    def prefer(self, port: int) -> Self:
        """Asks for a port, before it is started; it gets another where that one is taken."""
        self.port = port
        return self

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Every way in which this server can fail."""
        return tuple(cls.failures)

    def misbehave(self, kind: str, times: int = 1, path: str = "") -> None:
        """The next `times` requests (to paths that contain `path`) fail so; `ALWAYS`: all of them.

        "connection refused" lasts until `recover()`, because the kernel refuses and nobody counts.
        """
        if kind not in self.failures:
            raise ValueError(f"{type(self).__name__} cannot do {kind!r}, but: {', '.join(self.kinds())}")
        if kind == REFUSED:
            self._stop_listening()
            return
        with self._lock:
            self._troubles.append(_Trouble(kind, path, times))

    def recover(self) -> None:
        """Ends all misbehaviour."""
        with self._lock:
            self._troubles.clear()
        if self._web is None:
            self._listen()

    def release(self) -> None:
        """Lets go of every response that is held; its connection is then closed."""
        self._released.set()

    def charge(self, subject: str, credits: int) -> None:
        """Counts what the vendor would put on the bill."""
        if credits:
            with self._lock:
                self.charges[subject] += credits

    def count(self, path: str) -> int:
        """How many requests went to paths that contain `path`."""
        return sum(path in received.path for received in list(self.requests))

    # --- what a subclass gives ---

    def respond(self, received: Received) -> Reply:
        """The answer of a server in good health."""
        raise LookupError(f"{type(self).__name__} has nothing at {received.path}")

    # --- sockets ---

    def reply_to(self, received: Received) -> Reply:
        """The answer to this request: what was planned, or what is right. One request at a time."""
        with self._lock:
            self.requests.append(received)
            kind = self._next_kind(received.path)
            reply = self.respond(received) if kind is None else self.failures[kind](self, received)
            self._keep_memory()
            return reply

    def hold(self) -> None:
        """Waits until the test lets go."""
        self._released.wait()

    def connected(self, connection: socket.socket) -> None:
        self._connections.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        self._connections.discard(connection)

    def _next_kind(self, path: str) -> str | None:
        for trouble in self._troubles:
            if trouble.times and trouble.path in path:
                trouble.times -= 1
                return trouble.kind
        return None

    def _listen(self) -> None:
        try:
            self._web = _Web(self, self.port)
        except OSError:
            self._web = _Web(self, 0)
        self.port = self._web.server_address[1]
        if self._placeholder is not None:
            self._placeholder.close()
            self._placeholder = None
        threading.Thread(target=self._web.serve_forever, args=(TICK,), daemon=True).start()

    def _stop_listening(self) -> None:
        """Closes the port for new connections and cuts the open ones; the number stays ours."""
        if self._web is None:
            return
        self._web.shutdown()
        self._web.server_close()
        self._web = None
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client closed it first
                self.disconnected(connection)
        self._placeholder = socket.socket()
        self._placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._placeholder.bind(("127.0.0.1", self.port))


class _Web(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, fake: FakeServer, port: int) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no fault of the stand-in; anything else is, and the test hears of it."""
        fault = sys.exception()
        if fault is not None and not isinstance(fault, OSError):
            self.fake.faults.append(fault)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet for head and body: with two, the delayed acknowledgement of the first costs 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Web

    def setup(self) -> None:
        super().setup()
        self.server.fake.connected(self.connection)

    def finish(self) -> None:
        self.server.fake.disconnected(self.connection)
        super().finish()

    def answer(self) -> None:
        self.send(self.server.fake.reply_to(self.received()))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

    def received(self) -> Received:
        address = urlsplit(self.path)
        return Received(
            method=self.command,
            path=address.path.removeprefix(self.server.fake.prefix),
            query=parse_qs(address.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )

    def send(self, reply: Reply) -> None:
        if reply.delivery == "held":
            self.server.fake.hold()
        if reply.delivery in ("held", "reset"):
            self.reset()
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.delivery == "reset midway":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.wfile.flush()
            self.reset()
        elif self.command != "HEAD":
            self.wfile.write(reply.body)

    def reset(self) -> None:
        """Ends the connection with RST, as a crashed server or a firewall does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        self.wfile = io.BytesIO()  # for the flush at the end of the request

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet: `requests` is the log."""
