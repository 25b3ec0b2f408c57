"""Deliveries that wait for the database, taken in together.

What belongs here: grouping what comes at once, and telling each sender its own fate. What does not: storing.

A transaction costs the same for one lead as for a hundred. While one is under way the next deliveries gather, so the
busier it gets the larger the groups: nobody waits for more than the transaction before and their own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from leadflow_pipeline.service.deliveries import Delivery, Fate
from leadflow_pipeline.service.problems import not_now

MOST_WAITING = 2_000
"""Deliveries. Beyond, senders are told to come again: that is better than to run out of memory."""

MOST_LEADS_TOGETHER = 1_000
SECONDS_TO_WAIT = 45

Store = Callable[[Sequence[Delivery]], list[Fate]]


class DeliveryQueue:
    """Takes deliveries from many requests and gives them to `store`, one group at a time, in a thread of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[tuple[Delivery, asyncio.Future[Fate]]] = deque()
        self._has_some = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deliveries")

    async def take(self, delivery: Delivery) -> Fate:
        """What became of a delivery, once it is committed. Raises Problem (503) where that takes too long: it may have
        been stored, and the sender will come again with the same id.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise not_now()
        fate: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, fate))
        self._has_some.set()
        try:
            async with asyncio.timeout(SECONDS_TO_WAIT):
                return await fate
        except TimeoutError:
            raise not_now() from None

    async def work(self) -> None:
        """Stores what waits, until it is cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._has_some.wait()
                group = self._next_group()
                try:
                    fates = await loop.run_in_executor(self._thread, self._store, [each for each, _ in group])
                except Exception as error:  # noqa: BLE001 - it is each sender's answer, and the work goes on
                    _tell_all(group, error)
                else:
                    for (_, waiting), fate in zip(group, fates, strict=True):
                        if not waiting.done():
                            waiting.set_result(fate)
        except asyncio.CancelledError:
            self._thread.shutdown(wait=True)
            raise

    def _next_group(self) -> list[tuple[Delivery, asyncio.Future[Fate]]]:
        """The first that waits, and all that may share its transaction: of the same source, in their order."""
        group: list[tuple[Delivery, asyncio.Future[Fate]]] = []
        others: deque[tuple[Delivery, asyncio.Future[Fate]]] = deque()
        leads = 0
        for delivery, fate in self._waiting:
            shares = not group or _source_of(delivery) == _source_of(group[0][0])
            if shares and (not group or leads + len(delivery.leads) <= MOST_LEADS_TOGETHER):
                group.append((delivery, fate))
                leads += len(delivery.leads)
            else:
                others.append((delivery, fate))
        self._waiting = others
        if not others:
            self._has_some.clear()
        return group


def _source_of(delivery: Delivery) -> tuple[str, str]:
    return delivery.campaign, delivery.source.name


def _tell_all(group: Sequence[tuple[Delivery, asyncio.Future[Fate]]], error: Exception) -> None:
    for _, waiting in group:
        if not waiting.done():
            waiting.set_exception(error)
