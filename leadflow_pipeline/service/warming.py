"""Before anybody asks: what the first to ask would wait for, and what the garbage collector need not look at again.

What belongs here: making ready. What does not: anything without which the service could not answer.

The collector goes through every object that lives, some 300,000 of which are modules, routes and schemas that never
go away: with a thousand requests under way it did so again and again, for 0.2 s each time, in which nobody was
answered. Frozen, they are left out (https://docs.python.org/3/library/gc.html#gc.freeze).
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.service.decisions.decision_queue import States
from leadflow_pipeline.service.decisions.newcomers import source_for, take_in_newcomers
from leadflow_pipeline.service.problems import NOT_NOW, note_unexpected
from leadflow_pipeline.store.schema import campaigns

log = logging.getLogger(__name__)

MOST_CAMPAIGNS: Final = 20
"""More are read when somebody asks about them."""
ALLOCATIONS: Final = (10_000, 20, 20)
"""Between collections (`gc.set_threshold`): a group of requests is thousands of objects that all die together."""


def make_ready(engine_of: Callable[[], Engine], states: States) -> None:
    """Reads ahead, then freezes all that lives."""
    read_ahead(engine_of, states)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*ALLOCATIONS)


def read_ahead(engine_of: Callable[[], Engine], states: States) -> None:
    """Reads the active campaigns and rehearses a lead of each. Where the database is down, whoever asks first waits."""
    try:
        _read_campaigns(engine_of(), states)
    except NOT_NOW as error:
        log.warning("campaigns were not read ahead (%s)", type(error).__name__)
    except Exception as error:  # noqa: BLE001 - a database without tables, say: whoever asks meets it themselves
        note_unexpected(error)


def _read_campaigns(engine: Engine, states: States) -> None:
    query = (
        select(campaigns.c.campaign)
        .where(campaigns.c.status == "active")
        .order_by(campaigns.c.campaign)
        .limit(MOST_CAMPAIGNS)
    )
    with engine.connect() as connection:
        found = connection.scalars(query).all()
    for campaign in found:
        # Archived meanwhile, or its file cannot be read: whoever asks is told.
        with suppress(PermanentError):
            _rehearse(engine, states.of(campaign).version)


def _rehearse(engine: Engine, version: CampaignVersion) -> None:
    """Judges a lead that nobody told of, which is not stored: what that reads and compiles once is there then."""
    source, now = source_for(version, None), datetime.now(UTC)
    record = {"email": "nobody@leads.example"}
    if source.day is not None:
        record[source.day.column] = now.date().isoformat()
    take_in_newcomers(engine, version, source, [record], now, store=False)
