"""The outbox: every message once, and the only ways it may change state.

What belongs here: the state machine and its transitions, each guarded in SQL by the state it starts from; those of
every message that leaves are in `desk`. What does not: deciding whether a message may leave (`standing`), and leaving
(`transports`).

    planned -> claimed -> on_wire -> sent | failed | unknown
       ^          |          |
       +----------+----------+   a lease that ended before the wire, a refusal that may pass
    planned | claimed -> suppressed | expired
    unknown -> sent | failed | planned, failed -> planned: by a person's word alone

Of messages with the same `order_key` only the earliest that is not settled may leave. They are requests that a receiver
takes once however often they come, so one of them that was on the wire when its dispatcher died is tried again.

`on_wire` is committed before the last byte that makes a mail server accept. Whoever finds a row `on_wire` after its
lease cannot know what the server did (RFC 1047), so the row becomes `unknown` and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Text,
    cast,
    column,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.given_rows import given_rows
from leadflow_pipeline.store.schema import (
    activity_log,
    campaigns,
    message_attempts,
    messages,
)
from leadflow_pipeline.store.sequences import is_to_lead

LEASE: Final = timedelta(minutes=15)
"""Longer than any one message may take: RFC 5321 has a client wait ten minutes for the answer to the final dot."""

FIRST_BACKOFF: Final = timedelta(minutes=1)
LONGEST_BACKOFF: Final = timedelta(hours=4)

TRIED_AGAIN: Final = timedelta(days=1)
"""How long at least a message is tried that a person lets out once more."""

TRANSITIONS: Final = frozenset(
    {
        ("planned", "claimed"),
        ("planned", "expired"),
        ("claimed", "planned"),
        ("claimed", "on_wire"),
        ("claimed", "failed"),
        ("claimed", "suppressed"),
        ("claimed", "expired"),
        ("on_wire", "sent"),
        ("on_wire", "planned"),
        ("on_wire", "failed"),
        ("on_wire", "unknown"),
        ("unknown", "sent"),
        ("unknown", "failed"),
        ("unknown", "planned"),
        ("failed", "planned"),
    }
)

LEASED: Final = ("claimed", "on_wire")

UNSETTLED: Final = ("planned", "claimed", "on_wire", "unknown")
"""States of a message that others of its `order_key` wait for."""


def put_in(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Adds messages that are not there yet, all with the same columns; lead and step of each that is new."""
    if not rows:
        return []
    names = list(rows[0])
    given = given_rows(*(column(name, messages.c[name].type) for name in names))
    added = (
        insert_or_leave(messages)
        .from_select(names, select(given))
        .on_conflict_do_nothing()
        .returning(messages.c.lead_id, messages.c.step)
    )
    plain = [{name: _plain(row[name]) for name in names} for row in rows]
    return list(connection.execute(added, {"rows": plain}).tuples())


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def move(
    connection: Connection, to: str, states: tuple[str, ...], *conditions: ColumnElement[bool], **values: Any
) -> list[int]:
    """Moves every message in one of `states` that meets the conditions; their ids.

    Raises ValueError for a transition that does not exist.
    """
    check_transitions(to, states)
    if to not in LEASED:
        values = {"lease_until": None, **values}
    statement = (
        update(messages)
        .where(messages.c.state.in_(states), *conditions)
        .values(state=to, updated_at=func.now(), **values)
        .returning(messages.c.message_id)
    )
    return list(connection.scalars(statement))


def check_transitions(to: str, states: Collection[str]) -> None:
    """Raises ValueError where one of these transitions does not exist."""
    wrong = [f"{state} -> {to}" for state in states if (state, to) not in TRANSITIONS]
    if wrong:
        raise ValueError(f"the outbox knows no transition {', '.join(wrong)}")


def sweep(engine: Engine, now: datetime) -> dict[str, int]:
    """Ends leases that ran out and messages that are too old; how many became planned, unknown, expired."""
    ended = messages.c.lease_until <= now
    with engine.begin() as connection:
        unknown = move(
            connection,
            "unknown",
            ("on_wire",),
            ended,
            messages.c.order_key.is_(None),
            state_reason="the lease ended after the wire was reached",
        )
        returned = move(connection, "planned", ("claimed",), ended, lease_owner=None)
        # Whoever receives these takes an id once: it is sent again, and never lost.
        returned += move(
            connection, "planned", ("on_wire",), ended, messages.c.order_key.is_not(None), lease_owner=None
        )
        expired = move(
            connection,
            "expired",
            ("planned",),
            messages.c.not_after <= now,
            state_reason="too old to be sent",
        )
        _wait_with_the_first(connection, now)
    return {"returned": len(returned), "unknown": len(unknown), "expired": len(expired)}


def settle_by_hand(engine: Engine, message_id: int, to: str, *, actor: str, now: datetime) -> None:
    """What a person found out about an unknown message: see `settle`."""
    with engine.begin() as connection:
        settle(connection, message_id, to, actor=actor, now=now)


def settle(connection: Connection, message_id: int, to: str, *, actor: str, now: datetime) -> None:
    """An unknown message was sent, it failed, or it may be tried again (`planned`), as a person found out.

    Raises PermanentError where the message is not unknown.
    """
    values: dict[str, Any] = {"state_reason": "settled by hand", "lease_owner": None}
    if to == "sent":
        values["sent_at"] = now
    if to == "planned":
        values["next_attempt_at"] = now
    if not move(connection, to, ("unknown",), messages.c.message_id == message_id, **values):
        raise PermanentError(
            f"message {message_id} is not unknown: only an unknown message is settled by hand"
        )
    note = {"actor": actor, "action": f"message.{to}", "detail": {"message_id": message_id}}
    connection.execute(insert(activity_log).values(note))


def try_again_by_hand(
    engine: Engine, message_ids: Sequence[int], *, actor: str, now: datetime, recipient: str | None = None
) -> None:
    """What a person says about messages to one of us that failed for good: see `try_again`."""
    with engine.begin() as connection:
        try_again(connection, message_ids, actor=actor, now=now, recipient=recipient)


def try_again(
    connection: Connection,
    message_ids: Sequence[int],
    *,
    actor: str,
    now: datetime,
    recipient: str | None = None,
) -> None:
    """The cause is mended: messages to one of us that failed for good may leave now.

    `recipient`: where they go instead, an address or a channel of Slack. All of them or none. Raises PermanentError
    where one did not fail, or is written to a lead: a mailbox that refused is not written to again.
    """
    values: dict[str, Any] = {
        "state_reason": "again, by hand",
        "lease_owner": None,
        "next_attempt_at": now,
        "not_after": func.greatest(messages.c.not_after, now + TRIED_AGAIN),
    }
    conditions = [~is_to_lead()]
    if recipient is not None:
        conditions.append(messages.c.channel == ("email" if "@" in recipient else "slack"))
        values["recipient"] = recipient
        values["headers"] = _with(messages.c.headers, ("To",), recipient)
        values["payload"] = _with(messages.c.payload, ("slack", "channel"), recipient)
    wanted = sorted(set(message_ids))
    is_wanted = messages.c.message_id.in_(wanted)
    moved = move(connection, "planned", ("failed",), is_wanted, *conditions, **values)
    if left := [number for number in wanted if number not in moved]:
        raise PermanentError(
            f"message {left[0]} is no failed one to an owner or manager"
            f"{' that can go there' if recipient is not None else ''}: only such a message is tried again"
        )
    notes = [{"actor": actor, "action": "message.again", "detail": {"message_id": each}} for each in wanted]
    connection.execute(insert(activity_log), notes)


def failed_notices(engine: Engine, channel: str, since: datetime) -> list[int]:
    """Messages to one of us that failed on a channel from a moment on, in their order."""
    query = (
        select(messages.c.message_id)
        .where(
            messages.c.channel == channel,
            messages.c.state == "failed",
            messages.c.updated_at >= since,
            ~is_to_lead(),
        )
        .order_by(messages.c.message_id)
    )
    with engine.connect() as connection:
        return list(connection.scalars(query))


def _with(document: ColumnElement[Any], path: Sequence[str], value: str) -> ColumnElement[Any]:
    """The document with another value in a place that it has; without that place as it is."""
    return func.jsonb_set(
        document, cast(list(path), ARRAY(Text)), func.to_jsonb(literal(value, Text)), literal(value=False)
    )


def find_sent(engine: Engine, message_id: int, now: datetime) -> bool:
    """What was found at the vendor's is sent after all; False where somebody settled it meanwhile."""
    values = {"state_reason": "found where it was to go", "sent_at": now}
    with engine.begin() as connection:
        return bool(move(connection, "sent", ("unknown",), messages.c.message_id == message_id, **values))


def unknown_messages(engine: Engine, channel: str, before: datetime, limit: int) -> list[RowMapping]:
    """Messages of a channel of unknown fate that were last tried before a moment, the oldest first."""
    is_fresh = exists().where(
        message_attempts.c.message_id == messages.c.message_id, message_attempts.c.started_at >= before
    )
    query = (
        select(messages)
        .where(messages.c.channel == channel, messages.c.state == "unknown", ~is_fresh)
        .order_by(messages.c.message_id)
        .limit(limit)
    )
    with engine.connect() as connection:
        return list(connection.execute(query).mappings())


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: a minute, doubled each time, four hours at most."""
    doublings = min(max(attempts - 1, 0), 20)
    return min(FIRST_BACKOFF * (1 << doublings), LONGEST_BACKOFF)


def _wait_with_the_first(connection: Connection, now: datetime) -> None:
    """Puts off what would wait for an earlier message of its `order_key` until that is due: to look at thousands of
    them in vain would cost every claim.
    """
    first = messages.alias("first")
    theirs = (
        first.c.order_key == messages.c.order_key,
        first.c.message_id < messages.c.message_id,
        first.c.state == "planned",
        first.c.next_attempt_at > now,
    )
    waiting = (
        select(messages.c.message_id)
        .where(
            messages.c.order_key.is_not(None),
            messages.c.state == "planned",
            messages.c.next_attempt_at <= now,
            exists().where(*theirs),
        )
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    due_at = select(func.max(first.c.next_attempt_at)).where(*theirs).correlate(messages).scalar_subquery()
    connection.execute(
        update(messages)
        .where(messages.c.message_id == waiting.c.message_id)
        .values(next_attempt_at=func.coalesce(due_at, messages.c.next_attempt_at))
    )


def is_next() -> ColumnElement[bool]:
    """Whether no earlier message with the same `order_key` waits or is on its way; true of those without one."""
    earlier = messages.alias("earlier")
    waits_for_another = exists().where(
        earlier.c.order_key == messages.c.order_key,
        earlier.c.message_id < messages.c.message_id,
        # Written out, as the index has it: it is of no use to a parameter.
        earlier.c.state.in_([literal_column(f"'{state}'") for state in UNSETTLED]),
        earlier.c.order_key.is_not(None),
    )
    return or_(messages.c.order_key.is_(None), ~waits_for_another)


def due_count(engine: Engine, now: datetime, channel: str | None = None) -> int:
    """How many messages (of a channel, or of all) could be claimed now."""
    is_due = (messages.c.next_attempt_at <= now) & (messages.c.not_after > now)
    query = (
        select(func.count())
        .select_from(messages)
        .join(campaigns, campaigns.c.campaign == messages.c.campaign)
        .where(messages.c.state == "planned", is_due, campaigns.c.status == "active", is_next())
    )
    if channel is not None:
        query = query.where(messages.c.channel == channel)
    with engine.connect() as connection:
        return int(connection.scalar(query) or 0)


def ended_leases(engine: Engine, now: datetime) -> int:
    """How many messages a dispatcher took and did not bring to an end in its time."""
    query = select(func.count()).where(messages.c.state.in_(LEASED), messages.c.lease_until <= now)
    with engine.connect() as connection:
        return int(connection.scalar(query) or 0)
