"""Vendors: what each allows and has cost (the present), and what was asked of them and answered (facts).

A lookup moves through its states but is never removed: it is what keeps anything from being bought twice.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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

from leadflow_pipeline.store.schema.base import Timestamp, metadata, one_of
from leadflow_pipeline.store.schema.campaign import campaigns

LOOKUP_STATES = ("planned", "on_wire", "pending", "answered", "not_found", "failed", "unknown")
OPEN_LOOKUP_STATES = ("on_wire", "pending", "unknown")
"""Asked and perhaps paid for, and no answer yet: nobody may ask the same of the vendor meanwhile."""

vendor_buckets = Table(
    "vendor_buckets",
    metadata,
    Column("bucket", Text, primary_key=True, comment="vendor, account and endpoint group that share a rate"),
    Column("tokens", Double, nullable=False),
    Column("filled_at", Timestamp, nullable=False, server_default=func.now()),
    Column("blocked_until", Timestamp, comment="the vendor said when to come back"),
)

vendor_breakers = Table(
    "vendor_breakers",
    metadata,
    Column("vendor", Text, primary_key=True),
    Column("failures", Integer, nullable=False, server_default="0", comment="in a row"),
    Column("opened_at", Timestamp, comment="NULL: closed"),
    Column("probe_at", Timestamp, comment="from when one call may try whether the vendor is back"),
    Column("problem", Text),
    CheckConstraint("(opened_at IS NULL) = (probe_at IS NULL)", name="probe"),
)

vendor_spending = Table(
    "vendor_spending",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("spender", Text, primary_key=True, comment="a source or a provider of the campaign file"),
    Column("day", Date, primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("amount", Double, nullable=False),
    one_of("unit", ("calls", "credits", "leads")),
)

vendor_lookups = Table(
    "vendor_lookups",
    metadata,
    Column("lookup_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column(
        "source", Text, comment="the source whose record the answer becomes; NULL where it enriches a lead"
    ),
    Column("lead_id", Text, comment="the lead whose fields the answer fills; NULL where it becomes a record"),
    Column("provider", Text, nullable=False, comment="name of the source or provider in the campaign file"),
    Column("vendor", Text, nullable=False),
    Column(
        "subject_key", Text, nullable=False, comment="keyed hash of what is asked: the same question, once"
    ),
    Column("question", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="planned"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("requested_at", Timestamp, nullable=False, server_default=func.now()),
    Column("next_attempt_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "asked_at", Timestamp, comment="when it last went on the wire: what to look for in the vendor's log"
    ),
    Column("place", Integer, comment="among the questions of its request, from 0"),
    Column("request_id", Text, comment="the vendor's own, kept before anything is asked of it again"),
    Column("finished_at", Timestamp, comment="when there was an answer, or none to be had"),
    Column("day", Date, Computed("(finished_at AT TIME ZONE 'UTC')::date", persisted=True)),
    Column("expires_at", Timestamp, comment="until when the answer is good enough not to ask again"),
    Column(
        "credits", Double, nullable=False, server_default="0", comment="what it cost, in the vendor's unit"
    ),
    Column("copied_from", BigInteger, comment="the lookup that was paid for"),
    Column("answer", JSONB, comment="as the vendor gave it"),
    Column("problem", Text, comment="one plain line, no personal data"),
    one_of("state", LOOKUP_STATES),
    CheckConstraint("(source IS NULL) <> (lead_id IS NULL)", name="purpose"),
    CheckConstraint(
        "(state IN ('answered', 'not_found', 'failed')) = (finished_at IS NOT NULL)", name="finished_at"
    ),
    CheckConstraint("(state = 'answered') = (answer IS NOT NULL)", name="answer"),
    Index(
        "vendor_lookups_open_key",
        "vendor",
        "subject_key",
        unique=True,
        postgresql_where="state IN ('on_wire', 'pending', 'unknown')",
    ),
    Index(
        "vendor_lookups_due_idx",
        "campaign",
        "provider",
        "next_attempt_at",
        postgresql_where="state IN ('planned', 'pending')",
    ),
    Index(None, "vendor", "subject_key"),
    Index(None, "campaign", "lead_id"),
    Index(None, "campaign", "day"),
    comment="What was asked of vendors, what they answered and what it cost. Nothing is bought twice.",
)

domain_lookups = Table(
    "domain_lookups",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("finished_at", Timestamp, primary_key=True),
    Column("expires_at", Timestamp, nullable=False),
    Column("answer", JSONB, comment="NULL where nobody could answer"),
    Column("problem", Text),
    one_of("kind", ("mx", "registration")),
    CheckConstraint("(answer IS NULL) = (problem IS NOT NULL)", name="answer"),
    comment="What the network says of a domain: who takes its mail, and since when it is registered.",
)
