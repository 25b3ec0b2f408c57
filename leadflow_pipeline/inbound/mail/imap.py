"""An IMAP mailbox (RFC 9051, RFC 3501). A door to the network.

What belongs here: signing in, finding what is new, fetching it. What does not: what is in it.

A mail's place is the folder's UIDVALIDITY and the mail's UID: UIDs only grow, so what is new is what lies above the
greatest that was read. The folder is opened for reading only, and mails are fetched without marking them, unless they
are to be marked or removed. Of a very large mail only the beginning is fetched.
"""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.inbound.mail.letter import MOST_BYTES
from leadflow_pipeline.inbound.mail.mailbox import FoundMail, KnownPlaces

TIMEOUT: Final = 30.0
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LOST: Final = (imaplib.IMAP4.abort, OSError, ssl.SSLError, socket.timeout)


class ImapMailbox:
    """A folder on an IMAP server."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        secret: str,
        folder: str,
        is_tls: bool,
        login: str = "password",
        timeout: float = TIMEOUT,
    ) -> None:
        self.name = f"{'imaps' if is_tls else 'imap'}://{user}@{host}:{port}/{folder}"
        self._where = f"{host}:{port}"
        self._host, self._port, self._user, self._secret = host, port, user, secret
        self._folder, self._is_tls, self._login = folder, is_tls, login
        self._timeout = timeout
        self._client: imaplib.IMAP4 | None = None
        self._validity = ""
        self._is_writable = False

    def __enter__(self) -> ImapMailbox:
        """Connects, signs in and opens the folder for reading. Raises TransientError or PermanentError."""
        try:
            self._client = self._connected()
        except LOST as error:
            raise TransientError(
                f"the mailbox at {self._where} does not answer ({type(error).__name__})"
            ) from None
        except imaplib.IMAP4.error as error:
            raise PermanentError(
                f"the mailbox at {self._where} refuses to be opened: {_said(error)}; look at LEADFLOW_MAILBOX and "
                "LEADFLOW_MAILBOX_PASSWORD"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        """Signs out. That the line is dead already is no matter."""
        client, self._client = self._client, None
        if client is not None:
            try:
                client.logout()
            except (imaplib.IMAP4.error, OSError):
                client.shutdown()

    def new_mails(self, known: KnownPlaces, since: datetime) -> Iterator[FoundMail]:
        """Mails above the greatest UID that was read, in the order of their UIDs."""
        for uid in self._new_uids(known, since):
            raw = self._fetched(uid)
            if raw is not None:
                yield FoundMail(f"{self._validity}/{uid}", raw)

    def count_new(self, known: KnownPlaces, since: datetime) -> int:
        """How many there are."""
        return len(self._new_uids(known, since))

    def settle(self, place: str, afterwards: str) -> None:
        """Marks the mail as seen, or removes it and no other: without UIDPLUS it is only marked as deleted."""
        if afterwards == "keep":
            return
        uid = place.partition("/")[2]
        if not self._is_writable:
            self._opened(readonly=False)
        flag = r"(\Deleted)" if afterwards == "delete" else r"(\Seen)"
        self._asked("STORE", uid, "+FLAGS.SILENT", flag)
        if afterwards == "delete" and "UIDPLUS" in self._open.capabilities:
            self._asked("EXPUNGE", uid)

    @property
    def _open(self) -> imaplib.IMAP4:
        if self._client is None:
            raise TransientError(f"the mailbox at {self._where} is not open")
        return self._client

    def _connected(self) -> imaplib.IMAP4:
        if self._is_tls:
            context = ssl.create_default_context()
            self._client = imaplib.IMAP4_SSL(
                self._host, self._port, ssl_context=context, timeout=self._timeout
            )
        else:
            self._client = imaplib.IMAP4(self._host, self._port, timeout=self._timeout)
            if "STARTTLS" in self._client.capabilities:
                self._client.starttls(ssl.create_default_context())
            elif self._host not in LOOPBACK:
                raise PermanentError(
                    f"the mailbox at {self._where} would hear the password in clear: use imaps:// instead"
                )
        if self._login == "xoauth2":
            said = f"user={self._user}\x01auth=Bearer {self._secret}\x01\x01".encode()
            self._client.authenticate("XOAUTH2", lambda _: said)
        else:
            self._client.login(_quoted_user(self._user), self._secret)
        self._opened(readonly=True)
        return self._client

    def _opened(self, *, readonly: bool) -> None:
        status, _ = self._open.select(_quoted(self._folder), readonly=readonly)
        if status != "OK":
            raise PermanentError(f"there is no folder {self._folder} in the mailbox at {self._where}")
        self._is_writable = not readonly
        answered = self._open.response("UIDVALIDITY")[1]
        self._validity = (answered[0] or b"").decode() if answered else ""
        if not self._validity.isdigit():
            raise PermanentError(
                f"the mailbox at {self._where} gives its mails no lasting numbers (UIDVALIDITY)"
            )

    def _new_uids(self, known: KnownPlaces, since: datetime) -> list[int]:
        greatest = known.greatest(self._validity)
        if greatest is not None:
            answer = self._asked("SEARCH", None, "UID", f"{greatest + 1}:*")
        elif known.are_none():
            day = f"{since.day}-{MONTHS[since.month - 1]}-{since.year}"
            answer = self._asked("SEARCH", None, "SINCE", day)
        else:
            answer = self._asked(
                "SEARCH", None, "ALL"
            )  # the folder was numbered anew: known mails stay known
        uids = sorted(int(each) for line in answer if isinstance(line, bytes) for each in line.split())
        # "9:*" always holds the greatest, even where that is smaller.
        return [uid for uid in uids if greatest is None or uid > greatest]

    def _fetched(self, uid: int) -> bytes | None:
        """The mail, or None where somebody has removed it meanwhile."""
        answer = self._asked("FETCH", str(uid), f"(UID BODY.PEEK[]<0.{MOST_BYTES}>)")
        for part in answer:
            if isinstance(part, tuple) and re.search(rb"BODY\[\]", part[0], re.IGNORECASE):
                return bytes(part[1])
        return None

    def _asked(self, command: str, *arguments: str | None) -> list[bytes | tuple[bytes, bytes] | None]:
        given = [each for each in arguments if each is not None]
        try:
            status, data = self._open.uid(command, *given)
        except LOST as error:
            raise TransientError(
                f"the mailbox at {self._where} hung up ({type(error).__name__}): the next reading goes on from here"
            ) from None
        except imaplib.IMAP4.error as error:
            raise TransientError(f"the mailbox at {self._where} cannot {command}: {_said(error)}") from None
        if status != "OK":
            raise TransientError(f"the mailbox at {self._where} will not {command} just now")
        return list(data)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted_user(name: str) -> str:
    return name if re.fullmatch(r"[\w.@+-]+", name, re.ASCII) else _quoted(name)


def _said(error: Exception) -> str:
    """What the server answered, without addresses."""
    text = error.args[0] if error.args else ""
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return re.sub(r"\S+@\S+", "...", told)[:200]
