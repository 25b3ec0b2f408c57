"""Leads as a person names them.

What belongs here: from an id, the beginning of one or an address to a lead that exists. What does not: what is done
with it (`decisions_by_hand`).
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Engine, and_, select, true

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.keys import lead_ids
from leadflow_pipeline.harvest.normalise import TEXT, clean_email
from leadflow_pipeline.store.schema import (
    campaigns,
    enriched_leads,
    harvested_leads,
    partition_lineage,
)


def lead_of_address(campaign: str, email: str) -> str:
    """The id that a lead with this address has in the campaign."""
    cleaned = clean_email(pa.array([email], TEXT)).to_pylist()
    keys = pd.DataFrame({"email": cleaned, "phone": [None], "source_key": [None]}, dtype="str")
    return str(lead_ids(campaign, "", keys).iloc[0])


def find_lead(engine: Engine, named: str, campaign: str | None = None) -> tuple[str, str]:
    """Campaign and id of the lead with this id, beginning of an id, or address.

    Raises PermanentError where no lead, several leads, or leads of several campaigns are meant. No message repeats
    an address.
    """
    named = named.strip()
    with engine.connect() as connection:
        known = list(connection.scalars(select(campaigns.c.campaign).order_by(campaigns.c.campaign)))
        if campaign is not None and campaign not in known:
            raise PermanentError(
                f"there is no campaign {campaign}: leadflow campaign list shows those there are"
            )
        asked = known if campaign is None else [campaign]
        if not named:
            raise PermanentError("name a lead by its id, the beginning of its id, or its address")
        if "@" in named:
            found = {
                pair
                for slug in asked
                for pair in _leads_from(connection, [slug], lead_of_address(slug, named), is_whole=True)
            } or _leads_with_address(connection, asked, named)
        else:
            found = _leads_from(connection, asked, named.lower(), is_whole=False)
    if len(found) == 1:
        return next(iter(found))
    if not found:
        nobody = (
            "no campaign has such a lead" if campaign is None else f"campaign {campaign} has no such lead"
        )
        raise PermanentError(
            f"{nobody}: give the lead_id, the beginning of one, or the email of a "
            "harvested lead (leadflow export harvested_leads)"
        )
    slugs = sorted({slug for slug, _ in found})
    if len(slugs) > 1:
        raise PermanentError(
            f"such leads are in several campaigns ({', '.join(slugs)}): name one with --campaign"
        )
    ids = sorted(lead_id for _, lead_id in found)
    if "@" in named:
        raise PermanentError(
            f"{slugs[0]} has several leads with that address: name one of {', '.join(ids[:5])}"
        )
    raise PermanentError(f"several leads of {slugs[0]} begin like that: give more of the id")


def _leads_from(
    connection: Connection, asked: list[str], lead_id: str, *, is_whole: bool
) -> set[tuple[str, str]]:
    """Harvested leads with this id, or whose id begins so; two are enough to know that it is not one."""
    days, leads = partition_lineage, harvested_leads
    matches = leads.c.lead_id == lead_id
    if not is_whole:  # by bytes, as the key is ordered
        matches = and_(leads.c.lead_id >= lead_id, leads.c.lead_id <= lead_id + "\U0010ffff")
    # Day by day through the index, as in `store.lead_rows`.
    of_day = (
        select(leads.c.campaign, leads.c.lead_id)
        .where(leads.c.campaign == days.c.campaign, leads.c.day == days.c.day, matches)
        .correlate(days)
        .limit(2)
        .lateral("of_day")
    )
    query = (
        select(of_day)
        .select_from(days.join(of_day, true()))
        .where(days.c.table_name == leads.name, days.c.campaign.in_(asked))
        .distinct()
        .limit(2)
    )
    return {(row.campaign, row.lead_id) for row in connection.execute(query)}


def _leads_with_address(connection: Connection, asked: list[str], email: str) -> set[tuple[str, str]]:
    """Leads that have this address though their id is not made of it: they came by phone, key or a shared address."""
    cleaned = clean_email(pa.array([email], TEXT)).to_pylist()[0]
    query = (
        select(enriched_leads.c.campaign, enriched_leads.c.lead_id)
        .where(enriched_leads.c.campaign.in_(asked), enriched_leads.c.email == cleaned)
        .distinct()
    )
    return {(row.campaign, row.lead_id) for row in connection.execute(query)}
