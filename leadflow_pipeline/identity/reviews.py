"""The queue of "are these the same?", and what people answered: a door, it reads and writes `match_reviews`.

What belongs here: asking once about a pair, and keeping the answer. What does not: which pairs are doubtful
(`matching`, `accounts`), and what an answer does (`persons`, `accounts`).

A pair is asked about once: while it is open, what speaks for it is kept up to date; once answered, it is never asked
again. An answer may be changed by answering again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from sqlalchemy import (
    Column,
    Connection,
    Double,
    MetaData,
    Table,
    Text,
    and_,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.schema import activity_log, match_reviews

Kind = Literal["person", "account"]
Decision = Literal["same", "different"]

DOUBTS = Table(
    "doubts",
    MetaData(),
    Column("left_id", Text),
    Column("right_id", Text),
    Column("match_probability", Double),
    Column("evidence", JSONB),
    prefixes=["TEMPORARY"],
)


def lead_names(leads: pd.DataFrame) -> pd.Series:
    """How reviews name leads: campaign/lead_id."""
    return (leads["campaign"] + "/" + leads["lead_id"]).astype("str")


def parse_lead_name(name: str) -> tuple[str, str]:
    """Campaign and lead_id of a name. Raises PermanentError for what is none."""
    campaign, slash, lead_id = name.partition("/")
    if not (campaign and slash and lead_id):
        raise PermanentError(f"{name!r} names no lead: write it as CAMPAIGN/LEAD, such as spring/0f3a…")
    return campaign, lead_id


def ask(connection: Connection, kind: Kind, doubts: pd.DataFrame) -> int:
    """Puts pairs into the queue: `left_id`, `right_id` (either way round), `match_probability`, `evidence`.

    How many were not there yet.
    """
    if doubts.empty:
        return 0
    DOUBTS.create(connection)
    copy_in(connection, conform(doubts[[column.name for column in DOUBTS.columns]], DOUBTS), DOUBTS)
    pair = [
        func.least(DOUBTS.c.left_id, DOUBTS.c.right_id),
        func.greatest(DOUBTS.c.left_id, DOUBTS.c.right_id),
    ]
    asked = (
        select(literal(kind, Text), *pair, DOUBTS.c.match_probability, DOUBTS.c.evidence)
        .distinct(*pair)
        .order_by(*pair, DOUBTS.c.match_probability.desc())
    )
    before = connection.scalar(select(func.count()).select_from(match_reviews))
    names = ["kind", "left_id", "right_id", "match_probability", "evidence"]
    statement = insert_or_update(match_reviews).from_select(names, asked)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "left_id", "right_id"],
            set_={name: statement.excluded[name] for name in ("match_probability", "evidence")},
            where=match_reviews.c.state == "open",
        )
    )
    DOUBTS.drop(connection)
    after = connection.scalar(select(func.count()).select_from(match_reviews))
    return int(after or 0) - int(before or 0)


def read_decisions(connection: Connection, kind: Kind) -> pd.DataFrame:
    """What people answered: `left_id`, `right_id`, `state`, by pair."""
    query = (
        select(match_reviews.c.left_id, match_reviews.c.right_id, match_reviews.c.state)
        .where(match_reviews.c.kind == kind, match_reviews.c.state != "open")
        .order_by(match_reviews.c.left_id.collate("C"), match_reviews.c.right_id.collate("C"))
    )
    return read(connection, query)


def decide(
    connection: Connection, review_id: int, decision: Decision, *, actor: str, reason: str
) -> dict[str, Any]:
    """Keeps the answer to a review; the review. Raises PermanentError where there is no such review."""
    statement = (
        update(match_reviews)
        .where(match_reviews.c.review_id == review_id)
        .values(state=decision, actor=actor, reason=reason, decided_at=func.now())
        .returning(match_reviews)
    )
    review = connection.execute(statement).mappings().one_or_none()
    if review is None:
        raise PermanentError(f"there is no review {review_id}: leadflow identity reviews lists the open ones")
    _log(connection, actor, {"review_id": review_id, "decision": decision})
    return dict(review)


def declare(
    connection: Connection, decision: Decision, lead: str, others: Sequence[str], *, actor: str, reason: str
) -> None:
    """Keeps that a lead is the same person as each of `others`, or a different one, whether anyone had asked or not."""
    answer = {"kind": "person", "evidence": [], "state": decision, "actor": actor}
    for other in others:
        pair = select(func.least(lead, other), func.greatest(lead, other))
        left, right = connection.execute(pair).one()
        statement = insert_or_update(match_reviews).values(
            **answer,
            left_id=left,
            right_id=right,
            match_probability=float(decision == "same"),
            reason=reason,
            decided_at=func.now(),
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["kind", "left_id", "right_id"],
                set_={name: statement.excluded[name] for name in ("state", "actor", "reason", "decided_at")},
            )
        )
    _log(connection, actor, {"decision": decision, "pairs": len(others)})


def withdraw_different(
    connection: Connection, some: Sequence[str], others: Sequence[str], *, actor: str, reason: str
) -> None:
    """Answers `same` wherever it was said that one of `some` and one of `others` are different."""
    review = match_reviews.c
    either_way = or_(
        and_(review.left_id.in_(some), review.right_id.in_(others)),
        and_(review.left_id.in_(others), review.right_id.in_(some)),
    )
    connection.execute(
        update(match_reviews)
        .where(review.kind == "person", review.state == "different", either_way)
        .values(state="same", actor=actor, reason=reason, decided_at=func.now())
    )


def _log(connection: Connection, actor: str, detail: dict[str, Any]) -> None:
    note = {"actor": actor, "action": "identity.decide", "detail": detail}
    connection.execute(insert(activity_log).values(note))
