"""A server that says nothing, neither yes nor no: its machine is frozen, or the network swallows what is sent. A door.

What belongs here: finding out, and giving up on what waits for it. What does not: servers that are gone, which the
network tells of by itself, and what becomes of whoever gave up.

Whoever waits for an answer cannot know whether the server is silent or busy with a long statement: nothing comes either
way, and no limit of the server's own ends a wait for a server that does not run. So where no connection of this process
has heard anything for half of the patience, the server is asked something easy on a new connection. Any answer will do,
a refusal too: then it runs, and whatever is slow may take its time. Where none comes either within the other half, the
server is silent: every wait ends with an OperationalError, its connection closed, and new connections are refused at
once, until the server, which is asked again and again, has answered.

What was sent before may have been carried out or not, as where a server is killed: whoever asks again needs a key.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Final

import psycopg
from psycopg.waiting import Ready
from sqlalchemy import Engine, event

from leadflow_pipeline.errors import TransientError

log = logging.getLogger(__name__)

QUESTION: Final = "SELECT 1"
LONGEST_PAUSE: Final = 1.0
"""Seconds between two questions to a server that is silent."""
NO_ROOM_TO_QUEUE: Final = os.strerror(errno.EAGAIN)
"""What libpq says where a socket of this machine has too many waiting whom nobody lets in: nobody answered."""
OPTION: Final = "silence"
SENTENCE: Final = "the database says nothing: its machine is frozen, or the network to it is cut"

Steps = Generator[Any, Any, Any]
"""psycopg's own: yield what a socket is waited for, and are sent what it is ready for."""

Unanswered = psycopg.errors.ConnectionTimeout
"""The kind of OperationalError that is raised to whoever gives up."""


class Silence:
    """What is known of one server, from all connections of this process to it."""

    def __init__(self, ask: Callable[[int], None], patience: float) -> None:
        """`ask` asks it something within so many seconds (2 or more), and raises OperationalError."""
        self.patience = patience
        self.is_known = False
        """Whether the server is silent, as of the latest question."""
        self._ask = ask
        self._heard_at = time.monotonic()
        self._is_asking = False
        self._lock = threading.Lock()

    def hear(self) -> None:
        """The server said something just now."""
        self._heard_at = time.monotonic()

    def is_too_long(self, since: float) -> bool:
        """Whether somebody who waits since then is to give up."""
        if time.monotonic() - max(since, self._heard_at) > self.patience / 2:
            self._find_out()
        return self.is_known

    def require_word(self) -> None:
        """Raises OperationalError where the server is silent: it is not to be asked now."""
        if self.is_known:
            raise Unanswered(SENTENCE)

    def suspect(self, since: float) -> None:
        """A new connection was waited for in vain since then: silence, unless another heard something meanwhile."""
        self._find_out(is_known=self._heard_at < since)

    def _find_out(self, *, is_known: bool = False) -> None:
        with self._lock:
            self.is_known |= is_known
            if not self._is_asking:
                self._is_asking = True
                threading.Thread(target=self._ask_until_answered, name="silence", daemon=True).start()

    def _ask_until_answered(self) -> None:
        has_told = False
        try:
            while not self._answers():
                self.is_known = True
                if not has_told:
                    log.warning("%s; what waits for it is told to come again", SENTENCE)
                    has_told = True
                time.sleep(min(LONGEST_PAUSE, self.patience / 4))
        finally:
            self.hear()
            with self._lock:
                self.is_known, self._is_asking = False, False
        if has_told:
            log.warning("the database answers again")

    def _answers(self) -> bool:
        """Whether it does; one that refuses, or whose machine says that it is away, does."""
        asked_at = time.monotonic()
        try:
            self._ask(max(2, math.ceil(self.patience / 2)))
        except Unanswered:
            return self._heard_at > asked_at
        except psycopg.OperationalError as error:
            return NO_ROOM_TO_QUEUE not in str(error)
        return True


class Attentive(psycopg.Connection[Any]):
    """A connection that gives up on a server that is silent."""

    silence: Silence | _Deadline

    def wait(self, gen: Steps, *arguments: Any, **named: Any) -> Any:
        """As psycopg waits, whose own way this is to be told about it, until the server is silent."""
        return super().wait(self._until_silent(gen), *arguments, **named)

    def _until_silent(self, steps: Steps) -> Steps:
        """The same steps. psycopg comes back without readiness ten times a second while nothing comes."""
        since = time.monotonic()
        try:
            step = next(steps)
            while True:
                ready = yield step
                if ready:
                    since = time.monotonic()  # what is sent, goes
                    if ready & Ready.R:
                        self.silence.hear()
                elif self.silence.is_too_long(since):
                    self.close()
                    raise Unanswered(SENTENCE)
                step = steps.send(ready)
        except StopIteration as end:
            return end.value


class _Deadline:
    """Who waits for one answer, for so many seconds and no longer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def hear(self) -> None:
        """Nothing to remember."""

    def is_too_long(self, since: float) -> bool:
        """Whether to give up."""
        return time.monotonic() - since > self._seconds


def attend(engine: Engine, patience: float) -> None:
    """Gives up on the engine's server where it is silent for longer than `patience` (seconds; 4 and more are kept to),
    on every connection from now on.
    """

    def ask(seconds: int) -> None:
        arguments, named = engine.dialect.create_connect_args(engine.url)
        kind = _attentive(_Deadline(seconds))
        named["connect_timeout"] = seconds
        with kind.connect(*arguments, **named, autocommit=True) as connection:
            connection.execute(QUESTION)

    silence = Silence(ask, patience)
    kind = _attentive(silence)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        silence.require_word()
        named["connect_timeout"] = min(int(named["connect_timeout"]), max(2, math.ceil(patience)))
        begun = time.monotonic()
        try:
            connection = kind.connect(*arguments, **named)
        except Unanswered:
            silence.suspect(begun)
            raise
        silence.hear()
        return connection

    engine.update_execution_options(**{OPTION: silence})


def _attentive(silence: Silence | _Deadline) -> type[Attentive]:
    """Connections that ask it whether to give up."""
    return type("AttentiveConnection", (Attentive,), {"silence": silence})


def require_word(engine: Engine) -> None:
    """Raises TransientError where the engine's server is known to be silent."""
    silence: Silence | None = engine.get_execution_options().get(OPTION)
    if silence is not None and silence.is_known:
        raise TransientError(f"{SENTENCE}: try again in a moment")
