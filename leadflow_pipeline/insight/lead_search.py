"""Which leads of a campaign fit what a person remembers of them, and where each stands. Reads only.

What belongs here: finding leads by address, name, company, status, tier, owner or day, in pages, as of the end of a
day. What does not: all that is known of one lead (`lead_stages`, `lead_story`), and showing it.

Names and companies are found through the indexes of `person_leads`, which knows a lead once persons were resolved after
it came (three more indexes on `enriched_leads` would make its bulk load three times as
long). Status and tier are looked up along the days, the latest first, so that a page costs what it shows and not what
the campaign holds. As of a day the answer stays the same, so going on from a page leaves nobody out and tells nobody
twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pandas as pd
import pyarrow as pa
from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
    union,
    values,
)

from leadflow_pipeline.company_names import tidied
from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.harvest.normalise import TEXT, clean_email
from leadflow_pipeline.insight.known_leads import lead_of_address
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.lead_rows import latest_row

LAST_CHARACTER: Final = "\U0010ffff"
"""Behind every text that begins so, by bytes."""


@dataclass(frozen=True)
class Wanted:
    """What is known of the leads that are looked for: all of it must fit. Nothing: every lead."""

    email: str | None = None
    name: str | None = None
    """The beginning of its whole name or of its last name, whatever the spelling."""
    company: str | None = None
    """The beginning of the company's name, or its domain."""
    is_whole: bool = False
    """Whether name and company are given whole."""
    status: str | None = None
    """What qualification made of it."""
    tier: str | None = None
    owner: str | None = None
    """Who was told last that it is theirs; where nobody was told, whom the plan names."""
    received_on: date | None = None
    """The day on which the campaign first received it."""


@dataclass(frozen=True)
class Place:
    """Where a page ended."""

    as_of: date
    day: date
    lead_id: str


@dataclass(frozen=True)
class FoundLead:
    """A lead, and where it stands at the end of a day."""

    lead_id: str
    received_on: date | None
    day: date | None
    """Of its latest enriched row."""
    source: str | None
    email: str | None
    full_name: str | None
    company: str | None
    job_title: str | None
    country: str | None
    score: float | None
    icp_fit: float | None
    temperature: str | None
    status: str | None
    tier: str | None
    sequence: str | None
    owner: str | None
    nurture_state: str | None
    place: Place


def search_leads(
    connection: Connection,
    campaign: str,
    wanted: Wanted,
    *,
    as_of: date | None = None,
    after: Place | None = None,
    limit: int,
) -> list[FoundLead]:
    """At most `limit` leads that fit, the latest first, without those that are another's alias.

    `after` is where the page before ended, whose day counts. As of the latest enriched day where none is given.
    """
    moment = after.as_of if after else as_of or _latest_day(connection, campaign)
    if moment is None:
        return []
    own = _candidates(campaign, wanted, moment).subquery("candidate")
    # Whoever is found by a name has a row by the latest day: asking each again would take seconds for a common name.
    is_named = wanted.email is None and (wanted.name is not None or wanted.company is not None)
    are_known = is_named and moment == _latest_day(connection, campaign)
    place = tuple_(own.c.day, own.c.lead_id)
    aliases = schema.lead_aliases.c
    alias_ids = select(aliases.lead_id).where(aliases.campaign == campaign, aliases.day <= moment)
    query = (
        select(own.c.day, own.c.lead_id)
        .where(
            own.c.lead_id.not_in(alias_ids), *_conditions(campaign, wanted, own, moment, are_known=are_known)
        )
        .order_by(own.c.day.desc(), own.c.lead_id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(place < tuple_(literal(after.day, Date), literal(after.lead_id, Text)))
    keys = [Place(moment, row.day, row.lead_id) for row in connection.execute(query)]
    return _standing(connection, campaign, keys, moment)


def _latest_day(connection: Connection, campaign: str) -> date | None:
    lineage = schema.partition_lineage.c
    query = select(func.max(lineage.day)).where(
        lineage.table_name == schema.enriched_leads.name, lineage.campaign == campaign
    )
    latest: date | None = connection.scalar(query)
    return latest


# --- whom to look at: one index or one walk, and the other conditions along it ---------------------------------------


def _candidates(campaign: str, wanted: Wanted, moment: date) -> Select[Any]:
    """`day` and `lead_id` of those who fit the narrowest condition."""
    named = _named(campaign, wanted)
    if named is not None:
        return _of_canonical(campaign, named, moment)
    if wanted.received_on is not None:
        born = schema.harvested_leads.c
        return select(born.day, born.lead_id).where(
            born.campaign == campaign, born.day == wanted.received_on, born.is_new
        )
    if wanted.owner is not None:
        return _of_owner(campaign, wanted.owner, moment)
    for table, condition in (
        (schema.routed_leads, ("tier", wanted.tier)),
        (schema.qualified_leads, ("status", wanted.status)),
        (schema.enriched_leads, None),
    ):
        if condition is None or condition[1] is not None:
            walked = _latest_rows(table, campaign, moment)
            return walked if condition is None else walked.where(table.c[condition[0]] == condition[1])
    raise AssertionError("the last table always serves")


def _latest_rows(table: Table, campaign: str, moment: date) -> Select[Any]:
    """Rows that are their lead's latest by then. Each is looked at as it comes, so that a page ends the walk."""
    days, later = schema.partition_lineage.alias("later_day"), table.alias("later")
    of_later = (
        select(literal(1).label("one"))
        .select_from(days.join(later, and_(later.c.campaign == days.c.campaign, later.c.day == days.c.day)))
        .where(
            days.c.table_name == table.name,
            days.c.campaign == campaign,
            days.c.day > table.c.day,
            days.c.day <= moment,
            later.c.lead_id == table.c.lead_id,
        )
        .limit(1)
        .correlate(table)
    )
    # A scalar, because NOT EXISTS would be planned as a join of the whole tables.
    return select(table.c.day, table.c.lead_id).where(
        table.c.campaign == campaign, table.c.day <= moment, of_later.scalar_subquery().is_(None)
    )


def _of_owner(campaign: str, owner: str, moment: date) -> Select[Any]:
    told, later = schema.handoffs, schema.handoffs.alias("later_handoff")
    newer = select(later.c.rep).where(
        later.c.campaign == campaign,
        later.c.lead_id == told.c.lead_id,
        later.c.assignment_number > told.c.assignment_number,
    )
    theirs = select(told.c.lead_id).where(
        told.c.campaign == campaign, told.c.rep == owner, ~newer.correlate(told).exists()
    )
    planned = schema.routed_leads.c
    as_planned = select(planned.lead_id).where(
        planned.campaign == campaign, planned.owner == owner, planned.day <= moment
    )
    both = union(theirs, as_planned).subquery("theirs")
    return select(literal(moment, Date).label("day"), both.c.lead_id)


def _named(campaign: str, wanted: Wanted) -> Select[Any] | None:
    """The ids of leads that fit what was given in words; None where nothing was."""
    found: list[Any] = []
    if wanted.email is not None:
        found.append(_with_address(campaign, wanted.email))
    if wanted.name is not None:
        found.append(_with_name(campaign, wanted.name, is_whole=wanted.is_whole))
    if wanted.company is not None:
        found.append(_of_company(campaign, wanted.company, is_whole=wanted.is_whole))
    if not found:
        return None
    first, *others = (each.subquery(f"named_{number}") for number, each in enumerate(found))
    return select(first.c.lead_id).where(*(first.c.lead_id.in_(select(other.c.lead_id)) for other in others))


def _of_canonical(campaign: str, named: Select[Any], moment: date) -> Select[Any]:
    """An alias stands for the lead that it is one of."""
    found, aliases = named.subquery("named"), schema.lead_aliases
    is_alias = and_(
        aliases.c.campaign == campaign, aliases.c.lead_id == found.c.lead_id, aliases.c.day <= moment
    )
    lead_id = func.coalesce(aliases.c.alias_of, found.c.lead_id).label("lead_id")
    columns: list[Any] = [literal(moment, Date).label("day"), lead_id]
    return select(*columns).select_from(found.outerjoin(aliases, is_alias)).distinct()


def _with_address(campaign: str, email: str) -> Any:
    cleaned = clean_email(pa.array([email], TEXT)).to_pylist()[0]
    people = schema.person_leads.c
    known = select(people.lead_id).where(
        people.campaign == campaign, people.address_key == address_key(cleaned or "")
    )
    # Its id is made of its address for most leads, so those that nobody has resolved yet are found too.
    return union(known, select(literal(lead_of_address(campaign, email), Text).label("lead_id")))


def _with_name(campaign: str, name: str, *, is_whole: bool) -> Any:
    key, people = folded_text(name), schema.person_leads.c
    return union(
        *(
            select(people.lead_id).where(
                people.campaign == campaign, _begins(names, key, is_whole=is_whole or not key)
            )
            for names in (people.name_key, people.last_name_key)
        )
    )


def _of_company(campaign: str, company: str, *, is_whole: bool) -> Any:
    accounts, members, people = schema.accounts.c, schema.account_leads.c, schema.person_leads.c
    of_domain = (
        select(members.lead_id)
        .join(schema.accounts, accounts.account_id == members.account_id)
        .where(members.campaign == campaign, accounts.domain == company.strip().lower())
    )
    key = tidied(pd.Series([company], dtype="str"))["company_key"].iloc[0]
    if pd.isna(key):
        return of_domain
    named = _begins(people.company_key, str(key), is_whole=is_whole)
    return union(of_domain, select(people.lead_id).where(people.campaign == campaign, named))


def _begins(column: ColumnElement[str], key: str, *, is_whole: bool) -> ColumnElement[bool]:
    return column == key if is_whole else and_(column >= key, column <= key + LAST_CHARACTER)


def _conditions(
    campaign: str, wanted: Wanted, own: FromClause, moment: date, *, are_known: bool
) -> list[ColumnElement[bool]]:
    """All that is wanted besides, asked of each lead's latest rows."""

    def latest(table: Table, name: str) -> ColumnElement[Any]:
        return latest_row(table, [name], campaign, own.c.lead_id, moment).correlate(own).scalar_subquery()

    conditions: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        conditions.append(latest(schema.qualified_leads, "status") == wanted.status)
    if wanted.tier is not None:
        conditions.append(latest(schema.routed_leads, "tier") == wanted.tier)
    if wanted.owner is not None:
        told = _told(campaign, own.c.lead_id).correlate(own).scalar_subquery()
        conditions.append(func.coalesce(told, latest(schema.routed_leads, "owner")) == wanted.owner)
    if wanted.received_on is not None:
        born = schema.harvested_leads.c
        is_born = select(literal(1)).where(
            born.campaign == campaign,
            born.day == wanted.received_on,
            born.lead_id == own.c.lead_id,
            born.is_new,
        )
        conditions.append(is_born.correlate(own).exists())
    if not are_known:
        known = latest_row(schema.enriched_leads, [literal(1).label("one")], campaign, own.c.lead_id, moment)
        conditions.append(known.correlate(own).scalar_subquery().is_not(None))
    return conditions


def _told(campaign: str, lead_id: ColumnElement[str]) -> Select[Any]:
    """Whom a lead was told to belong to, last."""
    told = schema.handoffs.c
    return (
        select(told.rep)
        .where(told.campaign == campaign, told.lead_id == lead_id)
        .order_by(told.assignment_number.desc())
        .limit(1)
    )


# --- where they stand ------------------------------------------------------------------------------------------------

SHOWN: Final[tuple[tuple[Table, tuple[str, ...]], ...]] = (
    (
        schema.enriched_leads,
        ("day", "source", "email", "full_name", "company", "job_title", "country"),
    ),
    (schema.scored_leads, ("score", "icp_fit", "temperature")),
    (schema.qualified_leads, ("status",)),
    (schema.routed_leads, ("tier", "sequence", "owner")),
    (schema.nurtured_leads, ("state",)),
)


def _standing(connection: Connection, campaign: str, keys: Sequence[Place], moment: date) -> list[FoundLead]:
    if not keys:
        return []
    own = values(column("lead_id", Text), name="own").data([(key.lead_id,) for key in keys]).alias()
    columns: list[Any] = [own.c.lead_id]
    joined: FromClause = own
    for table, names in SHOWN:
        rows = (
            latest_row(table, names, campaign, own.c.lead_id, moment)
            .correlate(own)
            .lateral(f"of_{table.name}")
        )
        joined = joined.outerjoin(rows, true())
        columns += [rows.c[name].label("nurture_state" if name == "state" else name) for name in names]
    born = latest_row(schema.harvested_leads, ["day"], campaign, own.c.lead_id, moment, earliest=True)
    told = _told(campaign, own.c.lead_id).correlate(own).scalar_subquery()
    query = select(
        *columns,
        born.correlate(own).scalar_subquery().label("received_on"),
        told.label("told_owner"),
    ).select_from(joined)
    standing = {row.lead_id: row._mapping for row in connection.execute(query)}
    found = []
    for key in keys:
        row = dict(standing[key.lead_id])
        told_owner = row.pop("told_owner")
        found.append(FoundLead(**{**row, "owner": told_owner or row["owner"]}, place=key))
    return found
