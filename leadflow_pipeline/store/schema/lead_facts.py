"""What became of leads after they came: what they did, how it ended, what people decided and what was noted of it.

All of it facts: a row is added and never changed. What does not belong here: what a stage makes of them (`derived`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Key, Timestamp, metadata, one_of
from leadflow_pipeline.store.schema.campaign import campaigns
from leadflow_pipeline.telemetry.correlation import present_correlation_id

OUTCOMES = ("won", "lost", "meeting")

engagement_events = Table(
    "engagement_events",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("event_id", Text, primary_key=True, comment="given by the sender: an id seen before is a no-op"),
    Column("lead_id", Text, nullable=False),
    Column(
        "behaviour",
        Text,
        nullable=False,
        comment="open, click, reply, visit, meeting, unsubscribe, bounce, ...",
    ),
    Column("occurred_at", Timestamp, nullable=False),
    Column("day", Date, Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    Column("is_machine", Boolean, nullable=False, server_default="false"),
    Column("machine_reason", Text),
    Column("origin", Text, nullable=False),
    Index(None, "campaign", "day"),
    Index(None, "campaign", "lead_id", "occurred_at"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("lead_id", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("occurred_at", Timestamp, primary_key=True),
    Column("day", Date, Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False),
    Column("value", Double, comment="money, in the campaign's currency"),
    Column("origin", Text, nullable=False),
    one_of("outcome", OUTCOMES),
    Index(None, "campaign", "day"),
)

overrides = Table(
    "overrides",
    metadata,
    Column("override_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("lead_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("occurred_at", Timestamp, nullable=False, server_default=func.now()),
    Column("expires_at", Timestamp),
    one_of("field", ("status", "tier", "sequence", "owner", "nurture")),
    CheckConstraint("expires_at IS NULL OR expires_at > occurred_at", name="expiry"),
    Index(None, "campaign", "lead_id"),
)

qualification_log = Table(
    "qualification_log",
    metadata,
    # One index serves both who writes (a campaign's days at once) and who reads (one lead, day by day). No foreign key:
    # checking it for each of a million rows would cost more than writing them.
    Column("campaign", Key, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("lead_id", Key, primary_key=True),
    Column("decision_id", BigInteger, Identity(), primary_key=True),
    Column("status", Text, nullable=False),
    Column("is_override", Boolean, nullable=False),
    Column("score", Double, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("campaign_version", Integer, nullable=False),
    Column("model_version", Text),
    Column("run_id", Text, nullable=False),
    Column("decided_at", Timestamp, nullable=False, server_default=func.now()),
    comment="Every judgement of a lead on a day; computing a day again adds only what differs.",
)

activity_log = Table(
    "activity_log",
    metadata,
    Column("activity_id", BigInteger, Identity(), primary_key=True),
    Column("occurred_at", Timestamp, nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("campaign", Text),
    Column("lead_id", Text),
    Column("detail", JSONB, nullable=False, server_default="{}"),
    Column(
        "correlation_id",
        Text,
        default=present_correlation_id,
        comment="of the request or the run that it comes from",
    ),
    Index(None, "campaign", "lead_id"),
    Index(None, "occurred_at"),
)
