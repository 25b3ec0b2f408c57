"""Every lead at present, in SQL: what it is compared on, and whether it changed since it was read.

What belongs here: queries over the lead tables of all campaigns. A door to the database that only reads. What does not:
comparing.

A lead that is an alias within its campaign has no enriched row: the record it was first received with stands for it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Boolean, Connection, Select, Text, and_, func, literal, null, select, text, union_all

from leadflow_pipeline.store.schema import (
    Timestamp,
    enriched_leads,
    harvested_leads,
    lead_aliases,
    partition_lineage,
    person_leads,
)

COMPARED: Final = (
    "email", "phone", "first_name", "last_name", "full_name", "company", "company_domain", "postcode", "city",
    "region", "linkedin_url",
)  # fmt: skip
"""What people are compared on, as far as leads have it."""


def without_nested_loops(connection: Connection) -> None:
    """Has PostgreSQL join whole tables by hashing, until this transaction ends.

    Nearly every lead is asked about each time, and whether any row exists at all would otherwise be looked for lead by
    lead: hours for a million where a pass takes seconds.
    """
    connection.execute(text("SET LOCAL enable_nestloop = off"))


def _latest() -> Any:
    """The latest enriched row of every lead, and when its partition was written."""
    newest = (
        select(
            enriched_leads.c.campaign, enriched_leads.c.lead_id, func.max(enriched_leads.c.day).label("day")
        )
        .group_by(enriched_leads.c.campaign, enriched_leads.c.lead_id)
        .subquery("newest")
    )
    return (
        select(newest, partition_lineage.c.written_at)
        .join_from(
            newest,
            partition_lineage,
            and_(
                partition_lineage.c.table_name == enriched_leads.name,
                partition_lineage.c.campaign == newest.c.campaign,
                partition_lineage.c.day == newest.c.day,
            ),
        )
        .subquery("latest")
    )


def _alias_rows() -> Any:
    """Where a lead-level alias stands: it has no enriched row, so its own first record tells of it."""
    return (
        select(
            lead_aliases.c.campaign,
            lead_aliases.c.lead_id,
            lead_aliases.c.day,
            partition_lineage.c.written_at,
        )
        .join_from(
            lead_aliases,
            partition_lineage,
            and_(
                partition_lineage.c.table_name == lead_aliases.name,
                partition_lineage.c.campaign == lead_aliases.c.campaign,
                partition_lineage.c.day == lead_aliases.c.day,
            ),
        )
        .subquery("alias_rows")
    )


def due_leads() -> Select[Any]:
    """Leads whose latest row lies in another partition than the one they were read from."""
    found = union_all(select(_latest()), select(_alias_rows())).subquery("found")
    return (
        select(found.c.campaign, found.c.lead_id)
        .join_from(found, person_leads, same_lead(found, person_leads), isouter=True)
        .where(person_leads.c.read_at.is_distinct_from(found.c.written_at))
    )


def present_leads() -> Select[Any]:
    """Every lead with what it is compared on now, what is known of it as a member, and whether it is due."""
    enriched, aliased = _latest(), _alias_rows()
    harvested, born = harvested_leads.alias("record"), harvested_leads.alias("born")
    now = select(
        enriched.c.campaign,
        enriched.c.lead_id,
        enriched.c.written_at,
        enriched_leads.c.received_at,
        enriched_leads.c.email_is_disposable,
        *(enriched_leads.c[name] for name in COMPARED),
    ).join_from(
        enriched,
        enriched_leads,
        and_(same_lead(enriched, enriched_leads), enriched.c.day == enriched_leads.c.day),
    )
    before = select(
        aliased.c.campaign,
        aliased.c.lead_id,
        aliased.c.written_at,
        harvested.c.received_at,
        literal(False, Boolean),
        *(harvested.c[name] if name in harvested.c else null().cast(Text) for name in COMPARED),
    ).join_from(aliased, harvested, _same_row(aliased, harvested))
    found = union_all(now, before).subquery("found")
    is_due = person_leads.c.read_at.is_distinct_from(found.c.written_at)
    return (
        select(
            *(column for column in found.c if column.name not in ("received_at", "written_at")),
            found.c.written_at.label("read_at"),
            func.coalesce(born.c.received_at, found.c.received_at, type_=Timestamp).label(
                "first_received_at"
            ),
            person_leads.c.person_id,
            is_due.label("is_due"),
        )
        .join_from(found, person_leads, same_lead(found, person_leads), isouter=True)
        .join(born, and_(same_lead(found, born), born.c.is_new), isouter=True)
    )


def same_lead(one: Any, other: Any) -> Any:
    return and_(one.c.campaign == other.c.campaign, one.c.lead_id == other.c.lead_id)


def _same_row(one: Any, other: Any) -> Any:
    return and_(same_lead(one, other), one.c.day == other.c.day)
