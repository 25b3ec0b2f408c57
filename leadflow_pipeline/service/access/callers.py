"""Who sent a token: every token that is good, as the database had them a moment ago.

What belongs here: recognising a token without a query for each request, and when each was used last. What does not:
what a token is (`tokens`), and whether its holder may (`door`).

All tokens are read at once: there are few, and a stranger's guesses then cost no query each. They are read again every
`FRESH_FOR` seconds while somebody asks, beside the requests; nobody is recognised by what was read longer ago than
`TRUSTED_FOR`, so a token that is revoked works for no longer than that. One that was made just now is not in what was
read, so for an id that is not known it is read again, some times a second at most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.service.access.tokens import WRITTEN, Known, note_uses, read_known
from leadflow_pipeline.service.problems import NOT_NOW

log = logging.getLogger(__name__)

FRESH_FOR: Final = 2.0
TRUSTED_FOR: Final = 5.0
BETWEEN_READINGS: Final = 0.02
BETWEEN_NOTES: Final = 60.0
SECONDS_TO_READ: Final = 5.0
"""Everybody waits for it who asks: a database that is being started may take longer, and they come again."""
LONGEST_TOKEN: Final = 128


class Callers:
    """Recognises tokens, over an engine and the clock that they end by."""

    def __init__(
        self,
        engine_of: Callable[[], Engine],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine_of = engine_of
        self._now = now
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._read_at = float("-inf")
        self._used: dict[str, datetime] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="callers")
        self._is_reading = False

    async def find(self, token: str) -> Known | None:
        """Whose token it is; None where it is not known, has ended or was revoked. Raises what the database does, where
        it does not answer for longer than `TRUSTED_FOR`, and TransientError where it says nothing.
        """
        written = WRITTEN.fullmatch(token) if len(token) <= LONGEST_TOKEN else None
        if written is None:
            return None
        asked_at = self._clock()
        age = asked_at - self._read_at
        if age > TRUSTED_FOR:
            await self._read(asked_at - TRUSTED_FOR)
        elif age > FRESH_FOR and not self._is_reading:
            self._is_reading = True
            self._thread.submit(self._read_beside, asked_at)
        if written["token_id"] not in self._known:
            await self._read(asked_at)
        known, now = self._known.get(written["token_id"]), self._now()
        if known is None or not known.is_opened_by(written["secret"], now):
            return None
        self._used[known.caller.token_id] = now
        return known

    async def note_for_ever(self) -> None:
        """Writes down when each token was used last, now and then. A database that is down is met again later."""
        while True:
            await asyncio.sleep(BETWEEN_NOTES)
            await self.note()

    async def note(self) -> None:
        """Writes it down now."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._note, used)
        except NOT_NOW as error:
            self._used = used | self._used
            log.warning("when tokens were used was not noted (%s)", type(error).__name__)

    async def _read(self, since: float) -> None:
        try:
            async with asyncio.timeout(SECONDS_TO_READ):
                await asyncio.get_running_loop().run_in_executor(self._thread, self._read_since, since)
        except TimeoutError:
            raise TransientError("the database says nothing: try again in a moment") from None

    def _read_since(self, since: float) -> None:
        """Reads them, unless that was done since. One at a time: this runs in a thread of its own."""
        if self._read_at >= since:
            return
        time.sleep(max(0.0, min(BETWEEN_READINGS, self._read_at + BETWEEN_READINGS - self._clock())))
        begun = self._clock()
        with self._engine_of().connect() as connection:
            self._known = read_known(connection, self._now())
        self._read_at = begun

    def _read_beside(self, since: float) -> None:
        try:
            self._read_since(since)
        except NOT_NOW as error:
            log.warning("tokens were not read again (%s)", type(error).__name__)
        finally:
            self._is_reading = False

    def _note(self, used: dict[str, datetime]) -> None:
        with self._engine_of().begin() as connection:
            note_uses(connection, used)
