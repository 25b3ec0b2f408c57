"""HTTP/1.1 by httptools, with a limit to what comes before or behind a body.

What belongs here: what uvicorn leaves open. What does not: bodies (`body_check`, `bodies`).

uvicorn's own protocol takes a head of any length, and waits for it for ever: a sender could fill the memory, or hold
connections, without ever having asked for anything.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES: Final = 64 << 10
SECONDS_TO_ARRIVE: Final = 30
SECONDS_TO_LINGER: Final = 2
"""Closing at once would reset the connection of whoever is still sending, who would never read why."""

TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/problem+json\r\ncontent-length: 146\r\nconnection: close\r\n\r\n"
    b'{"type":"about:blank","title":"Request Header Fields Too Large","status":431,'
    b'"detail":"the head of the request is too long: send at most 64 KiB."}'
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._unused = 0
        """Bytes since something came of them: they are of a head, or of what follows a body in chunks."""
        self._is_in_head = True
        self._is_refused = False
        self._patience: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for a first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no more."""
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came, unless too much came before and made nothing."""
        if self._is_in_head and self._patience is None:
            self._await_head()
        if self._is_refused:
            return
        self._unused += len(data)
        super().data_received(data)
        if self._unused > MOST_BYTES and not self.transport.is_closing():
            self._is_refused = True
            self.transport.write(TOO_LONG)
            self.loop.call_later(SECONDS_TO_LINGER, self.transport.close)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._unused = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._is_in_head = False
        self._unused = 0
        self._end_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of its body is there."""
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is there."""
        self._is_in_head = True
        self._unused = 0
        super().on_message_complete()

    def _await_head(self) -> None:
        self._patience = self.loop.call_later(SECONDS_TO_ARRIVE, self._give_up)

    def _end_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """Closes it; nobody has asked for anything."""
        self._patience = None
        if self._is_in_head and not self.transport.is_closing():
            self.transport.close()
