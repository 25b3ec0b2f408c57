"""The way out: one person is removed from every table and from the files this pipeline wrote.

What belongs here: finding a person's rows and removing them, and remembering only that the address must not
come back. What does not: recognising addresses in texts (`erasure`).

What stays is a suppression with the keyed hash of the address: imports leave that person's records out, and
the doors write to nobody with that key.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy import Text as SqlText
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.erasure import addresses_in
from leadflow_pipeline.harvest.importing import ERASURE
from leadflow_pipeline.harvest.keys import USABLE_EMAIL, lead_ids
from leadflow_pipeline.harvest.landing import DONE, REFUSED
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import (
    DERIVED_TABLES,
    activity_log,
    campaigns,
    engagement_events,
    message_attempts,
    messages,
    outcomes,
    overrides,
    partition_lineage,
    quarantined_records,
    source_records,
    suppressions,
)

LEAD_TABLES: tuple[Table, ...] = (
    *(table for table in DERIVED_TABLES if table is not quarantined_records),
    engagement_events,
    outcomes,
    overrides,
)


@dataclass
class ErasureReport:
    """What was removed, and what a person has to remove by hand."""

    rows: dict[str, int] = field(default_factory=dict)
    """Table -> rows removed."""
    files_removed: int = 0
    files_to_mend: list[str] = field(default_factory=list)
    """Imported files that still hold the address: they belong to whoever delivered them."""


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
        _suppress(connection, address)
        leads = _leads_of(connection, address)
        for table in LEAD_TABLES:
            _remove(connection, table, _is_one_of(table, leads), report)
        _remove_messages(connection, leads, address, report)
        for table, texts in (
            (source_records, (as_type(source_records.c.payload, SqlText), source_records.c.raw)),
            (quarantined_records, (quarantined_records.c.raw,)),
        ):
            _remove_texts(connection, table, texts, address, report)
        connection.execute(update(activity_log).where(_is_one_of(activity_log, leads)).values(lead_id=None))
        connection.execute(
            insert(activity_log).values(actor=actor, action="erase", detail={"rows": report.rows})
        )
    _remove_files(address, report)
    return report


def _suppress(connection: Connection, address: str) -> None:
    statement = insert_or_update(suppressions).values(
        scope="address", subject=address_key(address), campaign="", reason=ERASURE
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["scope", "subject", "campaign"], set_={"reason": ERASURE}
        )
    )


def _leads_of(connection: Connection, address: str) -> list[tuple[str, str]]:
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


def _is_one_of(table: Table, leads: list[tuple[str, str]]) -> ColumnElement[bool]:
    return tuple_(table.c.campaign, table.c.lead_id).in_(leads)


def _remove(
    connection: Connection, table: Table, condition: ColumnElement[bool], report: ErasureReport
) -> None:
    """Deletes rows, and lowers what is recorded of their partitions, so that a check still finds them
    whole."""
    if table not in DERIVED_TABLES:
        removed = len(connection.execute(delete(table).where(condition).returning(table.c.campaign)).all())
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
    connection: Connection, leads: list[tuple[str, str]], address: str, report: ErasureReport
) -> None:
    theirs = or_(
        _is_one_of(messages, leads),
        messages.c.recipient_key == address_key(address),
        func.lower(messages.c.recipient) == address,
    )
    ids = connection.scalars(select(messages.c.message_id).where(theirs)).all()
    connection.execute(delete(message_attempts).where(message_attempts.c.message_id.in_(ids)))
    _remove(connection, messages, messages.c.message_id.in_(ids), report)


def _remove_texts(
    connection: Connection,
    table: Table,
    texts: tuple[ColumnElement[str], ...],
    address: str,
    report: ErasureReport,
) -> None:
    """Removes the records whose text holds the address, and not those that hold a longer one."""
    text = func.coalesce(*texts, "")
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
