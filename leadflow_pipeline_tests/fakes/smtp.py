"""A mail server that can misbehave, on a real socket.

What belongs here: how a server may treat a message, and what it took. What does not: what a client should make of it.

A message is taken when its final dot was answered with 250, or when it was kept and the line then went dead: the two
cases that a receiver cannot tell apart.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

Manner = Literal[
    "accept", "slow", "busy at rcpt", "refuse at rcpt", "busy at data", "drop at data", "stall at data",
    "drop after dot", "keep and drop", "busy after dot", "refuse after dot", "stall after dot", "keep and stall",
    "drop after 250", "close for service",
]  # fmt: skip

SLOWNESS = 0.03
"""Seconds before each answer of a slow server."""

STALL = 5.0
"""Seconds, longer than tests let a client wait."""

KEY_HEADER = "X-Idempotency-Key"
"""Names enrolment and step, whatever the Message-ID."""


class MailServer:
    """A server on a free port of 127.0.0.1. `manner` is asked for each message, by its recipient."""

    def __init__(self, manner: Callable[[str], Manner] = lambda _recipient: "accept", **options: Any) -> None:
        self.manner = manner
        self.taken: Counter[str] = Counter()
        self.answered_250: set[str] = set()
        self.keys: Counter[str] = Counter()
        self.keys_answered_250: set[str] = set()
        self.messages: list[EmailMessage] = []
        self.connections = 0
        self.has_taken = threading.Event()
        self.port = 0
        self._options = options
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> MailServer:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: _Conversation(self, _Handler(self), loop=self._loop, **self._options), "127.0.0.1", 0
        )

    async def _stop(self) -> None:
        self._server.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def take(self, content: bytes, *, answered: bool) -> None:
        """Keeps a message."""
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        with self._lock:
            self.taken[str(message["Message-ID"])] += 1
            self.keys[str(message[KEY_HEADER])] += 1
            self.messages.append(message)
            if answered:
                self.answered_250.add(str(message["Message-ID"]))
                self.keys_answered_250.add(str(message[KEY_HEADER]))
        self.has_taken.set()


class _Conversation(SMTP):
    def __init__(self, server: MailServer, handler: Any, **options: Any) -> None:
        self.mail_server = server
        server.connections += 1
        super().__init__(handler, hostname="mail.example.org", enable_SMTPUTF8=True, **options)

    async def smtp_DATA(self, arg: str) -> None:
        recipients = self.envelope.rcpt_tos if self.envelope is not None else []
        manner = self.mail_server.manner(recipients[0]) if recipients else "accept"
        if manner == "drop at data":
            assert self.transport is not None
            self.transport.abort()
            return
        if manner == "stall at data":
            await asyncio.sleep(STALL)
        if manner in ("busy at data", "stall at data"):
            await self.push("451 4.3.0 not now")
            return
        await super().smtp_DATA(arg)


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        manner = self.server.manner(address)
        if manner == "busy at rcpt":
            return f"451 4.7.1 <{address}> greylisted, come again"
        if manner == "refuse at rcpt":
            return f"550 5.1.1 <{address}> unknown here"
        if manner == "slow":
            await asyncio.sleep(SLOWNESS)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        assert server.transport is not None
        manner = self.server.manner(envelope.rcpt_tos[0])
        if manner in ("keep and drop", "keep and stall"):
            self.server.take(envelope.content, answered=False)
        if manner in ("drop after dot", "keep and drop"):
            server.transport.abort()
            return "250 never heard"
        if manner in ("stall after dot", "keep and stall"):
            await asyncio.sleep(STALL)
            return "451 4.3.0 too late"
        if manner == "slow":
            await asyncio.sleep(SLOWNESS)
        if manner == "busy after dot":
            return "452 4.3.1 no room now"
        if manner == "refuse after dot":
            return "554 5.7.1 not wanted"
        if manner == "close for service":
            return "421 4.3.2 closing"
        self.server.take(envelope.content, answered=True)
        if manner == "drop after 250":
            await server.push("250 OK")
            server.transport.close()
        return "250 OK"


def only_login(user: str, password: str) -> Callable[..., AuthResult]:
    """An authenticator that knows one account."""

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        is_known = data.login == user.encode() and data.password == password.encode()
        return AuthResult(success=is_known, handled=False)

    return authenticate
