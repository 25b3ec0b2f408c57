"""All that a person is known by, from one address: leads, addresses and records. A door, it only reads.

What belongs here: finding them. What does not: removing them (`erasing`).

Leads are the same person where identity says so: within a campaign by alias, across campaigns by person. What merely
shares an address with one of them is not: a mailbox of a role belongs to many.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Engine, Table, func, select, tuple_

from leadflow_pipeline.campaign import load
from leadflow_pipeline.harvest.mapping import keys_and_leads
from leadflow_pipeline.mailboxes import is_role_address
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import (
    DERIVED_TABLES,
    harvested_leads,
    lead_aliases,
    messages,
    person_leads,
    source_records,
)
from leadflow_pipeline.store.sequences import is_to_lead

Lead = tuple[str, str]
"""Campaign and lead_id."""


def is_one_of(table: Table, leads: Sequence[Lead]) -> ColumnElement[bool]:
    """Whether a row of a table is of one of these leads."""
    return tuple_(table.c.campaign, table.c.lead_id).in_(leads)


def leads_of_person(connection: Connection, leads: Sequence[Lead]) -> list[Lead]:
    """These leads and every other that is known to be the same person."""
    known: set[Lead] = set(leads)
    while True:
        found = known | _of_the_same_person(connection, sorted(known)) | _aliases(connection, sorted(known))
        if found == known:
            return sorted(known)
        known = found


def addresses_of(connection: Connection, leads: Sequence[Lead]) -> tuple[list[str], list[str]]:
    """Addresses of these leads, in lower case: the person's own, and mailboxes of a role, which others may share."""
    columns = [table.c.email for table in DERIVED_TABLES if "email" in table.c]
    found: set[str] = set()
    # A message about a lead to its owner holds the owner's address, which is nobody's who is erased.
    queries = [
        *(
            select(func.lower(column)).where(is_one_of(column.table, leads), column.is_not(None))
            for column in columns
        ),
        select(func.lower(messages.c.recipient)).where(is_one_of(messages, leads), is_to_lead()),
    ]
    for query in queries:
        found |= set(connection.scalars(query.distinct()))
    addresses = pd.Series(sorted(found), dtype="str")
    is_shared = is_role_address(addresses)
    return addresses[~is_shared].tolist(), addresses[is_shared].tolist()


def records_of(engine: Engine, connection: Connection, leads: Sequence[Lead]) -> list[int]:
    """Ids of the records that these leads were made from, with or without an address in them."""
    days = (
        select(harvested_leads.c.campaign, harvested_leads.c.day)
        .where(is_one_of(harvested_leads, leads))
        .distinct()
        .order_by(harvested_leads.c.campaign)
    )
    found: list[int] = []
    for campaign, rows in groupby(connection.execute(days).all(), key=lambda row: row.campaign):
        query = select(source_records.c.record_id, source_records.c.source, source_records.c.payload).where(
            source_records.c.campaign == campaign,
            source_records.c.day.in_([row.day for row in rows]),
            source_records.c.payload.is_not(None),
        )
        records = read(connection, query)
        theirs = [lead_id for slug, lead_id in leads if slug == campaign]
        sources = load(engine, campaign).rules.sources if len(records) else ()
        for source in sources:
            own = records[records["source"] == source.name]
            lead_ids = keys_and_leads(campaign, own["payload"], source)["lead_id"]
            found += own.loc[lead_ids.isin(theirs), "record_id"].tolist()
    return found


def _of_the_same_person(connection: Connection, leads: Sequence[Lead]) -> set[Lead]:
    own = person_leads.alias("own")
    query = (
        select(person_leads.c.campaign, person_leads.c.lead_id)
        .join(own, own.c.person_id == person_leads.c.person_id)
        .where(tuple_(own.c.campaign, own.c.lead_id).in_(leads))
    )
    return {(row.campaign, row.lead_id) for row in connection.execute(query)}


def _aliases(connection: Connection, leads: Sequence[Lead]) -> set[Lead]:
    alias = lead_aliases.c
    query = select(alias.campaign, alias.lead_id, alias.alias_of).where(
        is_one_of(lead_aliases, leads) | tuple_(alias.campaign, alias.alias_of).in_(leads)
    )
    rows = connection.execute(query).all()
    return {(row.campaign, lead) for row in rows for lead in (row.lead_id, row.alias_of)}
