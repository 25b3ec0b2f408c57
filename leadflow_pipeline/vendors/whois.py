"""Since when a domain is registered, by WHOIS (RFC 3912): for the registries that RDAP does not reach.

What belongs here: finding the registry's server and asking it, within bounds. What does not: what its text says
(`whois_text`), RDAP, and keeping answers (`domains`).

RFC 3912 in whole: connect to port 43, send one line that ends in CR LF, read until the server closes. It fixes neither
the form nor the letters of the answer. All that is sent is the top-level domain, to the directory, and the domain, to
its registry.

Which server is asked comes from the directory alone, IANA's unless the campaign names another; never from a lead.
Where the directory is on the public network, a server that it names has to be there as well.

One server's trouble concerns its top-level domain alone, so it is always a TransientError, never the Deferred that
would end a round for the others.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from leadflow_pipeline.errors import Deferred, TransientError
from leadflow_pipeline.vendors.limits import Breaker, Rate, block, take_token
from leadflow_pipeline.vendors.public_address import is_public
from leadflow_pipeline.vendors.session import utc_now
from leadflow_pipeline.vendors.whois_text import (
    Registration,
    asks_to_wait,
    read_registration,
    says_nothing_found,
)

DIRECTORY: Final = "whois.iana.org"
"""Answers for a top-level domain with its registry's server, under `refer:` and `whois:`."""
PORT: Final = 43
RATE: Final = Rate(requests=1, per_seconds=1)
LONGEST_WAIT: Final = 10.0
"""Seconds that a question waits for its server's rate."""
SECONDS: Final = 10.0
"""For a whole answer, from the connection to its last byte."""
MOST_BYTES: Final = 1 << 16
REST: Final = timedelta(hours=1)
"""How long a server is left alone that finds us asking too much: few say, and none for longer than a day."""
MANNERS: Final = {"jp": "/e"}
"""What some registries want after the domain: Japan's (JPRS) answers in English only so."""
_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*")
_SERVER = re.compile(r"(?im)^(?:refer|whois):[ \t]*([a-z0-9][a-z0-9.-]*)")
_TOP_LEVEL = re.compile(r"(?im)^domain:")


class Whois:
    """Asks registries through one directory; which server answers for a top-level domain is kept as long as this."""

    def __init__(
        self,
        engine: Engine,
        directory: str = DIRECTORY,
        *,
        seconds: float = SECONDS,
        now: Callable[[], datetime] = utc_now,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """`directory` is a host, with `:port` for a network of servers on another one than 43."""
        self._engine = engine
        self._directory, _, port = directory.partition(":")
        self._port = int(port or PORT)
        self._seconds = seconds
        self._now = now
        self._wait = wait
        self._servers: dict[str, str | None] = {}
        self._is_private = False

    def registration(self, domain: str) -> Registration:
        """What the registry says of a registrable domain in ASCII (an international one as IDNA writes it).

        Raises TransientError where it, or the directory, gives no answer that can be read.
        """
        name = domain.lower()
        if not _NAME.fullmatch(name):
            return Registration(False)
        top = name.rpartition(".")[2]
        if top not in self._servers:
            self._servers[top] = self._server_of(top)
        server = self._servers[top]
        if server is None:
            return Registration(None)
        text = self._ask(server, name + MANNERS.get(top, ""), is_named_by_directory=True)
        registration = read_registration(text, name)
        if registration is not None:
            return registration
        if asks_to_wait(text):
            block(self._engine, self._account(server), self._now() + REST)
            raise TransientError(f"the WHOIS server {server} takes no more questions for now")
        raise TransientError(f"the WHOIS server {server} answers with a text that cannot be read")

    def _server_of(self, top: str) -> str | None:
        """The server of a top-level domain; None where it has none."""
        text = self._ask(self._directory, top, is_named_by_directory=False)
        if found := _SERVER.search(text):
            return found[1].lower().rstrip(".")
        if _TOP_LEVEL.search(text) or says_nothing_found(text):
            return None
        raise TransientError(f"the WHOIS directory {self._directory} answers with a text that cannot be read")

    # --- one question ----------------------------------------------------------------------------------------------

    def _ask(self, server: str, question: str, *, is_named_by_directory: bool) -> str:
        """A server's whole answer, at its rate and in the health that all processes share."""
        breaker = Breaker(self._engine, self._account(server))
        self._take_turn(server)
        try:
            breaker.check(self._now())
        except Deferred as deferral:
            raise TransientError(str(deferral)) from None
        try:
            with closing(self._connect(server, is_named_by_directory)) as connection:
                answer = self._converse(connection, question)
        except (OSError, UnicodeError, OverflowError):  # the last two: of what is no host or no port at all
            answer, problem = b"", "it cannot be reached, is silent or breaks off"
        else:
            problem = "it closes without a word" if not answer.strip() else ""
            problem = "its answer has no end" if len(answer) > MOST_BYTES else problem
        if problem:
            breaker.failed(self._now(), problem)
            raise TransientError(f"the WHOIS server {server} does not answer ({problem})")
        breaker.succeeded()
        return answer.decode("utf-8", "replace").replace("\r", "\n")

    def _take_turn(self, server: str) -> None:
        """Waits for a token. Time that was waited for counts as gone by, whatever the clock says."""
        at, waited = self._now(), 0.0
        while seconds := take_token(self._engine, self._account(server), RATE, at):
            waited += seconds
            if waited > LONGEST_WAIT:
                raise TransientError(f"the WHOIS server {server} takes no more questions for now")
            self._wait(seconds)
            at = max(self._now(), at + timedelta(seconds=seconds))

    def _connect(self, server: str, is_named_by_directory: bool) -> socket.socket:
        connection = socket.create_connection((server, self._port), timeout=self._seconds)
        if not is_public(connection):
            if is_named_by_directory and not self._is_private:
                connection.close()
                raise TransientError("the WHOIS directory leads into a private network: it is not followed")
            self._is_private = True
        return connection

    def _converse(self, connection: socket.socket, question: str) -> bytes:
        """The answer, up to one piece more than it may have. Raises OSError where it does not end in time."""
        ends = time.monotonic() + self._seconds
        connection.sendall(f"{question}\r\n".encode("ascii"))
        answer = bytearray()
        while len(answer) <= MOST_BYTES:
            connection.settimeout(max(ends - time.monotonic(), 0.001))
            piece = connection.recv(MOST_BYTES)
            if not piece:
                break
            answer += piece
        return bytes(answer)

    def _account(self, server: str) -> str:
        return f"whois at {server}:{self._port}"
