"""What each table tells of a lead, as entries of its timeline. Read only.

What belongs here: a reader for each kind of thing. What does not: putting them in order (`timeline`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, select

from leadflow_pipeline.insight.timeline_entry import Entry
from leadflow_pipeline.overrides import LIFTED, OUT_OF_OFFICE
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.lead_rows import lead_rows
from leadflow_pipeline.store.sequences import TO_ONE_OF_US


@dataclass(frozen=True)
class Lead:
    """Whose timeline it is: the lead, its aliases, and up to which day."""

    campaign: str
    lead_id: str
    ids: tuple[str, ...]
    as_of: date


Reader = Callable[[Connection, Lead], Iterator[Entry]]


def records(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """Records that came in."""
    names = ["received_at", "source", "record_count", "is_new"]
    for lead_id in lead.ids:
        for row in connection.execute(
            lead_rows(schema.harvested_leads, names, lead.campaign, lead_id, lead.as_of)
        ):
            first = "first seen" if row.is_new else "seen again"
            alias = "" if lead_id == lead.lead_id else f" as {lead_id}, the same person"
            yield Entry(
                row.received_at, "record", f"{first} in {row.source}, {_counted(row.record_count)}{alias}"
            )


def _counted(number: int) -> str:
    return f"{number:,} {'record' if number == 1 else 'records'}"


def answers(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """What vendors were asked about the lead."""
    table = schema.vendor_lookups
    for row in connection.execute(_about(table, lead)):
        yield Entry(row.finished_at or row.requested_at, "enrichment", f"{row.provider}: {row.state}")


def scores(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """Each score that differs from the one before."""
    last = None
    names = ["day", "score", "icp_fit", "temperature"]
    for row in connection.execute(
        lead_rows(schema.scored_leads, names, lead.campaign, lead.lead_id, lead.as_of)
    ):
        if (row.score, row.temperature) != last:
            words = f"score {row.score:.2f}, fit {row.icp_fit:.2f}, {row.temperature}"
            yield Entry(_end_of(row.day), "score", words)
        last = row.score, row.temperature


def judgements(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """Each change of the qualification."""
    last = None
    for row in connection.execute(
        lead_rows(
            schema.qualified_leads,
            ["day", "status", "is_override"],
            lead.campaign,
            lead.lead_id,
            lead.as_of,
        )
    ):
        if row.status != last:
            yield Entry(
                _end_of(row.day), "qualification", row.status + (" by hand" if row.is_override else "")
            )
        last = row.status


def routes(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """Where the lead was sent, and whose it became by the plan."""
    names = ["day", "status", "tier", "sequence", "reasoning"]
    for row in connection.execute(
        lead_rows(schema.routed_leads, names, lead.campaign, lead.lead_id, lead.as_of)
    ):
        if row.status == "ROUTED":
            yield Entry(
                _end_of(row.day), "route", f"tier {row.tier}, sequence {row.sequence}: {row.reasoning}"
            )
    decided = ["day", "status", "owner", "method"]
    for row in connection.execute(
        lead_rows(schema.owner_decisions, decided, lead.campaign, lead.lead_id, lead.as_of)
    ):
        owner = row.owner or "nobody"
        yield Entry(
            _end_of(row.day),
            "owner",
            f"{row.status.lower()} to {owner} by {row.method.replace('_', ' ')}, as planned",
        )


def nurture(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """How its sequence went."""
    names = ["day", "state", "sequence", "reasons"]
    for row in connection.execute(
        lead_rows(schema.nurtured_leads, names, lead.campaign, lead.lead_id, lead.as_of)
    ):
        reasons = json.loads(row.reasons) if isinstance(row.reasons, str) else row.reasons
        why = "; ".join(str(reason["text"]) for reason in reasons)
        yield Entry(_end_of(row.day), "nurture", f"{row.sequence}: {row.state} ({why})")


def handed_over(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """Owners who were told, and what reps did."""
    for row in connection.execute(_about(schema.handoffs, lead)):
        due = (
            f", first touch by {row.first_touch_due_at:%Y-%m-%d %H:%M} UTC" if row.first_touch_due_at else ""
        )
        yield Entry(row.decided_at, "hand-over", f"to {row.rep}: {row.reason}{due}")
    for row in connection.execute(_about(schema.rep_touches, lead)):
        yield Entry(row.occurred_at, "touch", f"{row.kind} by {row.rep}")


def emails(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """What was sent to the lead, and what was told of it to one of us."""
    for row in connection.execute(_about(schema.messages, lead)):
        at = row.sent_at or (row.updated_at if row.state not in ("planned", "claimed") else row.created_at)
        to = f"step {row.step} of {row.sequence}" if row.recipient_key != TO_ONE_OF_US else _told_of(row)
        variant = f", {row.variant}" if row.variant else ""
        reason = f" ({row.state_reason})" if row.state_reason and row.state != "sent" else ""
        yield Entry(
            at, row.channel, f"{to}: {row.state}{variant}{reason}", text=f"{row.subject}\n\n{row.body_text}"
        )


def _told_of(row: Any) -> str:
    return f"{row.sequence}, {(row.payload or {}).get('kind', 'message')} to one of us"


def came_back(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """What the lead did; whatever a machine did is marked. An answer stands with its mail, once."""
    mails = list(connection.execute(_about(schema.inbound_mails, lead)))
    for row in mails:
        yield Entry(
            row.received_at,
            row.kind.replace("_", " "),
            "by email",
            row.kind in ("auto_reply", "bounce"),
            "\n\n".join(part for part in (row.subject, row.body_text) if part) or None,
        )
    told = {(row.kind, row.received_at) for row in mails}
    for row in connection.execute(_about(schema.engagement_events, lead)):
        if (row.behaviour, row.occurred_at) in told:
            continue
        machine = f", by a machine: {row.machine_reason or 'said so'}" if row.is_machine else ""
        yield Entry(
            row.occurred_at, row.behaviour.replace("_", " "), f"by {row.origin}{machine}", row.is_machine
        )
    for row in connection.execute(_about(schema.outcomes, lead)):
        worth = f", worth {row.value:,.2f}" if row.value is not None else ""
        yield Entry(row.occurred_at, "outcome", f"{row.outcome}{worth}")


def hits(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """Requests of links and pixels that nobody has judged yet."""
    hit, message = schema.tracking_hits.c, schema.messages.c
    query = (
        select(hit.occurred_at, hit.kind, hit.agent)
        .join(schema.messages, message.message_id == hit.message_id)
        .where(message.campaign == lead.campaign, message.lead_id.in_(lead.ids), hit.is_machine.is_(None))
    )
    for row in connection.execute(query):
        yield Entry(row.occurred_at, row.kind, f"by {row.agent}, not judged yet")


def by_hand(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """What people decided, and until when."""
    for row in connection.execute(_about(schema.overrides, lead)):
        until = f" until {row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else ""
        if row.reason == OUT_OF_OFFICE:
            yield Entry(row.occurred_at, "away", f"out of office, paused{until}", is_machine=True)
            continue
        value = "given back to the rules" if row.value == LIFTED else row.value
        yield Entry(
            row.occurred_at, "by hand", f"{row.field}: {value}{until}, by {row.actor}", text=row.reason
        )


def permission(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """Suppressions of the lead's addresses, and consents given and withdrawn."""
    people, message = schema.person_leads.c, schema.messages.c
    keys = set(
        connection.scalars(
            select(people.address_key)
            .where(people.campaign == lead.campaign, people.lead_id.in_(lead.ids))
            .union(
                select(message.recipient_key).where(
                    message.campaign == lead.campaign,
                    message.lead_id.in_(lead.ids),
                    message.recipient_key != TO_ONE_OF_US,
                )
            )
        )
    ) - {None}
    suppressed, given = schema.suppressions, schema.consents
    query: Select[Any] = select(suppressed).where(
        suppressed.c.scope == "address", suppressed.c.subject.in_(sorted(keys))
    )
    for row in connection.execute(query):
        reach = f"in {row.campaign}" if row.campaign else "everywhere"
        yield Entry(row.occurred_at, "suppressed", f"{reach}: {row.reason}")
        if row.lifted_at is not None:
            yield Entry(row.lifted_at, "suppressed", f"no more, {reach}")
    query = select(given).where(given.c.recipient_key.in_(sorted(keys)))
    for row in connection.execute(query):
        word = "given" if row.is_given else "withdrawn"
        yield Entry(row.occurred_at, "consent", f"{word}, {row.source}")


TOLD_ELSEWHERE: Final = "inbound."
"""Beginning of actions of the log that events tell already."""


def noted(connection: Connection, lead: Lead) -> Iterator[Entry]:
    """What else the activity log has."""
    for row in connection.execute(_about(schema.activity_log, lead)):
        if not row.action.startswith(TOLD_ELSEWHERE):
            yield Entry(row.occurred_at, "log", f"{row.action} by {row.actor}")


READERS: Final[Sequence[Reader]] = (
    records, answers, scores, judgements, routes, nurture, handed_over, emails, came_back, hits, by_hand,
    permission, noted,
)  # fmt: skip
"""In the order in which things of one moment are told."""


def _about(table: Table, lead: Lead) -> Select[Any]:
    return (
        select(table)
        .where(table.c.campaign == lead.campaign, table.c.lead_id.in_(lead.ids))
        .order_by(*table.primary_key)
    )


def _end_of(day: date) -> datetime:
    """What a plan of a day says is known from its end on."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)
