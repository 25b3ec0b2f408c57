"""Dispatch: what is due leaves, each message once, by as many dispatchers at once as there are.

What belongs here: one run through the outbox, and what it came to. What does not: states (`outbox`), questions
(`standing`), the wire (`transports`).

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
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, Select, bindparam, select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.delivery import outbox
from leadflow_pipeline.delivery.mail import compose, wire_address, wire_bytes
from leadflow_pipeline.delivery.release import count_due_touches, release_due
from leadflow_pipeline.delivery.standing import MAY_PASS, objection
from leadflow_pipeline.delivery.transports import (
    Delivery,
    FaultPoint,
    Letter,
    Outcome,
    Transport,
    nothing,
    transport_of,
)
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.schema import Timestamp, messages

Clock = Callable[[], datetime]

BATCH: Final = 50
"""Messages claimed at a time: few enough that a lease outlasts them, and that a crash delays few."""

ASK_AGAIN: Final = timedelta(hours=1)
"""When a message that only waits (for a pause to end) is looked at again."""

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
        way_out = transport or transport_of(settings)
        try:
            Dispatcher(engine, way_out, clock, at_point).run(summary, limit)
        finally:
            way_out.close()
    summary.waiting = outbox.due_count(engine, clock())
    return summary


def count_due(engine: Engine, now: datetime) -> int:
    """How much a run of dispatch would look at now: due touches, due messages, leases that ran out."""
    return count_due_touches(engine, now) + outbox.due_count(engine, now) + outbox.ended_leases(engine, now)


def running_clock(start: datetime | None) -> Clock:
    """A clock that shows `start` now and goes on from there."""
    beginning, mark = start or datetime.now(UTC), time.monotonic()
    return lambda: beginning + timedelta(seconds=time.monotonic() - mark)


class Dispatcher:
    """One worker. Its name is its own, so that nothing it did is taken for another's."""

    def __init__(
        self, engine: Engine, transport: Transport, clock: Clock, at_point: FaultPoint = nothing
    ) -> None:
        self._engine = engine
        self._transport = transport
        self._clock = clock
        self._at_point = at_point
        self._questions: dict[str, Select[Any]] = {}
        self.owner = f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"

    def run(self, summary: DispatchSummary, limit: int | None = None) -> None:
        """Tries what is due until nothing is, `limit` is reached, or the server cannot be reached."""
        swept = outbox.sweep(self._engine, self._clock())
        summary.unknown += swept["unknown"]
        summary.expired += swept["expired"]
        try:
            self._try_what_is_due(summary, limit)
        finally:
            # A server that is away, a refused login, Ctrl-C: what was not tried need not wait for its lease.
            outbox.give_back_all(self._engine, self.owner)

    def _try_what_is_due(self, summary: DispatchSummary, limit: int | None) -> None:
        tried = 0
        while not summary.is_server_unreachable and (limit is None or tried < limit):
            size = BATCH if limit is None else min(BATCH, limit - tried)
            batch = outbox.claim(self._engine, self.owner, self._clock(), size)
            self._at_point("claimed")
            if not batch:
                return
            tried += len(batch)
            self._work_through(batch, summary)

    def _work_through(self, batch: list[RowMapping], summary: DispatchSummary) -> None:
        counts: Counter[str] = Counter()
        for message in batch:
            outcome = self._one(message)
            counts[outcome] += 1
            if outcome == "unreachable":
                summary.is_server_unreachable = True
                break
        summary.sent += counts["accepted"]
        summary.deferred += counts["deferred"] + counts["unreachable"] + counts["waits"]
        summary.failed += counts["refused"]
        summary.suppressed += counts["suppressed"]
        summary.expired += counts["expired"]
        summary.unknown += counts["unknown"]

    def _one(self, message: RowMapping) -> str:
        """Tries one message; what came of it."""
        number, now = message["message_id"], self._clock()
        with self._engine.begin() as connection:
            ended = self._ends_here(connection, message, now)
            if ended is not None:
                return ended
            attempt = outbox.begin_attempt(connection, number, self.owner, self._transport.name, now)
        if attempt is None:
            return "abandoned"
        self._at_point("attempt_begun")
        delivery = self._send(message)
        if delivery.outcome != "abandoned":
            self._record(number, attempt, delivery)
        self._at_point("settled")
        return delivery.outcome

    def _ends_here(self, connection: Connection, message: RowMapping, now: datetime) -> str | None:
        """What the present has against the message now, just before the wire; None where nothing is."""
        number = message["message_id"]
        if message["not_after"] <= now:
            outbox.close(connection, number, self.owner, "expired", "too old to be sent")
            return "expired"
        question = self._question(message["campaign"])
        reason = connection.scalar(question, {"number": number, "present": now})
        if reason is None:
            return None
        if reason in MAY_PASS:
            outbox.give_back(connection, number, self.owner, reason, now + ASK_AGAIN)
            return "waits"
        outbox.close(connection, number, self.owner, "suppressed", reason)
        return "suppressed"

    def _send(self, message: RowMapping) -> Delivery:
        letter = letter_of(message, self._clock())
        try:
            return self._transport.send(
                letter,
                lambda: outbox.put_on_wire(self._engine, message["message_id"], self.owner, self._clock()),
            )
        except BaseException:
            # A conversation cut off in its middle must not be gone on with.
            self._transport.close()
            raise

    def _record(self, number: int, attempt: int, delivery: Delivery) -> None:
        now, to = self._clock(), STATE_AFTER[delivery.outcome]
        reply = (delivery.reply_code, delivery.reply_text)
        reason = " ".join(str(part) for part in (delivery.outcome, *reply) if part is not None)
        with self._engine.begin() as connection:
            outbox.settle(connection, number, self.owner, to, reason, now, attempt)
            outbox.end_attempt(connection, number, attempt, now, delivery.phase, reply)

    def _question(self, campaign: str) -> Select[Any]:
        """What is asked just before the wire, put together once for each campaign."""
        if campaign not in self._questions:
            rules = load(self._engine, campaign).rules.nurture
            asked = objection(messages, rules, bindparam("present", type_=Timestamp))
            self._questions[campaign] = select(asked).where(messages.c.message_id == bindparam("number"))
        return self._questions[campaign]


def letter_of(message: RowMapping, now: datetime) -> Letter:
    """A message of the outbox as bytes for the wire."""
    headers = message["headers"]
    sender = headers["From"].rpartition("<")[2].rstrip(">")
    recipient = wire_address(message["recipient"])
    mail = compose(
        headers,
        message["rfc_message_id"],
        message["subject"],
        message["body_text"],
        message["body_html"],
        now.replace(microsecond=0),
    )
    utf8 = not (sender.isascii() and recipient.isascii())
    return Letter(message["rfc_message_id"], sender, recipient, wire_bytes(mail, utf8=utf8))
