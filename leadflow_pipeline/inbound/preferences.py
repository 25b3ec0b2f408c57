"""What people wish about being written to, from a page or by their mail program's button. A door to the database.

What belongs here: wishes as the journal keeps them, acting on them, and which one stands. What does not: pages and
requests (`service`), and what follows from a wish (`subscriptions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, exists, select

from leadflow_pipeline.delivery.unsubscribe import Unsubscription
from leadflow_pipeline.inbound.recording import UNSUBSCRIBED
from leadflow_pipeline.inbound.subscriptions import resubscribe, unsubscribe
from leadflow_pipeline.store.schema import suppressions
from leadflow_pipeline.store.suppressions import EVERY_CAMPAIGN, standing_of_address

CHOICE = "choice"
Choice = Literal["all", "campaign", "none"]
"""No emails from anybody here; none of this campaign; or emails again."""

Standing = Literal["all", "campaign", "none", "other"]
"""The choice that stands; `other`: no emails, for another reason than the person's wish."""

PAGE, ONE_CLICK = "page", "one-click"


def choice_line(
    choice_id: str, who: Unsubscription, choice: Choice, origin: str, at: datetime
) -> Mapping[str, Any]:
    """A wish as the journal keeps it."""
    return {
        "what": CHOICE,
        "id": choice_id,
        "campaign": who.campaign,
        "recipient": who.recipient_key,
        "choice": choice,
        "origin": origin,
        "at": at.isoformat(),
    }


def store_choices(connection: Connection, lines: Iterable[Mapping[str, Any]]) -> int:
    """Acts on wishes in their order; how many changed anything. One that stands already changes nothing."""
    return sum(_store_choice(connection, line) for line in lines)


def standing_choice(connection: Connection, who: Unsubscription, at: datetime) -> Standing:
    """What stands at a moment for one address in one campaign."""
    standing = standing_of_address(connection, who.recipient_key, at)
    reasons = {reach: standing[reach] for reach in (EVERY_CAMPAIGN, who.campaign) if reach in standing}
    if any(reason != UNSUBSCRIBED for reason in reasons.values()):
        return "other"
    if EVERY_CAMPAIGN in reasons:
        return "all"
    return "campaign" if reasons else "none"


def _was_said_later(connection: Connection, who: Unsubscription, at: datetime) -> bool:
    """Whether the address was suppressed after a moment: a wish that is stored late, or again, takes nothing back."""
    later = exists().where(
        suppressions.c.scope == "address",
        suppressions.c.subject == who.recipient_key,
        suppressions.c.campaign.in_((EVERY_CAMPAIGN, who.campaign)),
        suppressions.c.occurred_at > at,
    )
    return bool(connection.scalar(select(later)))


def _store_choice(connection: Connection, line: Mapping[str, Any]) -> bool:
    at = datetime.fromisoformat(line["at"])
    who = Unsubscription(line["campaign"], line["recipient"])
    told: dict[str, Any] = {
        "campaign": who.campaign,
        "recipient_key": who.recipient_key,
        "occurred_at": at,
        "origin": line["origin"],
    }
    if line["choice"] == "none":
        if _was_said_later(connection, who, at):
            return False
        return resubscribe(connection, everywhere=True, event_id=f"resubscribe {line['id']}", **told)
    if standing_choice(connection, who, at) in ("all", line["choice"]):
        return False
    everywhere = line["choice"] == "all"
    return unsubscribe(connection, everywhere=everywhere, event_id=f"unsubscribe {line['id']}", **told)
