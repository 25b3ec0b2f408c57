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
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Engine, RowMapping, Select, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from leadflow_pipeline.campaign import load
from leadflow_pipeline.delivery import outbox
from leadflow_pipeline.delivery.desk import Desk
from leadflow_pipeline.delivery.release import count_due_touches, release_due
from leadflow_pipeline.delivery.standing import MAY_PASS, notice_objection, objection
from leadflow_pipeline.delivery.transports import FaultPoint, Outcome, Transport, nothing
from leadflow_pipeline.delivery.ways import Way, ways_of
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.schema import Timestamp, messages
from leadflow_pipeline.store.sequences import TO_ONE_OF_US

Clock = Callable[[], datetime]

BATCH: Final = 50
"""Messages claimed at a time: few enough that a lease outlasts them, and that a crash delays few."""

ASK_AGAIN: Final = timedelta(hours=1)
"""When a message that only waits (for a pause to end) is looked at again."""

ASKED_WITHIN: Final = timedelta(seconds=5)
"""An email leaves at most so long after it was asked whether anything is against it, but for its own time on the way:
a batch is asked about at once, and its rest again where a server is slow."""

TOO_OLD: Final = "too old to be sent"

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


def _of_messages(asked: ColumnElement[Any]) -> Select[Any]:
    """The question for some messages at once; number and answer of each."""
    numbers = bindparam("numbers", type_=ARRAY(BigInteger))
    return select(messages.c.message_id, asked).where(messages.c.message_id == any_(numbers))


NOTICE_QUESTION: Final = _of_messages(notice_objection(messages, bindparam("present", type_=Timestamp)))
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
        # A server that is away, a refused login, Ctrl-C: what was not tried need not wait for its lease.
        with Desk(self._engine, self.owner) as desk:
            self._try_what_is_due(desk, summary, limit)

    def _ask_after_unknown(self) -> None:
        """Settles what a vendor can be asked about: a task that is there was sent."""
        before = self._clock() - FATE_IS_ASKED_AFTER
        for message in outbox.unknown_messages(self._engine, "hubspot", before, BATCH):
            if self._ways["hubspot"].was_sent(message):
                outbox.find_sent(self._engine, message["message_id"], self._clock())

    def _try_what_is_due(self, desk: Desk, summary: DispatchSummary, limit: int | None) -> None:
        tried = 0
        while (open_channels := self._ways.keys() - self._away) and (limit is None or tried < limit):
            size = BATCH if limit is None else min(BATCH, limit - tried)
            batch = desk.claim(self._clock(), size, open_channels)
            self._at_point("claimed")
            if not batch:
                return
            tried += len(batch)
            self._work_through(desk, batch, summary)

    def _work_through(self, desk: Desk, batch: Sequence[RowMapping], summary: DispatchSummary) -> None:
        """Sends a batch, asking what the present has against the rest of it whenever the answer has grown old."""
        counts: Counter[str] = Counter()
        rest, asked_at = deque(batch), None
        while rest:
            now = self._clock()
            if asked_at is None or now - asked_at > ASKED_WITHIN:
                rest, asked_at = deque(self._free_to_leave(desk, rest, now, counts)), now
                self._at_point("asked")
                continue
            message = rest.popleft()
            channel = message["channel"]
            if channel in self._away:
                continue
            outcome = self._one(desk, message, summary)
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

    def _free_to_leave(
        self, desk: Desk, batch: Iterable[RowMapping], now: datetime, counts: Counter[str]
    ) -> list[RowMapping]:
        """The messages that the present has nothing against, just before the wire. It ends the others, or puts them
        off."""
        waiting = list(batch)
        against = {
            message["message_id"]: ("expired", TOO_OLD) for message in waiting if message["not_after"] <= now
        }
        by_question = defaultdict(list)
        for message in waiting:
            is_notice = message["recipient_key"] == TO_ONE_OF_US
            by_question[None if is_notice else message["campaign"]].append(message["message_id"])
        for campaign, numbers in by_question.items():
            question = NOTICE_QUESTION if campaign is None else self._question(campaign)
            asked = {"numbers": numbers, "present": now}
            for number, reason in desk.connection.execute(question, asked).tuples():
                if reason is not None:
                    fate = "waits" if reason in MAY_PASS else "suppressed"
                    against.setdefault(number, (fate, reason))
        by_fate = defaultdict(list)
        for number, fate_and_reason in against.items():
            by_fate[fate_and_reason].append(number)
        for (fate, reason), numbers in by_fate.items():
            if fate == "waits":
                desk.give_back(numbers, reason, now + ASK_AGAIN)
            else:
                desk.end(numbers, fate, reason)
            counts[fate] += len(numbers)
        return [message for message in waiting if message["message_id"] not in against]

    def _one(self, desk: Desk, message: RowMapping, summary: DispatchSummary) -> str:
        """Tries one message; what came of it."""
        way, begun_at, attempt = self._ways[message["channel"]], self._clock(), None

        def commit() -> bool:
            nonlocal attempt
            attempt = desk.put_on_wire(message["message_id"], way.name, self._clock())
            return attempt is not None

        try:
            delivery = way.send(message, begun_at, commit)
        except BaseException:
            # A conversation cut off in its middle must not be gone on with.
            way.close()
            raise
        if delivery.outcome != "abandoned":
            reply = (delivery.reply_code, delivery.reply_text)
            desk.settle(
                message,
                STATE_AFTER[delivery.outcome],
                " ".join(str(part) for part in (delivery.outcome, *reply) if part is not None),
                self._clock(),
                transport=way.name,
                phase=delivery.phase,
                begun_at=begun_at,
                reply=reply,
                attempt=attempt,
                not_before=delivery.retry_at,
            )
        if delivery.outcome == "unreachable" and message["channel"] != "email":
            summary.problems[message["channel"]] = delivery.reply_text or "cannot be reached"
        self._at_point("settled")
        return delivery.outcome

    def _question(self, campaign: str) -> Select[Any]:
        """What is asked just before the wire, put together once for each campaign."""
        if campaign not in self._questions:
            rules = load(self._engine, campaign).rules.nurture
            asked = objection(messages, rules, bindparam("present", type_=Timestamp))
            self._questions[campaign] = _of_messages(asked)
        return self._questions[campaign]
