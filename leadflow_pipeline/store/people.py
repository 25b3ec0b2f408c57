"""Who a lead is, for questions asked in SQL: its person, and all that the person is known by.

What belongs here: expressions over `person_leads` that the doors and the report share. What does not: deciding who
is who.

`who` is any table or subquery with the columns campaign, lead_id and recipient_key. A lead that nobody has resolved
yet is a person of its own, known by its address. `person_leads` names living persons only, so no alias is followed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Text, and_, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from leadflow_pipeline.store.schema import person_leads


def person_of(who: FromClause) -> ColumnElement[str]:
    """The person behind a row of `who`; the key of its address where it has not been resolved yet."""
    known = select(person_leads.c.person_id).where(_is_lead(person_leads, who)).correlate(who)
    return func.coalesce(known.scalar_subquery(), who.c.recipient_key)


def address_keys_of(who: FromClause) -> ColumnElement[list[str]]:
    """An array of the keys of every address of the person, the row's own among them."""
    companion, query = _companions_of(who)
    keys = query.with_only_columns(companion.c.address_key).where(companion.c.address_key.is_not(None))
    return func.array_append(_array_of(keys), who.c.recipient_key, type_=ARRAY(Text))


def lead_ids_of(who: FromClause) -> ColumnElement[list[str]]:
    """An array of the person's leads in the row's own campaign, the row's own among them."""
    companion, query = _companions_of(who)
    leads = query.with_only_columns(companion.c.lead_id).where(companion.c.campaign == who.c.campaign)
    return func.array_append(_array_of(leads), who.c.lead_id, type_=ARRAY(Text))


def _companions_of(who: FromClause) -> tuple[FromClause, Select[Any]]:
    """Every lead of the same person, the row's own too, where it has been resolved."""
    own, companion = person_leads.alias("own_lead"), person_leads.alias("companion")
    together = own.c.person_id == companion.c.person_id
    return companion, select(companion).join_from(own, companion, together).where(
        _is_lead(own, who)
    ).correlate(who)


def _is_lead(lead: FromClause, who: FromClause) -> ColumnElement[bool]:
    return and_(lead.c.campaign == who.c.campaign, lead.c.lead_id == who.c.lead_id)


def _array_of(query: Select[Any]) -> ColumnElement[list[str]]:
    # ARRAY(SELECT ...) is computed once for a row of `who`, so that `= ANY` of it can still use an index.
    return func.array(query.scalar_subquery(), type_=ARRAY(Text))
