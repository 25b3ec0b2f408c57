"""How a message leaves: as a file in a folder, or over SMTP.

What belongs here: the wire, step by step, so that it is always known how far a message came. What does not: which
message leaves, and what its state becomes.

A transport calls `commit()` just before the last byte that makes a server accept, and must stop without that byte where
the answer is no.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from leadflow_pipeline.delivery.conversation import (
    COMMAND_SECONDS,
    DOT_SECONDS,
    Conversation,
    Delivery,
    FaultPoint,
    Letter,
    MailServer,
    nothing,
)
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.outbox_files import file_name

__all__ = [
    "Delivery",
    "EmlFolder",
    "FaultPoint",
    "Letter",
    "Smtp",
    "Transport",
    "nothing",
    "transport_of",
    "write_whole",
]

GATHERED_WITHIN: Final = 0.01
"""Seconds that an answer waits at most for those to letters that left with its own, so that they are kept together."""

CommitAll = Callable[[Sequence[int]], Collection[int]]
"""Which of some letters, by their places, may go on the wire; it is kept of them that they do."""

Settle = Callable[[Mapping[int, Delivery]], None]
"""Keeps what became of some letters, by their places."""


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
    """A mail server, some connections for many letters.

    Letters that leave together are on the wire together, each over a connection of its own.
    """

    name = "smtp"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        security: str = "starttls",
        login: tuple[str, str] | None = None,
        connections: int = 1,
        command_seconds: float = COMMAND_SECONDS,
        dot_seconds: float = DOT_SECONDS,
        at_point: FaultPoint = nothing,
    ) -> None:
        server = MailServer(host, port, security, login, command_seconds, dot_seconds)
        self._lines = [Conversation(server, at_point) for _ in range(connections)]
        self._dot_seconds = dot_seconds
        self._at_point = at_point

    @classmethod
    def of(cls, settings: Settings) -> Smtp:
        """As the settings say."""
        login = None
        if settings.smtp_user is not None:
            login = (
                settings.smtp_user,
                settings.smtp_password.get_secret_value() if settings.smtp_password else "",
            )
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            security=settings.smtp_security,
            login=login,
            connections=settings.smtp_connections,
        )

    @property
    def at_once(self) -> int:
        """How many letters may leave together. A server that takes no further connection lowers it."""
        return len(self._lines)

    def send(self, letter: Letter, commit: Callable[[], bool]) -> Delivery:
        """MAIL, RCPT, DATA, and the final dot only after `commit`."""
        came_to: dict[int, Delivery] = {}
        self.send_together([letter], lambda places: places if commit() else [], came_to.update)
        return came_to[0]

    def send_together(self, letters: Sequence[Letter], commit: CommitAll, settle: Settle) -> None:
        """Tries each of at most `at_once` letters once, all their final dots only after one `commit`.

        `settle` is told what became of each as it is known. A letter that it is told nothing of was not tried, because
        the server took no further connection; the first always is. Raises PermanentError where the server refuses our
        login or has no encryption: no letter would ever leave.
        """
        before_wire: dict[int, Delivery] = {}
        ready = self._as_far_as_the_dot(letters, before_wire)
        if before_wire:
            settle(before_wire)
        for _ in ready:
            self._at_point("before_wire")
        allowed = commit(ready) if ready else ()
        for place in ready:
            if place not in allowed:
                self._lines[place].drop()
                settle({place: Delivery("abandoned", "data")})
        for place in allowed:
            self._at_point("on_wire")
            # Where even that fails there will be no answer, which is heard below.
            self._lines[place].dot()
        self._hear(allowed, settle)

    def close(self) -> None:
        """Ends all connections."""
        for line in self._lines:
            line.close()

    def _as_far_as_the_dot(self, letters: Sequence[Letter], failed: dict[int, Delivery]) -> list[int]:
        """The places of letters of which only the final dot is wanting; what came of those that failed before."""
        going: list[int] = []

        def goes_on(place: int, problem: Delivery | None) -> bool:
            if problem is not None and not (place and problem.outcome == "unreachable"):
                failed[place] = problem
            return problem is None

        for place, letter in enumerate(letters):
            problem = self._lines[place].begin(letter)
            if goes_on(place, problem):
                going.append(place)
            elif problem is not None and problem.outcome == "unreachable":
                # The server is away, or takes no more connections than these.
                self._take_no_more_than(max(place, 1))
                break
        going = [place for place in going if goes_on(place, self._lines[place].mail(letters[place]))]
        going = [place for place in going if goes_on(place, self._lines[place].rcpt())]
        going = [place for place in going if goes_on(place, self._lines[place].data())]
        return [place for place in going if goes_on(place, self._lines[place].content(letters[place]))]

    def _take_no_more_than(self, connections: int) -> None:
        for line in self._lines[connections:]:
            line.close()
        del self._lines[connections:]

    def _hear(self, places: Collection[int], settle: Settle) -> None:
        """The answers to the dots, told as they come; together where they come together."""
        arrived: dict[int, Delivery] = {}
        deadline = time.monotonic() + self._dot_seconds
        with selectors.DefaultSelector() as waiting:
            for place in places:
                if (wire := self._lines[place].socket) is None:
                    arrived[place] = self._lines[place].answer()
                else:
                    waiting.register(wire, selectors.EVENT_READ, place)
            while waiting.get_map():
                left = deadline - time.monotonic()
                ready = waiting.select(min(GATHERED_WITHIN, left) if arrived else max(0.0, left))
                if not ready and left > 0 and arrived:
                    settle(arrived)
                    arrived = {}
                    continue
                for key in [key for key, _ in ready] or list(waiting.get_map().values()):
                    waiting.unregister(key.fileobj)
                    arrived[key.data] = self._lines[key.data].answer(max(GATHERED_WITHIN, left))
        if arrived:
            settle(arrived)
