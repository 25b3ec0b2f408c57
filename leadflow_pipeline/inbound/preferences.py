"""What people say about being written to at all: from a page, or by their mail program's button. A door.

What belongs here: suppressions that a person asks for and takes back, and the facts that go with them. What does not:
pages and requests (`service`), and suppressions for other reasons, which no page takes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.delivery.unsubscribe import Unsubscription
from leadflow_pipeline.inbound.happenings import Happening
from leadflow_pipeline.inbound.recording import SUPPRESSED_BY, record
from leadflow_pipeline.store.schema import activity_log, messages, overrides, suppressions

CHOICE = "choice"
Choice = Literal["all", "campaign", "none"]
"""No emails from anybody here; none of this campaign; or emails again."""

Standing = Literal["all", "campaign", "none", "other"]
"""The choice that stands; `other`: no emails, for another reason than the person's choice."""

ASKED = SUPPRESSED_BY["unsubscribe"]
PAGE, ONE_CLICK = "page", "one-click"
PERSON = "the recipient"


def choice_line(
    choice_id: str, who: Unsubscription, choice: Choice, origin: str, at: datetime
) -> Mapping[str, Any]:
    """A choice as the journal keeps it."""
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
    """Acts on choices in their order; how many changed anything."""
    changed = 0
    for line in lines:
        at = datetime.fromisoformat(line["at"])
        who = Unsubscription(line["campaign"], line["recipient"])
        if line["choice"] == "none":
            changed += _taken_back(connection, who, at)
        else:
            changed += _asked_to_stop(connection, who, line, at)
    return changed


def standing_choice(connection: Connection, who: Unsubscription) -> Standing:
    """What stands for one address in one campaign."""
    query = select(suppressions.c.campaign, suppressions.c.reason).where(_of(who), _stands())
    found = connection.execute(query).all()
    if any(row.reason != ASKED for row in found):
        return "other"
    if any(row.campaign == "" for row in found):
        return "all"
    return "campaign" if found else "none"


def _of(who: Unsubscription) -> Any:
    return and_(
        suppressions.c.scope == "address",
        suppressions.c.subject == who.recipient_key,
        suppressions.c.campaign.in_(("", who.campaign)),
    )


def _stands() -> Any:
    return suppressions.c.lifted_at.is_(None) | (suppressions.c.lifted_at > func.now())


def _asked_to_stop(connection: Connection, who: Unsubscription, line: Mapping[str, Any], at: datetime) -> int:
    everywhere = line["choice"] == "all"
    row = {
        "scope": "address",
        "subject": who.recipient_key,
        "campaign": "" if everywhere else who.campaign,
        "reason": ASKED,
        "origin": line["origin"],
        "occurred_at": at,
    }
    # One that was lifted holds again, where this was said after it was lifted: it is not what was taken back.
    again = insert(suppressions).values(row)
    again = again.on_conflict_do_update(
        constraint="suppressions_scope_subject_campaign_key",
        set_={name: again.excluded[name] for name in ("reason", "origin", "occurred_at")}
        | {"lifted_at": None},
        where=suppressions.c.lifted_at.is_not(None) & (suppressions.c.lifted_at < at),
    )
    is_new = connection.execute(again).rowcount > 0
    message_id = connection.scalar(
        select(messages.c.message_id)
        .where(
            messages.c.recipient_key == who.recipient_key,
            messages.c.campaign == who.campaign,
            messages.c.channel == "email",
        )
        .order_by(messages.c.message_id.desc())
        .limit(1)
    )
    if is_new and message_id is not None:
        happening = Happening(
            event_id=f"unsubscribe {line['id']}",
            kind="unsubscribe",
            message_id=message_id,
            occurred_at=at,
            origin=line["origin"],
            everywhere=everywhere,
            detail={"everywhere": everywhere},
        )
        record(connection, [happening])
    return int(is_new)


def _taken_back(connection: Connection, who: Unsubscription, at: datetime) -> int:
    """Lifts what the person itself had asked for, here and everywhere; sequences that it stopped go on."""
    lifted = (
        update(suppressions)
        .where(
            _of(who), suppressions.c.reason == ASKED, suppressions.c.lifted_at.is_(None),
            suppressions.c.occurred_at <= at,
        )
        .values(lifted_at=at)
    )  # fmt: skip
    if not connection.execute(lifted).rowcount:
        return 0
    for lead in _leads_of(connection, who):
        of_lead = {"campaign": lead.campaign, "lead_id": lead.lead_id}
        noted = {**of_lead, "occurred_at": at, "actor": PERSON, "action": "resubscribed", "detail": {}}
        connection.execute(insert(activity_log).values(noted))
        # What one of us decided by hand stays decided.
        if not connection.scalar(
            select(
                exists().where(
                    overrides.c.campaign == lead.campaign,
                    overrides.c.lead_id == lead.lead_id,
                    overrides.c.field == "nurture",
                    overrides.c.actor != PERSON,
                )
            )
        ):
            resume = {
                **of_lead, "field": "nurture", "value": "resume", "actor": PERSON,
                "reason": "subscribed again on the page", "occurred_at": at,
            }  # fmt: skip
            connection.execute(insert(overrides).values(resume))
    return 1


def _leads_of(connection: Connection, who: Unsubscription) -> Sequence[Row[Any, Any]]:
    """The leads of the campaign that were written to under the address."""
    query = select(messages.c.campaign, messages.c.lead_id).where(
        messages.c.recipient_key == who.recipient_key,
        messages.c.campaign == who.campaign,
        messages.c.channel == "email",
    )
    return connection.execute(query.distinct().order_by(messages.c.lead_id)).all()
