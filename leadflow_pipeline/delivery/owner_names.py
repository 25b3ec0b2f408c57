"""Who looks after each of some leads, by name: what `{{ owner }}` in an email says.

What belongs here: from hand-overs to names, as they are now. What does not: who becomes the owner (`claiming`), and
making a name harmless (`tokens`). A door that only reads.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ARRAY, Connection, Text, any_, literal, select

from leadflow_pipeline.delivery.present_reps import present_reps
from leadflow_pipeline.store.schema import handoffs


def owner_names(
    connection: Connection, campaign: str, lead_ids: Collection[str], now: datetime
) -> dict[str, str]:
    """Lead -> the name of its present owner; without leads that have none, whose owner has left, or has no name on
    record: an id is nothing to write to a stranger.
    """
    given = handoffs.c
    query = (
        select(given.lead_id, given.rep)
        .where(given.campaign == campaign, given.lead_id == any_(literal(sorted(set(lead_ids)), ARRAY(Text))))
        .order_by(given.lead_id, given.assignment_number.desc())
        .distinct(given.lead_id)
    )
    owners = {row.lead_id: row.rep for row in connection.execute(query)}
    present = present_reps(connection, set(owners.values()), now)
    return {
        lead_id: present[rep].rep.name
        for lead_id, rep in owners.items()
        if rep in present and present[rep].rep.status != "left" and present[rep].rep.name
    }
