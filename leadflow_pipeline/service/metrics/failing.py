"""How many requests the service failed to answer, put on record for alerts: from the first that failed on, each minute,
until none has for an hour.

What belongs here: counting in memory, and the note. What does not: what is alarming (`delivery.alerts.conditions`), and
the numbers for Prometheus (`requests`), which end with the process.

A service that answers well writes nothing. Whoever looks for alerts is another process, perhaps on another machine, so
the note goes into the database, and waits while that is down: then the failures are what it tells of afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine

from leadflow_pipeline.service.problems import NOT_NOW
from leadflow_pipeline.store.activity import REQUESTS_FAILED
from leadflow_pipeline.store.facts import log_activity

log = logging.getLogger(__name__)

BETWEEN_NOTES: Final = 60.0
NOTED_FOR: Final = 3600.0
"""Seconds after the latest failure in which what is answered well is noted too: a share needs both."""
ACTOR: Final = "service"
ERRORS_OF_OURS: Final = 500
OF_SUPERVISORS: Final = ("/health", "/metrics", "/api/v1/health")
"""Asked all the time, whoever else asks: they would hide what fails, or be all that does."""


class FailingRequests:
    """What was answered since the last note."""

    def __init__(self, engine_of: Callable[[], Engine], clock: Callable[[], float] = time.monotonic) -> None:
        self._engine_of = engine_of
        self._clock = clock
        self._answered = 0
        self._failed = 0
        self._noted_until = float("-inf")

    def count(self, route: str, status: int) -> None:
        """One more was answered."""
        if route.startswith(OF_SUPERVISORS):
            return
        self._answered += 1
        if status >= ERRORS_OF_OURS:
            self._failed += 1
            self._noted_until = self._clock() + NOTED_FOR

    async def note_for_ever(self) -> None:
        """Notes what there is to note, each minute."""
        while True:
            await asyncio.sleep(BETWEEN_NOTES)
            await self.note()

    async def note(self) -> None:
        """Notes it now. What could not be noted is so the next time."""
        answered, failed = self._answered, self._failed
        self._answered = self._failed = 0
        if not answered or self._clock() > self._noted_until:
            return
        try:
            await asyncio.to_thread(self._write, answered, failed)
        except NOT_NOW as error:
            self._answered += answered
            self._failed += failed
            log.warning("how many requests failed was not noted (%s)", type(error).__name__)

    def _write(self, answered: int, failed: int) -> None:
        detail = {"answered": answered, "failed": failed}
        log_activity(self._engine_of(), actor=ACTOR, action=REQUESTS_FAILED, detail=detail)
