"""The journal's files go to the database, for as long as the service runs.

What belongs here: when a file is ended and stored, and waiting where the database is down. What does not: files
(`tracking_journal`) and tables (`inbound.taking_in`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from leadflow_pipeline.inbound.taking_in import take_in_lines
from leadflow_pipeline.service.problems import NOT_NOW
from leadflow_pipeline.service.tracking_journal import Journal, closed_files, held, refuse

log = logging.getLogger(__name__)

SECONDS_BETWEEN = 0.5
MOST_SECONDS_BETWEEN = 5.0
"""While the database does not answer."""

DOWN: tuple[type[Exception], ...] = (DBAPIError, *NOT_NOW)
UNSTORED: tuple[type[Exception], ...] = (*DOWN, OSError)


async def store_for_ever(journal: Journal, engine_of: Callable[[], Engine]) -> None:
    """Stores what the journal holds, and what processes before this one left, until it is cancelled."""
    pause = SECONDS_BETWEEN
    is_behind = False
    while True:
        await asyncio.sleep(pause)
        if not is_behind or journal.is_large():
            await journal.close_file()
        try:
            await asyncio.to_thread(store_files, journal.folder, engine_of)
        except DOWN as error:
            if not is_behind:
                log.warning("what the service was told waits on its disk (%s)", type(error).__name__)
            is_behind, pause = True, min(2 * pause, MOST_SECONDS_BETWEEN)
        except OSError as error:
            log.error("a file of the journal cannot be read (%s)", error.strerror)
            pause = MOST_SECONDS_BETWEEN
        else:
            is_behind, pause = False, SECONDS_BETWEEN


async def store_last(journal: Journal, engine_of: Callable[[], Engine]) -> None:
    """Stores what is left when the service stops; where the database does not answer, the next one does."""
    journal.shut()
    try:
        await asyncio.to_thread(store_files, journal.folder, engine_of)
    except UNSTORED as error:
        log.warning("what the service was told waits on its disk (%s)", type(error).__name__)


def store_files(folder: Path, engine_of: Callable[[], Engine]) -> int:
    """Stores every file that nobody writes, oldest first; how many lines there were. Raises whatever the database
    raises where it is down: then the files stay."""
    count = 0
    for path in closed_files(folder):
        with held(path) as lines:
            if lines is None:
                continue
            refused = take_in_lines(engine_of(), lines) if lines else []
            if refused:
                refuse(folder, refused)
                log.error("%d lines of the journal do not fit the database and were put aside", len(refused))
            count += len(lines)
    return count
