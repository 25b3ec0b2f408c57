"""One conversation with a mail server, step by step, so that it is always known how far a message came.

What belongs here: the wire of one connection (RFC 5321). What does not: how many connections there are, and which
letter goes over which (`transports`).

Every step is said first and heard later, so that several conversations can be held at a time: while one server thinks,
the next is spoken to. Nothing of a letter can have been accepted before its final dot was said.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

from leadflow_pipeline.errors import PermanentError

Outcome = Literal["accepted", "refused", "deferred", "unreachable", "unknown", "abandoned"]
Phase = Literal["connect", "mail", "rcpt", "data", "dot", "done"]
FaultPoint = Callable[[str], None]

COMMAND_SECONDS: Final = 60.0
DOT_SECONDS: Final = 600.0
"""RFC 5321, 4.5.3.2.6: giving up earlier is how the same email arrives twice."""

ADDRESS = re.compile(r"\S+@\S+")
LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


def nothing(_point: str) -> None:
    """Where tests put a fault, nothing happens."""


@dataclass(frozen=True)
class Letter:
    """A message ready for the wire."""

    rfc_message_id: str
    sender: str
    recipient: str
    content: bytes

    @property
    def needs_utf8(self) -> bool:
        """Whether an address cannot be said in ASCII."""
        return not (self.sender.isascii() and self.recipient.isascii())


@dataclass(frozen=True)
class Delivery:
    """What happened: `accepted`, `refused` for good, `deferred`, server `unreachable`, `unknown`, or `abandoned`.

    `phase` is how far the conversation came; the reply holds no address. `retry_at`: not before, as the server said.
    """

    outcome: Outcome
    phase: Phase
    reply_code: int | None = None
    reply_text: str | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True)
class MailServer:
    """Where letters go, and how long each step may take."""

    host: str
    port: int
    security: str = "starttls"
    login: tuple[str, str] | None = None
    command_seconds: float = COMMAND_SECONDS
    dot_seconds: float = DOT_SECONDS


class Conversation:
    """One connection, one letter after the other, one command at a time.

    The steps of a letter are `begin`, `mail`, `rcpt`, `data`, `content`, `dot` and `answer`. Each returns what went
    wrong, if anything did; the letter has failed then, and no further step may follow.
    """

    def __init__(self, server: MailServer, at_point: FaultPoint = nothing) -> None:
        self._server = server
        self._at_point = at_point
        self._session: smtplib.SMTP | None = None
        self._is_between_letters = True
        self._was_resting = False

    def begin(self, letter: Letter) -> Delivery | None:
        """Opens the connection where it is not, and says MAIL.

        Raises PermanentError where the server refuses our login or has no encryption: no letter would ever leave.
        """
        self._was_resting = self._session is not None
        try:
            session = self._opened()
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            return Delivery("unreachable", "connect", getattr(error, "smtp_code", None), plain(error))
        if letter.needs_utf8 and not session.has_extn("smtputf8"):
            return Delivery("refused", "mail", reply_text="the mail server takes no addresses beyond ASCII")
        if not (_is_path(letter.sender) and _is_path(letter.recipient)):
            return Delivery("refused", "mail", reply_text="an address holds what no mail server takes")
        size = f" SIZE={len(letter.content)}" if session.has_extn("size") else ""
        utf8 = " SMTPUTF8 BODY=8BITMIME" if letter.needs_utf8 else ""
        session.command_encoding = "utf-8" if letter.needs_utf8 else "ascii"
        self._is_between_letters = False
        problem = self._say("mail", lambda: session.putcmd(f"MAIL FROM:<{letter.sender}>{size}{utf8}"))
        return self.begin(letter) if problem is not None and self._was_resting else problem

    def mail(self, letter: Letter) -> Delivery | None:
        """Hears what MAIL came to, and says RCPT.

        A server ends a connection that rested, or carried enough letters: then this begins anew, over another one.
        """
        problem = self._heard("mail", (250,))
        if problem is not None and self._was_resting and self._session is None and _was_not_begun(problem):
            return self.begin(letter) or self.mail(letter)
        return problem or self._say("rcpt", lambda: self._open.putcmd(f"RCPT TO:<{letter.recipient}>"))

    def rcpt(self) -> Delivery | None:
        """Hears what RCPT came to, and says DATA."""
        return self._heard("rcpt", (250, 251)) or self._say("data", lambda: self._open.putcmd("DATA"))

    def data(self) -> Delivery | None:
        """Hears what DATA came to."""
        return self._heard("data", (354,))

    def content(self, letter: Letter) -> Delivery | None:
        """Says all of the letter but its final dot."""
        return self._say("data", lambda: self._open.send(_stuffed(letter.content)))

    def dot(self) -> Delivery | None:
        """Says the final dot. From here on only the server's answer tells what happened."""
        problem = self._say("dot", lambda: self._open.send(b".\r\n"))
        self._at_point("dot")
        return problem

    def answer(self, seconds: float | None = None) -> Delivery:
        """Hears what became of the letter, waiting so long at most, and as long as the server says if not given."""
        try:
            self._wait_at_most(self._server.dot_seconds if seconds is None else seconds)
            reply = self._open.getreply()
            self._wait_at_most(self._server.command_seconds)
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            return Delivery("unknown", "dot", reply_text=plain(error))
        self._at_point("accepted")
        self._is_between_letters = True
        return self._meaning(reply, "dot")

    @property
    def socket(self) -> socket.socket | None:
        """To wait for an answer at; None where the connection is lost."""
        return None if self._session is None else self._session.sock

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._session is not None

    def close(self) -> None:
        """Says goodbye if anybody is there, and closes the connection."""
        if self._session is not None and self._is_between_letters:
            with suppress(OSError, smtplib.SMTPException):
                self._session.putcmd("quit")
        self.drop()

    def drop(self) -> None:
        """Closes the connection without a word: what was begun on it is not to be gone on with."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @property
    def _open(self) -> smtplib.SMTP:
        if self._session is None:
            raise smtplib.SMTPServerDisconnected("the connection is lost")
        return self._session

    def _say(self, phase: Phase, words: Callable[[], None]) -> Delivery | None:
        try:
            words()
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            return Delivery("unknown" if phase == "dot" else "deferred", phase, reply_text=plain(error))
        return None

    def _heard(self, phase: Phase, wanted: tuple[int, ...]) -> Delivery | None:
        try:
            reply = self._open.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            return Delivery("deferred", phase, reply_text=plain(error))
        return None if reply[0] in wanted else self._meaning(reply, phase)

    def _wait_at_most(self, seconds: float) -> None:
        if (wire := self.socket) is not None:
            wire.settimeout(seconds)

    def _meaning(self, reply: tuple[int, bytes], phase: Phase) -> Delivery:
        """What a reply means: 2xx accepted, 4xx later, 5xx never; anything else is no SMTP."""
        code, text = reply
        said = plain(text)
        if code == 421:
            self.drop()
        if phase == "dot" and 200 <= code < 300:
            return Delivery("accepted", "done", code, said)
        if 400 <= code < 500:
            return Delivery("deferred", phase, code, said)
        if 500 <= code < 600:
            return Delivery("refused", phase, code, said)
        self.drop()
        return Delivery("unknown" if phase == "dot" else "deferred", phase, code if code > 0 else None, said)

    def _opened(self) -> smtplib.SMTP:
        """The open session, ready for a letter, or a new one."""
        if self._session is not None:
            if self._is_between_letters:
                return self._session
            with suppress(OSError, smtplib.SMTPException):
                if self._session.rset()[0] == 250:
                    self._is_between_letters = True
                    return self._session
            self.drop()
        if self._server.security == "tls":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                self._server.host,
                self._server.port,
                _own_name(),
                timeout=self._server.command_seconds,
                context=ssl.create_default_context(),
            )
        else:
            session = smtplib.SMTP(
                self._server.host, self._server.port, _own_name(), timeout=self._server.command_seconds
            )
        self._session = session
        if session.sock is not None:
            # The dot is a small packet after a large one: without this it waits 40 ms for the receiver's ACK.
            session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session.ehlo_or_helo_if_needed()
        if self._server.security == "starttls":
            if not session.has_extn("starttls"):
                raise PermanentError(
                    f"the mail server {self._server.host} offers no STARTTLS: "
                    "name one that does, or set LEADFLOW_SMTP_SECURITY to tls or none"
                )
            session.starttls(context=ssl.create_default_context())
            session.ehlo_or_helo_if_needed()
        self._log_in(session)
        self._is_between_letters = True
        return session

    def _log_in(self, session: smtplib.SMTP) -> None:
        if self._server.login is None:
            return
        try:
            session.login(*self._server.login)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code >= 500:
                raise PermanentError(
                    f"the mail server {self._server.host} refuses the login ({error.smtp_code}): "
                    "check LEADFLOW_SMTP_USER and LEADFLOW_SMTP_PASSWORD"
                ) from None
            raise
        except smtplib.SMTPNotSupportedError:
            raise PermanentError(
                f"the mail server {self._server.host} takes no login here: "
                "unset LEADFLOW_SMTP_USER, or use encryption"
            ) from None


def _is_path(address: str) -> bool:
    """Whether an address can stand between the angle brackets of a command; smtplib takes it apart for that, slowly."""
    return address.isprintable() and not set(address) & set("<> ")


def _stuffed(content: bytes) -> bytes:
    """The content with a second dot before each dot that begins a line (RFC 5321, 4.5.2)."""
    if content.startswith(b".") or b"\n." in content:
        return LEADING_DOT.sub(b"..", content)
    return content


def _was_not_begun(delivery: Delivery | None) -> bool:
    """Whether the server ended the connection before it said anything about the message."""
    return delivery is not None and delivery.phase == "mail" and delivery.reply_code in (None, 421)


@lru_cache(maxsize=1)
def _own_name() -> str:
    """The name we greet with; looking a full one up can take a minute where there is no name server."""
    return socket.gethostname() or "localhost"


def plain(said: object) -> str:
    """A reply or error as one short line without addresses, which servers like to repeat."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return ADDRESS.sub("<address>", " ".join(text.replace("\0", "").split()))[:500]
