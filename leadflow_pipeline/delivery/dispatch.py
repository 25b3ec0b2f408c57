"""Dispatch: what is due leaves, each message once, by as many dispatchers at once as there are.

What belongs here: one run through the outbox, and what it came to. What does not: states (`outbox`), questions
(`standing`), the ways out (`ways`).

A dispatcher may be killed anywhere. Before `on_wire` is committed, nothing has left and the lease brings the message
back; after it only a server's answer says what happened, and without one the message is `unknown` for a person to
settle.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, Select, bindparam, select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.delivery import outbox
from leadflow_pipeline.delivery.release import count_due_touches, release_due
from leadflow_pipeline.delivery.standing import MAY_PASS, notice_objection, objection
from leadflow_pipeline.delivery.transports import Delivery, FaultPoint, Outcome, Transport, nothing
from leadflow_pipeline.delivery.ways import Way, ways_of
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.schema import Timestamp, messages
from leadflow_pipeline.store.sequences import TO_ONE_OF_US

Clock = Callable[[], datetime]

BATCH: Final = 50
"""Messages claimed at a time: few enough that a lease outlasts them, and that a crash delays few."""

ASK_AGAIN: Final = timedelta(hours=1)
"""When a message that only waits (for a pause to end) is looked at again."""

FATE_IS_ASKED_AFTER: Final = timedelta(minutes=2)
"""By then a vendor's own search knows what it was sent."""

STATE_AFTER: Final[dict[Outcome, str]] = {
    "accepted": "sent",
    "refused": "failed",
    "deferred": "planned",
    "unreachable": "planned",
    "unknown": "unknown",
}


@dataclass
class DispatchSummary:
    """What one run came to. `held` says why due touches were not released, `waiting` is what stays due."""

    released: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    suppressed: int = 0
    expired: int = 0
    unknown: int = 0
    waiting: int = 0
    held: dict[str, int] = field(default_factory=dict)
    by_sequence: dict[str, int] = field(default_factory=dict)
    is_server_unreachable: bool = False
    problems: dict[str, str] = field(default_factory=dict)
    """Channel -> why nothing leaves there now, in one plain line; of channels other than email."""

    def to_dict(self) -> dict[str, Any]:
        """For scripts and metadata: counts and reasons, no personal data."""
        return asdict(self)


def dispatch_due(
    engine: Engine,
    settings: Settings,
    now: datetime | None = None,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    transport: Transport | None = None,
    at_point: FaultPoint = nothing,
) -> DispatchSummary:
    """Releases and sends what is due; with `dry_run` it only counts what would be released and what waits.

    `now` is when the run begins, the present where it is not given; time goes on from there. `limit` bounds both the
    messages released and the messages tried.
    """
    clock = running_clock(now)
    released = release_due(engine, settings, clock(), limit=limit, dry_run=dry_run)
    summary = DispatchSummary(
        released=released.count,
        held=dict(sorted(released.held.items())),
        by_sequence=dict(sorted(released.by_sequence.items())),
    )
    if not dry_run:
        ways = ways_of(engine, settings, transport=transport, clock=clock, at_point=at_point)
        try:
            Dispatcher(engine, ways, clock, at_point).run(summary, limit)
        finally:
            for way in ways.values():
                way.close()
    summary.waiting = outbox.due_count(engine, clock())
    return summary


def count_due(engine: Engine, now: datetime) -> int:
    """How much a run of dispatch would look at now: due touches, due messages, leases that ran out."""
    return count_due_touches(engine, now) + outbox.due_count(engine, now) + outbox.ended_leases(engine, now)


def running_clock(start: datetime | None) -> Clock:
    """A clock that shows `start` now and goes on from there."""
    beginning, mark = start or datetime.now(UTC), time.monotonic()
    return lambda: beginning + timedelta(seconds=time.monotonic() - mark)


NOTICE_QUESTION: Final[Select[Any]] = select(
    notice_objection(messages, bindparam("present", type_=Timestamp))
).where(messages.c.message_id == bindparam("number"))
"""What is asked about a message to one of us just before the wire."""


class Dispatcher:
    """One worker. Its name is its own, so that nothing it did is taken for another's."""

    def __init__(
        self, engine: Engine, ways: Mapping[str, Way], clock: Clock, at_point: FaultPoint = nothing
    ) -> None:
        self._engine = engine
        self._ways = ways
        self._away: set[str] = set()
        self._clock = clock
        self._at_point = at_point
        self._questions: dict[str, Select[Any]] = {}
        self.owner = f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"

    def run(self, summary: DispatchSummary, limit: int | None = None) -> None:
        """Tries what is due until nothing is, `limit` is reached, or no server can be reached."""
        self._ask_after_unknown()
        swept = outbox.sweep(self._engine, self._clock())
        summary.unknown += swept["unknown"]
        summary.expired += swept["expired"]
        try:
            self._try_what_is_due(summary, limit)
        finally:
            # A server that is away, a refused login, Ctrl-C: what was not tried need not wait for its lease.
            outbox.give_back_all(self._engine, self.owner)

    def _ask_after_unknown(self) -> None:
        """Settles what a vendor can be asked about: a task that is there was sent."""
        before = self._clock() - FATE_IS_ASKED_AFTER
        for message in outbox.unknown_messages(self._engine, "hubspot", before, BATCH):
            if self._ways["hubspot"].was_sent(message):
                outbox.find_sent(self._engine, message["message_id"], self._clock())

    def _try_what_is_due(self, summary: DispatchSummary, limit: int | None) -> None:
        tried = 0
        while (open_channels := self._ways.keys() - self._away) and (limit is None or tried < limit):
            size = BATCH if limit is None else min(BATCH, limit - tried)
            batch = outbox.claim(self._engine, self.owner, self._clock(), size, open_channels)
            self._at_point("claimed")
            if not batch:
                return
            tried += len(batch)
            self._work_through(batch, summary)

    def _work_through(self, batch: list[RowMapping], summary: DispatchSummary) -> None:
        counts: Counter[str] = Counter()
        for message in batch:
            channel = message["channel"]
            if channel in self._away:
                continue
            outcome = self._one(message, summary)
            counts[outcome] += 1
            if outcome == "unreachable":
                self._away.add(channel)
        summary.is_server_unreachable = "email" in self._away
        summary.sent += counts["accepted"]
        summary.deferred += counts["deferred"] + counts["unreachable"] + counts["waits"]
        summary.failed += counts["refused"]
        summary.suppressed += counts["suppressed"]
        summary.expired += counts["expired"]
        summary.unknown += counts["unknown"]

    def _one(self, message: RowMapping, summary: DispatchSummary) -> str:
        """Tries one message; what came of it."""
        number, now, way = message["message_id"], self._clock(), self._ways[message["channel"]]
        with self._engine.begin() as connection:
            ended = self._ends_here(connection, message, now)
            if ended is not None:
                return ended
            attempt = outbox.begin_attempt(connection, number, self.owner, way.name, now)
        if attempt is None:
            return "abandoned"
        self._at_point("attempt_begun")
        delivery = self._send(message, way)
        if delivery.outcome != "abandoned":
            self._record(number, attempt, delivery)
        if delivery.outcome == "unreachable" and message["channel"] != "email":
            summary.problems[message["channel"]] = delivery.reply_text or "cannot be reached"
        self._at_point("settled")
        return delivery.outcome

    def _ends_here(self, connection: Connection, message: RowMapping, now: datetime) -> str | None:
        """What the present has against the message now, just before the wire; None where nothing is."""
        number = message["message_id"]
        if message["not_after"] <= now:
            outbox.close(connection, number, self.owner, "expired", "too old to be sent")
            return "expired"
        is_notice = message["recipient_key"] == TO_ONE_OF_US
        question = NOTICE_QUESTION if is_notice else self._question(message["campaign"])
        reason = connection.scalar(question, {"number": number, "present": now})
        if reason is None:
            return None
        if reason in MAY_PASS:
            outbox.give_back(connection, number, self.owner, reason, now + ASK_AGAIN)
            return "waits"
        outbox.close(connection, number, self.owner, "suppressed", reason)
        return "suppressed"

    def _send(self, message: RowMapping, way: Way) -> Delivery:
        try:
            return way.send(
                message,
                self._clock(),
                lambda: outbox.put_on_wire(self._engine, message["message_id"], self.owner, self._clock()),
            )
        except BaseException:
            # A conversation cut off in its middle must not be gone on with.
            way.close()
            raise

    def _record(self, number: int, attempt: int, delivery: Delivery) -> None:
        now, to = self._clock(), STATE_AFTER[delivery.outcome]
        reply = (delivery.reply_code, delivery.reply_text)
        reason = " ".join(str(part) for part in (delivery.outcome, *reply) if part is not None)
        with self._engine.begin() as connection:
            outbox.settle(connection, number, self.owner, to, reason, now, attempt, delivery.retry_at)
            outbox.end_attempt(connection, number, attempt, now, delivery.phase, reply)

    def _question(self, campaign: str) -> Select[Any]:
        """What is asked just before the wire, put together once for each campaign."""
        if campaign not in self._questions:
            rules = load(self._engine, campaign).rules.nurture
            asked = objection(messages, rules, bindparam("present", type_=Timestamp))
            self._questions[campaign] = select(asked).where(messages.c.message_id == bindparam("number"))
        return self._questions[campaign]
