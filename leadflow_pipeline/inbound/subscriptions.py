"""What a person wishes about being written to, said by a link or on a page. A door to the database.

What belongs here: unsubscribing and subscribing again by campaign and address key, and what stands of it. What does
not: tokens, pages, and wishes told by a mail or a provider, which are happenings (`recording`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from leadflow_pipeline.inbound.happenings import Happening
from leadflow_pipeline.inbound.recording import SUPPRESSED_BY, UNSUBSCRIBED, record
from leadflow_pipeline.store.schema import activity_log, engagement_events, messages
from leadflow_pipeline.store.suppressions import EVERY_CAMPAIGN, lift, suppress

TAKEN_BACK: Final = (UNSUBSCRIBED, SUPPRESSED_BY["complaint"])
"""Reasons that a person takes back by subscribing again; a mailbox that is not there stays one."""

RESUBSCRIBED: Final = "resubscribe"
"""Behaviour after which earlier unsubscriptions and complaints stop nothing new."""


def unsubscribe(
    connection: Connection,
    *,
    campaign: str,
    recipient_key: str,
    everywhere: bool,
    event_id: str,
    occurred_at: datetime,
    origin: str,
) -> bool:
    """Writes to the address no more, in the campaign or `everywhere`; whether that was news.

    It is told of the latest email to the address there, where there is one. The same `event_id` again changes nothing.
    """
    latest = _latest(connection, campaign, recipient_key)
    if latest is not None:
        happening = Happening(
            event_id, "unsubscribe", latest.message_id, occurred_at, origin, everywhere=everywhere
        )
        return bool(record(connection, [happening], occurred_at))
    row = {
        "scope": "address",
        "subject": recipient_key,
        "campaign": EVERY_CAMPAIGN if everywhere else campaign,
        "reason": UNSUBSCRIBED,
        "origin": origin,
        "occurred_at": occurred_at,
    }
    return bool(suppress(connection, [row]))


def resubscribe(
    connection: Connection,
    *,
    campaign: str,
    recipient_key: str,
    everywhere: bool,
    event_id: str,
    occurred_at: datetime,
    origin: str,
) -> bool:
    """Lets the address be written to again, in the campaign or `everywhere`; whether anything forbade it.

    The sequence that was stopped stays stopped: only a person, or being routed again, lets it go on.
    """
    reach = (campaign, EVERY_CAMPAIGN) if everywhere else (campaign,)
    lifted = [
        reason
        for each in reach
        for reason in lift(connection, occurred_at, subject=recipient_key, campaign=each, only=TAKEN_BACK)
    ]
    latest = _latest(connection, campaign, recipient_key)
    if not lifted or latest is None:
        return bool(lifted)
    event = {
        "campaign": campaign,
        "event_id": event_id,
        "lead_id": latest.lead_id,
        "behaviour": RESUBSCRIBED,
        "occurred_at": occurred_at,
        "origin": origin,
    }
    connection.execute(insert_or_skip(engagement_events).values(event).on_conflict_do_nothing())
    note = {
        "occurred_at": occurred_at,
        "actor": origin,
        "action": f"inbound.{RESUBSCRIBED}",
        "campaign": campaign,
        "lead_id": latest.lead_id,
        "detail": {"event_id": event_id, "message_id": latest.message_id},
    }
    connection.execute(insert(activity_log).values(note))
    return True


def _latest(connection: Connection, campaign: str, recipient_key: str) -> Any:
    query = (
        select(messages.c.message_id, messages.c.lead_id)
        .where(messages.c.campaign == campaign, messages.c.recipient_key == recipient_key)
        .order_by(messages.c.sent_at.desc().nulls_last(), messages.c.message_id.desc())
        .limit(1)
    )
    return connection.execute(query).one_or_none()
