"""What comes back: requests of links and pixels, mails in our mailbox, events of providers. Each once.

What does not belong here: what follows from it for a lead (`lead_facts.engagement_events`, `permission.suppressions`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
from leadflow_pipeline.store.schema.outbox import messages

HIT_KINDS = ("open", "click")
INBOUND_MAIL_KINDS = ("bounce", "reply", "auto_reply", "unsubscribe", "complaint", "other")

tracking_hits = Table(
    "tracking_hits",
    metadata,
    Column(
        "hit_id",
        Text,
        primary_key=True,
        comment="given when it came, so that storing it again changes nothing",
    ),
    Column("message_id", BigInteger, ForeignKey(messages.c.message_id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("link", Integer, comment="number of the link"),
    Column("occurred_at", Timestamp, nullable=False),
    Column("stored_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "visitor_key",
        Text,
        nullable=False,
        comment="keyed hash of the network address and the day; empty: not known",
    ),
    Column(
        "agent", Text, nullable=False, comment="what asked: the family of the program, never its whole name"
    ),
    Column(
        "is_machine", Boolean, comment="NULL until it is judged, when others near it have had time to come"
    ),
    Column("machine_reason", Text),
    one_of("kind", HIT_KINDS),
    Index(None, "message_id", "occurred_at"),
    Index(None, "occurred_at"),
    Index("tracking_hits_unjudged_idx", "occurred_at", postgresql_where=text("is_machine IS NULL")),
)

read_mails = Table(
    "read_mails",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("mail_key", Text, primary_key=True, comment="hash of the whole mail: the same mail twice is one"),
    Column(
        "place",
        Text,
        nullable=False,
        comment="where it lies in the mailbox; from there the next reading goes on",
    ),
    Column("read_at", Timestamp, nullable=False, server_default=func.now()),
    Index(None, "mailbox", "place"),
    comment="Which mails were read. Holds nothing of them, and stays when what they said is erased.",
)

inbound_mails = Table(
    "inbound_mails",
    metadata,
    Column("mail_id", BigInteger, Identity(), primary_key=True),
    Column("mailbox", Text, nullable=False),
    Column("mail_key", Text, nullable=False, comment="hash of the whole mail: the same mail twice is one"),
    Column("kind", Text, nullable=False),
    Column(
        "message_id",
        BigInteger,
        ForeignKey(messages.c.message_id),
        comment="what it answers, where it is known",
    ),
    Column("campaign", Text),
    Column("lead_id", Text),
    Column("received_at", Timestamp, nullable=False, comment="the mail's own date, where it can be believed"),
    Column("stored_at", Timestamp, nullable=False, server_default=func.now()),
    Column("sender_key", Text, comment="HMAC of the normalised address that it came from"),
    Column("rfc_message_id", Text),
    Column("subject", Text),
    Column("body_text", Text, comment="what its writer wrote, without what was quoted"),
    Column(
        "verdict", JSONB, nullable=False, comment="how its kind and its message were found; no personal data"
    ),
    one_of("kind", INBOUND_MAIL_KINDS),
    UniqueConstraint("mailbox", "mail_key"),
    Index(None, "campaign", "lead_id"),
    Index(None, "message_id"),
)

provider_events = Table(
    "provider_events",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column(
        "message_id", BigInteger, ForeignKey(messages.c.message_id), comment="NULL: of no message of ours"
    ),
    Column("occurred_at", Timestamp, nullable=False),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "detail", JSONB, nullable=False, server_default="{}", comment="codes and classes, no personal data"
    ),
    Index(None, "message_id"),
)
