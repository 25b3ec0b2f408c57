"""How a message leaves: as a file in a folder, or over SMTP.

What belongs here: the wire, step by step, so that it is always known how far a message came. What does not: which
message leaves, and what its state becomes.

A transport calls `commit()` just before the last byte that makes a server accept, and must stop without that byte where
the answer is no.
"""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, Protocol

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.outbox_files import file_name

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


class Transport(Protocol):
    """A way out."""

    name: str

    def send(self, letter: Letter, commit: Callable[[], bool]) -> Delivery:
        """Tries once to deliver. Never raises for what a server or a network does."""

    def close(self) -> None:
        """Ends what is open."""


def transport_of(settings: Settings) -> Transport:
    """The transport that the settings name."""
    return Smtp.of(settings) if settings.transport == "smtp" else EmlFolder(settings.outbox_folder)


class EmlFolder:
    """Each message a file that any mail program opens. The same message again is the same file again."""

    name = "eml"

    def __init__(self, folder: Path, at_point: FaultPoint = nothing) -> None:
        self._folder = folder
        self._at_point = at_point

    def send(self, letter: Letter, commit: Callable[[], bool]) -> Delivery:
        """Writes the file whole or not at all."""
        return write_whole(
            self._folder, file_name(letter.rfc_message_id, ".eml"), letter.content, commit, self._at_point
        )

    def close(self) -> None:
        """Nothing is open."""


def write_whole(
    folder: Path, name: str, content: bytes, commit: Callable[[], bool], at_point: FaultPoint = nothing
) -> Delivery:
    """Writes a file beside its place and moves it there whole, once `commit` allows it."""
    partial = folder / f".{Path(name).stem}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Delivery(
            "unreachable", "data", reply_text=f"cannot write to the outbox folder: {error.strerror}"
        )
    at_point("before_wire")
    if not commit():
        partial.unlink(missing_ok=True)
        return Delivery("abandoned", "data")
    at_point("on_wire")
    partial.replace(folder / name)
    at_point("accepted")
    return Delivery("accepted", "done")


class Smtp:
    """A mail server, one connection for many messages, one command at a time."""

    name = "smtp"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        security: str = "starttls",
        login: tuple[str, str] | None = None,
        command_seconds: float = COMMAND_SECONDS,
        dot_seconds: float = DOT_SECONDS,
        at_point: FaultPoint = nothing,
    ) -> None:
        self._host, self._port, self._security, self._login = host, port, security, login
        self._command_seconds, self._dot_seconds = command_seconds, dot_seconds
        self._at_point = at_point
        self._session: smtplib.SMTP | None = None
        self._is_between_messages = True

    @classmethod
    def of(cls, settings: Settings) -> Smtp:
        """As the settings say."""
        login = None
        if settings.smtp_user is not None:
            login = (
                settings.smtp_user,
                settings.smtp_password.get_secret_value() if settings.smtp_password else "",
            )
        return cls(settings.smtp_host, settings.smtp_port, security=settings.smtp_security, login=login)

    def send(self, letter: Letter, commit: Callable[[], bool]) -> Delivery:
        """MAIL, RCPT, DATA, and the final dot only after `commit`.

        Raises PermanentError where the server refuses our login or has no encryption: no message would ever leave.
        """
        for session_is_new in (self._session is None, True):
            try:
                session = self._opened()
            except (OSError, smtplib.SMTPException) as error:
                self._drop()
                return Delivery("unreachable", "connect", getattr(error, "smtp_code", None), _plain(error))
            before_wire = self._until_dot(session, letter)
            # A server ends a connection that rested, or carried enough messages: nothing was said of this one yet.
            if self._session is not None or session_is_new or not _was_not_begun(before_wire):
                break
        if before_wire is not None:
            return before_wire
        self._at_point("before_wire")
        if not commit():
            self._drop()
            return Delivery("abandoned", "data")
        self._at_point("on_wire")
        return self._dot(session)

    def close(self) -> None:
        """Says goodbye if anybody is there, and closes the connection."""
        if self._session is not None and self._is_between_messages:
            with suppress(OSError, smtplib.SMTPException):
                self._session.putcmd("quit")
        self._drop()

    def _drop(self) -> None:
        """Closes the connection without a word: what was begun on it is not to be gone on with."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _opened(self) -> smtplib.SMTP:
        """The open session, ready for a message, or a new one."""
        if self._session is not None:
            if self._is_between_messages:
                return self._session
            with suppress(OSError, smtplib.SMTPException):
                if self._session.rset()[0] == 250:
                    self._is_between_messages = True
                    return self._session
            self._drop()
        if self._security == "tls":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host,
                self._port,
                _own_name(),
                timeout=self._command_seconds,
                context=ssl.create_default_context(),
            )
        else:
            session = smtplib.SMTP(self._host, self._port, _own_name(), timeout=self._command_seconds)
        self._session = session
        if session.sock is not None:
            # The dot is a small packet after a large one: without this it waits 40 ms for the receiver's ACK.
            session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session.ehlo_or_helo_if_needed()
        if self._security == "starttls":
            if not session.has_extn("starttls"):
                raise PermanentError(
                    f"the mail server {self._host} offers no STARTTLS: "
                    "name one that does, or set LEADFLOW_SMTP_SECURITY to tls or none"
                )
            session.starttls(context=ssl.create_default_context())
            session.ehlo_or_helo_if_needed()
        self._log_in(session)
        self._is_between_messages = True
        return session

    def _log_in(self, session: smtplib.SMTP) -> None:
        if self._login is None:
            return
        try:
            session.login(*self._login)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code >= 500:
                raise PermanentError(
                    f"the mail server {self._host} refuses the login ({error.smtp_code}): "
                    "check LEADFLOW_SMTP_USER and LEADFLOW_SMTP_PASSWORD"
                ) from None
            raise
        except smtplib.SMTPNotSupportedError:
            raise PermanentError(
                f"the mail server {self._host} takes no login here: unset LEADFLOW_SMTP_USER, or use encryption"
            ) from None

    def _until_dot(self, session: smtplib.SMTP, letter: Letter) -> Delivery | None:
        """Everything but the final dot; what went wrong, if anything did."""
        if letter.needs_utf8 and not session.has_extn("smtputf8"):
            return Delivery("refused", "mail", reply_text="the mail server takes no addresses beyond ASCII")
        if not (_is_path(letter.sender) and _is_path(letter.recipient)):
            return Delivery("refused", "mail", reply_text="an address holds what no mail server takes")
        size = f" SIZE={len(letter.content)}" if session.has_extn("size") else ""
        utf8 = " SMTPUTF8 BODY=8BITMIME" if letter.needs_utf8 else ""
        session.command_encoding = "utf-8" if letter.needs_utf8 else "ascii"
        phase: Phase = "mail"
        self._is_between_messages = False
        try:
            reply = session.docmd("MAIL", f"FROM:<{letter.sender}>{size}{utf8}")
            if reply[0] == 250:
                phase = "rcpt"
                reply = session.docmd("RCPT", f"TO:<{letter.recipient}>")
            if phase == "rcpt" and reply[0] in (250, 251):
                phase = "data"
                session.putcmd("data")
                reply = session.getreply()
                if reply[0] == 354:
                    session.send(_stuffed(letter.content))
                    return None
            return self._answer(reply, phase)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Delivery("deferred", phase, reply_text=_plain(error))

    def _dot(self, session: smtplib.SMTP) -> Delivery:
        """The final dot. From here on only the server's answer says what happened."""
        try:
            if session.sock is not None:
                session.sock.settimeout(self._dot_seconds)
            session.send(b".\r\n")
            self._at_point("dot")
            reply = session.getreply()
            if session.sock is not None:
                session.sock.settimeout(self._command_seconds)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Delivery("unknown", "dot", reply_text=_plain(error))
        self._at_point("accepted")
        self._is_between_messages = True
        return self._answer(reply, "dot")

    def _answer(self, reply: tuple[int, bytes], phase: Phase) -> Delivery:
        """What a reply means: 2xx accepted, 4xx later, 5xx never; anything else is no SMTP."""
        code, text = reply
        said = _plain(text)
        if code == 421:
            self._drop()
        if phase == "dot" and 200 <= code < 300:
            return Delivery("accepted", "done", code, said)
        if 400 <= code < 500:
            return Delivery("deferred", phase, code, said)
        if 500 <= code < 600:
            return Delivery("refused", phase, code, said)
        self._drop()
        return Delivery("unknown" if phase == "dot" else "deferred", phase, code if code > 0 else None, said)


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


def _plain(said: object) -> str:
    """A reply or error as one short line without addresses, which servers like to repeat."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return ADDRESS.sub("<address>", " ".join(text.split()))[:500]
