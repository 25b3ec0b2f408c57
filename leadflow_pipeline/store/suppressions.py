"""Who is not to be written to: said, said again, taken back, and which of it stands.

What belongs here: the one way to write `suppressions`, and the one condition by which they are read. What does not: who
says so, and what is done about it.

One row a scope, subject and campaign. One that was lifted forbids nothing until it is said again, by something that
happened after it was lifted; `activity_log` has the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.store.schema import suppressions

EVERY_CAMPAIGN: Final = ""
"""The `campaign` of a suppression that reaches over all of them."""

ERASURE: Final = "erasure"
"""Reason of the suppressions of people who asked to be forgotten: their records are not stored again."""

KEY: Final = ("scope", "subject", "campaign")

Moment = datetime | ColumnElement[Any]


def stands(now: Moment | None = None) -> ColumnElement[bool]:
    """Whether a row of `suppressions` forbids anything at a moment; at present where none is given."""
    lifted_at = suppressions.c.lifted_at
    return or_(lifted_at.is_(None), lifted_at > (func.now() if now is None else now))


def suppress(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Keeps rows of `suppressions` (scope, subject, campaign, reason, origin, occurred_at) that do not stand yet.

    Returns scope, subject and campaign of each that is news. Of several of one key the first counts.
    """
    distinct: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for row in rows:
        distinct.setdefault(tuple(row[name] for name in KEY), row)
    if not distinct:
        return []
    # In the order of the key, so that two who suppress the same at once wait for each other and never crosswise.
    statement = insert(suppressions).values([dict(distinct[key]) for key in sorted(distinct)])
    news = ("reason", "origin", "occurred_at")
    said = statement.on_conflict_do_update(
        index_elements=list(KEY),
        set_={**{name: statement.excluded[name] for name in news}, "lifted_at": None},
        where=suppressions.c.lifted_at < statement.excluded.occurred_at,
    ).returning(*(suppressions.c[name] for name in KEY))
    return list(connection.execute(said).tuples())


def lift(
    connection: Connection,
    now: datetime,
    *,
    subject: str,
    scope: str = "address",
    campaign: str = EVERY_CAMPAIGN,
    only: Sequence[str] | None = None,
    even_erased: bool = False,
) -> list[str]:
    """Takes a suppression back from `now` on; the reasons it had, none where none stood.

    `only`: where its reason is one of these. That of a person who asked to be forgotten stays, unless `even_erased`.
    """
    conditions: list[ColumnElement[bool]] = [] if only is None else [suppressions.c.reason.in_(only)]
    if not even_erased:
        conditions.append(suppressions.c.reason != ERASURE)
    statement = (
        update(suppressions)
        .where(
            suppressions.c.scope == scope,
            suppressions.c.subject == subject,
            suppressions.c.campaign == campaign,
            stands(now),
            *conditions,
        )
        .values(lifted_at=func.greatest(now, suppressions.c.occurred_at))
        .returning(suppressions.c.reason)
    )
    return list(connection.scalars(statement))


def standing_of_address(connection: Connection, key: str, now: datetime) -> dict[str, str]:
    """Campaign -> reason of every suppression of an address that stands; the empty one reaches over all."""
    query = select(suppressions.c.campaign, suppressions.c.reason).where(
        suppressions.c.scope == "address", suppressions.c.subject == key, stands(now)
    )
    return dict(connection.execute(query).tuples().all())


def erased_among(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Of these address keys those of people who asked to be forgotten: nothing of theirs is stored again."""
    query = select(suppressions.c.subject).where(
        suppressions.c.scope == "address",
        suppressions.c.reason == ERASURE,
        suppressions.c.subject.in_(sorted(set(keys))),
        stands(),
    )
    return set(connection.scalars(query))
