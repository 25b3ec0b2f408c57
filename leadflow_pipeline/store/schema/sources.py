"""What sources brought, and how far each of them was read.

What belongs here: the place in a source (the present), the records it gave, and which webhooks were taken in (facts).
What does not: leads, which are made of records (`derived`), and questions to vendors (`vendors`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Timestamp, metadata, one_of
from leadflow_pipeline.store.schema.campaign import campaigns

source_cursors = Table(
    "source_cursors",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("cursor", Text, comment="where to go on, in the source's own words; NULL: from the start"),
    Column("state", Text, nullable=False, server_default="ready"),
    Column("problem", Text, comment="why it is deferred or failed, in one plain line"),
    Column("next_attempt_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "seen_cursors", JSONB, nullable=False, server_default="[]", comment="hashes, of the sweep under way"
    ),
    Column("pages", BigInteger, nullable=False, server_default="0", comment="of the sweep under way"),
    Column("records", BigInteger, nullable=False, server_default="0", comment="new ones, ever"),
    Column("updated_at", Timestamp, nullable=False, server_default=func.now()),
    one_of("state", ("ready", "deferred", "failed")),
    CheckConstraint("(state = 'ready') = (problem IS NULL)", name="problem"),
)

source_records = Table(
    "source_records",
    metadata,
    Column("record_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("source", Text, nullable=False, comment="name of the source in the campaign file"),
    Column(
        "content_key", Text, nullable=False, comment="hash of the content: the same record twice is one fact"
    ),
    Column(
        "occurred_at",
        Timestamp,
        nullable=False,
        comment="when the record came to be, by its own day column if any",
    ),
    Column("day", Date, Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "origin", Text, nullable=False, comment="file name (no folder) or vendor page the record came from"
    ),
    Column("row_number", Integer, nullable=False, comment="1-based row of the origin"),
    Column("payload", JSONB, comment="column name -> text as read; NULL where the row could not be read"),
    Column("raw", Text, comment="the row as text, where it could not be read"),
    Column("unreadable_reason", Text),
    UniqueConstraint("campaign", "source", "content_key"),
    CheckConstraint("(payload IS NULL) = (unreadable_reason IS NOT NULL)", name="readable"),
    Index(None, "campaign", "day"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("source", Text, primary_key=True, comment="two senders may use the same id"),
    Column("webhook_id", Text, primary_key=True),
    Column("body_key", Text, nullable=False, comment="hash: the same id with another body is refused"),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    Index(None, "received_at"),
    comment="Ids of webhooks that were taken in, kept so that a repeated delivery changes nothing.",
)
