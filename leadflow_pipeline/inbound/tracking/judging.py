"""Requests that have settled are judged, and become facts. A door to the database.

What belongs here: which requests are due to be judged, what stands around them, and writing down what was found. What
does not: the judgement itself (`judgement`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, and_, func, select, text

from leadflow_pipeline.inbound.happenings import Happening
from leadflow_pipeline.inbound.recording import record
from leadflow_pipeline.inbound.tracking.judgement import AROUND, BURSTS, SETTLING, judge
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import message_links, messages, tracking_hits

BATCH = 20_000
SEEN_AROUND = max(AROUND, *(within for _, within in BURSTS)).to_pytimedelta()
"""How far from a request what is needed to judge it may be."""

KEPT_BACK = timedelta(seconds=30)
"""After storing: what was told at the same time may be a moment behind."""

HAPPENING_COLUMNS = ["hit_id", "kind", "message_id", "link", "occurred_at", "agent", "reason"]

KEEP = text(
    """
    UPDATE leadflow.tracking_hits AS hit
    SET is_machine = judged.reason IS NOT NULL, machine_reason = judged.reason
    FROM unnest(CAST(:hits AS text[]), CAST(:reasons AS text[])) AS judged (hit_id, reason)
    WHERE hit.hit_id = judged.hit_id
    """
)


@dataclass
class Judged:
    """How many requests were judged, and how many of them were machines'."""

    hits: int = 0
    machines: int = 0

    def to_dict(self) -> dict[str, int]:
        """For reports."""
        return asdict(self)


def count_unjudged(engine: Engine, now: datetime | None = None) -> int:
    """Requests that have settled and wait to be judged."""
    query = select(func.count()).select_from(tracking_hits).where(_is_due(now or datetime.now(UTC)))
    with engine.connect() as connection:
        return connection.scalar(query) or 0


def judge_due(engine: Engine, now: datetime | None = None) -> Judged:
    """Judges all that has settled, in batches of one transaction each; nothing where somebody else is at it."""
    now = now or datetime.now(UTC)
    judged = Judged()
    while True:
        with engine.begin() as connection:
            if not connection.scalar(select(func.pg_try_advisory_xact_lock(lock_number("judging")))):
                return judged
            count, machines = _judge_batch(connection, now)
        judged.hits += count
        judged.machines += machines
        if count < BATCH:
            return judged


def _is_due(now: datetime) -> Any:
    return and_(
        tracking_hits.c.is_machine.is_(None),
        tracking_hits.c.occurred_at <= now - SETTLING.to_pytimedelta(),
        tracking_hits.c.stored_at <= now - KEPT_BACK,
    )


def _judge_batch(connection: Connection, now: datetime) -> tuple[int, int]:
    due_query = (
        select(tracking_hits.c.hit_id, tracking_hits.c.occurred_at)
        .where(_is_due(now))
        .order_by(tracking_hits.c.occurred_at, tracking_hits.c.hit_id)
        .limit(BATCH)
    )
    due = read(connection, due_query)
    if due.empty:
        return 0, 0
    seen = _seen_around(connection, due["occurred_at"].iloc[0], due["occurred_at"].iloc[-1])
    judged = due[["hit_id"]].merge(seen.assign(reason=judge(seen)), on="hit_id")
    reasons = judged["reason"].tolist()
    connection.execute(KEEP, {"hits": judged["hit_id"].tolist(), "reasons": reasons})
    happened = judged[HAPPENING_COLUMNS].itertuples(index=False, name=None)
    record(connection, [_happening(*row) for row in happened])
    return len(judged), len(reasons) - reasons.count(None)


def _seen_around(connection: Connection, first: datetime, last: datetime) -> pd.DataFrame:
    """All requests near those that are due, judged or not, and what is known of their messages."""
    links = (
        select(message_links.c.message_id, func.count().label("links"))
        .where(~message_links.c.is_trap)
        .group_by(message_links.c.message_id)
        .subquery()
    )
    trap = and_(
        message_links.c.message_id == tracking_hits.c.message_id,
        message_links.c.number == tracking_hits.c.link,
    )
    near = tracking_hits.c.occurred_at.between(first - SEEN_AROUND, last + SEEN_AROUND)
    counted = select(links.c.links).where(links.c.message_id == tracking_hits.c.message_id).scalar_subquery()
    query = (
        select(
            tracking_hits.c.hit_id,
            tracking_hits.c.message_id,
            (messages.c.campaign + "|" + messages.c.lead_id).label("lead"),
            tracking_hits.c.kind,
            tracking_hits.c.link,
            tracking_hits.c.occurred_at,
            tracking_hits.c.visitor_key,
            tracking_hits.c.agent,
            func.coalesce(message_links.c.is_trap, False).label("is_trap"),
            func.coalesce(counted, 0).label("links"),
            messages.c.sent_at,
        )
        .join(messages, messages.c.message_id == tracking_hits.c.message_id)
        .outerjoin(message_links, trap)
        .where(near)
    )
    return read(connection, query)


def _happening(
    hit_id: str,
    kind: str,
    message_id: int,
    link: int,
    occurred_at: pd.Timestamp,
    agent: str,
    reason: str | None,
) -> Happening:
    is_open = kind == "open"
    return Happening(
        event_id=f"{kind} {hit_id}",
        kind="open" if is_open else "click",
        message_id=int(message_id),
        occurred_at=occurred_at.to_pydatetime(),
        origin="pixel" if is_open else "link",
        is_machine=reason is not None,
        machine_reason=reason,
        detail={"agent": agent} if is_open else {"agent": agent, "link": int(link)},
    )
