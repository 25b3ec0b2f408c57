"""Which campaigns have not been trained this week.

What belongs here: that question, answered from the activity log, so that it does not matter who trained, and a machine
that slept a week catches up. What does not: training (`score.model_training`), starting runs, and the clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Date, Engine, cast, select

from leadflow_pipeline.store import schema
from leadflow_pipeline.store.due_days import active_campaigns

TRAINED = "model.train"
"""Action of the activity log: a training came to its end, with or without a model. `detail` names its `as_of`, and
whether it could `promote`: one that only looks is no week's training."""
WEEK_BEGINS = timedelta(hours=3, minutes=30)
"""After Monday's midnight (UTC): Sunday has been computed by then."""


def training_week(now: datetime) -> date:
    """The Monday of the week of training that a moment belongs to."""
    day = (now.astimezone(UTC) - WEEK_BEGINS).date()
    return day - timedelta(days=day.weekday())


def campaigns_to_train(engine: Engine, now: datetime) -> list[str]:
    """The active campaigns without a training as of this week's Monday or later, in order."""
    activity = schema.activity_log.c
    trained = select(activity.campaign).where(
        activity.action == TRAINED,
        activity.detail["promote"].astext == "true",
        cast(activity.detail["as_of"].astext, Date) >= training_week(now),
    )
    with engine.connect() as connection:
        done = set(connection.scalars(trained))
        return [campaign for campaign in active_campaigns(connection) if campaign not in done]


def last_training(engine: Engine, campaign: str) -> tuple[datetime, date] | None:
    """When a campaign was last trained, and as of which day; None where it never was."""
    activity = schema.activity_log.c
    query = (
        select(activity.occurred_at, cast(activity.detail["as_of"].astext, Date))
        .where(activity.action == TRAINED, activity.campaign == campaign)
        .order_by(activity.occurred_at.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else (row[0], row[1])
