"""Requests for owners that wait for the database, decided together; and the state they need, kept fresh.

What belongs here: groups of one campaign, tried until each has an outcome, and reading campaigns again beside it.
What does not: deciding.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from leadflow_pipeline.delivery.present_reps import KeptRoom
from leadflow_pipeline.service.decisions.asked import Asked, Decided
from leadflow_pipeline.service.decisions.deciding import Outcome, OutdatedState, decide_group
from leadflow_pipeline.service.decisions.state import CampaignState
from leadflow_pipeline.service.groups import Groups
from leadflow_pipeline.service.problems import not_now
from leadflow_pipeline.telemetry.spans import span

MOST_WAITING: Final = 5_000
MOST_TOGETHER: Final = 200
SECONDS_TO_WAIT: Final = 30
FRESH_FOR: Final = (5.0, 60.0)
"""Seconds after which a campaign is read again: at least, and at most. Whoever asks meanwhile waits a little longer, so
between them it is read for a hundredth of the time.
"""

MOST_ROUNDS: Final = 50
"""Transactions in which one lead is tried with its next candidates."""


class CampaignClosed(Exception):
    """The campaign is paused or archived: it gives no leads away."""


class States:
    """The campaigns that are asked about, each as it was a little while ago."""

    def __init__(self, engine_of: Callable[[], Engine], now: Callable[[], datetime]) -> None:
        self._engine_of = engine_of
        self._now = now
        self._states: dict[str, CampaignState] = {}
        self._refreshing: set[str] = set()
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decision state")

    def of(self, campaign: str) -> CampaignState:
        """The state of a campaign; one that is getting old is read again beside this.

        Raises PermanentError for a campaign that there is not.
        """
        state = self._states.get(campaign)
        if state is None or state.day != self._now().date():
            return self.read(campaign)
        age = time.monotonic() - state.read_at
        least, most = FRESH_FOR
        if age > min(max(least, 100 * state.took), most):
            with self._lock:
                if campaign not in self._refreshing:
                    self._refreshing.add(campaign)
                    self._thread.submit(self._read_beside, campaign)
        return state

    def read(self, campaign: str) -> CampaignState:
        """Reads it now."""
        state = CampaignState.read(self._engine_of(), campaign, self._now())
        self._states[campaign] = state
        return state

    def forget(self, campaign: str) -> None:
        """Lets it be read again: what was taken in of a transaction that failed is not so."""
        self._states.pop(campaign, None)

    def shut(self) -> None:
        """Waits for what is being read."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _read_beside(self, campaign: str) -> None:
        try:
            self.read(campaign)
        except Exception:  # noqa: BLE001 - whoever asks next meets it themselves
            self.forget(campaign)
        finally:
            with self._lock:
                self._refreshing.discard(campaign)


class DecisionQueue:
    """Takes requests from many callers and decides them, one group at a time, in a thread of its own."""

    def __init__(self, engine_of: Callable[[], Engine], states: States, now: Callable[[], datetime]) -> None:
        self._engine_of = engine_of
        self.states = states
        self._now = now
        self._groups: Groups[Asked, Decided] = Groups(
            "decisions",
            self._told,
            lambda asked: asked.campaign,
            most_waiting=MOST_WAITING,
            most_together=MOST_TOGETHER,
            seconds_to_wait=SECONDS_TO_WAIT,
        )
        self._connection: Connection | None = None
        self._room = KeptRoom()

    async def decide(self, asked: Asked) -> Decided:
        """What became of a request, once it is committed. Raises Problem (503) where that takes too long: it may have
        been decided, and the caller comes again with the same key; KeyConflict; UnknownLead.
        """
        return await self._groups.ask(asked)

    async def work(self) -> None:
        """Decides about what waits, until it is cancelled."""
        try:
            await self._groups.work()
        except asyncio.CancelledError:
            self._hang_up()
            raise

    def _told(self, asked: Sequence[Asked]) -> list[Decided | Exception]:
        return [outcome or not_now("nobody was found in time") for outcome in self.decide_now(asked)]

    def decide_now(self, asked: Sequence[Asked]) -> list[Outcome]:
        """Decides about requests of one campaign at once, in the thread of whoever asks."""
        outcomes: list[Outcome] = [None] * len(asked)
        left = list(range(len(asked)))
        for _ in range(MOST_ROUNDS):
            some = self._decide_group([asked[number] for number in left])
            for number, outcome in zip(left, some, strict=True):
                outcomes[number] = outcome
            left = [number for number in left if outcomes[number] is None]
            if not left:
                break
        return outcomes

    def _decide_group(self, asked: Sequence[Asked]) -> list[Outcome]:
        engine, campaign = self._engine_of(), asked[0].campaign
        connection = self._connected(engine)
        state = self.states.of(campaign)
        if state.status != "active":
            return [CampaignClosed() for _ in asked]
        try:
            with span("decide", leads=len(asked)):
                return decide_group(connection, asked, state, self._now(), self._room)
        except OutdatedState:
            self.states.read(campaign)
            return [None] * len(asked)
        except DBAPIError as error:
            self.states.forget(campaign)
            if not isinstance(error, IntegrityError):
                self._hang_up()
                raise
            # Another process took one of the keys meanwhile, with another lead: each for itself finds out.
            if len(asked) == 1:
                return decide_group(connection, asked, state, self._now())
        return [outcome for each in asked for outcome in self._decide_group([each])]

    def _connected(self, engine: Engine) -> Connection:
        """A connection of our own: asking whether one of the pool still answers costs as much as a question."""
        if self._connection is None or self._connection.closed or self._connection.engine is not engine:
            self._connection = engine.connect()
        return self._connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.invalidate()
                connection.close()
