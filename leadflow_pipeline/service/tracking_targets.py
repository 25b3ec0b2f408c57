"""Where links lead: what was asked for lately, and the database for the rest, many questions at once.

What belongs here: from a message's key and a link's number to the stored target. What does not: requests.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, text

from leadflow_pipeline.delivery.tracking import Tracked

MOST_KNOWN = 50_000
KNOWN_FOR = 600.0
"""Seconds. A link never changes; it may be erased, and is forgotten here soon after."""

LOOK_UP = text(
    """
    SELECT message.tracking_key, link.number, link.target
    FROM jsonb_to_recordset(CAST(:asked AS jsonb)) AS asked (key text, number integer)
    JOIN leadflow.messages AS message ON message.tracking_key = asked.key
    JOIN leadflow.message_links AS link ON link.message_id = message.message_id AND link.number = asked.number
    """
)


class Targets:
    """Looks up targets for many requests with one question to the database at a time."""

    def __init__(self, engine_of: Callable[[], Engine]) -> None:
        self._engine_of = engine_of
        self._known: OrderedDict[Tracked, tuple[float, str]] = OrderedDict()
        self._asked: dict[Tracked, asyncio.Future[str | None]] = {}
        self._is_asking = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="targets")

    async def find(self, tracked: Tracked) -> str | None:
        """The target of a link; None for one that there is not. Raises what the database raises where it is down."""
        known = self._known.get(tracked)
        if known is not None and time.monotonic() - known[0] < KNOWN_FOR:
            return known[1]
        found = self._asked.get(tracked)
        if found is None:
            loop = asyncio.get_running_loop()
            found = self._asked[tracked] = loop.create_future()
            if not self._is_asking:
                self._is_asking = True
                loop.create_task(self._ask())  # noqa: RUF006 - each waiting future keeps it in sight
        return await asyncio.shield(found)

    def shut(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=True)

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        while self._asked:
            group, self._asked = self._asked, {}
            try:
                targets = await loop.run_in_executor(self._thread, self._look_up, list(group))
            except Exception as error:  # noqa: BLE001 - it is the answer to each who asked
                for waiting in group.values():
                    if not waiting.done():
                        waiting.set_exception(error)
                        waiting.exception()  # whoever asked may have gone
                continue
            now = time.monotonic()
            for tracked, waiting in group.items():
                target = targets.get(tracked)
                if target is not None:
                    self._known[tracked] = (now, target)
                    self._known.move_to_end(tracked)
                if not waiting.done():
                    waiting.set_result(target)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        self._is_asking = False

    def _look_up(self, asked: Sequence[Tracked]) -> Mapping[Tracked, str]:
        rows = [{"key": each.tracking_key, "number": each.number} for each in asked]
        with self._engine_of().connect() as connection:
            found = connection.execute(LOOK_UP, {"asked": json.dumps(rows)})
            return {Tracked(row.tracking_key, row.number): row.target for row in found}
