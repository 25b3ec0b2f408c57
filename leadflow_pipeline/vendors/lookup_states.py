"""The states of a lookup, and the only statements that change them.

What belongs here: each transition as one guarded statement, in the caller's transaction. What does not: deciding which
one it is (`lookups`).

    planned -> on_wire -> answered | not_found | failed
       ^          |  \\
       +----------+   +-> pending -> answered | not_found | failed
       |                     |
       +----- unknown <------+   no answer after the request left, or whoever asked is gone

`on_wire` is committed before the request leaves, and at most one lookup for a vendor and subject is `on_wire`,
`pending` or `unknown` (a unique index sees to it). So whoever dies leaves a row that says that money may have been
spent, and nobody spends it again before a person has looked.

Whether whoever asks is alive is known from an advisory lock on a connection of its own (`sole_asker`): it is let go
when the process dies, and however long a vendor takes to answer, it does not run out. Should a living process lose
that connection, its rows become `unknown` too early; its answers are taken all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Engine,
    Row,
    any_,
    cast,
    func,
    literal,
    select,
    text,
    update,
)

from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import OPEN_LOOKUP_STATES, vendor_lookups

lookups = vendor_lookups

ASKER_IS_GONE: Final = (
    "whoever asked is gone, and no answer was kept: look at the vendor's own list of requests"
)

GOOD_ANSWER: Final = "paid.finished_at IS NOT NULL AND coalesce(paid.expires_at, 'infinity') > :now"
"""An answer of any kind binds its subject until it expires: what was not found is not asked for again either."""


@contextmanager
def sole_asker(engine: Engine, campaign: str, provider: str) -> Iterator[bool]:
    """Makes this process the only one that asks for a provider of a campaign, where nobody else does: True.

    Questions that are on the wire at that moment were put there by a process that is gone: they become unknown.
    """
    number = lock_number("asking", campaign, provider)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_mine = bool(connection.scalar(select(func.pg_try_advisory_lock(number))))
        try:
            if is_mine:
                _orphans_become_unknown(connection, campaign, provider)
            yield is_mine
        finally:
            if is_mine:
                connection.execute(select(func.pg_advisory_unlock(number)))


def _orphans_become_unknown(connection: Connection, campaign: str, provider: str) -> None:
    connection.execute(
        update(lookups)
        .where(lookups.c.campaign == campaign, lookups.c.provider == provider, lookups.c.state == "on_wire")
        .values(state="unknown", problem=ASKER_IS_GONE)
    )


def sweep(engine: Engine) -> None:
    """Turns whatever dead processes left on the wire into unknown, of any campaign."""
    with engine.connect() as connection:
        busy = connection.execute(
            select(lookups.c.campaign, lookups.c.provider)
            # All open states are named, so that their index is used.
            .where(lookups.c.state.in_(OPEN_LOOKUP_STATES), lookups.c.state == "on_wire")
            .distinct()
        ).all()
    for campaign, provider in busy:
        with sole_asker(engine, campaign, provider):
            pass


def revive(connection: Connection, campaign: str, provider: str, now: datetime) -> int:
    """Plans again what is unknown, for a provider that may be asked again at no cost; how many."""
    return len(
        connection.scalars(
            update(lookups)
            .where(
                lookups.c.campaign == campaign, lookups.c.provider == provider, lookups.c.state == "unknown"
            )
            .values(state="planned", problem=None, request_id=None, place=None, next_attempt_at=now)
            .returning(lookups.c.lookup_id)
        ).all()
    )


def lock_planned(connection: Connection, campaign: str, provider: str) -> None:
    """Lets one transaction at a time add or copy many planned questions: two would wait for each other's rows."""
    connection.execute(select(func.pg_advisory_xact_lock(lock_number("planned lookups", campaign, provider))))


def copy_answers(
    connection: Connection, campaign: str, provider: str, now: datetime, *, of_leads: bool = False
) -> list[int]:
    """Answers planned questions from what any campaign paid for and is still good; their ids.

    `of_leads`: only those that fill the fields of a lead.
    """
    lock_planned(connection, campaign, provider)
    statement = text(
        f"""
        UPDATE leadflow.vendor_lookups AS mine
        SET state = paid.state, answer = paid.answer, problem = paid.problem, expires_at = paid.expires_at,
            copied_from = coalesce(paid.copied_from, paid.lookup_id), finished_at = :now
        FROM (
            SELECT DISTINCT ON (waiting.lookup_id) waiting.lookup_id AS waiting_id, paid.*
            FROM leadflow.vendor_lookups AS waiting
            JOIN leadflow.vendor_lookups AS paid
                ON paid.vendor = waiting.vendor AND paid.subject_key = waiting.subject_key AND {GOOD_ANSWER}
            WHERE waiting.campaign = :campaign AND waiting.provider = :provider AND waiting.state = 'planned'
                AND (waiting.lead_id IS NOT NULL OR NOT :of_leads)
            ORDER BY waiting.lookup_id, paid.finished_at DESC, paid.lookup_id DESC
        ) AS paid
        WHERE mine.lookup_id = paid.waiting_id AND mine.state = 'planned'
        RETURNING mine.lookup_id
        """  # noqa: S608
    )
    values = {"campaign": campaign, "provider": provider, "now": now, "of_leads": of_leads}
    return list(connection.scalars(statement, values))


def due(
    connection: Connection, campaign: str, provider: str, vendor: str, now: datetime, limit: int
) -> list[Row[Any]]:
    """Up to `limit` questions that may be asked now, `(lookup_id, attempts)`, those that wait longest first.

    Holds until the end of the transaction everybody else who wants to ask this vendor, so that between this look and
    `put_on_wire` nobody else puts the same subject on the wire. Passed over is what is being asked, what is answered,
    and of the same question in one campaign all but the first: they copy its answer.
    """
    connection.execute(select(func.pg_advisory_xact_lock(lock_number("put on the wire", vendor))))
    statement = text(
        f"""
        SELECT mine.lookup_id, mine.attempts
        FROM leadflow.vendor_lookups AS mine
        WHERE mine.campaign = :campaign AND mine.provider = :provider AND mine.vendor = :vendor
            AND mine.state = 'planned' AND mine.next_attempt_at <= :now
            AND NOT EXISTS (
                SELECT FROM leadflow.vendor_lookups AS paid
                WHERE paid.vendor = mine.vendor AND paid.subject_key = mine.subject_key
                    AND paid.lookup_id <> mine.lookup_id
                    AND (
                        paid.state IN ('on_wire', 'pending', 'unknown')
                        OR ({GOOD_ANSWER})
                        OR (paid.state = 'planned' AND paid.campaign = mine.campaign
                            AND paid.provider = mine.provider AND paid.lookup_id < mine.lookup_id)
                    )
            )
        ORDER BY mine.next_attempt_at
        LIMIT :limit
        """  # noqa: S608
    )
    values = {"campaign": campaign, "provider": provider, "vendor": vendor, "now": now, "limit": limit}
    return list(connection.execute(statement, values))


def put_on_wire(connection: Connection, ids: Sequence[int], now: datetime) -> list[Row[Any]]:
    """Notes that these questions are being asked, as one request; by place.

    Rows of (lookup_id, attempts, question, place, asked_at).
    """
    statement = text(
        """
        UPDATE leadflow.vendor_lookups AS mine
        SET state = 'on_wire', attempts = mine.attempts + 1, asked_at = :now, place = given.place, problem = NULL
        FROM (
            SELECT lookup_id, row_number() OVER (ORDER BY lookup_id) - 1 AS place
            FROM unnest(CAST(:ids AS bigint[])) AS lookup_id
        ) AS given
        WHERE mine.lookup_id = given.lookup_id AND mine.state = 'planned'
        RETURNING mine.lookup_id, mine.attempts, mine.question, mine.place, mine.asked_at
        """
    )
    rows = connection.execute(statement, {"ids": list(ids), "now": now}).all()
    return sorted(rows, key=lambda row: row.place)


def put_back(
    connection: Connection, ids: Sequence[int], until: datetime, problem: str, *, was_asked: bool
) -> int:
    """Plans again, for `until`, what was certainly not carried out, or may be repeated; how many.

    `was_asked`: the attempt counts, and the question will be asked alone from now on.
    """
    return _move(
        connection, ids, ("on_wire", "unknown"), state="planned", next_attempt_at=until, problem=problem, place=None,
        attempts=lookups.c.attempts - (0 if was_asked else 1),
    )  # fmt: skip


def keep_request(connection: Connection, ids: Sequence[int], request_id: str, poll_at: datetime) -> int:
    """Notes by which id the vendor knows what it was asked, before anything is asked by that id."""
    return _move(
        connection, ids, ("on_wire", "unknown"), state="pending", request_id=request_id,
        next_attempt_at=poll_at, problem=None,
    )  # fmt: skip


def keep_waiting(connection: Connection, ids: Sequence[int], until: datetime, problem: str | None) -> int:
    """Leaves a pending request for later."""
    return _move(connection, ids, ("pending",), next_attempt_at=until, problem=problem)


def lose_sight(connection: Connection, ids: Sequence[int], problem: str) -> int:
    """Notes that nobody knows what became of these questions."""
    return _move(connection, ids, ("on_wire", "pending"), state="unknown", problem=problem)


def finish(
    connection: Connection,
    ids: Sequence[int],
    attempts: Sequence[int],
    rows: dict[str, list[Any]],
    now: datetime,
) -> list[int]:
    """Keeps what came back; ids of the lookups it was news for.

    `rows` holds a list for each of state, answer (JSON text or None), problem, credits and expires_at. An answer to an
    attempt that was overtaken (a person had it asked again meanwhile) is dropped.
    """
    statement = text(
        """
        UPDATE leadflow.vendor_lookups AS mine
        SET state = told.state, answer = CAST(told.answer AS jsonb), problem = told.problem, credits = told.credits,
            expires_at = told.expires_at, finished_at = :now
        FROM unnest(
            CAST(:ids AS bigint[]), CAST(:attempts AS integer[]), CAST(:state AS text[]), CAST(:answer AS text[]),
            CAST(:problem AS text[]), CAST(:credits AS double precision[]), CAST(:expires_at AS timestamptz[])
        ) AS told (lookup_id, attempts, state, answer, problem, credits, expires_at)
        WHERE mine.lookup_id = told.lookup_id AND mine.attempts = told.attempts
            AND mine.state IN ('on_wire', 'pending', 'unknown')
        RETURNING mine.lookup_id
        """
    )
    # Vendors bill in whole numbers and in parts; an array is of one kind.
    told = {**rows, "credits": [float(credits) for credits in rows["credits"]]}
    return list(
        connection.scalars(statement, {"ids": list(ids), "attempts": list(attempts), "now": now, **told})
    )


def pending(
    connection: Connection, campaign: str, provider: str, vendor: str, now: datetime
) -> dict[str, list[Any]]:
    """Requests of which it is time to ask: request id -> its lookups by place."""
    rows = connection.execute(
        select(
            lookups.c.lookup_id, lookups.c.attempts, lookups.c.question, lookups.c.place, lookups.c.asked_at,
            lookups.c.request_id,
        )
        .where(
            lookups.c.campaign == campaign,
            lookups.c.provider == provider,
            lookups.c.vendor == vendor,
            lookups.c.state == "pending",
            lookups.c.next_attempt_at <= now,
        )
        .order_by(lookups.c.asked_at, lookups.c.request_id, lookups.c.place)
    ).all()  # fmt: skip
    requests: dict[str, list[Any]] = {}
    for row in rows:
        requests.setdefault(row.request_id, []).append(row)
    return requests


def _move(connection: Connection, ids: Sequence[int], states: tuple[str, ...], **values: Any) -> int:
    """Changes those of `ids` that are in one of `states`; how many."""
    wanted = any_(cast(literal(list(ids), ARRAY(BigInteger)), ARRAY(BigInteger)))
    statement = update(lookups).where(lookups.c.lookup_id == wanted, lookups.c.state.in_(states))
    return len(connection.scalars(statement.values(**values).returning(lookups.c.lookup_id)).all())
