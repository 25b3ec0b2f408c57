"""People who are in several campaigns, and whose sequence writes to them now.

What belongs here: counting them, from persons as they are at present. What does not: deciding who may write
(`delivery`). No row is about one person.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, Integer, and_, func, select

from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import messages, person_leads
from leadflow_pipeline.store.sequences import is_running


def read_overlaps(connection: Connection, now: datetime, campaign: str | None = None) -> pd.DataFrame:
    """Each pair of campaigns that share people: `campaign`, `other_campaign`, `people`, `written_to_here` and
    `written_to_there` (people whose running sequence is of the one or the other).

    Of one campaign with each other, or of all pairs, each once; by names.
    """
    here, there = person_leads.alias("here"), person_leads.alias("there")
    holder = (
        select(person_leads.c.person_id, messages.c.campaign)
        .join(
            messages,
            and_(
                messages.c.campaign == person_leads.c.campaign, messages.c.lead_id == person_leads.c.lead_id
            ),
        )
        .where(is_running(now))
        .distinct()
        .cte("holder")
    )

    people = func.count(here.c.person_id.distinct())
    written_to_here = people.filter(holder.c.campaign == here.c.campaign)
    written_to_there = people.filter(holder.c.campaign == there.c.campaign)
    wanted = there.c.campaign > here.c.campaign if campaign is None else here.c.campaign == campaign
    query = (
        select(
            here.c.campaign,
            there.c.campaign.label("other_campaign"),
            people.cast(Integer).label("people"),
            written_to_here.cast(Integer).label("written_to_here"),
            written_to_there.cast(Integer).label("written_to_there"),
        )
        .join_from(
            here, there, and_(there.c.person_id == here.c.person_id, there.c.campaign != here.c.campaign)
        )
        .join(holder, holder.c.person_id == here.c.person_id, isouter=True)
        .where(wanted)
        .group_by(here.c.campaign, there.c.campaign)
        .order_by(here.c.campaign, there.c.campaign)
    )
    return read(connection, query)


def overlap_table(overlaps: pd.DataFrame) -> pd.DataFrame:
    """The overlaps of one campaign as its report shows them; one row says so where there are none."""
    if overlaps.empty:
        return pd.DataFrame({"other_campaign": ["no other campaign has any of these people"]})
    return overlaps.drop(columns="campaign")
