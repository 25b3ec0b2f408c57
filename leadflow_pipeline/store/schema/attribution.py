"""What channels cost and what they were credited with.

Credits are facts, recorded for the score; spend holds what its source told last.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, Double, ForeignKey, Integer, Table, Text, func

from leadflow_pipeline.store.schema.base import Timestamp, metadata
from leadflow_pipeline.store.schema.campaign import campaigns

channel_spend = Table(
    "channel_spend",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column(
        "origin",
        Text,
        primary_key=True,
        comment="the source of the campaign file that tells it; what it tells later of the same day replaces this",
    ),
    Column("amount", Double, nullable=False, comment="money, in the campaign's currency"),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("amount >= 0 AND amount < 'Infinity'", name="amount"),
    comment="What each channel cost on each day, as a source told it last.",
)

channel_credits = Table(
    "channel_credits",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column(
        "from_day",
        Date,
        primary_key=True,
        comment="the first day it holds for; no fact of it or later is in it",
    ),
    Column("channel", Text, primary_key=True),
    Column("leads", Integer, nullable=False, comment="that the channel brought before"),
    Column("conversions", Double, nullable=False, comment="its credit, by the campaign's attribution model"),
    Column("recorded_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("leads >= 0 AND conversions >= 0", name="counts"),
    comment="What attribution credited each channel with, as it was recorded for the score. A row is never changed.",
)
