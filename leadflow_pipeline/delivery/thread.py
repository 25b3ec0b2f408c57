"""What was said between us and a lead, by email: what an owner reads before answering.

What belongs here: reading it, many leads at once, and cutting it to what is read. What does not: the message around it
(`notices`), and matching mails to leads.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, literal, select, union_all

from leadflow_pipeline.delivery.tokens import INVISIBLE_CATEGORIES, JOINERS, shorten
from leadflow_pipeline.store.schema import inbound_mails, messages
from leadflow_pipeline.store.sequences import is_to_lead

MOST_ENTRIES: Final = 8
"""The latest so many."""
OURS, THEIRS = 600, 4_000
"""Characters that are shown of what we wrote, and of what they wrote."""
LINE: Final = 400


@dataclass(frozen=True)
class Entry:
    """One email of the thread, as plain text."""

    at: datetime
    is_theirs: bool
    subject: str
    lines: tuple[str, ...]

    @property
    def headline(self) -> str:
        """Who wrote when, and about what."""
        who = "They wrote" if self.is_theirs else "We wrote"
        about = f": {self.subject}" if self.subject else ""
        return f"{who} on {self.at:%d %b %Y, %H:%M} UTC{about}"


def threads_of(
    connection: Connection, campaign: str, lead_ids: Sequence[str], now: datetime
) -> dict[str, tuple[Entry, ...]]:
    """The emails that were sent to each of these leads and what came back, the latest last."""
    sent, came = messages.c, inbound_mails.c
    ours = select(
        sent.lead_id,
        sent.sent_at.label("at"),
        literal(value=False).label("is_theirs"),
        sent.subject,
        sent.body_text,
    ).where(
        sent.campaign == campaign,
        sent.lead_id.in_(sorted(lead_ids)),
        sent.channel == "email",
        sent.sent_at <= now,
        is_to_lead(),
    )
    theirs = select(
        came.lead_id,
        came.received_at,
        literal(value=True),
        came.subject,
        came.body_text,
    ).where(
        came.campaign == campaign,
        came.lead_id.in_(sorted(lead_ids)),
        came.kind.in_(("reply", "unsubscribe")),
        came.received_at <= now,
    )
    both = union_all(ours, theirs).subquery("both")
    found: dict[str, list[Entry]] = {}
    for row in connection.execute(select(both).order_by(both.c.at, both.c.is_theirs)):
        found.setdefault(row.lead_id, []).append(_entry(row))
    return {lead_id: tuple(entries[-MOST_ENTRIES:]) for lead_id, entries in found.items()}


def _entry(row: Any) -> Entry:
    most = THEIRS if row.is_theirs else OURS
    lines: list[str] = []
    for written in (row.body_text or "").splitlines():
        line = shorten(_visible(written), LINE)
        if most < len(line):
            lines.append("…")
            break
        most -= len(line) + 1
        if line or (lines and lines[-1]):
            lines.append(line)
    while lines and not lines[-1]:
        lines.pop()
    return Entry(row.at, row.is_theirs, shorten(_visible(row.subject or ""), 200), tuple(lines))


def _visible(text: str) -> str:
    """Text as one line without anything that is not seen."""
    return " ".join(
        "".join(
            " " if unicodedata.category(each) in INVISIBLE_CATEGORIES and each not in JOINERS else each
            for each in text[: 4 * LINE]
        ).split()
    )
