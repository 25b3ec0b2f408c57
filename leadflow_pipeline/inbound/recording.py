"""What came back becomes facts, each once, with all that follows in the same transaction. A door to the database.

What belongs here: events, suppressions, pauses and the activity log, out of happenings. What does not: reading what
came back, and deciding anything about a lead: that is a plan's or a door's, which read these facts.

However many happenings there are, they take a handful of statements. An event whose id the campaign knows changes
nothing, and neither does what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import dropwhile, groupby, takewhile
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Text,
    and_,
    any_,
    column,
    exists,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from leadflow_pipeline.inbound.absences import pause_while_away
from leadflow_pipeline.inbound.happenings import Happening
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.given_rows import given_rows
from leadflow_pipeline.store.schema import activity_log, engagement_events, messages
from leadflow_pipeline.store.sequences import TO_ONE_OF_US
from leadflow_pipeline.store.suppressions import EVERY_CAMPAIGN, suppress

UNSUBSCRIBED: Final = "unsubscribed"

SUPPRESSED_BY: Final = {
    "unsubscribe": UNSUBSCRIBED,
    "bounce": "mailbox does not exist",
    "complaint": "complained",
}
"""Kinds after which an address is not written to any more, and the reason that is kept."""

LEFT: Final = "works there no more"
"""The reason that is kept where a mailbox says so of its owner."""

NO_PERSON: Final = {"auto_reply": "answered by itself", "delivered": "told by a mail server"}
"""Kinds that no person does, and so count for nothing, and why."""

LOOKED_BACK: Final = 50
"""Emails to an address among which those that were refused in a row are counted."""

Row = Mapping[str, Any]


def record(connection: Connection, happenings: Sequence[Happening], now: datetime | None = None) -> int:
    """Turns happenings into facts; how many were new. One that is known changes nothing, nor does one of no message.

    What follows from them counts from `now`, the present where it is not given. A message to one of us (an owner is
    told of a lead) is no event of the lead: what comes back of it is only noted.
    """
    if not happenings:
        return 0
    present = now or datetime.now(UTC)
    of_message = _messages(connection, happenings)
    known = [(each, of_message[each.message_id]) for each in happenings if each.message_id in of_message]
    news = _add_events(
        connection, [pair for pair in known if pair[1]["recipient_key"] != TO_ONE_OF_US]
    ) + _unnoted(connection, [pair for pair in known if pair[1]["recipient_key"] == TO_ONE_OF_US])
    if not news:
        return 0
    _note(connection, news)
    to_leads = [pair for pair in news if pair[1]["recipient_key"] != TO_ONE_OF_US]
    _suppress(connection, [pair for pair in to_leads if not pair[0].is_machine])
    _suppress_refused(connection, [pair for pair in to_leads if pair[0].kind == "soft_bounce"])
    pause_while_away(
        connection,
        [
            (message["campaign"], message["lead_id"], each.away_until)
            for each, message in to_leads
            if each.kind == "auto_reply" and each.away_until is not None
        ],
        present,
    )
    return len(news)


def _messages(connection: Connection, happenings: Sequence[Happening]) -> dict[int, Row]:
    wanted = sorted({each.message_id for each in happenings})
    query = select(
        messages.c.message_id, messages.c.campaign, messages.c.lead_id, messages.c.recipient_key
    ).where(messages.c.message_id == any_(literal(wanted, ARRAY(BigInteger))))
    return {row["message_id"]: dict(row) for row in connection.execute(query).mappings()}


def _add_events(
    connection: Connection, pairs: Sequence[tuple[Happening, Row]]
) -> list[tuple[Happening, Row]]:
    """Adds the events that are not known yet; those that were news, in the order they came."""
    distinct: dict[tuple[str, str], tuple[Happening, Row]] = {}
    for each, message in pairs:
        distinct.setdefault((message["campaign"], each.event_id), (each, message))
    if not distinct:
        return []
    names = (
        "campaign", "event_id", "lead_id", "behaviour", "occurred_at", "is_machine", "machine_reason", "origin",
    )  # fmt: skip
    given = given_rows(*(column(name, engagement_events.c[name].type) for name in names))
    added = (
        insert_or_skip(engagement_events)
        .from_select(names, select(given))
        .on_conflict_do_nothing()
        .returning(engagement_events.c.campaign, engagement_events.c.event_id)
    )
    # In the order of the key, so that two who record the same at once never wait for each other crosswise.
    rows = [_event(*distinct[key]) for key in sorted(distinct)]
    new = set(connection.execute(added, {"rows": rows}).tuples())
    return [pair for key, pair in distinct.items() if key in new]


def _event(each: Happening, message: Row) -> dict[str, Any]:
    no_person = NO_PERSON.get(each.kind)
    return {
        "campaign": message["campaign"],
        "event_id": each.event_id,
        "lead_id": message["lead_id"],
        "behaviour": each.kind,
        "occurred_at": each.occurred_at.isoformat(),
        "is_machine": each.is_machine or no_person is not None,
        "machine_reason": each.machine_reason or no_person,
        "origin": each.origin,
    }


def _unnoted(connection: Connection, pairs: Sequence[tuple[Happening, Row]]) -> list[tuple[Happening, Row]]:
    """What came back of messages to one of us and is not in the activity log yet."""
    if not pairs:
        return []
    wanted = [each.event_id for each, _ in pairs]
    event_id = activity_log.c.detail["event_id"].astext
    query = select(event_id).where(
        activity_log.c.campaign.in_(sorted({message["campaign"] for _, message in pairs})),
        activity_log.c.lead_id.in_(sorted({message["lead_id"] for _, message in pairs})),
        event_id.in_(wanted),
    )
    noted = set(connection.scalars(query))
    return [pair for pair in pairs if pair[0].event_id not in noted]


def _note(connection: Connection, news: Sequence[tuple[Happening, Row]]) -> None:
    """Everything that came back stands in the activity log, with its message."""
    names = ("occurred_at", "actor", "action", "campaign", "lead_id", "detail")
    given = given_rows(*(column(name, activity_log.c[name].type) for name in names))
    rows = [
        {
            "occurred_at": each.occurred_at.isoformat(),
            "actor": each.origin,
            "action": f"inbound.{each.kind}",
            "campaign": message["campaign"],
            "lead_id": message["lead_id"],
            "detail": {**each.detail, "event_id": each.event_id, "message_id": each.message_id},
        }
        for each, message in news
    ]
    connection.execute(insert(activity_log).from_select(names, select(given)), {"rows": rows})


def _suppress(connection: Connection, news: Sequence[tuple[Happening, Row]]) -> None:
    suppress(
        connection,
        [
            {
                "scope": "address",
                "subject": message["recipient_key"],
                "campaign": EVERY_CAMPAIGN
                if each.everywhere or each.kind != "unsubscribe"
                else message["campaign"],
                "reason": SUPPRESSED_BY.get(each.kind, LEFT),
                "origin": each.origin,
                "occurred_at": each.occurred_at,
            }
            for each, message in news
            if each.kind in SUPPRESSED_BY or each.has_left
        ],
    )


def _suppress_refused(connection: Connection, soft: Sequence[tuple[Happening, Row]]) -> None:
    """An address that refused so many emails one after the other is not written to any more.

    Told again of the same email counts once, and one that was delivered in the end does not count.
    """
    most = get_settings().soft_bounces_in_a_row
    latest = {message["recipient_key"]: each for each, message in soft}
    if not latest:
        return

    def is_noted(action: str) -> Any:
        noted = activity_log.c
        return exists().where(
            noted.campaign == messages.c.campaign,
            noted.lead_id == messages.c.lead_id,
            noted.action == action,
            noted.detail["message_id"].astext == messages.c.message_id.cast(Text),
        )

    place = func.row_number().over(
        partition_by=messages.c.recipient_key, order_by=(messages.c.sent_at.desc(), messages.c.message_id)
    )
    emails = (
        select(
            messages.c.recipient_key,
            and_(is_noted("inbound.soft_bounce"), ~is_noted("inbound.delivered")).label("is_refused"),
            place.label("place"),
        )
        .where(messages.c.recipient_key.in_(sorted(latest)), messages.c.sent_at.is_not(None))
        .subquery()
    )
    query = (
        select(emails.c.recipient_key, emails.c.is_refused)
        .where(emails.c.place <= LOOKED_BACK)
        .order_by(emails.c.recipient_key, emails.c.place)
    )
    refused = []
    for key, rows in groupby(connection.execute(query).tuples(), key=lambda row: str(row[0])):
        # An email of today may be refused tomorrow: what counts ends with the last that is known to be refused.
        told = dropwhile(lambda is_refused: not is_refused, [is_refused for _, is_refused in rows])
        if sum(1 for _ in takewhile(bool, told)) >= most:
            refused.append(key)
    suppress(
        connection,
        [
            {
                "scope": "address",
                "subject": key,
                "campaign": EVERY_CAMPAIGN,
                "reason": f"refused {most} emails in a row",
                "origin": latest[key].origin,
                "occurred_at": latest[key].occurred_at,
            }
            for key in refused
        ],
    )
