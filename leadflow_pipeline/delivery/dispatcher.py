"""One dispatcher: it claims what is due, asks what the present has against it, and sends each message once.

What belongs here: one worker's way through the outbox, and what it came to. What does not: how many workers there are
(`dispatch`), states (`outbox`, `desk`), questions (`standing`), the ways out (`ways`).

A dispatcher may be killed anywhere. Before `on_wire` is committed, nothing has left and the lease brings the message
back; after it only a server's answer says what happened, and without one the message is `unknown` for a person to
settle.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Engine, RowMapping, Select, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from leadflow_pipeline.campaign import load
from leadflow_pipeline.delivery import breaker, outbox
from leadflow_pipeline.delivery.conversation import Outcome
from leadflow_pipeline.delivery.desk import Desk, Settlement
from leadflow_pipeline.delivery.memory import Memory
from leadflow_pipeline.delivery.standing import MAY_PASS, notice_objection, objection
from leadflow_pipeline.delivery.transports import Delivery, FaultPoint, nothing
from leadflow_pipeline.delivery.ways import EmailWay, Way
from leadflow_pipeline.store.schema import Timestamp, messages
from leadflow_pipeline.store.sequences import TO_ONE_OF_US
from leadflow_pipeline.telemetry.correlation import correlated
from leadflow_pipeline.telemetry.logs import FIELDS
from leadflow_pipeline.telemetry.spans import span
from leadflow_pipeline.vendors.limits import Rate, take_token

Clock = Callable[[], datetime]

log = logging.getLogger(__name__)

BATCH: Final = 100
"""Messages claimed at a time: few enough that a lease outlasts them, and that a crash delays few."""

ASK_AGAIN: Final = timedelta(hours=1)
"""When a message that only waits (for a pause to end) is looked at again."""

ASKED_WITHIN: Final = timedelta(seconds=5)
"""An email leaves at most so long after it was asked whether anything is against it, but for its own time on the way:
a batch is asked about at once, and its rest again where a server is slow."""

WATCHED_EVERY: Final = timedelta(minutes=1)
"""How often a long run looks for complaints and bounces; every run begins with it."""

TOO_OLD: Final = "too old to be sent"

MAY_HAVE_LEFT: Final = "may have left before the database was restored"
STANDS_STILL: Final = "emails of the sender stand still"

FATE_IS_ASKED_AFTER: Final = timedelta(minutes=2)
"""By then a vendor's own search knows what it was sent."""

STATE_AFTER: Final[dict[Outcome, str]] = {
    "accepted": "sent",
    "refused": "failed",
    "deferred": "planned",
    "unreachable": "planned",
    "unknown": "unknown",
}


COUNTED: Final = ("sent", "deferred", "failed", "suppressed", "expired", "unknown")


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
    standing_still: list[str] = field(default_factory=list)
    """Domains of senders whose emails to leads stand still; "all senders" where it is those of all."""

    def add(self, other: DispatchSummary) -> None:
        """Counts in what another dispatcher of the same run came to."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.is_server_unreachable |= other.is_server_unreachable
        self.problems |= other.problems

    def to_dict(self) -> dict[str, Any]:
        """For scripts and metadata: counts and reasons, no personal data."""
        return asdict(self)


def _of_messages(asked: ColumnElement[Any]) -> Select[Any]:
    """The question for some messages at once; number and answer of each."""
    numbers = bindparam("numbers", type_=ARRAY(BigInteger))
    return select(messages.c.message_id, asked).where(messages.c.message_id == any_(numbers))


NOTICE_QUESTION: Final = _of_messages(notice_objection(messages, bindparam("present", type_=Timestamp)))
"""What is asked about a message to one of us just before the wire."""


class Dispatcher:
    """One worker. Its name is its own, so that nothing it did is taken for another's."""

    def __init__(
        self,
        engine: Engine,
        ways: Mapping[str, Way],
        clock: Clock,
        at_point: FaultPoint = nothing,
        rates: Mapping[str, Rate] = MappingProxyType({}),
        memory: Memory | None = None,
    ) -> None:
        """`rates`: how fast the messages of a channel may leave, from all dispatchers together."""
        self._memory = memory
        self._engine = engine
        self._rates = rates
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
        if "hubspot" not in self._ways:
            return
        before = self._clock() - FATE_IS_ASKED_AFTER
        for message in outbox.unknown_messages(self._engine, "hubspot", before, BATCH):
            if self._ways["hubspot"].was_sent(message):
                outbox.find_sent(self._engine, message["message_id"], self._clock())

    def _try_what_is_due(self, desk: Desk, summary: DispatchSummary, limit: int | None) -> None:
        tried, watched_at = 0, self._clock()
        while (open_channels := self._ways.keys() - self._away) and (limit is None or tried < limit):
            size = BATCH if limit is None else min(BATCH, limit - tried)
            claimed_at = self._clock()
            if self._memory is not None and claimed_at - watched_at > WATCHED_EVERY:
                breaker.watch(self._engine, self._memory, claimed_at)
                watched_at = claimed_at
            stopped = breaker.standstill(desk.connection).domains
            batch = desk.claim(claimed_at, size, open_channels, stopped)
            self._at_point("claimed")
            if not batch:
                return
            tried += len(batch)
            with span("dispatch", messages=len(batch)):
                self._work_through(desk, batch, claimed_at, summary)

    def _work_through(
        self, desk: Desk, batch: Sequence[RowMapping], claimed_at: datetime, summary: DispatchSummary
    ) -> None:
        """Sends a batch, asking what the present has against the rest of it whenever the answer has grown old."""
        counts: Counter[str] = Counter()
        rest, asked_at, is_noted = deque(batch), None, False
        while rest:
            channel = rest[0]["channel"]
            if channel in self._away:
                rest.popleft()
                continue
            self._wait_for_turn(channel)
            now = self._clock()
            if asked_at is None or now - asked_at > ASKED_WITHIN:
                rest, asked_at = deque(self._free_to_leave(desk, rest, now, counts)), now
                self._at_point("asked")
            if not rest:
                break
            group = self._group(rest)
            tried, attempt = self._try(desk, group, summary, counts)
            rest.extendleft(message for message in reversed(group) if message["message_id"] not in tried)
            if attempt is not None and self._memory is not None and not is_noted:
                self._memory.note(claimed_at, *attempt)
                is_noted = True
        summary.is_server_unreachable = "email" in self._away
        summary.sent += counts["accepted"]
        summary.deferred += counts["deferred"] + counts["unreachable"] + counts["waits"] + counts["stands"]
        summary.failed += counts["refused"]
        summary.suppressed += counts["suppressed"]
        summary.expired += counts["expired"]
        summary.unknown += counts["unknown"]

    def _wait_for_turn(self, channel: str) -> None:
        """Returns when the channel's server takes another message."""
        rate = self._rates.get(channel)
        while rate is not None:
            seconds = take_token(self._engine, rate.bucket or channel, rate, self._clock())
            if not seconds:
                return
            time.sleep(seconds)

    def _free_to_leave(
        self, desk: Desk, batch: Iterable[RowMapping], now: datetime, counts: Counter[str]
    ) -> list[RowMapping]:
        """The messages that the present has nothing against, just before the wire. It ends the others, or puts them
        off."""
        waiting = list(batch)
        against = {
            message["message_id"]: ("expired", TOO_OLD) for message in waiting if message["not_after"] <= now
        }
        standing = breaker.standstill(desk.connection)
        for message in waiting:
            if standing.may_have_left(message):
                against.setdefault(message["message_id"], ("suppressed", MAY_HAVE_LEFT))
            elif standing.holds(message):
                against.setdefault(message["message_id"], ("stands", STANDS_STILL))
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
            if fate in ("waits", "stands"):
                desk.give_back(numbers, reason, now + ASK_AGAIN if fate == "waits" else now)
            else:
                desk.end(numbers, fate, reason)
            counts[fate] += len(numbers)
        return [message for message in waiting if message["message_id"] not in against]

    def _group(self, rest: deque[RowMapping]) -> list[RowMapping]:
        """The next message, and those that may leave together with it; where the rate is limited, none may."""
        group = [rest.popleft()]
        channel = group[0]["channel"]
        way = self._ways[channel]
        size = way.at_once if isinstance(way, EmailWay) and channel not in self._rates else 1
        while len(group) < size and rest and rest[0]["channel"] == channel:
            group.append(rest.popleft())
        return group

    def _try(
        self, desk: Desk, group: Sequence[RowMapping], summary: DispatchSummary, counts: Counter[str]
    ) -> tuple[set[int], tuple[int, int] | None]:
        """Tries some messages of a channel together: the numbers of those that were tried, and an attempt of one that
        reached the wire."""
        channel = group[0]["channel"]
        way, begun_at = self._ways[channel], self._clock()
        attempts: dict[int, int] = {}
        tried: set[int] = set()

        def commit(places: Sequence[int]) -> list[int]:
            numbers = [group[place]["message_id"] for place in places]
            attempts.update(desk.put_on_wire(numbers, way.name, self._clock()))
            return [place for place in places if group[place]["message_id"] in attempts]

        def settle(deliveries: Mapping[int, Delivery]) -> None:
            tried.update(group[place]["message_id"] for place in deliveries)
            settlements = [
                _settlement(group[place], delivery, way.name, begun_at, attempts)
                for place, delivery in deliveries.items()
                if delivery.outcome != "abandoned"
            ]
            if settlements:
                desk.settle(settlements, self._clock())
            if log.isEnabledFor(logging.INFO):
                for place, delivery in deliveries.items():
                    _tell(group[place], delivery)
            for delivery in deliveries.values():
                counts[delivery.outcome] += 1
                if delivery.outcome == "unreachable":
                    self._away.add(channel)
                    if channel != "email":
                        summary.problems[channel] = delivery.reply_text or "cannot be reached"
                self._at_point("settled")

        try:
            if len(group) > 1 and isinstance(way, EmailWay):
                way.send_together(group, begun_at, commit, settle)
            else:
                with correlated(group[0]["correlation_id"]):
                    settle({0: way.send(group[0], begun_at, lambda: bool(commit([0])))})
        except BaseException:
            # A conversation cut off in its middle must not be gone on with.
            way.close()
            raise
        return tried, next(iter(attempts.items()), None)

    def _question(self, campaign: str) -> Select[Any]:
        """What is asked just before the wire, put together once for each campaign."""
        if campaign not in self._questions:
            rules = load(self._engine, campaign).rules.nurture
            asked = objection(messages, rules, bindparam("present", type_=Timestamp))
            self._questions[campaign] = _of_messages(asked)
        return self._questions[campaign]


def _tell(message: RowMapping, delivery: Delivery) -> None:
    """One line of the log about a message that was tried, under the id of what it comes from."""
    with correlated(message["correlation_id"]):
        told = {"message_id": message["message_id"], "channel": message["channel"], "phase": delivery.phase}
        log.info(delivery.outcome, extra={FIELDS: told})


def _settlement(
    message: RowMapping, delivery: Delivery, transport: str, begun_at: datetime, attempts: Mapping[int, int]
) -> Settlement:
    reply = (delivery.reply_code, delivery.reply_text)
    return Settlement(
        message["message_id"],
        STATE_AFTER[delivery.outcome],
        " ".join(str(part) for part in (delivery.outcome, *reply) if part is not None),
        message["attempts"],
        transport,
        delivery.phase,
        begun_at,
        reply,
        attempts.get(message["message_id"]),
        delivery.retry_at,
    )
