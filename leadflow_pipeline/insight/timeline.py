"""All that is known of a lead, in order: what came, what was decided, what was sent, and what came back.

What belongs here: what the entries are put together from. What does not: reading each table (`timeline_reading`), and
printing. A door to the database that only reads.

An entry says what happened in words of rules, ids and counts; what people wrote stands in `text`, which is shown to
those who ask for it. What a machine did is marked and counts for nothing.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import Engine

from leadflow_pipeline.insight.story_history import canonical_of, names_of
from leadflow_pipeline.insight.timeline_entry import Entry
from leadflow_pipeline.insight.timeline_reading import READERS, Lead


def tell_timeline(
    engine: Engine, campaign: str, lead_id: str, until: datetime | None = None
) -> tuple[Entry, ...]:
    """Everything about the lead and its aliases up to a moment, the earliest first; the present without one."""
    moment = until or datetime.now(UTC)
    as_of: date = moment.astimezone(UTC).date()
    with engine.connect() as connection:
        canonical = canonical_of(connection, campaign, lead_id, as_of) or lead_id
        lead = Lead(campaign, canonical, tuple(names_of(connection, campaign, canonical, as_of)), as_of)
        entries = [entry for read in READERS for entry in read(connection, lead)]
    told = [entry for entry in entries if entry.at <= moment]
    return tuple(sorted(told, key=lambda entry: entry.at))
