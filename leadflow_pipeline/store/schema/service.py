"""The service: who may ask it, what it answered already, whom it tells, what it decided and what it alarmed about.

What belongs here: the tables of the HTTP service and of alerts. What does not: what is decided about (`owners`), and
messages on their way (`outbox`).
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Timestamp, metadata, one_of
from leadflow_pipeline.store.schema.campaign import campaigns

TOKEN_SCOPES = ("read", "operate", "admin")
EVENT_KINDS = ("lead.scored", "lead.qualified", "lead.routed", "lead.graduated")

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_id", Text, primary_key=True, comment="the part of the token that is no secret"),
    Column("name", Text, nullable=False, comment="who or what holds it; it names the actor of every change"),
    Column("secret_key", Text, nullable=False, comment="SHA-256 of the secret part, which is kept nowhere"),
    Column("scope", Text, nullable=False),
    Column("campaigns", ARRAY(Text), comment="NULL: all"),
    Column("requests_a_minute", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("expires_at", Timestamp, comment="NULL: never"),
    Column("revoked_at", Timestamp),
    Column("rotated_from", Text, comment="the token that this one takes the place of"),
    Column("last_used_at", Timestamp, comment="to within some minutes"),
    one_of("scope", TOKEN_SCOPES),
    CheckConstraint("requests_a_minute >= 1", name="requests_a_minute"),
)

api_requests = Table(
    "api_requests",
    metadata,
    Column("token_id", Text, ForeignKey(api_tokens.c.token_id)),
    Column("idempotency_key", Text),
    Column("request_key", Text, nullable=False, comment="HMAC of method, address and body"),
    Column("status", Integer, comment="NULL: under way, or given up in the middle"),
    Column("answer", JSONB),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("token_id", "idempotency_key"),
    Index(None, "received_at"),
    comment="Requests that change something, by the key of whoever sent them: sent again, the same answer.",
)

routing_decisions = Table(
    "routing_decisions",
    metadata,
    Column("decision_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("lead_id", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False, comment="the sender's, or one of our own"),
    Column("request_key", Text, nullable=False, comment="HMAC of what was asked"),
    Column("assignment_number", Integer, comment="of the hand-over it made or found; NULL: held"),
    Column("answer", JSONB, nullable=False, comment="as it was given: no personal data beside ids"),
    Column("decided_at", Timestamp, nullable=False, server_default=func.now()),
    UniqueConstraint("campaign", "idempotency_key"),
    Index(None, "campaign", "lead_id"),
    comment="What the service decided about owners, and what it told whoever asked.",
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("endpoint_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("events", ARRAY(Text), nullable=False, comment="kinds it wants to hear of"),
    Column("campaigns", ARRAY(Text), comment="NULL: all"),
    Column(
        "include",
        ARRAY(Text),
        nullable=False,
        server_default="{}",
        comment="personal data it asked for: email",
    ),
    Column(
        "key_number",
        Integer,
        nullable=False,
        server_default="1",
        comment="which of its signing keys: each is derived from the pepper, none is stored",
    ),
    Column("key_rotated_at", Timestamp, comment="until a day later the key before signs too"),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "hears_since",
        Timestamp,
        nullable=False,
        server_default=func.now(),
        comment="of nothing from before it",
    ),
    Column("disabled_at", Timestamp),
    Column("disabled_reason", Text, comment="one plain line"),
    comment="Who is told by signed webhooks what became of leads.",
)

lead_event_states = Table(
    "lead_event_states",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("lead_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("state", Text, nullable=False, comment="what was last seen: told again only once it is another"),
    Column("number", Integer, comment="of the lead's events, the last of this kind; NULL: nothing was told"),
    Column("assignment_number", Integer, comment="of the hand-over that the state knows of"),
    one_of("kind", EVENT_KINDS),
    comment="What endpoints of webhooks have been told of each lead: a change is told once.",
)

lead_event_scans = Table(
    "lead_event_scans",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("written_at", Timestamp, nullable=False, comment="of the partition, as it was looked through"),
    comment="Fresh partitions that were looked through for news; one that is written again is so again.",
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", BigInteger, Identity(), primary_key=True),
    Column("condition", Text, nullable=False, comment="what is wrong: sla, load, outbox, ..."),
    Column("subject", Text, nullable=False, comment="of what: a campaign, a rep, a vendor; '' of everything"),
    Column("opened_at", Timestamp, nullable=False, server_default=func.now()),
    Column("last_seen_at", Timestamp, nullable=False),
    Column("closed_at", Timestamp),
    Column("sentence", Text, nullable=False, comment="one plain line, no personal data"),
    Column("remedy", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default="{}"),
    Index("alerts_open_idx", "condition", "subject", unique=True, postgresql_where=text("closed_at IS NULL")),
    comment="Conditions that somebody was told of: once each time they begin.",
)
