"""A stand-in for WHOIS servers (RFC 3912): the directory of top-level domains and their registry, on one port.

What belongs here: what such servers answer, and how they fail. What does not: what a client makes of it.

A question without a dot is one to the directory, in the shape of whois.iana.org (`refer:` and `whois:` lines), any
other one to the registry. `asked` is the log, in order. Nothing here sleeps: an answer that is held is held until the
client gives up or the test ends.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Mapping
from typing import Final, Self

from leadflow_pipeline_tests.fakes.http import ALWAYS, REFUSED, RESET_ON_CLOSE

NOBODY: Final = "% This query returned 0 objects.\n"
REGISTERED: Final = """\
% Rights reserved. Access may be withdrawn from those whose number of queries is excessive.

Domain:       {domain}
Registrar:    Example Registrar
Registered on: {day}
Expiry date:  14-Sep-2031
Last updated: 02-Mar-2025
"""
LIMIT: Final = (
    "The WHOIS query quota for 192.0.2.1 has been exceeded\nand will be replenished in 50 seconds.\n"
)

SAID: Final[Mapping[str, str]] = {
    "rate limit": LIMIT,
    "says nothing to the point": "Welcome.\nThis text is about other things.\n",
}
BROKEN: Final = (
    REFUSED, "closes at once", "reset", "stalls", "stalls midway", "garbage bytes", "endless answer",
)  # fmt: skip


class FakeWhois:
    """Servers on a free port of 127.0.0.1, for the length of a `with` block.

    `servers` says who serves a top-level domain ("": nobody); `registered` what the registry tells of a domain: a day
    as it writes it, or a whole text.
    """

    def __init__(
        self, registered: Mapping[str, str] | None = None, servers: Mapping[str, str] | None = None
    ) -> None:
        self.registered = dict({"leads.example": "15-Sep-1997"} if registered is None else registered)
        self.servers = dict({"example": "127.0.0.1"} if servers is None else servers)
        self.asked: list[str] = []
        self.port = 0
        self._trouble = ("", 0, False)
        self._released = threading.Event()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.fake = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port, as a campaign file names them."""
        return f"127.0.0.1:{self.port}"

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Every way in which these servers can fail."""
        return (*BROKEN, *SAID)

    def misbehave(self, kind: str, times: int = ALWAYS, *, only_registry: bool = True) -> None:
        """The next `times` questions fail so; those to the directory too unless `only_registry`."""
        if kind not in self.kinds():
            raise ValueError(f"FakeWhois cannot do {kind!r}, but: {', '.join(self.kinds())}")
        if kind == REFUSED:
            self._server.shutdown()
            self._server.server_close()
        self._trouble = (kind, times, only_registry)

    def kind_for(self, question: str) -> str:
        """The trouble that awaits this question, if any."""
        kind, times, only_registry = self._trouble
        if not times or (only_registry and "." not in question):
            return ""
        self._trouble = (kind, times - 1, only_registry)
        return kind

    def hold(self) -> None:
        """Waits until the test ends."""
        self._released.wait()

    def answer(self, question: str) -> str:
        """The text of a server in good health."""
        if "." not in question:
            server = self.servers.get(question)
            if server is None:
                return f"% IANA WHOIS server\n{NOBODY}"
            refer = f"refer:        {server}\n\n" if server else ""
            return (
                f"% IANA WHOIS server\n% This query returned 1 object\n\n{refer}domain:       {question.upper()}\n"
                f"organisation: Example Registry\nwhois:        {server}\ncreated:      1985-01-01\n"
            )
        said = self.registered.get(question)
        if said is None:
            return f'No match for "{question}".\n'
        return said if "\n" in said else REGISTERED.format(domain=question, day=said)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    fake: FakeWhois


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        fake = self.server.fake
        question = self.rfile.readline().decode("ascii").removesuffix("\r\n")
        if not question:  # a client that thought better of it
            return
        fake.asked.append(question)
        kind = fake.kind_for(question)
        text = SAID.get(kind) or fake.answer(question)
        wire = text.replace("\n", "\r\n").encode()
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.connection.shutdown(socket.SHUT_RD)
        elif kind == "garbage bytes":
            self.wfile.write(bytes(range(256)) * 8)
        elif kind == "stalls midway":
            self.wfile.write(wire[: len(wire) // 2])
            fake.hold()
        elif kind == "stalls":
            fake.hold()
        elif kind == "endless answer":
            self._write_for_ever()
        elif kind != "closes at once":
            self.wfile.write(wire)

    def _write_for_ever(self) -> None:
        try:
            while True:
                self.wfile.write(b"more to come\r\n" * 1_000)
        except OSError:  # the client has had enough
            return
