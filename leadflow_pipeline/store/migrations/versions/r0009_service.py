"""The service: tokens, decisions, webhooks to others, alerts; and who has been told of a hand-over."""

from alembic import op
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
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

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCHEMA = "leadflow"


def upgrade() -> None:
    op.create_table(
        "alerts",
        Column("alert_id", BigInteger(), Identity(), nullable=False),
        Column("condition", Text(), nullable=False, comment="what is wrong: sla, load, outbox, ..."),
        Column(
            "subject",
            Text(),
            nullable=False,
            comment="of what: a campaign, a rep, a vendor; '' of everything",
        ),
        Column("opened_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("last_seen_at", DateTime(timezone=True), nullable=False),
        Column("closed_at", DateTime(timezone=True), nullable=True),
        Column("sentence", Text(), nullable=False, comment="one plain line, no personal data"),
        Column("remedy", Text(), nullable=False),
        Column("detail", postgresql.JSONB(), server_default="{}", nullable=False),
        PrimaryKeyConstraint("alert_id", name=op.f("alerts_pkey")),
        schema=SCHEMA,
        comment="Conditions that somebody was told of: once each time they begin.",
    )
    op.create_index(
        "alerts_open_idx",
        "alerts",
        ["condition", "subject"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=text("closed_at IS NULL"),
    )
    op.create_table(
        "api_tokens",
        Column("token_id", Text(), nullable=False, comment="the part of the token that is no secret"),
        Column(
            "name", Text(), nullable=False, comment="who or what holds it; it names the actor of every change"
        ),
        Column(
            "secret_key", Text(), nullable=False, comment="SHA-256 of the secret part, which is kept nowhere"
        ),
        Column("scope", Text(), nullable=False),
        Column("campaigns", ARRAY(Text()), nullable=True, comment="NULL: all"),
        Column("requests_a_minute", Integer(), nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=True, comment="NULL: never"),
        Column("revoked_at", DateTime(timezone=True), nullable=True),
        Column("rotated_from", Text(), nullable=True, comment="the token that this one takes the place of"),
        Column("last_used_at", DateTime(timezone=True), nullable=True, comment="to within some minutes"),
        CheckConstraint("scope IN ('read', 'operate', 'admin')", name=op.f("api_tokens_scope_check")),
        CheckConstraint("requests_a_minute >= 1", name=op.f("api_tokens_requests_a_minute_check")),
        PrimaryKeyConstraint("token_id", name=op.f("api_tokens_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "run_launches",
        Column(
            "ticket",
            Text(),
            nullable=False,
            comment="of the request: sent again, the same; also a tag of the run",
        ),
        Column("request_key", Text(), nullable=False, comment="HMAC of what was asked"),
        Column(
            "wanted", postgresql.JSONB(), nullable=False, comment="job, tags, partitions: no personal data"
        ),
        Column(
            "begun_at",
            DateTime(timezone=True),
            server_default=text("now()"),
            nullable=False,
            comment="put on the wire",
        ),
        Column("run_id", Text(), nullable=True, comment="NULL: under way, or its answer was lost"),
        PrimaryKeyConstraint("ticket", name=op.f("run_launches_pkey")),
        schema=SCHEMA,
        comment="Requests for runs, written before Dagster is asked: what had no answer is not repeated blindly.",
    )
    op.create_index(
        op.f("run_launches_begun_at_idx"), "run_launches", ["begun_at"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "webhook_endpoints",
        Column("endpoint_id", Text(), nullable=False),
        Column("url", Text(), nullable=False),
        Column("description", Text(), server_default="", nullable=False),
        Column("events", ARRAY(Text()), nullable=False, comment="kinds it wants to hear of"),
        Column("campaigns", ARRAY(Text()), nullable=True, comment="NULL: all"),
        Column(
            "include",
            ARRAY(Text()),
            server_default="{}",
            nullable=False,
            comment="personal data it asked for: email",
        ),
        Column(
            "key_number",
            Integer(),
            server_default="1",
            nullable=False,
            comment="which of its signing keys: each is derived from the pepper, none is stored",
        ),
        Column(
            "key_rotated_at",
            DateTime(timezone=True),
            nullable=True,
            comment="until a day later the key before signs too",
        ),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "hears_since",
            DateTime(timezone=True),
            server_default=text("now()"),
            nullable=False,
            comment="of nothing from before it",
        ),
        Column("disabled_at", DateTime(timezone=True), nullable=True),
        Column("disabled_reason", Text(), nullable=True, comment="one plain line"),
        PrimaryKeyConstraint("endpoint_id", name=op.f("webhook_endpoints_pkey")),
        schema=SCHEMA,
        comment="Who is told by signed webhooks what became of leads.",
    )
    op.create_table(
        "api_requests",
        Column("token_id", Text(), nullable=False),
        Column("idempotency_key", Text(), nullable=False),
        Column("request_key", Text(), nullable=False, comment="HMAC of method, address and body"),
        Column("status", Integer(), nullable=True, comment="NULL: under way, or given up in the middle"),
        Column("answer", postgresql.JSONB(), nullable=True),
        Column("received_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        ForeignKeyConstraint(
            ["token_id"], ["leadflow.api_tokens.token_id"], name=op.f("api_requests_token_id_fkey")
        ),
        PrimaryKeyConstraint("token_id", "idempotency_key", name=op.f("api_requests_pkey")),
        schema=SCHEMA,
        comment="Requests that change something, by the key of whoever sent them: sent again, the same answer.",
    )
    op.create_index(
        op.f("api_requests_received_at_idx"), "api_requests", ["received_at"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "lead_event_scans",
        Column("table_name", Text(), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("day", Date(), nullable=False),
        Column(
            "written_at",
            DateTime(timezone=True),
            nullable=False,
            comment="of the partition, as it was looked through",
        ),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("lead_event_scans_campaign_fkey")
        ),
        PrimaryKeyConstraint("table_name", "campaign", "day", name=op.f("lead_event_scans_pkey")),
        schema=SCHEMA,
        comment="Fresh partitions that were looked through for news; one that is written again is so again.",
    )
    op.create_table(
        "lead_event_states",
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("kind", Text(), nullable=False),
        Column(
            "state", Text(), nullable=False, comment="what was last seen: told again only once it is another"
        ),
        Column(
            "number",
            Integer(),
            nullable=True,
            comment="of the lead's events, the last of this kind; NULL: nothing was told",
        ),
        Column(
            "assignment_number", Integer(), nullable=True, comment="of the hand-over that the state knows of"
        ),
        CheckConstraint(
            "kind IN ('lead.scored', 'lead.qualified', 'lead.routed', 'lead.graduated')",
            name=op.f("lead_event_states_kind_check"),
        ),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("lead_event_states_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "lead_id", "kind", name=op.f("lead_event_states_pkey")),
        schema=SCHEMA,
        comment="What endpoints of webhooks have been told of each lead: a change is told once.",
    )
    op.create_table(
        "routing_decisions",
        Column("decision_id", BigInteger(), Identity(), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("idempotency_key", Text(), nullable=False, comment="the sender's, or one of our own"),
        Column("request_key", Text(), nullable=False, comment="HMAC of what was asked"),
        Column(
            "assignment_number",
            Integer(),
            nullable=True,
            comment="of the hand-over it made or found; NULL: held",
        ),
        Column(
            "answer",
            postgresql.JSONB(),
            nullable=False,
            comment="as it was given: no personal data beside ids",
        ),
        Column("decided_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("routing_decisions_campaign_fkey")
        ),
        PrimaryKeyConstraint("decision_id", name=op.f("routing_decisions_pkey")),
        UniqueConstraint(
            "campaign", "idempotency_key", name=op.f("routing_decisions_campaign_idempotency_key_key")
        ),
        schema=SCHEMA,
        comment="What the service decided about owners, and what it told whoever asked.",
    )
    op.create_index(
        op.f("routing_decisions_campaign_lead_id_idx"),
        "routing_decisions",
        ["campaign", "lead_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.add_column(
        "activity_log",
        Column(
            "correlation_id", Text(), nullable=True, comment="of the request or the run that it comes from"
        ),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("activity_log_occurred_at_idx"), "activity_log", ["occurred_at"], unique=False, schema=SCHEMA
    )
    op.add_column(
        "campaigns",
        Column(
            "closed_before",
            Date(),
            nullable=True,
            comment="earlier days are closed: what they were made of has aged out; NULL: none is",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "handoffs",
        Column(
            "told_at",
            DateTime(timezone=True),
            nullable=True,
            comment="when the messages about it went into the outbox; NULL: the door has not told anybody yet",
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "handoffs_untold_idx",
        "handoffs",
        ["decided_at"],
        unique=False,
        schema=SCHEMA,
        postgresql_where=text("told_at IS NULL"),
    )
    op.add_column(
        "messages",
        Column(
            "order_key",
            Text(),
            nullable=True,
            comment="of two messages with the same one, the earlier leaves first",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "messages",
        Column(
            "correlation_id", Text(), nullable=True, comment="of the request or the run that it comes from"
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "messages_endpoint_idx",
        "messages",
        ["recipient", "message_id"],
        unique=False,
        schema=SCHEMA,
        postgresql_where=text("order_key IS NOT NULL"),
    )
    op.create_index(
        "messages_order_idx",
        "messages",
        ["order_key", "message_id"],
        unique=False,
        schema=SCHEMA,
        postgresql_where=text(
            "order_key IS NOT NULL AND state IN ('planned', 'claimed', 'on_wire', 'unknown')"
        ),
    )
    op.add_column(
        "person_leads",
        Column(
            "name_key",
            Text(collation="C"),
            nullable=True,
            comment="its whole name, folded: people look for leads by the beginning of it",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "person_leads",
        Column("last_name_key", Text(collation="C"), nullable=True, comment="its last name, folded"),
        schema=SCHEMA,
    )
    op.add_column(
        "person_leads",
        Column(
            "company_key",
            Text(collation="C"),
            nullable=True,
            comment="its company as it says itself, folded, no legal suffix",
        ),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("person_leads_campaign_company_key_idx"),
        "person_leads",
        ["campaign", "company_key"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("person_leads_campaign_last_name_key_idx"),
        "person_leads",
        ["campaign", "last_name_key"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("person_leads_campaign_name_key_idx"),
        "person_leads",
        ["campaign", "name_key"],
        unique=False,
        schema=SCHEMA,
    )

    # Until now whoever was given a lead was told in the same transaction.
    op.execute("UPDATE leadflow.handoffs SET told_at = decided_at")
    # Their names are not kept beside them yet: each is looked at again.
    op.execute("UPDATE leadflow.person_leads SET read_at = NULL")
