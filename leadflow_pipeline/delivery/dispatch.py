"""Dispatch: what is due leaves, each message once, by as many dispatchers at once as there are.

What belongs here: one run: release, then one dispatcher in this process or several in their own, and what it came to.
What does not: what a dispatcher does (`dispatcher`), and whether emails stand still (`breaker`).
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import Engine

from leadflow_pipeline.delivery import breaker, outbox
from leadflow_pipeline.delivery.dispatcher import BATCH, Clock, Dispatcher, DispatchSummary
from leadflow_pipeline.delivery.memory import Memory
from leadflow_pipeline.delivery.release import count_due_touches, release_due
from leadflow_pipeline.delivery.transports import FaultPoint, Transport, nothing
from leadflow_pipeline.delivery.ways import rates_of, ways_of
from leadflow_pipeline.errors import LeadflowError, PermanentError, TransientError
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.engine import engine_for

__all__ = ["DispatchSummary", "Dispatcher", "count_due", "dispatch_due", "dispatch_webhooks", "running_clock"]


def dispatch_due(
    engine: Engine,
    settings: Settings,
    now: datetime | None = None,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    workers: int = 1,
    transport: Transport | None = None,
    at_point: FaultPoint = nothing,
) -> DispatchSummary:
    """Releases and sends what is due; with `dry_run` it only counts what would be released and what waits.

    `now` is when the run begins, the present where it is not given; time goes on from there. `limit` bounds both the
    messages released and the messages tried. With several `workers`, each is a process of its own, by the transport
    that the settings name. Raises TransientError where one of them was ended from outside.
    """
    clock = running_clock(now)
    if not dry_run:
        breaker.watch(engine, Memory(settings.home), clock())
    released = release_due(engine, settings, clock(), limit=limit, dry_run=dry_run)
    summary = DispatchSummary(
        released=released.count,
        held=dict(sorted(released.held.items())),
        by_sequence=dict(sorted(released.by_sequence.items())),
    )
    if not dry_run:
        due = outbox.due_count(engine, clock())
        count = min(workers, -(-min(due, limit or due) // BATCH))
        if count > 1 and transport is None:
            for each in _side_by_side(engine, settings, clock, _shares(limit, count)):
                summary.add(each)
        else:
            _send(engine, settings, clock, summary, limit, transport, at_point)
    with engine.connect() as connection:
        domains = breaker.standstill(connection).domains
    summary.standing_still = sorted(domain or "all senders" for domain in domains)
    summary.waiting = outbox.due_count(engine, clock())
    return summary


def dispatch_webhooks(engine: Engine, settings: Settings, now: datetime | None = None) -> DispatchSummary:
    """Sends the webhooks that are due and nothing else, so that they need not wait for a run that sends emails."""
    clock, summary = running_clock(now), DispatchSummary()
    way = ways_of(engine, settings, clock=clock)["webhook"]
    try:
        Dispatcher(engine, {"webhook": way}, clock).run(summary)
    finally:
        way.close()
    return summary


def webhooks_due(engine: Engine, now: datetime) -> int:
    """How many of them could be sent now."""
    return outbox.due_count(engine, now, "webhook")


def count_due(engine: Engine, now: datetime) -> int:
    """How much a run of dispatch would look at now: due touches, due messages, leases that ran out."""
    return count_due_touches(engine, now) + outbox.due_count(engine, now) + outbox.ended_leases(engine, now)


def running_clock(start: datetime | None) -> Clock:
    """A clock that shows `start` now and goes on from there."""
    beginning, mark = start or datetime.now(UTC), time.monotonic()
    return lambda: beginning + timedelta(seconds=time.monotonic() - mark)


def _send(
    engine: Engine,
    settings: Settings,
    clock: Clock,
    summary: DispatchSummary,
    limit: int | None,
    transport: Transport | None = None,
    at_point: FaultPoint = nothing,
) -> None:
    ways = ways_of(engine, settings, transport=transport, clock=clock, at_point=at_point)
    try:
        memory = Memory(settings.home)
        with engine.connect() as connection:
            memory.recognise(connection)
        Dispatcher(engine, ways, clock, at_point, rates_of(settings), memory).run(summary, limit)
    finally:
        for way in ways.values():
            way.close()


def _shares(limit: int | None, workers: int) -> list[int | None]:
    """How many messages each worker may try."""
    if limit is None:
        return [None] * workers
    return [limit // workers + (number < limit % workers) for number in range(workers)]


def _side_by_side(
    engine: Engine, settings: Settings, clock: Clock, limits: Iterable[int | None]
) -> list[DispatchSummary]:
    """What several dispatchers came to, each a process of its own. A failure of one is raised when all have ended."""
    processes: Any = multiprocessing.get_context(start_method())
    url = engine.url.render_as_string(hide_password=False)
    engine.dispose()  # no child may inherit a connection
    running = []
    for limit in limits:
        ours, theirs = processes.Pipe(duplex=False)
        process = processes.Process(target=_work, args=(url, settings, clock(), limit, theirs))
        process.start()
        theirs.close()
        running.append((process, ours))
    summaries: list[DispatchSummary] = []
    failures: list[LeadflowError] = []
    for process, ours in running:
        try:
            said = ours.recv()
        except EOFError:
            said = TransientError(
                "a dispatcher was ended from outside: what it held comes back with its lease"
            )
        process.join()
        if isinstance(said, DispatchSummary):
            summaries.append(said)
        else:
            failures.append(said)
    if failures:
        raise failures[0]
    return summaries


def start_method() -> str:
    """A fork has all modules loaded, where a new process needs seconds; but beside threads it may hang."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _work(url: str, settings: Settings, start: datetime, limit: int | None, channel: Connection) -> None:
    """One dispatcher in a process of its own; it says what it came to, or why it failed."""
    engine_for.cache_clear()
    engine, summary = engine_for(url), DispatchSummary()
    try:
        _send(engine, settings, running_clock(start), summary, limit)
    except LeadflowError as error:
        channel.send(error)
    except Exception as error:
        # Its words may hold a lead's; the class does not.
        channel.send(PermanentError(f"a dispatcher failed: {type(error).__name__}"))
        raise
    else:
        channel.send(summary)
    finally:
        channel.close()
        engine.dispose()
