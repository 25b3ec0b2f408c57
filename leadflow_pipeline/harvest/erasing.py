"""The way out: one person is removed from every table and from the files this pipeline wrote. A door.

What belongs here: removing a person's rows, and remembering only that their addresses must not come back. What does
not: finding all that a person is known by (`whole_person`), recognising addresses in texts (`erasure`).

One address erases the person: every lead in every campaign that is known to be the same, and every address of those.
What stays is a suppression with the keyed hash of each address: imports leave that person's records out, and the doors
write to nobody with that key.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy import Text as SqlText
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from leadflow_pipeline.erasure import addresses_in, without_address
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.keys import USABLE_EMAIL, lead_ids
from leadflow_pipeline.harvest.landing import DONE, REFUSED
from leadflow_pipeline.harvest.whole_person import Lead, addresses_of, is_one_of, leads_of_person, records_of
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.outbox_files import SUFFIXES, file_name
from leadflow_pipeline.store.schema import (
    DERIVED_TABLES,
    account_aliases,
    account_leads,
    accounts,
    activity_log,
    alerts,
    api_requests,
    campaigns,
    consents,
    engagement_events,
    enriched_leads,
    handoff_briefs,
    handoffs,
    held_handoffs,
    inbound_mails,
    lead_event_states,
    match_reviews,
    message_attempts,
    message_links,
    messages,
    outcomes,
    overrides,
    partition_lineage,
    person_aliases,
    person_leads,
    persons,
    provider_events,
    qualification_log,
    quarantined_records,
    rep_touches,
    routing_decisions,
    similar_account_builds,
    similar_accounts,
    source_records,
    suppressions,
    tracking_hits,
    vendor_lookups,
)
from leadflow_pipeline.store.sequences import is_to_lead
from leadflow_pipeline.store.suppressions import ERASURE

LEAD_TABLES: tuple[Table, ...] = (
    *(table for table in DERIVED_TABLES if "lead_id" in table.c and table is not quarantined_records),
    engagement_events,
    outcomes,
    overrides,
    qualification_log,
    handoffs,
    held_handoffs,
    handoff_briefs,
    rep_touches,
    routing_decisions,
    vendor_lookups,
    lead_event_states,
)

TEXTS: dict[Table, tuple[ColumnElement[str], ...]] = {
    source_records: (as_type(source_records.c.payload, SqlText), source_records.c.raw),
    quarantined_records: (quarantined_records.c.raw,),
    inbound_mails: (inbound_mails.c.subject, inbound_mails.c.body_text),
    vendor_lookups: (as_type(vendor_lookups.c.answer, SqlText), as_type(vendor_lookups.c.question, SqlText)),
}
"""Where an address may stand in any text of a row. What was asked of vendors and answered is searched whole."""

WORDS: dict[Table, tuple[str, ...]] = {
    messages: ("subject", "body_text", "body_html", "payload"),
    alerts: ("sentence", "remedy", "detail"),
}
"""Where rows about others may name an address: the row stays, without it. Without its key a message would be sent a
second time, and an alert that is open would be told of again."""

SHARED_MAILBOX = "mailbox of a role that an erased person was written to at"
"""Not written to any more; but what others have told under it is theirs, and still comes in."""


@dataclass
class ErasureReport:
    """What was removed, and what a person has to remove by hand."""

    rows: dict[str, int] = field(default_factory=dict)
    """Table -> rows removed."""
    files_removed: int = 0
    files_to_mend: list[str] = field(default_factory=list)
    """Imported files that still hold the address: they belong to whoever delivered them."""
    mailboxes_to_mend: list[str] = field(default_factory=list)
    """Mailboxes in which their mails still lie."""


def erase_person(engine: Engine, email: str, *, actor: str) -> ErasureReport:
    """Removes everything known of the person behind an address, in one transaction, and keeps it from coming
    back.

    Safe to repeat. A run that read the person's records before and stores them after is not undone: erase
    again when no run is under way. Raises PermanentError for what is no address.
    """
    address = unicodedata.normalize("NFKC", email).strip().lower()
    if not pd.Series([address]).str.fullmatch(USABLE_EMAIL).all():
        raise PermanentError("that is no email address: write it as name@example.org")
    report = ErasureReport()
    with engine.begin() as connection:
        leads = leads_of_person(connection, _leads_of(connection, address))
        own, shared = addresses_of(connection, leads)
        addresses = sorted({address, *own})
        for known in addresses:
            _suppress(connection, known, ERASURE)
        for known in set(shared) - {address}:
            _suppress(connection, known, SHARED_MAILBOX)
        records = records_of(engine, connection, leads)
        _remove_companies(connection, leads, report)
        _remove(connection, source_records, source_records.c.record_id.in_(records), report)
        for table in LEAD_TABLES:
            _remove(connection, table, is_one_of(table, leads), report)
        files = _remove_messages(connection, leads, addresses, report)
        keys = [address_key(known) for known in addresses]
        _remove(connection, consents, consents.c.recipient_key.in_(keys), report)
        _remove_identity(connection, leads, report)
        for known in addresses:
            for table, texts in TEXTS.items():
                _remove_texts(connection, table, texts, known, report)
            for table, words in WORDS.items():
                _forget_in(connection, table, words, known)
        _forget_answers(connection, leads, addresses)
        connection.execute(update(activity_log).where(is_one_of(activity_log, leads)).values(lead_id=None))
        connection.execute(
            insert(activity_log).values(actor=actor, action="erase", detail={"rows": report.rows})
        )
    for known in addresses:
        _remove_files(known, report)
    for path in filter(Path.exists, files):
        path.unlink()
        report.files_removed += 1
    report.files_to_mend = sorted(set(report.files_to_mend))
    report.mailboxes_to_mend = sorted(set(report.mailboxes_to_mend))
    return report


def _suppress(connection: Connection, address: str, reason: str) -> None:
    statement = insert_or_update(suppressions).values(
        scope="address", subject=address_key(address), campaign="", reason=reason
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["scope", "subject", "campaign"], set_={"reason": reason, "lifted_at": None}
        )
    )


def _leads_of(connection: Connection, address: str) -> list[Lead]:
    """(campaign, lead_id) of every lead with the address, whether any table has it yet or not."""
    keys = pd.DataFrame({"email": [address], "phone": [None], "source_key": [None]}, dtype="str")
    slugs = connection.scalars(select(campaigns.c.campaign)).all()
    leads = {(slug, lead_ids(slug, "", keys).iloc[0]) for slug in slugs}
    for table in (table for table in LEAD_TABLES if "email" in table.c):
        query = (
            select(table.c.campaign, table.c.lead_id).where(func.lower(table.c.email) == address).distinct()
        )
        leads |= {(row.campaign, row.lead_id) for row in connection.execute(query)}
    return sorted(leads)


def _remove(
    connection: Connection, table: Table, condition: ColumnElement[bool], report: ErasureReport
) -> None:
    """Deletes rows, and lowers what is recorded of their partitions, so that a check still finds them
    whole."""
    if table not in DERIVED_TABLES:
        key = next(iter(table.primary_key))
        removed = len(connection.execute(delete(table).where(condition).returning(key)).all())
    else:
        gone = connection.execute(
            delete(table).where(condition).returning(table.c.campaign, table.c.day)
        ).all()
        removed = len(gone)
        for campaign, day in set(gone):
            connection.execute(
                update(partition_lineage)
                .where(
                    partition_lineage.c.table_name == table.name,
                    partition_lineage.c.campaign == campaign,
                    partition_lineage.c.day == day,
                )
                .values(rows=partition_lineage.c.rows - gone.count((campaign, day)))
            )
    if removed:
        report.rows[table.name] = report.rows.get(table.name, 0) + removed


def _remove_messages(
    connection: Connection, leads: list[Lead], addresses: list[str], report: ErasureReport
) -> list[Path]:
    """Removes messages to the person and about them; the files that they may have become.

    A message to an owner speaks of a lead without being addressed to it: its file is known by its name alone.
    """
    theirs = or_(
        is_one_of(messages, leads),
        messages.c.recipient_key.in_([address_key(address) for address in addresses]),
        and_(func.lower(messages.c.recipient).in_(addresses), is_to_lead()),
    )
    written = select(messages.c.message_id, messages.c.rfc_message_id).where(theirs)
    rows = connection.execute(written).tuples().all()
    ids = [number for number, _ in rows]
    _remove_mails(connection, leads, addresses, ids, report)
    for table in (message_attempts, message_links, tracking_hits, provider_events):
        _remove(connection, table, table.c.message_id.in_(ids), report)
    _remove(connection, messages, messages.c.message_id.in_(ids), report)
    folder = get_settings().outbox_folder
    return [folder / file_name(rfc_id, suffix) for _, rfc_id in rows for suffix in SUFFIXES]


def _forget_in(connection: Connection, table: Table, words: tuple[str, ...], address: str) -> None:
    """Takes an address out of rows about others: tasks, webhooks, hand-overs and alerts may name it."""
    key = next(iter(table.primary_key))
    text = func.concat_ws(" ", *(as_type(table.c[name], SqlText) for name in words))
    names = select(key, *(table.c[name] for name in words))
    for row in connection.execute(names.where(func.strpos(func.lower(text), address) > 0)).mappings().all():
        without = {name: _without(row[name], address) for name in words}
        connection.execute(update(table).where(key == row[key.name]).values(without))


def _forget_answers(connection: Connection, leads: list[Lead], addresses: list[str]) -> None:
    """Empties what the service answered about them. Its keys stay: what was done once is not done again."""
    text = func.lower(as_type(api_requests.c.answer, SqlText))
    words = {*addresses, *(lead_id.lower() for _, lead_id in leads)}
    is_theirs = or_(*(func.strpos(text, word) > 0 for word in sorted(words)))
    connection.execute(update(api_requests).where(is_theirs).values(answer={}))


def _without(value: Any, address: str) -> Any:
    """A text, or what JSON can hold, without an address."""
    if isinstance(value, str):
        return without_address(value, address)
    if isinstance(value, dict):
        return {name: _without(each, address) for name, each in value.items()}
    return [_without(each, address) for each in value] if isinstance(value, list) else value


def _remove_mails(
    connection: Connection,
    leads: list[Lead],
    addresses: list[str],
    message_ids: list[int],
    report: ErasureReport,
) -> None:
    """Removes what they wrote to us, and what answers an email to them; names the mailboxes that still hold it."""
    theirs = or_(
        is_one_of(inbound_mails, leads),
        inbound_mails.c.message_id.in_(message_ids),
        inbound_mails.c.sender_key.in_([address_key(address) for address in addresses]),
    )
    report.mailboxes_to_mend += connection.scalars(select(inbound_mails.c.mailbox).where(theirs).distinct())
    _remove(connection, inbound_mails, theirs, report)


def _remove_identity(connection: Connection, leads: list[Lead], report: ErasureReport) -> None:
    """Removes who they were, which company they belonged to, and what was asked about them.

    A company that nobody else belongs to goes too. One that stays forgets its phone and postcode, which may have been
    this person's, until accounts are resolved again.
    """
    names = [f"{campaign}/{lead_id}" for campaign, lead_id in leads]
    asked = or_(match_reviews.c.left_id.in_(names), match_reviews.c.right_id.in_(names))
    _remove(connection, match_reviews, asked, report)
    for wholes, aliases, members, name in (
        (persons, person_aliases, person_leads, "person_id"),
        (accounts, account_aliases, account_leads, "account_id"),
    ):
        ids = connection.scalars(select(members.c[name]).where(is_one_of(members, leads)).distinct()).all()
        _remove(connection, members, is_one_of(members, leads), report)
        left = select(members.c[name]).where(members.c[name].in_(ids))
        gone = connection.scalars(
            select(wholes.c[name]).where(wholes.c[name].in_(ids), wholes.c[name].not_in(left))
        ).all()
        _remove(connection, aliases, aliases.c.alias_of.in_(gone), report)
        _remove(connection, wholes, wholes.c[name].in_(gone), report)
        if wholes is accounts:
            connection.execute(
                update(accounts).where(accounts.c.account_id.in_(ids)).values(phone=None, postcode=None)
            )


def _remove_companies(connection: Connection, leads: list[Lead], report: ErasureReport) -> None:
    """Removes their companies from every build of similar accounts: what is known of them may come from the person.

    The next build has them again, from what others told. What learned from texts holds none.
    """
    companies, builds, told = similar_accounts, similar_account_builds.c, enriched_leads.c
    theirs = (
        select(builds.build_id, told.company_domain, told.company_key)
        .join(enriched_leads, told.campaign == builds.campaign)
        .where(is_one_of(enriched_leads, leads))
        .distinct()
        .subquery("theirs")
    )
    is_theirs = exists().where(
        companies.c.build_id == theirs.c.build_id,
        or_(companies.c.domain == theirs.c.company_domain, companies.c.name_key == theirs.c.company_key),
    )
    _remove(connection, companies, is_theirs, report)


def _remove_texts(
    connection: Connection,
    table: Table,
    texts: tuple[ColumnElement[str], ...],
    address: str,
    report: ErasureReport,
) -> None:
    """Removes the records whose text holds the address, and not those that hold a longer one."""
    text = func.concat_ws(" ", *texts)
    key = list(table.primary_key)
    found = select(*key, text.label("text")).where(func.strpos(func.lower(text), address) > 0)
    rows = pd.DataFrame(
        connection.execute(found).mappings().all(), columns=[*(column.name for column in key), "text"]
    )
    held = addresses_in(rows.pop("text").astype("str"))
    for record in rows.loc[np.unique(held.index[held == address])].to_dict("records"):
        condition = and_(*(column == record[column.name] for column in key))
        _remove(connection, table, condition, report)


def _remove_files(address: str, report: ErasureReport) -> None:
    """Removes the emails that were written to the person; names the imported files that hold the address."""
    settings = get_settings()
    for path in sorted(settings.outbox_folder.rglob("*.eml")):
        if _holds(path, address):
            path.unlink()
            report.files_removed += 1
    for folder in (DONE, REFUSED):
        for path in sorted(settings.landing_folder.glob(f"*/{folder}/*")):
            if path.is_file() and _holds(path, address):
                report.files_to_mend.append(str(path))


def _holds(path: Path, address: str) -> bool:
    text = path.read_bytes().replace(b"\x00", b"").decode("latin-1")  # UTF-16 too, as far as an address goes
    return address in text.lower() and address in addresses_in(pd.Series([text], dtype="str")).array
