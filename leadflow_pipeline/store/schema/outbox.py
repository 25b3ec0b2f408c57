"""What goes out: messages on their way, every attempt to send them, the links in them, and when sending stood still.

A message moves through its states but is never removed: its unique key is what keeps it from being sent twice. What
does not belong here: touches that are only planned (`derived.nurture_touches`), and who may be written to
(`permission`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Timestamp, metadata, one_of
from leadflow_pipeline.store.schema.campaign import campaigns
from leadflow_pipeline.telemetry.correlation import present_correlation_id

MESSAGE_CHANNELS = ("email", "slack", "hubspot", "webhook")
MESSAGE_STATES = (
    "planned", "claimed", "on_wire", "sent", "failed", "suppressed", "expired", "unknown",
)  # fmt: skip

messages = Table(
    "messages",
    metadata,
    Column("message_id", BigInteger, Identity(), primary_key=True),
    Column("channel", Text, nullable=False),
    Column(
        "subject_key", Text, nullable=False, comment="the enrolment; never a partition, a run or the content"
    ),
    Column("step", Integer, nullable=False),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("campaign_version", Integer, nullable=False),
    Column("lead_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column(
        "recipient_key",
        Text,
        nullable=False,
        comment="HMAC of the normalised address: the person, at the doors",
    ),
    Column("sequence", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body_text", Text, nullable=False),
    Column("body_html", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("rfc_message_id", Text, nullable=False, unique=True, comment="Message-ID, decided before sending"),
    Column("planned_at", Timestamp, nullable=False),
    Column("not_after", Timestamp, nullable=False),
    Column("state", Text, nullable=False, server_default="planned"),
    Column("state_reason", Text),
    Column("lease_owner", Text),
    Column("lease_until", Timestamp),
    Column("next_attempt_at", Timestamp, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("updated_at", Timestamp, nullable=False, server_default=func.now()),
    Column("sent_at", Timestamp),
    Column("payload", JSONB, comment="what a channel other than email sends, beside subject and text"),
    Column(
        "tracking_key",
        Text,
        unique=True,
        comment="names the message in its links; of no use without the pepper",
    ),
    Column("variant", Text, comment="experiment and variant of its words, where one was tried on them"),
    Column("order_key", Text, comment="of two messages with the same one, the earlier leaves first"),
    Column(
        "correlation_id",
        Text,
        default=present_correlation_id,
        comment="of the request or the run that it comes from",
    ),
    one_of("channel", MESSAGE_CHANNELS),
    one_of("state", MESSAGE_STATES),
    UniqueConstraint("channel", "subject_key", "step"),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at"),
    CheckConstraint("(state IN ('claimed', 'on_wire')) = (lease_until IS NOT NULL)", name="lease"),
    Index("messages_due_idx", "next_attempt_at", postgresql_where="state = 'planned'"),
    Index("messages_lease_idx", "lease_until", postgresql_where="state IN ('claimed', 'on_wire')"),
    Index("messages_sent_idx", "sent_at", postgresql_where="sent_at IS NOT NULL"),
    Index("messages_failed_idx", "updated_at", postgresql_where="state = 'failed'"),
    Index(None, "campaign", "lead_id"),
    Index(None, "recipient_key", "sent_at"),
    Index(
        "messages_order_idx",
        "order_key",
        "message_id",
        postgresql_where=text(
            "order_key IS NOT NULL AND state IN ('planned', 'claimed', 'on_wire', 'unknown')"
        ),
    ),
    Index("messages_endpoint_idx", "recipient", "message_id", postgresql_where=text("order_key IS NOT NULL")),
)

message_attempts = Table(
    "message_attempts",
    metadata,
    Column("message_id", BigInteger, ForeignKey(messages.c.message_id), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("transport", Text, nullable=False),
    Column("started_at", Timestamp, nullable=False),
    Column("finished_at", Timestamp),
    Column(
        "phase",
        Text,
        nullable=False,
        comment="how far the conversation came: connect, mail, rcpt, data, dot, done",
    ),
    Column("reply_code", Integer),
    Column("reply_text", Text, comment="what the server answered, addresses removed"),
)

message_links = Table(
    "message_links",
    metadata,
    Column("message_id", BigInteger, ForeignKey(messages.c.message_id), primary_key=True),
    Column("number", Integer, primary_key=True, comment="1, 2, ... in the order of the email"),
    Column(
        "target", Text, nullable=False, comment="where the link leads; nothing else is ever redirected to"
    ),
    Column("is_trap", Boolean, nullable=False, comment="no person sees it: whoever follows it is a machine"),
)

sending_stops = Table(
    "sending_stops",
    metadata,
    Column("stop_id", BigInteger, Identity(), primary_key=True),
    Column("sender_domain", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="complaints, bounces, or by hand"),
    Column("detail", JSONB, nullable=False, server_default="{}", comment="counts and rates that opened it"),
    Column("opened_at", Timestamp, nullable=False, server_default=func.now()),
    Column("closed_at", Timestamp),
    Column("closed_by", Text),
    CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed"),
    Index("sending_stops_open_idx", "sender_domain", unique=True, postgresql_where=text("closed_at IS NULL")),
    comment="When emails of a sender stood still, and who let them go on.",
)
