"""A mail becomes a row, once, and in the same transaction whatever follows from it. A door to the database.

What belongs here: keeping a mail, and turning its verdict into happenings. What does not: telling what it is
(`classify`), finding its message (`matching`), and what becomes of happenings (`inbound.recording`).

A mail of no message of ours is kept as `other`, with what it seemed to be, until a person assigns it to a lead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.inbound.happenings import Happening
from leadflow_pipeline.inbound.happenings import Kind as HappeningKind
from leadflow_pipeline.inbound.mail.bounces.report import BouncedRecipient
from leadflow_pipeline.inbound.mail.classify import Verdict, classify
from leadflow_pipeline.inbound.mail.matching import Match, address_keys_of, is_ours, latest_to_lead, match
from leadflow_pipeline.inbound.recording import record
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import INBOUND_MAIL_KINDS, activity_log, inbound_mails, read_mails

ORIGIN: Final = "mailbox"
CLOCKS_APART: Final = timedelta(minutes=10)
OLDEST: Final = timedelta(days=400)
MOST_KEPT: Final = 20_000
"""Characters of a mail's text that are kept."""
OWN: Final = "our own"


@dataclass(frozen=True)
class StoredMail:
    """What became of a mail: as what it was kept, and whether it was known."""

    kind: str
    is_new: bool
    is_matched: bool = False


def mail_key(raw: bytes) -> str:
    """The key of a mail: the same whichever way its lines end."""
    return hashlib.blake2b(raw.replace(b"\r\n", b"\n"), digest_size=32).hexdigest()


def store_mail(engine: Engine, mailbox: str, place: str, raw: bytes, now: datetime) -> StoredMail:
    """Keeps a mail and records what follows from it, in one transaction.

    A mail that the database cannot take as it is is kept without its words, so that it never stands in the way of
    those behind it.
    """
    key = mail_key(raw)
    try:
        with engine.begin() as connection:
            if not _is_news(connection, mailbox, place, key):
                return StoredMail("", is_new=False)
            return _store(connection, mailbox, key, raw, now)
    except (DataError, IntegrityError, StatementError, ValueError) as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        row = {
            "mailbox": mailbox, "mail_key": key, "kind": "other", "received_at": now,
            "verdict": {"kind": "other", "failed": type(error).__name__},
        }  # fmt: skip
        with engine.begin() as connection:
            if _is_news(connection, mailbox, place, key):
                connection.execute(insert(inbound_mails).values(row))
        return StoredMail("other", is_new=True)


def _is_news(connection: Connection, mailbox: str, place: str, key: str) -> bool:
    """Whether nobody has read this mail, which is read with the caller's transaction; where it lies is kept."""
    reading = insert_or_skip(read_mails).values(mailbox=mailbox, mail_key=key, place=place)
    noted = reading.on_conflict_do_update(
        index_elements=[read_mails.c.mailbox, read_mails.c.mail_key], set_={"place": place}
    )
    return bool(connection.scalar(noted.returning(literal_column("xmax = 0"))))


def _store(connection: Connection, mailbox: str, key: str, raw: bytes, now: datetime) -> StoredMail:
    verdict = classify(raw, received=now.date())
    found = match(connection, verdict, now)
    if found is not None and verdict.kind in ("reply", "unsubscribe"):
        # Now that one knows what was sent, its lines are not taken for the writer's own.
        verdict = classify(raw, received=now.date(), sent=found.body_text)
    is_own = found is not None and is_ours(connection, verdict.letter.senders[:1], found)
    kind = verdict.kind if found is not None and not is_own else "other"
    received_at = _received_at(verdict, found, now)
    told: dict[str, Any] = {**verdict.as_json(), "matched_by": OWN if is_own else found.by if found else None}
    text = f"{verdict.text}\n\n-- \n{verdict.signature}" if verdict.signature else verdict.text
    row = {
        "mailbox": mailbox,
        "mail_key": key,
        "kind": kind,
        "message_id": found.message_id if found else None,
        "campaign": found.campaign if found else None,
        "lead_id": found.lead_id if found else None,
        "received_at": received_at,
        "sender_key": address_key(verdict.letter.senders[0]) if verdict.letter.senders else None,
        "rfc_message_id": _storable(verdict.letter.message_id) or None,
        "subject": _storable(verdict.letter.subject) or None,
        "body_text": _storable(text[:MOST_KEPT]) or None,
        "verdict": told,
    }
    connection.execute(insert(inbound_mails).values(row))
    if found is not None and not is_own:
        record(connection, _happenings(verdict, found, received_at, key))
    return StoredMail(kind, is_new=True, is_matched=found is not None)


def _storable(text: str) -> str:
    """Without what PostgreSQL's text cannot hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _received_at(verdict: Verdict, found: Match | None, now: datetime) -> datetime:
    """The mail's own date, unless it lies in the future, before what it answers, or too far back."""
    date = verdict.letter.date
    earliest = found.sent_at if found is not None and found.sent_at is not None else now - OLDEST
    return min(date, now) if date is not None and earliest <= date <= now + CLOCKS_APART else now


def _happenings(verdict: Verdict, found: Match, occurred_at: datetime, key: str) -> list[Happening]:
    letter = verdict.letter
    # Of the mail, not of the mailbox: the same mail in two mailboxes happened once.
    named = f"{letter.message_id}|{letter.header('from')}" if letter.message_id else key
    event_id = (
        f"mail:{hashlib.blake2b(named.encode('utf-8', 'replace'), digest_size=16).hexdigest()}:{verdict.kind}"
    )
    detail = {"matched_by": found.by, "reason": verdict.reason or None, "language": verdict.language or None}
    detail = {name: value for name, value in detail.items() if value}
    if verdict.kind in ("reply", "unsubscribe", "complaint", "auto_reply"):
        kind: HappeningKind = verdict.kind
        return [
            Happening(
                event_id,
                kind,
                found.message_id,
                occurred_at,
                ORIGIN,
                away_until=verdict.away_until,
                # Of whom a colleague's program speaks is not plain: it must be the mailbox that was written to.
                has_left=verdict.has_left and found.recipient_key in address_keys_of(letter.senders[:1]),
                detail=detail,
            )
        ]
    if verdict.kind != "bounce" or verdict.bounce is None:
        return []
    told = _of_recipient(verdict.bounce.recipients, found)
    if told is None or told.is_permanent is not True:
        return []  # it is still being tried: nothing has happened to the message yet
    is_hard = told.is_hard
    codes = {"reason": told.reason, "status": told.status, "code": told.code, "matched_by": found.by}
    return [
        Happening(
            # One message bounces once, however many mails tell of it.
            f"bounce:{found.message_id}:{'hard' if is_hard else 'soft'}",
            "bounce" if is_hard else "soft_bounce",
            found.message_id,
            occurred_at,
            ORIGIN,
            detail={name: value for name, value in codes.items() if value},
        )
    ]


def _of_recipient(recipients: Sequence[BouncedRecipient], found: Match) -> BouncedRecipient | None:
    """What is told of the message's own recipient, or else of the only one that is told of."""
    for each in recipients:
        if found.recipient_key in address_keys_of((each.address, *each.other_addresses)):
            return each
    return recipients[0] if len(recipients) == 1 else None


def assign_mail(
    engine: Engine, mail_id: int, campaign: str, lead_id: str, *, kind: str | None, actor: str, now: datetime
) -> str:
    """A person says whose a mail is, and maybe what; the kind it has then. What follows is recorded.

    Raises PermanentError for a mail that is not there, a lead that no email was sent to, and a kind without effect.
    """
    with engine.begin() as connection:
        row = (
            connection.execute(
                select(inbound_mails).where(inbound_mails.c.mail_id == mail_id).with_for_update()
            )
            .mappings()
            .one_or_none()
        )
        if row is None:
            raise PermanentError(f"there is no mail {mail_id}: leadflow inbox list shows the latest")
        found = latest_to_lead(connection, campaign, lead_id)
        if found is None:
            raise PermanentError(
                f"no email was sent to lead {lead_id} of campaign {campaign}: it can answer none"
            )
        told = row["verdict"]
        means = kind or (row["kind"] if row["kind"] != "other" else told.get("kind", "reply"))
        if means not in INBOUND_MAIL_KINDS:
            raise PermanentError(f"{means} is no kind of mail: say one of {', '.join(INBOUND_MAIL_KINDS)}")
        connection.execute(
            update(inbound_mails)
            .where(inbound_mails.c.mail_id == mail_id)
            .values(
                kind=means,
                message_id=found.message_id,
                campaign=campaign,
                lead_id=lead_id,
                verdict={**told, "matched_by": "by hand"},
            )
        )
        note = {
            "actor": actor, "action": "mail.assigned", "campaign": campaign, "lead_id": lead_id, "occurred_at": now,
            "detail": {"mail_id": mail_id, "kind": means, "message_id": found.message_id},
        }  # fmt: skip
        connection.execute(insert(activity_log).values(note))
        record(connection, _by_hand(row, means, found, told))
    return means


def _by_hand(row: Any, means: str, found: Match, told: dict[str, Any]) -> list[Happening]:
    event_id = f"mail:{row['mail_key'][:32]}:{means}"
    until = told.get("away_until") if means == "auto_reply" else None
    detail = {"matched_by": "by hand"}
    kinds: dict[str, HappeningKind] = {
        "reply": "reply", "auto_reply": "auto_reply", "unsubscribe": "unsubscribe", "complaint": "complaint",
        "bounce": "bounce",
    }  # fmt: skip
    if means not in kinds:
        return []
    happening: HappeningKind = kinds[means]
    if means == "bounce" and not any(each.get("is_permanent") for each in told.get("bounced", [])):
        happening = "soft_bounce"
    return [
        Happening(
            event_id,
            happening,
            found.message_id,
            max(row["received_at"], found.sent_at or datetime.min.replace(tzinfo=UTC)),
            ORIGIN,
            away_until=datetime.fromisoformat(until) if until else None,
            detail=detail,
        )
    ]
