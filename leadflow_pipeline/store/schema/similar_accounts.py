"""Similar accounts: builds of a campaign's companies, what was known of each, and their vectors.

Present, not history: a few builds are kept, and each is whole from the moment it is seen. What does not belong here:
how vectors are made (`insight.similar_accounts`).
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    event,
    func,
)

from leadflow_pipeline.store.schema.base import Timestamp, metadata, one_of
from leadflow_pipeline.store.schema.campaign import campaigns
from leadflow_pipeline.store.schema.vector import Vector

ACCOUNT_OUTCOMES = ("won", "lost", "open")
DIMENSIONS = 128

similar_account_builds = Table(
    "similar_account_builds",
    metadata,
    Column("build_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("day", Date, nullable=False, comment="it knows no fact of this day or later"),
    Column("campaign_version", Integer, nullable=False),
    Column("accounts", Integer, nullable=False),
    Column("ended", Integer, nullable=False, comment="of these, won or lost"),
    Column("model", LargeBinary, nullable=False, comment="what makes a vector of a company: arrays, as npz"),
    Column("model_key", Text, nullable=False, comment="SHA-256 of the model"),
    Column("made_at", Timestamp, nullable=False, server_default=func.now()),
    UniqueConstraint("campaign", "day"),
    CheckConstraint("ended BETWEEN 0 AND accounts", name="accounts"),
    comment="Builds of similar accounts: readers take the latest of a day or before. The last few are kept.",
)

similar_accounts = Table(
    "similar_accounts",
    metadata,
    Column(
        "build_id",
        BigInteger,
        ForeignKey(similar_account_builds.c.build_id, ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("account_number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, comment="folded, no legal suffix"),
    Column("domain", Text, comment="registrable"),
    Column("industry", Text),
    Column("company_size", Integer, comment="employees"),
    Column("country", Text),
    Column("city", Text),
    Column("leads", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("ended_on", Date, comment="when it was won or lost; NULL: it is open"),
    Column("value", Double, comment="of what was won, in the campaign's currency"),
    one_of("outcome", ACCOUNT_OUTCOMES),
    CheckConstraint("(outcome = 'open') = (ended_on IS NULL)", name="ended_on"),
    CheckConstraint("name_key IS NOT NULL OR domain IS NOT NULL", name="known_by"),
    Index(None, "build_id", "domain"),
    Index(None, "build_id", "name_key"),
    comment="The companies of a build and how each ended, as known before its day.",
)

similar_account_vectors = Table(
    "similar_account_vectors",
    metadata,
    Column("build_id", BigInteger, primary_key=True),
    Column("is_open", Boolean, primary_key=True, comment="neither won nor lost"),
    Column(
        "cell",
        SmallInteger,
        primary_key=True,
        comment="the part of space it lies in: a query looks into a few",
    ),
    Column("account_number", Integer, primary_key=True),
    Column("embedding", Vector(DIMENSIONS), nullable=False, comment="of length 1"),
    ForeignKeyConstraint(
        ["build_id", "account_number"],
        [similar_accounts.c.build_id, similar_accounts.c.account_number],
        ondelete="CASCADE",
    ),
    Index(None, "build_id", "account_number"),
    comment="A vector for each company of a build of which anything is known that others have too.",
)

event.listen(metadata, "before_create", DDL("CREATE EXTENSION IF NOT EXISTS vector"))  # type: ignore[no-untyped-call]
