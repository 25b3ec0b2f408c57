"""What is read of one lead for its story: its names, its scores, where it stands, and decisions by hand.

A door to the database that only reads, as of the end of a day. What does not belong here: what changed and why
(`lead_story`, `story_causes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Text, cast, func, select

from leadflow_pipeline.insight.story import ByHand, Judged, PastScore, Routed
from leadflow_pipeline.insight.story_causes import utc_day
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.lead_rows import lead_rows


def latest_scored_day(connection: Connection, campaign: str) -> date | None:
    lineage = schema.partition_lineage.c
    query = select(func.max(lineage.day)).where(
        lineage.table_name == schema.scored_leads.name, lineage.campaign == campaign
    )
    latest: date | None = connection.scalar(query)
    return latest


def canonical_of(connection: Connection, campaign: str, lead_id: str, as_of: date) -> str | None:
    """The lead that this one is an alias of by then."""
    row = connection.execute(lead_rows(schema.lead_aliases, ["alias_of"], campaign, lead_id, as_of)).first()
    return str(row.alias_of) if row else None


def names_of(connection: Connection, campaign: str, lead_id: str, as_of: date) -> dict[str, date]:
    """The lead and its aliases, each with the day from which its facts are the lead's."""
    aliases = schema.lead_aliases.c
    query = select(aliases.lead_id, aliases.day).where(
        aliases.campaign == campaign, aliases.alias_of == lead_id, aliases.day <= as_of
    )
    return {lead_id: date.min} | {row.lead_id: row.day for row in connection.execute(query)}


def elsewhere(connection: Connection, campaign: str, lead_id: str) -> tuple[int, int]:
    """In how many other campaigns the same person is now, and as how many leads."""
    own, other = schema.person_leads.alias("own_lead").c, schema.person_leads.alias("other_lead").c
    query = select(func.count(other.campaign.distinct()), func.count()).where(
        own.campaign == campaign,
        own.lead_id == lead_id,
        other.person_id == own.person_id,
        other.campaign != campaign,
    )
    campaigns, leads = connection.execute(query).one()
    return int(campaigns), int(leads)


def past_scores(connection: Connection, campaign: str, lead_id: str, as_of: date) -> list[PastScore]:
    names = list(PastScore.__dataclass_fields__)
    query = lead_rows(schema.scored_leads, names, campaign, lead_id, as_of)
    return [PastScore(**row._mapping) for row in connection.execute(query)]


def breakdowns_of(
    connection: Connection, campaign: str, lead_id: str, scores: Sequence[PastScore]
) -> Sequence[Any]:
    """Breakdown and reasons as text, because parsed by the driver they would be binary fractions."""
    scored = schema.scored_leads.c
    query = select(
        scored.day,
        scored.conversion_probability,
        cast(scored.score_breakdown, Text).label("breakdown"),
        cast(scored.reasons, Text).label("reasons"),
    ).where(
        scored.campaign == campaign,
        scored.lead_id == lead_id,
        scored.day.in_([score.day for score in scores]),
    )
    return connection.execute(query).all()


def judged_on(connection: Connection, campaign: str, lead_id: str, day: date) -> Judged | None:
    qualified = schema.qualified_leads.c
    query = select(qualified.day, qualified.status, qualified.is_override, qualified.reasons).where(
        qualified.campaign == campaign, qualified.day == day, qualified.lead_id == lead_id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Judged(row.day, row.status, row.is_override, tuple(reason["text"] for reason in row.reasons))


def routed_by(connection: Connection, campaign: str, lead_id: str, as_of: date) -> Routed | None:
    names = list(Routed.__dataclass_fields__)
    query = lead_rows(schema.routed_leads, names, campaign, lead_id, as_of)
    newest = query.order_by(None).order_by(schema.partition_lineage.c.day.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return Routed(**row._mapping) if row else None


def decisions_standing(
    connection: Connection, campaign: str, known_as: dict[str, date], as_of: date, *, is_latest: bool
) -> tuple[ByHand, ...]:
    """Of each field the decision that stands at the end of the day; of the latest day, those taken since then too."""
    overrides = schema.overrides.c
    query = (
        select(schema.overrides)
        .where(overrides.campaign == campaign, overrides.lead_id.in_(list(known_as)))
        .order_by(overrides.occurred_at, overrides.override_id)
    )
    standing: dict[str, ByHand] = {}
    for row in connection.execute(query):
        taken_on = utc_day(row.occurred_at)
        is_in_row = taken_on <= as_of
        # Before the midnight that ends the day, as in `overrides`.
        has_expired = row.expires_at is not None and utc_day(row.expires_at) <= as_of
        if taken_on < known_as[row.lead_id] or has_expired or not (is_in_row or is_latest):
            continue
        standing[row.field] = ByHand(
            row.field, row.value, row.actor, row.reason, row.occurred_at, row.expires_at, is_in_row
        )
    return tuple(decision for decision in standing.values() if decision.value != LIFTED)


def records_of(connection: Connection, campaign: str, lead_ids: Sequence[str], as_of: date) -> list[Any]:
    """The days on which records of the lead or its aliases came in: `lead_id`, `day`, `record_count`."""
    names = ["lead_id", "day", "record_count"]
    return [
        row
        for lead_id in lead_ids
        for row in connection.execute(lead_rows(schema.harvested_leads, names, campaign, lead_id, as_of))
    ]
