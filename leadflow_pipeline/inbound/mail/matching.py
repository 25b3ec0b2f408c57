"""Which of our messages a mail answers or tells of. A door to the database.

What belongs here: the ways to know, the surer first: a Message-ID that it refers to or holds; a link of ours that it
quotes; the address that it came to, where that names a message; who wrote it, and the last email to them, or to any of
their other addresses. What does not: what the mail is (`classify`), and what follows (`storing`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from leadflow_pipeline.delivery.return_address import message_key
from leadflow_pipeline.delivery.tracking import read_token
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.inbound.mail.classify import Verdict
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import messages, person_leads, reps
from leadflow_pipeline.store.sequences import is_to_lead

RECENT: Final = timedelta(days=120)
"""Up to which age an email is taken for the one that somebody answers, where only their address tells."""

LEFT: Final = ("sent", "unknown", "on_wire")
"""States of a message that may have arrived."""

SUBJECT_PREFIX: Final = re.compile(r"^(?:\s*[^\W\d_]{1,12}(?:\[\d+\])?\s?[:：])+\s*|^\s*\[[^\]]{1,30}\]\s*")


@dataclass(frozen=True)
class Match:
    """A message of ours, and how it was found: `message_id`, `link`, `address_key` or `sender`."""

    message_id: int
    campaign: str
    lead_id: str
    recipient_key: str
    by: str
    sent_at: datetime | None
    body_text: str
    own_addresses: frozenset[str]
    """Addresses that we wrote from: a mail of theirs is none of the lead's."""


FOUND: Final = (
    messages.c.message_id, messages.c.campaign, messages.c.lead_id, messages.c.recipient_key, messages.c.sent_at,
    messages.c.body_text, messages.c.headers, messages.c.subject, messages.c.rfc_message_id, messages.c.tracking_key,
)  # fmt: skip


def match(connection: Connection, verdict: Verdict, now: datetime) -> Match | None:
    """The message that a mail answers or tells of, or None."""
    letter = verdict.letter
    original = (verdict.bounce.original_message_id or "").strip("<> ") if verdict.bounce else ""
    ids = [
        f"<{each}>"
        for each in dict.fromkeys((*([original] if original else ()), *letter.answers, *letter.mentioned))
    ]
    if found := _first(connection, messages.c.rfc_message_id, ids):
        return _as_match(found, "message_id")
    if found := _first(connection, messages.c.tracking_key, list(_keys_of(letter.tokens))):
        return _as_match(found, "link")
    returned = [*letter.recipients, *(verdict.bounce.sent_to if verdict.bounce else ())]
    key = message_key(returned)
    if key is not None and (found := _first(connection, messages.c.tracking_key, [key])):
        return _as_match(found, "address_key")
    if verdict.bounce is not None:
        addresses: Iterable[str] = (
            address for each in verdict.bounce.recipients for address in (each.address, *each.other_addresses)
        )
    else:
        addresses = letter.senders
    return _of_person(connection, [*addresses], letter.subject, now)


def is_ours(connection: Connection, senders: Sequence[str], found: Match) -> bool:
    """Whether a mail was written from an address that the message was sent from, or from a rep's: it answers nothing.

    A rep is known by every address that any of their records ever had.
    """
    if found.own_addresses.intersection(senders):
        return True
    of_rep = or_(
        func.lower(reps.c.rep).in_(senders), func.lower(reps.c.document["email"].astext).in_(senders)
    )
    return bool(senders) and bool(connection.scalar(select(select(reps.c.rep).where(of_rep).exists())))


def address_keys_of(addresses: Iterable[str]) -> list[str]:
    """Keys of addresses as we may have written to them: as they stand, and without what follows a plus sign."""
    spelt: dict[str, None] = {}
    for address in addresses:
        local, _, domain = address.lower().rpartition("@")
        for each in (local, local.partition("+")[0]):
            for at in (
                domain,
                {"googlemail.com": "gmail.com", "gmail.com": "googlemail.com"}.get(domain, domain),
            ):
                spelt[f"{each}@{at}"] = None
    return [address_key(each) for each in spelt if not each.startswith("@")]


def latest_to_lead(connection: Connection, campaign: str, lead_id: str) -> Match | None:
    """The last email that left to a lead."""
    query = select(*FOUND).where(messages.c.campaign == campaign, messages.c.lead_id == lead_id, *_emails())
    row = (
        connection.execute(query.order_by(messages.c.sent_at.desc().nulls_last()).limit(1))
        .mappings()
        .one_or_none()
    )
    return _as_match(row, "by hand") if row else None


def _emails() -> tuple[ColumnElement[bool], ...]:
    return (messages.c.channel == "email", messages.c.state.in_(LEFT), is_to_lead())


def _keys_of(tokens: Sequence[str]) -> Iterable[str]:
    for token in tokens:
        try:
            yield read_token(token).tracking_key
        except PermanentError:
            continue


def _first(connection: Connection, column: ColumnElement[Any], values: Sequence[str]) -> Any:
    """The row whose column has the first of the values that any row has."""
    if not values:
        return None
    rows = connection.execute(select(*FOUND).where(column.in_(values[:200]))).mappings().all()
    order = {value: place for place, value in enumerate(values)}
    return min(rows, key=lambda row: order[row[column]], default=None)


def _of_person(connection: Connection, addresses: Sequence[str], subject: str, now: datetime) -> Match | None:
    """The last email to whoever has one of the addresses, or the last one of the same subject."""
    keys = address_keys_of(addresses)
    if not keys:
        return None
    own, companion = person_leads.alias("own_lead"), person_leads.alias("companion")
    leads = (
        select(companion.c.campaign, companion.c.lead_id)
        .join_from(own, companion, own.c.person_id == companion.c.person_id)
        .where(own.c.address_key.in_(keys))
        .subquery("leads_of_person")
    )
    is_theirs = or_(
        messages.c.recipient_key.in_(keys),
        select(leads.c.lead_id)
        .where(and_(leads.c.campaign == messages.c.campaign, leads.c.lead_id == messages.c.lead_id))
        .exists(),
    )
    moment = func.coalesce(messages.c.sent_at, messages.c.updated_at)
    query = select(*FOUND).where(is_theirs, *_emails(), moment > now - RECENT, moment <= now)
    rows = (
        connection.execute(query.order_by(moment.desc(), messages.c.message_id.desc()).limit(50))
        .mappings()
        .all()
    )
    wanted = _bare(subject)
    same = [row for row in rows if wanted and _bare(row["subject"]) == wanted]
    return _as_match((same or rows)[0], "sender") if rows else None


def _bare(subject: str) -> str:
    return " ".join(SUBJECT_PREFIX.sub("", subject).lower().split())


def _as_match(row: Any, by: str) -> Match:
    named = " ".join(str(row["headers"].get(name, "")) for name in ("From", "Reply-To", "Sender"))
    return Match(
        row["message_id"],
        row["campaign"],
        row["lead_id"],
        row["recipient_key"],
        by,
        row["sent_at"],
        row["body_text"],
        frozenset(each.lower() for each in re.findall(r"[^\s<>,;\"]+@[^\s<>,;\"]+", named)),
    )
