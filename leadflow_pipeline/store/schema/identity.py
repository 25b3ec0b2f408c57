"""Who is who, over all campaigns: persons, accounts, the leads of each, and the questions that people answered.

All of it the present: an id that was merged leads on as an alias. What does not belong here: the leads of one campaign
that are one person, which are decided day by day (`derived.lead_aliases`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Key, Timestamp, metadata, one_of, within
from leadflow_pipeline.store.schema.campaign import campaigns

REVIEW_STATES = ("open", "same", "different")

persons = Table(
    "persons",
    metadata,
    Column("person_id", Text, primary_key=True, comment="of its first lead: it never changes"),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
)

person_aliases = Table(
    "person_aliases",
    metadata,
    Column(
        "person_id", Text, primary_key=True, comment="an id that was merged: it leads on, and never dangles"
    ),
    Column("alias_of", Text, ForeignKey(persons.c.person_id), nullable=False),
    Column("merged_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("person_id <> alias_of", name="alias_of"),
    Index(None, "alias_of"),
)

person_leads = Table(
    "person_leads",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("lead_id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey(persons.c.person_id), nullable=False),
    Column("match_probability", Double, nullable=False),
    Column("evidence", JSONB, nullable=False, comment="names of what agreed, never the values"),
    Column(
        "address_key", Text, comment="HMAC of its normalised address, as the doors know it; NULL without one"
    ),
    Column(
        "first_received_at",
        Timestamp,
        nullable=False,
        server_default=func.now(),
        comment="when the lead came to be: the first lead of a person gives it its id",
    ),
    Column(
        "read_at",
        Timestamp,
        comment="written_at of the partition its fields were read from; where that was written again: match again",
    ),
    Column("name_key", Key, comment="its whole name, folded: people look for leads by the beginning of it"),
    Column("last_name_key", Key, comment="its last name, folded"),
    Column("company_key", Key, comment="its company as it says itself, folded, no legal suffix"),
    within("match_probability", 0, 1),
    Index(None, "person_id"),
    Index(None, "address_key"),
    Index(None, "campaign", "name_key"),
    Index(None, "campaign", "last_name_key"),
    Index(None, "campaign", "company_key"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, comment="folded, no legal suffix"),
    Column("domain", Text, comment="registrable"),
    Column("phone", Text),
    Column("postcode", Text),
    Column("country", Text),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Index(None, "domain"),
    Index(None, "name_key"),
)

account_aliases = Table(
    "account_aliases",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("alias_of", Text, ForeignKey(accounts.c.account_id), nullable=False),
    Column("merged_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("account_id <> alias_of", name="alias_of"),
    Index(None, "alias_of"),
)

account_leads = Table(
    "account_leads",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("lead_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey(accounts.c.account_id), nullable=False),
    Column("evidence", JSONB, nullable=False),
    Index(None, "account_id"),
)

match_reviews = Table(
    "match_reviews",
    metadata,
    Column("review_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("left_id", Text, nullable=False, comment="the smaller of the two; campaign/lead_id or account_id"),
    Column("right_id", Text, nullable=False),
    Column("match_probability", Double, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("actor", Text),
    Column("reason", Text),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("decided_at", Timestamp),
    one_of("kind", ("person", "account")),
    one_of("state", REVIEW_STATES),
    within("match_probability", 0, 1),
    CheckConstraint("left_id < right_id", name="pair"),
    CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_at"),
    UniqueConstraint("kind", "left_id", "right_id"),
    comment="Are these the same? A person's answer binds every later resolution.",
)
