"""Days of campaigns that are due, and what their leads wait for a person to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Engine, func, select

from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.partition_keys import last_complete_day
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.due_days import active_campaigns, due_days
from leadflow_pipeline.store.schema import match_reviews, quarantined_records


def look_at_days(engine: Engine) -> Iterator[Finding]:
    """Whether each active campaign has been computed up to yesterday."""
    with engine.connect() as connection:
        active = active_campaigns(connection)
    late = {
        due.campaign: due
        for due in due_days(engine, get_settings().first_day, last_complete_day(datetime.now(UTC)))
    }
    if not active:
        yield Finding("campaigns", State.LOOK, "none is active", "leadflow campaign add FILE")
    for campaign in active:
        if campaign in late:
            sentence = f"due since {late[campaign].first}"
            yield Finding(f"campaign {campaign}", State.BROKEN, sentence, f"leadflow materialize {campaign}")
        else:
            yield Finding(f"campaign {campaign}", State.WELL, "no day is due")


def look_at_quarantine(engine: Engine) -> Iterator[Finding]:
    """Records that could not become a lead."""
    table = quarantined_records
    with engine.connect() as connection:
        counts = connection.execute(
            select(table.c.campaign, func.count()).group_by(table.c.campaign).order_by(table.c.campaign)
        ).all()
    for campaign, count in counts:
        yield Finding(
            f"quarantine of {campaign}",
            State.LOOK,
            f"{count:,} records could not become a lead",
            f"leadflow export quarantined_records --campaign {campaign}, mend and import them",
        )


def look_at_reviews(engine: Engine) -> Iterator[Finding]:
    """Pairs of which a person is to say whether they are the same."""
    with engine.connect() as connection:
        waiting = connection.scalar(select(func.count()).where(match_reviews.c.state == "open")) or 0
    if waiting:
        sentence = f"{waiting:,} pairs wait for a person to say whether they are the same"
        yield Finding("who is who", State.LOOK, sentence, "leadflow identity reviews, then decide")
