"""Leads that wait for an owner: kept with the reason, tried again, and told of once.

What belongs here: what is on record of them, what can be done, and the one email to whoever looks after the campaign.
What does not: why nobody can have a lead (`claiming`, and the plan).

A lead is held by the plan, which found nobody, or at the door, where nobody who was planned is free: two conditions of
a campaign, with other remedies. Each is told of when it begins, and again only when every lead that was told of has
found its owner and others wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.delivery import notices
from leadflow_pipeline.delivery.claiming import FULL
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.delivery.pending import NO_CANDIDATE, Waiting
from leadflow_pipeline.store.schema import held_handoffs, messages

BY_PLAN, AT_THE_DOOR = "by the plan", "at the door"
MOST_REASONS: Final = 10
ALERT: Final = "held:"
"""How the key of an email about leads that wait begins."""


def condition_of(reason: str) -> str:
    """Who holds a lead: the plan, or the door."""
    return BY_PLAN if reason.startswith(NO_CANDIDATE) else AT_THE_DOOR


def reason_and_remedy(reason: str) -> tuple[str, str]:
    """Why a lead waits, and what to do about it beside giving it away by hand."""
    if condition_of(reason) is BY_PLAN:
        why, _, remedy = reason.removeprefix(NO_CANDIDATE).removeprefix(": ").partition(": ")
        told = f"{NO_CANDIDATE}: {why}" if why else NO_CANDIDATE
        return told, remedy or "leadflow reps lint says which leads nobody may have"
    if FULL in reason:
        return reason, "raise a capacity or add a rep; it is tried again every few minutes"
    return reason, "leadflow reps list shows who is there; it is tried again every few minutes"


def hold(connection: Connection, campaign: str, held: Sequence[tuple[Waiting, str]], now: datetime) -> None:
    """Keeps leads that nobody could have, each with its reason. Since when one waits stays as it is."""
    if not held:
        return
    statement = insert(held_handoffs)
    changing = ("assignment_number", "decision_day", "reason", "last_tried_at")
    rows = [
        {
            "campaign": campaign,
            "lead_id": waiting.lead_id,
            "held_since": now,
            "assignment_number": waiting.assignment_number,
            "decision_day": waiting.decision_day,
            "reason": reason,
            "last_tried_at": now,
        }
        for waiting, reason in held
    ]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(held_handoffs.primary_key),
            set_={name: statement.excluded[name] for name in changing},
        ),
        rows,
    )


def forget_settled(engine: Engine, campaign: str, waiting: Iterable[Waiting]) -> None:
    """Removes leads that are held and wait no more: they have an owner, or came to an end."""
    still = [each.lead_id for each in waiting]
    settled = delete(held_handoffs).where(
        held_handoffs.c.campaign == campaign, held_handoffs.c.lead_id.not_in(still)
    )
    with engine.begin() as connection:
        connection.execute(settled)


def alert(engine: Engine, version: CampaignVersion, now: datetime) -> None:
    """Tells whoever looks after the campaign that leads wait, once for each condition."""
    query = (
        select(
            held_handoffs.c.reason,
            func.count().label("leads"),
            func.min(held_handoffs.c.held_since).label("since"),
        )
        .where(held_handoffs.c.campaign == version.campaign)
        .group_by(held_handoffs.c.reason)
        .order_by(func.count().desc(), held_handoffs.c.reason)
    )
    with engine.begin() as connection:
        reasons = connection.execute(query).all()
        if not reasons:
            return
        since: dict[str, datetime] = {}
        for row in reasons:
            condition = condition_of(row.reason)
            since[condition] = min(row.since, since.get(condition, row.since))
        told = _told_at(connection, version.campaign)
        news = {
            condition: begun
            for condition, begun in since.items()
            if condition not in told or begun > told[condition]
        }
        if news:
            put_in(connection, [_email(version, reasons, news, sorted(since), now)])


def _email(
    version: CampaignVersion,
    reasons: Sequence[Row[Any]],
    news: dict[str, datetime],
    told: list[str],
    now: datetime,
) -> dict[str, Any]:
    """The same key for whoever finds the same at once."""
    count = sum(row.leads for row in reasons)
    noun = "lead waits" if count == 1 else "leads wait"
    pairs = [(row.leads, *reason_and_remedy(row.reason)) for row in reasons[:MOST_REASONS]]
    lines = [
        f"{count:,} {noun} for an owner in “{version.rules.name}”:",
        *(f"{number:,}: {why}. What helps: {remedy}." for number, why, remedy in pairs),
        f"leadflow handover held --campaign {version.campaign} lists them; "
        f"leadflow override {version.campaign} LEAD owner REP gives one away by hand.",
    ]
    begun = min(news.values()).astimezone(UTC)
    key = f"{ALERT}{version.campaign}:{'+'.join(sorted(news)).replace(' ', '-')}:{begun:%Y-%m-%dT%H:%M}"
    row = notices.row_to_operators(version, key, f"{count:,} {noun} for an owner", lines, now)
    return {**row, "payload": {**row["payload"], "conditions": told}}


def _told_at(connection: Connection, campaign: str) -> dict[str, datetime]:
    """Condition -> when it was last told of."""
    condition = func.jsonb_array_elements_text(messages.c.payload["conditions"]).table_valued(
        "value", name="condition"
    )
    query = (
        select(condition.c.value, func.max(messages.c.planned_at))
        .select_from(messages)
        .join(condition, onclause=messages.c.lead_id == "")
        .where(
            messages.c.campaign == campaign,
            messages.c.lead_id == "",
            messages.c.subject_key.startswith(ALERT, autoescape=True),
        )
        .group_by(condition.c.value)
    )
    return dict(connection.execute(query).tuples().all())
