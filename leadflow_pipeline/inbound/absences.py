"""Whoever is out of office is written to again when they are back.

What belongs here: the pause that an automatic answer with a date leads to. What does not: recognising one, and what a
pause does to a sequence: that is the plan's and the door's.

The pause is an override like a person's, with a reason of its own, and counts from when it was learnt: a plan of days
before stays what it was. It is the person who is away, so all their leads pause. What somebody decided to stop stays
stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, and_, func, insert, or_, select, tuple_

from leadflow_pipeline.overrides import OUT_OF_OFFICE
from leadflow_pipeline.store.schema import overrides, person_leads

LONGEST: Final = timedelta(days=366)
"""Nobody is waited for longer, whatever date was read out of an answer."""

Lead = tuple[str, str]


def pause_while_away(
    connection: Connection, away: Sequence[tuple[str, str, datetime]], now: datetime
) -> list[Lead]:
    """Pauses leads (campaign, lead_id) of people who are away until a moment; those that are paused by it.

    A date in the past pauses nobody, and neither does one up to which the lead is paused already.
    """
    until: dict[Lead, datetime] = {}
    for campaign, lead_id, moment in away:
        if moment > now:
            until[campaign, lead_id] = max(min(moment, now + LONGEST), until.get((campaign, lead_id), moment))
    for (campaign, lead_id), (other, companion) in _companions(connection, list(until)):
        until.setdefault((other, companion), until[campaign, lead_id])
    standing = _standing(connection, list(until), now)
    rows = [
        {
            "campaign": campaign,
            "lead_id": lead_id,
            "field": "nurture",
            "value": "pause",
            "actor": "mailbox",
            "reason": OUT_OF_OFFICE,
            "occurred_at": now,
            "expires_at": moment,
        }
        for (campaign, lead_id), moment in sorted(until.items())
        if _may_pause(standing.get((campaign, lead_id)), moment)
    ]
    if rows:
        connection.execute(insert(overrides), rows)
    return [(str(row["campaign"]), str(row["lead_id"])) for row in rows]


def _may_pause(standing: tuple[str, datetime | None] | None, until: datetime) -> bool:
    """Whether a pause until then would say anything new beside what stands: a word, and until when."""
    if standing is None:
        return True
    word, expires_at = standing
    return word != "stop" and not (word == "pause" and (expires_at is None or expires_at >= until))


def _companions(connection: Connection, leads: Sequence[Lead]) -> list[tuple[Lead, Lead]]:
    """Each lead with every other lead of its person."""
    own, other = person_leads.alias("own"), person_leads.alias("other")
    query = (
        select(own.c.campaign, own.c.lead_id, other.c.campaign, other.c.lead_id)
        .join(other, other.c.person_id == own.c.person_id)
        .where(
            tuple_(own.c.campaign, own.c.lead_id).in_(leads),
            or_(other.c.campaign != own.c.campaign, other.c.lead_id != own.c.lead_id),
        )
    )
    return [((row[0], row[1]), (row[2], row[3])) for row in connection.execute(query)] if leads else []


def _standing(
    connection: Connection, leads: Sequence[Lead], now: datetime
) -> dict[Lead, tuple[str, datetime | None]]:
    """What stands of each lead by hand, and until when."""
    word = func.split_part(func.lower(func.btrim(overrides.c.value)), " ", 1)
    query = (
        select(overrides.c.campaign, overrides.c.lead_id, word, overrides.c.expires_at)
        .where(
            and_(
                tuple_(overrides.c.campaign, overrides.c.lead_id).in_(leads),
                overrides.c.field == "nurture",
                word.in_(("pause", "stop", "resume", "enrol", "none")),
                overrides.c.occurred_at <= now,
                or_(overrides.c.expires_at.is_(None), overrides.c.expires_at > now),
            )
        )
        .order_by(
            overrides.c.campaign,
            overrides.c.lead_id,
            overrides.c.occurred_at.desc(),
            overrides.c.override_id.desc(),
        )
        .distinct(overrides.c.campaign, overrides.c.lead_id)
    )
    rows = connection.execute(query).tuples() if leads else ()
    return {(campaign, lead_id): (word, until) for campaign, lead_id, word, until in rows}
