"""Nurture and what comes back: links, hits, mails, provider events, consents, and when sending stood still."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMA = "leadflow"

CHECKS = {
    "nurture_touches": {"nurture_touches_channel_check": "channel IN ('email', 'task', 'webhook')"},
    "nurtured_leads": {
        "nurtured_leads_tier_at_enrolment_check": "tier_at_enrolment IN ('HOT', 'WARM', 'COOL', 'COLD')"
    },
    "suppressions": {
        "suppressions_scope_check": "scope IN ('address', 'domain', 'all')",
        "suppressions_subject_check": "(scope = 'all') = (subject = '')",
    },
}
"""What tables of earlier revisions allow from now on."""


def upgrade() -> None:
    op.create_table(
        "consents",
        Column("consent_id", BigInteger(), Identity(), nullable=False),
        Column("recipient_key", Text(), nullable=False, comment="HMAC of the normalised address"),
        Column("campaign", Text(), server_default="", nullable=False, comment="empty: for every campaign"),
        Column("is_given", Boolean(), nullable=False, comment="false: withdrawn"),
        Column("source", Text(), nullable=False, comment="where it was said: a form, a fair, a contract"),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("origin", Text(), nullable=False, comment="how we learnt of it: an import, a page, a person"),
        Column("recorded_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        PrimaryKeyConstraint("consent_id", name=op.f("consents_pkey")),
        UniqueConstraint(
            "recipient_key",
            "campaign",
            "is_given",
            "source",
            "occurred_at",
            name=op.f("consents_recipient_key_campaign_is_given_source_occurred_at_key"),
        ),
        schema=SCHEMA,
        comment="Consent to be written to, given or withdrawn: the latest counts.",
    )
    op.create_index(
        op.f("consents_recipient_key_occurred_at_idx"),
        "consents",
        ["recipient_key", "occurred_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "read_mails",
        Column("mailbox", Text(), nullable=False),
        Column(
            "mail_key", Text(), nullable=False, comment="hash of the whole mail: the same mail twice is one"
        ),
        Column(
            "place",
            Text(),
            nullable=False,
            comment="where it lies in the mailbox; from there the next reading goes on",
        ),
        Column("read_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        PrimaryKeyConstraint("mailbox", "mail_key", name=op.f("read_mails_pkey")),
        schema=SCHEMA,
        comment="Which mails were read. Holds nothing of them, and stays when what they said is erased.",
    )
    op.create_index(
        op.f("read_mails_mailbox_place_idx"), "read_mails", ["mailbox", "place"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "sending_stops",
        Column("stop_id", BigInteger(), Identity(), nullable=False),
        Column("sender_domain", Text(), nullable=False),
        Column("reason", Text(), nullable=False, comment="complaints, bounces, or by hand"),
        Column(
            "detail",
            postgresql.JSONB(),
            server_default="{}",
            nullable=False,
            comment="counts and rates that opened it",
        ),
        Column("opened_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("closed_at", DateTime(timezone=True), nullable=True),
        Column("closed_by", Text(), nullable=True),
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name=op.f("sending_stops_closed_check")),
        PrimaryKeyConstraint("stop_id", name=op.f("sending_stops_pkey")),
        schema=SCHEMA,
        comment="When emails of a sender stood still, and who let them go on.",
    )
    op.create_index(
        "sending_stops_open_idx",
        "sending_stops",
        ["sender_domain"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=text("closed_at IS NULL"),
    )
    op.create_table(
        "inbound_mails",
        Column("mail_id", BigInteger(), Identity(), nullable=False),
        Column("mailbox", Text(), nullable=False),
        Column(
            "mail_key", Text(), nullable=False, comment="hash of the whole mail: the same mail twice is one"
        ),
        Column("kind", Text(), nullable=False),
        Column("message_id", BigInteger(), nullable=True, comment="what it answers, where it is known"),
        Column("campaign", Text(), nullable=True),
        Column("lead_id", Text(), nullable=True),
        Column(
            "received_at",
            DateTime(timezone=True),
            nullable=False,
            comment="the mail's own date, where it can be believed",
        ),
        Column("stored_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "sender_key", Text(), nullable=True, comment="HMAC of the normalised address that it came from"
        ),
        Column("rfc_message_id", Text(), nullable=True),
        Column("subject", Text(), nullable=True),
        Column("body_text", Text(), nullable=True, comment="what its writer wrote, without what was quoted"),
        Column(
            "verdict",
            postgresql.JSONB(),
            nullable=False,
            comment="how its kind and its message were found; no personal data",
        ),
        CheckConstraint(
            "kind IN ('bounce', 'reply', 'auto_reply', 'unsubscribe', 'complaint', 'other')",
            name=op.f("inbound_mails_kind_check"),
        ),
        ForeignKeyConstraint(
            ["message_id"], ["leadflow.messages.message_id"], name=op.f("inbound_mails_message_id_fkey")
        ),
        PrimaryKeyConstraint("mail_id", name=op.f("inbound_mails_pkey")),
        UniqueConstraint("mailbox", "mail_key", name=op.f("inbound_mails_mailbox_mail_key_key")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("inbound_mails_campaign_lead_id_idx"),
        "inbound_mails",
        ["campaign", "lead_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("inbound_mails_message_id_idx"), "inbound_mails", ["message_id"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "message_links",
        Column("message_id", BigInteger(), nullable=False),
        Column("number", Integer(), nullable=False, comment="1, 2, ... in the order of the email"),
        Column(
            "target",
            Text(),
            nullable=False,
            comment="where the link leads; nothing else is ever redirected to",
        ),
        Column(
            "is_trap", Boolean(), nullable=False, comment="no person sees it: whoever follows it is a machine"
        ),
        ForeignKeyConstraint(
            ["message_id"], ["leadflow.messages.message_id"], name=op.f("message_links_message_id_fkey")
        ),
        PrimaryKeyConstraint("message_id", "number", name=op.f("message_links_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "provider_events",
        Column("provider", Text(), nullable=False),
        Column("event_id", Text(), nullable=False),
        Column("kind", Text(), nullable=False),
        Column("message_id", BigInteger(), nullable=True, comment="NULL: of no message of ours"),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("received_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "detail",
            postgresql.JSONB(),
            server_default="{}",
            nullable=False,
            comment="codes and classes, no personal data",
        ),
        ForeignKeyConstraint(
            ["message_id"], ["leadflow.messages.message_id"], name=op.f("provider_events_message_id_fkey")
        ),
        PrimaryKeyConstraint("provider", "event_id", name=op.f("provider_events_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("provider_events_message_id_idx"), "provider_events", ["message_id"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "tracking_hits",
        Column(
            "hit_id",
            Text(),
            nullable=False,
            comment="given when it came, so that storing it again changes nothing",
        ),
        Column("message_id", BigInteger(), nullable=False),
        Column("kind", Text(), nullable=False),
        Column("link", Integer(), nullable=True, comment="number of the link"),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("stored_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "visitor_key",
            Text(),
            nullable=False,
            comment="keyed hash of the network address and the day; empty: not known",
        ),
        Column(
            "agent",
            Text(),
            nullable=False,
            comment="what asked: the family of the program, never its whole name",
        ),
        Column(
            "is_machine",
            Boolean(),
            nullable=True,
            comment="NULL until it is judged, when others near it have had time to come",
        ),
        Column("machine_reason", Text(), nullable=True),
        CheckConstraint("kind IN ('open', 'click')", name=op.f("tracking_hits_kind_check")),
        ForeignKeyConstraint(
            ["message_id"], ["leadflow.messages.message_id"], name=op.f("tracking_hits_message_id_fkey")
        ),
        PrimaryKeyConstraint("hit_id", name=op.f("tracking_hits_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("tracking_hits_message_id_occurred_at_idx"),
        "tracking_hits",
        ["message_id", "occurred_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("tracking_hits_occurred_at_idx"), "tracking_hits", ["occurred_at"], unique=False, schema=SCHEMA
    )
    op.create_index(
        "tracking_hits_unjudged_idx",
        "tracking_hits",
        ["occurred_at"],
        unique=False,
        schema=SCHEMA,
        postgresql_where=text("is_machine IS NULL"),
    )
    op.add_column(
        "messages",
        Column(
            "tracking_key",
            Text(),
            nullable=True,
            comment="names the message in its links; of no use without the pepper",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "messages",
        Column(
            "variant",
            Text(),
            nullable=True,
            comment="experiment and variant of its words, where one was tried on them",
        ),
        schema=SCHEMA,
    )
    op.drop_index(op.f("messages_recipient_key_idx"), table_name="messages", schema=SCHEMA)
    op.create_index(
        "messages_failed_idx",
        "messages",
        ["updated_at"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="state = 'failed'",
    )
    op.create_index(
        op.f("messages_recipient_key_sent_at_idx"),
        "messages",
        ["recipient_key", "sent_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "messages_sent_idx",
        "messages",
        ["sent_at"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="sent_at IS NOT NULL",
    )
    op.create_unique_constraint(
        op.f("messages_tracking_key_key"), "messages", ["tracking_key"], schema=SCHEMA
    )
    op.alter_column(
        "nurture_touches",
        "step",
        existing_type=Integer(),
        comment="place in the sequence, from 1",
        existing_nullable=False,
        schema=SCHEMA,
    )
    op.add_column(
        "nurtured_leads",
        Column(
            "next_step",
            Integer(),
            nullable=True,
            comment="place in the sequence of the step that comes next; NULL where none does",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "nurtured_leads",
        Column(
            "last_step_at",
            DateTime(timezone=True),
            nullable=True,
            comment="when its latest email, task or webhook was to fall due",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "nurtured_leads",
        Column(
            "waits_until",
            DateTime(timezone=True),
            nullable=True,
            comment="until when the next step waits for its conditions",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "nurtured_leads",
        Column(
            "rests_until",
            DateTime(timezone=True),
            nullable=True,
            comment="no sequence begins before it, but for one asked for by hand",
        ),
        schema=SCHEMA,
    )
    op.add_column("nurtured_leads", Column("tier_at_enrolment", Text(), nullable=True), schema=SCHEMA)
    op.add_column(
        "suppressions",
        Column("origin", Text(), server_default="", nullable=False, comment="who or what said so"),
        schema=SCHEMA,
    )
    op.add_column(
        "suppressions",
        Column(
            "lifted_at",
            DateTime(timezone=True),
            nullable=True,
            comment="from then on it forbids nothing, until it is said again",
        ),
        schema=SCHEMA,
    )
    op.alter_column(
        "suppressions",
        "scope",
        existing_type=Text(),
        comment="address: one mailbox; domain: everyone at it; all: everybody",
        existing_comment="address: one mailbox; domain: everyone at it",
        existing_nullable=False,
        schema=SCHEMA,
    )
    op.alter_column(
        "suppressions",
        "subject",
        existing_type=Text(),
        comment="HMAC of the normalised address, or the domain itself; empty: all",
        existing_comment="HMAC of the normalised address, or the domain itself",
        existing_nullable=False,
        schema=SCHEMA,
    )
    # A passage that had begun knew its next step by counting.
    op.execute(
        "UPDATE leadflow.nurtured_leads SET next_step = steps_planned + 1 "
        "WHERE steps_planned < steps_total AND state IN ('ENROLLED', 'TOUCH_DUE', 'PAUSED', 'STOPPED')"
    )
    # A message changes its state three times on its way, and each time the whole row is written anew: its texts stand
    # aside, so that they are written once.
    op.execute(f"ALTER TABLE {SCHEMA}.messages SET (toast_tuple_target = 256)")
    for table, checks in CHECKS.items():
        for name, condition in checks.items():
            op.execute(f"ALTER TABLE {SCHEMA}.{table} DROP CONSTRAINT IF EXISTS {name}")
            op.create_check_constraint(op.f(name), table, condition, schema=SCHEMA)
