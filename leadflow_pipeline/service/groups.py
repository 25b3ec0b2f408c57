"""Requests that wait for the database, carried out together.

What belongs here: grouping what comes at once, and telling each caller its own outcome. What does not: what is done
with a group.

A transaction costs little more for a hundred than for one. While one is under way the next requests gather, so the
busier it gets the larger the groups: nobody waits for more than the group before and their own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from leadflow_pipeline.service.problems import not_now

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Groups(Generic[Asked, Told]):
    """Takes requests from many callers and carries them out, one group at a time, in a thread of its own.

    `carry_out` is given a group and tells what became of each, in their order: an exception is raised to whoever asked.
    What it raises itself is every caller's answer. `kind_of`: only requests of one kind share a group.
    """

    def __init__(
        self,
        name: str,
        carry_out: Callable[[Sequence[Asked]], Sequence[Told | Exception]],
        kind_of: Callable[[Asked], Hashable],
        *,
        most_waiting: int,
        most_together: int,
        seconds_to_wait: float,
        size_of: Callable[[Asked], int] = lambda _: 1,
    ) -> None:
        self._carry_out, self._kind_of, self._size_of = carry_out, kind_of, size_of
        self._most_waiting, self._most_together = most_waiting, most_together
        self._seconds_to_wait = seconds_to_wait
        self._waiting: deque[tuple[Asked, asyncio.Future[Told]]] = deque()
        self._has_some = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def ask(self, asked: Asked) -> Told:
        """What became of a request. Raises Problem (503) where too many wait or that takes too long: it may have been
        carried out, and whoever asked comes again with the same key.
        """
        if len(self._waiting) >= self._most_waiting:
            raise not_now()
        outcome: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, outcome))
        self._has_some.set()
        try:
            async with asyncio.timeout(self._seconds_to_wait):
                return await outcome
        except TimeoutError:
            raise not_now() from None

    async def work(self) -> None:
        """Carries out what waits, until it is cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._has_some.wait()
                group = self._next_group()
                asked = [each for each, _ in group]
                outcomes: Sequence[Any]
                try:
                    outcomes = await loop.run_in_executor(self._thread, self._carry_out, asked)
                except Exception as error:  # noqa: BLE001 - it is each caller's answer, and the work goes on
                    outcomes = [error] * len(group)
                for (_, waiting), outcome in zip(group, outcomes, strict=True):
                    if waiting.done():
                        continue
                    if isinstance(outcome, Exception):
                        waiting.set_exception(outcome)
                    else:
                        waiting.set_result(outcome)
        except asyncio.CancelledError:
            self._thread.shutdown(wait=True)
            raise

    def _next_group(self) -> list[tuple[Asked, asyncio.Future[Told]]]:
        """The first that waits, and all of its kind that may share its group, in their order."""
        group: list[tuple[Asked, asyncio.Future[Told]]] = []
        others: deque[tuple[Asked, asyncio.Future[Told]]] = deque()
        size = 0
        while self._waiting and size < self._most_together:
            each = self._waiting.popleft()
            first = group[0][0] if group else each[0]
            fits = not group or size + self._size_of(each[0]) <= self._most_together
            if fits and self._kind_of(each[0]) == self._kind_of(first):
                group.append(each)
                size += self._size_of(each[0])
            else:
                others.append(each)
        others.extend(self._waiting)
        self._waiting = others
        if not others:
            self._has_some.clear()
        return group
