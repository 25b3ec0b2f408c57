"""What a mailbox is to whoever reads it, and which one the settings name.

What belongs here: the one shape of mailboxes, and reading the settings. What does not: speaking to one (`imap`,
`maildir`).
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import Settings


class KnownPlaces(Protocol):
    """The places of a mailbox that were read already."""

    def are_none(self) -> bool:
        """Whether nothing was ever read."""

    def among(self, places: Collection[str]) -> Collection[str]:
        """Those of `places` that were read."""

    def greatest(self, beginning: str) -> int | None:
        """The greatest number behind `beginning` and a slash."""


@dataclass(frozen=True)
class FoundMail:
    """A mail in a mailbox: where it lies there, which is the same each time, and its bytes."""

    place: str
    raw: bytes


class Mailbox(AbstractContextManager["Mailbox"], Protocol):
    """A mailbox that is open. It changes nothing by itself: mails stay, unread as they were."""

    name: str

    def new_mails(self, known: KnownPlaces, since: datetime) -> Iterator[FoundMail]:
        """Mails that are not known, the oldest first; none that came before `since` where none is known yet."""

    def count_new(self, known: KnownPlaces, since: datetime) -> int:
        """How many there are."""

    def settle(self, place: str, afterwards: str) -> None:
        """Marks a mail that was stored as seen, or removes it: `seen` or `delete`. That one, and no other."""


def mailbox_of(settings: Settings, url: str | None = None, *, timeout: float | None = None) -> Mailbox:
    """The mailbox that a URL or the settings name, not yet open. Raises PermanentError where none is, or no such.

    `timeout`: seconds that a server has to answer; its own measure where none is given.
    """
    from leadflow_pipeline.inbound.mail.imap import TIMEOUT, ImapMailbox
    from leadflow_pipeline.inbound.mail.maildir import MaildirMailbox

    named = url or settings.mailbox
    if not named:
        raise PermanentError(
            "no mailbox is configured: set LEADFLOW_MAILBOX to imaps://USER@HOST/FOLDER or maildir:/PATH"
        )
    scheme, _, rest = named.partition(":")
    if scheme == "maildir" and rest:
        return MaildirMailbox(Path(urllib.parse.unquote(rest.removeprefix("//"))))
    try:
        parts = urllib.parse.urlsplit(named)
        port = parts.port
    except ValueError:
        parts, port = urllib.parse.urlsplit(""), None
    if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username:
        raise PermanentError(
            "the mailbox is not understood: write imaps://USER@HOST/FOLDER (%40 for an @ within the user's name) or "
            "maildir:/PATH"
        )
    if parts.password:
        raise PermanentError(
            "the mailbox's password does not belong into its URL: set LEADFLOW_MAILBOX_PASSWORD"
        )
    if settings.mailbox_password is None:
        raise PermanentError("the mailbox has no password: set LEADFLOW_MAILBOX_PASSWORD")
    return ImapMailbox(
        host=parts.hostname,
        port=port or (993 if parts.scheme == "imaps" else 143),
        user=urllib.parse.unquote(parts.username),
        secret=settings.mailbox_password.get_secret_value(),
        folder=urllib.parse.unquote(parts.path.lstrip("/")) or "INBOX",
        is_tls=parts.scheme == "imaps",
        login=settings.mailbox_login,
        timeout=TIMEOUT if timeout is None else timeout,
    )
