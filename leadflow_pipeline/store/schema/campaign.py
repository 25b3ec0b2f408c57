"""Campaigns and the versions of their files: what every other table of a campaign hangs on.

The file is kept as text; what it says is read by the room `campaign`, and no rule has a column of its own here.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, ForeignKey, Integer, Table, Text, func

from leadflow_pipeline.store.schema.base import Timestamp, metadata, one_of

CAMPAIGN_STATUSES = ("active", "paused", "archived")

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("current_version", Integer, nullable=False),
    Column(
        "closed_before",
        Date,
        comment="earlier days are closed: what they were made of has aged out; NULL: none is",
    ),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("updated_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("campaign ~ '^[a-z0-9][a-z0-9_-]*$'", name="slug"),
    one_of("status", CAMPAIGN_STATUSES),
)

campaign_versions = Table(
    "campaign_versions",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign, ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column(
        "source_text", Text, nullable=False, comment="the campaign file as it was given, comments included"
    ),
    Column("content_key", Text, nullable=False, comment="SHA-256 of the parsed document"),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("version >= 1", name="version"),
)
