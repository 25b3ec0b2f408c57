"""A dispatcher's desk: what one worker claims, puts on the wire and settles, on two connections of its own.

What belongs here: the transitions of `outbox` that happen for every message that leaves. What does not: transitions by
a person's word, and sweeping up after others (`outbox`).

A message shares three statements with others here: with those that were claimed with it, and with those that are on the
wire with it. Only `put_on_wire` waits until the disk has it: losing any
other after a crash of the server loses nothing. A claim that is lost leaves the message planned, and what was not
settled stays `on_wire`, and becomes `unknown`.

An attempt is counted when it reaches the wire, or when it ends before: a message that was only looked at was not tried.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, cast

import psycopg
from sqlalchemy import (
    Boolean,
    Connection,
    Engine,
    Integer,
    RowMapping,
    Text,
    and_,
    any_,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import ReturningUpdate

from leadflow_pipeline.delivery.outbox import LEASE, backoff, check_transitions, is_next, move
from leadflow_pipeline.store.engine import safe_message
from leadflow_pipeline.store.schema import MESSAGE_CHANNELS, Timestamp, campaigns, messages
from leadflow_pipeline.store.senders import sender_domain
from leadflow_pipeline.store.sequences import is_to_lead

DATABASE_IS_TRIED: Final = 12
"""Times that an answer of a mail server is brought to a database that is away, a few seconds apart."""

LONGEST_PAUSE: Final = 5.0
"""Seconds between two of these."""

PUT_ON_WIRE: Final = """
    WITH moved AS (
        UPDATE leadflow.messages
        SET state = 'on_wire', attempts = attempts + 1, lease_until = %(lease_until)s, updated_at = now()
        WHERE message_id = ANY(%(numbers)s::bigint[]) AND state = 'claimed' AND lease_owner = %(owner)s
            AND lease_until > %(now)s AND not_after > %(now)s
        RETURNING message_id, attempts
    )
    INSERT INTO leadflow.message_attempts (message_id, attempt, transport, started_at, phase)
    SELECT message_id, attempts, %(transport)s, %(now)s, 'dot' FROM moved
    RETURNING message_id, attempt
"""
SETTLE: Final = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(%(given)s::jsonb) AS given (
            number bigint, became text, states text[], reason text, later timestamptz, uncounted integer,
            transport text, begun_at timestamptz, phase text, code integer, said text
        )
    ), moved AS (
        UPDATE leadflow.messages AS message
        SET state = became, state_reason = reason, lease_until = NULL,
            sent_at = CASE WHEN became = 'sent' THEN %(now)s END,
            lease_owner = CASE WHEN became = 'planned' THEN NULL ELSE lease_owner END,
            next_attempt_at = coalesce(later, next_attempt_at),
            attempts = attempts + uncounted, updated_at = now()
        FROM given
        WHERE message_id = number AND message_id = ANY(%(numbers)s::bigint[])
            AND lease_owner = %(owner)s AND state = ANY(states)
        RETURNING message_id, attempts
    )
    INSERT INTO leadflow.message_attempts
        (message_id, attempt, transport, started_at, finished_at, phase, reply_code, reply_text)
    SELECT message_id, attempts, transport, begun_at, %(now)s, phase, code, said
    FROM moved JOIN given ON number = message_id
    ON CONFLICT (message_id, attempt) DO UPDATE SET finished_at = excluded.finished_at,
        phase = excluded.phase, reply_code = excluded.reply_code, reply_text = excluded.reply_text
    RETURNING message_id, attempt
"""
STATES_BEFORE: Final[dict[str, tuple[str, ...]]] = {
    "sent": ("on_wire", "unknown"),
    "unknown": ("on_wire",),
    "failed": ("on_wire",),
    "planned": ("on_wire",),
}
"""An answer that arrives after the lease was thought lost still counts, as long as nobody else has taken the message:
a server's yes is better than not knowing."""
BEFORE_THE_WIRE: Final = ("claimed",)
"""What did not come to the wire says nothing of a message that is there."""

check_transitions("on_wire", BEFORE_THE_WIRE)
for _to, _states in STATES_BEFORE.items():
    check_transitions(_to, _states)
for _to in ("failed", "planned"):
    check_transitions(_to, BEFORE_THE_WIRE)


def _claiming() -> ReturningUpdate[Any]:
    """Takes due messages; built once, because building it costs more than sending it."""
    now = bindparam("now", type_=Timestamp)
    is_stopped = and_(
        messages.c.channel == "email",
        is_to_lead(),
        or_(
            bindparam("is_all_stopped", type_=Boolean),
            sender_domain() == any_(bindparam("stopped", type_=ARRAY(Text))),
        ),
    )
    # As an array, and in the order of the index alone: joined and sorted, all that is due would be read for each claim.
    active = func.array(
        select(campaigns.c.campaign).where(campaigns.c.status == "active").scalar_subquery(),
        type_=ARRAY(Text),
    )
    due = (
        select(messages.c.message_id)
        .where(
            messages.c.state == "planned",
            messages.c.next_attempt_at <= now,
            messages.c.not_after > now,
            messages.c.campaign == any_(active),
            messages.c.channel == any_(bindparam("channels", type_=ARRAY(Text))),
            ~is_stopped,
            is_next(),
        )
        .order_by(messages.c.next_attempt_at)
        .limit(bindparam("size", type_=Integer))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return (
        update(messages)
        .where(messages.c.message_id == due.c.message_id, messages.c.state == "planned")
        .values(
            state="claimed",
            lease_owner=bindparam("owner", type_=Text),
            lease_until=bindparam("lease_until", type_=Timestamp),
            updated_at=func.now(),
        )
        .returning(*messages.c)
    )


CLAIM: Final = _claiming()


@dataclass(frozen=True)
class Settlement:
    """What became of a message that was tried: sent, failed, unknown, or planned again after a while.

    `attempt` is what `put_on_wire` gave, None where it did not come so far; `tries` is how often it had been tried
    before. `retry_at`: not before.
    """

    message_id: int
    became: str
    reason: str
    tries: int
    transport: str
    phase: str
    begun_at: datetime
    reply: tuple[int | None, str | None] = (None, None)
    attempt: int | None = None
    retry_at: datetime | None = None

    def row(self, now: datetime) -> dict[str, Any]:
        """As `SETTLE` takes it."""
        later = None
        states = BEFORE_THE_WIRE if self.attempt is None else STATES_BEFORE[self.became]
        if self.became == "planned":
            tried = self.tries + 1 if self.attempt is None else self.attempt
            later = max(now + backoff(tried), self.retry_at or now).isoformat()
        return {
            "number": self.message_id, "became": self.became, "states": states,
            "reason": self.reason, "later": later, "uncounted": int(self.attempt is None),
            "transport": self.transport, "begun_at": self.begun_at.isoformat(), "phase": self.phase,
            "code": self.reply[0], "said": self.reply[1],
        }  # fmt: skip


class Desk:
    """What one dispatcher holds. `owner` is its name, which no other has.

    Use it as a context manager: on leaving, what was claimed and not tried goes back.
    """

    def __init__(self, engine: Engine, owner: str) -> None:
        self._engine = engine
        self.owner = owner
        self._open()

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
        with self._engine.begin() as connection:
            move(connection, "planned", ("claimed",), messages.c.lease_owner == self.owner, lease_owner=None)

    @property
    def connection(self) -> Connection:
        """For questions; each statement stands for itself."""
        return self._light

    def close(self) -> None:
        """Closes both connections; a broken one closes as well."""
        for connection in (self._wire, self._light):
            connection.close()

    def claim(
        self,
        now: datetime,
        limit: int,
        channels: Collection[str] = MESSAGE_CHANNELS,
        stopped: Collection[str] = (),
    ) -> list[RowMapping]:
        """Takes up to `limit` due messages of active campaigns and these channels, the earliest first.

        Messages that another dispatcher is claiming at this moment are passed over, not waited for. `stopped`: domains
        of senders whose emails to leads stand still; an empty one stops those of all.
        """
        values = {
            "now": now, "lease_until": now + LEASE, "owner": self.owner, "size": limit,
            "channels": sorted(channels), "stopped": sorted(stopped), "is_all_stopped": "" in stopped,
        }  # fmt: skip
        rows = self._light.execute(CLAIM, values).mappings().all()
        return sorted(rows, key=lambda row: (row["planned_at"], row["message_id"]))

    def put_on_wire(self, message_ids: Sequence[int], transport: str, now: datetime) -> dict[int, int]:
        """Commits that from here on nobody can know; the number of the attempt of each.

        A message that is not in the answer is no longer ours, and must not be sent.
        """
        values = {
            "numbers": _array(message_ids), "owner": self.owner, "now": now, "lease_until": now + LEASE,
            "transport": transport,
        }  # fmt: skip
        return _pairs(self._wire, PUT_ON_WIRE, values)

    def settle(self, settlements: Sequence[Settlement], now: datetime) -> set[int]:
        """What became of messages that were tried; the numbers of those that were ours to settle.

        A database that is away is waited for: whoever gave up would leave a message unknown whose fate is known.
        """
        values = {
            "numbers": _array([each.message_id for each in settlements]), "owner": self.owner, "now": now,
            "given": json.dumps([each.row(now) for each in settlements]),
        }  # fmt: skip
        for tries in range(DATABASE_IS_TRIED):
            try:
                return set(_pairs(self._light, SETTLE, values))
            except (psycopg.OperationalError, DBAPIError):
                if tries + 1 == DATABASE_IS_TRIED:
                    raise
                time.sleep(min(0.1 * 2**tries, LONGEST_PAUSE))
                self._open_again()
        raise AssertionError("unreachable")

    def end(self, message_ids: Sequence[int], to: str, reason: str) -> None:
        """Ends claimed messages without sending them: suppressed, expired or failed."""
        move(self._light, to, ("claimed",), *self._held(message_ids), state_reason=reason)

    def give_back(self, message_ids: Sequence[int], reason: str | None, next_attempt_at: datetime) -> None:
        """Returns claimed messages unsent, for later."""
        values: Mapping[str, Any] = {"state_reason": reason, "next_attempt_at": next_attempt_at}
        move(self._light, "planned", ("claimed",), *self._held(message_ids), lease_owner=None, **values)

    def _held(self, message_ids: Sequence[int]) -> tuple[Any, Any]:
        return messages.c.message_id.in_(list(message_ids)), messages.c.lease_owner == self.owner

    def _open(self) -> None:
        # Out of the pool for good: nobody else gets a connection that does not wait for the disk.
        self._wire, self._light = _own_connection(self._engine), _own_connection(self._engine)
        self._light.execute(text("SET synchronous_commit = off"))

    def _open_again(self) -> None:
        self.close()
        try:
            self._open()
        except DBAPIError:
            return


def _own_connection(engine: Engine) -> Connection:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    return connection


def _array(numbers: Sequence[int]) -> str:
    """As PostgreSQL reads it. A list would be sent as another type, and be another statement, by its largest number."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _pairs(connection: Connection, statement: str, values: Mapping[str, Any]) -> dict[int, int]:
    """The rows of a statement that is sent as it is: SQLAlchemy would cost more than the database."""
    driver = cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)
    try:
        return dict(driver.execute(statement, values, prepare=True).fetchall())
    except psycopg.Error as error:
        error.args = (safe_message(error),)
        raise
