"""Who may be written to: suppressions, which forbid, and consents, which allow where a campaign asks for them.

What does not belong here: what people did (`lead_facts`). Both are facts about an address, known by its key alone.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from leadflow_pipeline.store.schema.base import Timestamp, metadata, one_of

SUPPRESSION_SCOPES = ("address", "domain", "all")

suppressions = Table(
    "suppressions",
    metadata,
    Column("suppression_id", BigInteger, Identity(), primary_key=True),
    Column(
        "scope", Text, nullable=False, comment="address: one mailbox; domain: everyone at it; all: everybody"
    ),
    Column(
        "subject",
        Text,
        nullable=False,
        comment="HMAC of the normalised address, or the domain itself; empty: all",
    ),
    Column("campaign", Text, nullable=False, server_default="", comment="empty: in every campaign"),
    Column("reason", Text, nullable=False),
    Column("origin", Text, nullable=False, server_default="", comment="who or what said so"),
    Column("occurred_at", Timestamp, nullable=False, server_default=func.now()),
    Column("lifted_at", Timestamp, comment="from then on it forbids nothing, until it is said again"),
    one_of("scope", SUPPRESSION_SCOPES),
    CheckConstraint("(scope = 'all') = (subject = '')", name="subject"),
    UniqueConstraint("scope", "subject", "campaign"),
)

consents = Table(
    "consents",
    metadata,
    Column("consent_id", BigInteger, Identity(), primary_key=True),
    Column("recipient_key", Text, nullable=False, comment="HMAC of the normalised address"),
    Column("campaign", Text, nullable=False, server_default="", comment="empty: for every campaign"),
    Column("is_given", Boolean, nullable=False, comment="false: withdrawn"),
    Column("source", Text, nullable=False, comment="where it was said: a form, a fair, a contract"),
    Column("occurred_at", Timestamp, nullable=False),
    Column("origin", Text, nullable=False, comment="how we learnt of it: an import, a page, a person"),
    Column("recorded_at", Timestamp, nullable=False, server_default=func.now()),
    UniqueConstraint("recipient_key", "campaign", "is_given", "source", "occurred_at"),
    Index(None, "recipient_key", "occurred_at"),
    comment="Consent to be written to, given or withdrawn: the latest counts.",
)
