# ruff: noqa: E501 (constraints are text, and a text is not broken)
"""The first schema: facts, the outbox, campaigns and the derived tables of every stage."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "leadflow"


def upgrade() -> None:
    op.create_table(
        "activity_log",
        Column("activity_id", BigInteger(), Identity(always=False), nullable=False),
        Column("occurred_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("actor", Text(), nullable=False),
        Column("action", Text(), nullable=False),
        Column("campaign", Text(), nullable=True),
        Column("lead_id", Text(), nullable=True),
        Column("detail", JSONB(), server_default="{}", nullable=False),
        PrimaryKeyConstraint("activity_id", name=op.f("activity_log_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("activity_log_campaign_lead_id_idx"),
        "activity_log",
        ["campaign", "lead_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "campaigns",
        Column("campaign", Text(), nullable=False),
        Column("status", Text(), nullable=False),
        Column("current_version", Integer(), nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("updated_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("campaign ~ '^[a-z0-9][a-z0-9_-]*$'", name=op.f("campaigns_slug_check")),
        CheckConstraint("status IN ('active', 'paused', 'archived')", name=op.f("campaigns_status_check")),
        PrimaryKeyConstraint("campaign", name=op.f("campaigns_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "enriched_leads",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column("is_new", Boolean(), nullable=False),
        Column("source", Text(), nullable=False),
        Column("received_at", DateTime(timezone=True), nullable=False),
        Column(
            "email",
            Text(),
            nullable=True,
            comment="normalised; NULL where it is missing or no address at all",
        ),
        Column("email_status", Text(), nullable=False),
        Column(
            "email_reason",
            Text(),
            nullable=True,
            comment="code that says why the address is invalid or risky",
        ),
        Column("email_domain", Text(), nullable=True),
        Column("email_is_role", Boolean(), nullable=False),
        Column("email_is_disposable", Boolean(), nullable=False),
        Column("email_is_free", Boolean(), nullable=False),
        Column("phone", Text(), nullable=True, comment="E.164; NULL where it is missing or invalid"),
        Column("phone_status", Text(), nullable=False),
        Column("phone_country", Text(), nullable=True, comment="ISO 3166-1 alpha-2"),
        Column("first_name", Text(), nullable=True),
        Column("last_name", Text(), nullable=True),
        Column("full_name", Text(), nullable=True),
        Column("company", Text(), nullable=True, comment="as written, tidied"),
        Column("company_key", Text(), nullable=True, comment="for matching: lower case, no legal suffix"),
        Column("job_title", Text(), nullable=True),
        Column("seniority", Text(), nullable=True),
        Column("department", Text(), nullable=True),
        Column("is_decision_maker", Boolean(), nullable=False),
        Column("industry", Text(), nullable=True, comment="lower case"),
        Column("company_size", Integer(), nullable=True),
        Column("size_band", Text(), nullable=True),
        Column(
            "country", Text(), nullable=True, comment="ISO 3166-1 alpha-2 where it is known, else as written"
        ),
        Column("region", Text(), nullable=True),
        Column("city", Text(), nullable=True),
        Column("postcode", Text(), nullable=True),
        Column("website", Text(), nullable=True),
        Column("linkedin_url", Text(), nullable=True),
        Column("budget", Double(), nullable=True),
        Column("time_zone", Text(), nullable=True),
        Column("language", Text(), nullable=True),
        Column("recent_job_change", Boolean(), nullable=False),
        Column("company_funded_recently", Boolean(), nullable=False),
        Column("company_hiring", Boolean(), nullable=False),
        Column("custom", JSONB(), nullable=False),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint(
            "email_status IN ('valid', 'risky', 'invalid', 'missing')",
            name=op.f("enriched_leads_email_status_check"),
        ),
        CheckConstraint(
            "phone_status IN ('valid', 'invalid', 'missing')", name=op.f("enriched_leads_phone_status_check")
        ),
        PrimaryKeyConstraint("campaign", "day", "lead_id", name=op.f("enriched_leads_pkey")),
        schema=SCHEMA,
        comment="Leads of the day with what can be known of them: checked addresses, company, seniority, signals.",
    )
    op.create_table(
        "harvested_leads",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column(
            "is_new",
            Boolean(),
            nullable=False,
            comment="false: a later record corrected a lead already known",
        ),
        Column("record_count", Integer(), nullable=False, comment="records of this lead on this day"),
        Column("source", Text(), nullable=False),
        Column(
            "received_at",
            DateTime(timezone=True),
            nullable=False,
            comment="when its latest record came to be",
        ),
        Column("email", Text(), nullable=True),
        Column("phone", Text(), nullable=True),
        Column("first_name", Text(), nullable=True),
        Column("last_name", Text(), nullable=True),
        Column("full_name", Text(), nullable=True),
        Column("company", Text(), nullable=True),
        Column("job_title", Text(), nullable=True),
        Column("industry", Text(), nullable=True),
        Column("company_size", Integer(), nullable=True, comment="employees"),
        Column("country", Text(), nullable=True),
        Column("region", Text(), nullable=True),
        Column("city", Text(), nullable=True),
        Column("postcode", Text(), nullable=True),
        Column("website", Text(), nullable=True),
        Column("linkedin_url", Text(), nullable=True),
        Column("budget", Double(), nullable=True, comment="in the campaign's currency"),
        Column("time_zone", Text(), nullable=True),
        Column("language", Text(), nullable=True),
        Column("custom", JSONB(), nullable=False, comment="fields that only this campaign knows, by name"),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint("company_size >= 0", name=op.f("harvested_leads_company_size_check")),
        CheckConstraint("record_count >= 1", name=op.f("harvested_leads_record_count_check")),
        PrimaryKeyConstraint("campaign", "day", "lead_id", name=op.f("harvested_leads_pkey")),
        schema=SCHEMA,
        comment="Leads with a record on the day: cleaned, merged with what was known of them before.",
    )
    op.create_table(
        "nurture_touches",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column("enrolment_id", Text(collation="C"), nullable=False),
        Column("step", Integer(), nullable=False),
        Column("sequence", Text(), nullable=False),
        Column("channel", Text(), nullable=False),
        Column("email", Text(), nullable=False),
        Column("planned_at", DateTime(timezone=True), nullable=False),
        Column("not_after", DateTime(timezone=True), nullable=False),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint("channel IN ('email')", name=op.f("nurture_touches_channel_check")),
        CheckConstraint("not_after > planned_at", name=op.f("nurture_touches_not_after_check")),
        CheckConstraint("step >= 1", name=op.f("nurture_touches_step_check")),
        PrimaryKeyConstraint(
            "campaign", "day", "lead_id", "enrolment_id", "step", name=op.f("nurture_touches_pkey")
        ),
        schema=SCHEMA,
        comment="Touches that fall due in the 24 hours after the day, as planned at its end. Planning sends nothing.",
    )
    op.create_table(
        "nurtured_leads",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column("enrolment_id", Text(), nullable=False, comment="one lead's one passage through one sequence"),
        Column("sequence", Text(), nullable=False),
        Column("state", Text(), nullable=False),
        Column("enrolled_at", DateTime(timezone=True), nullable=False),
        Column("steps_total", Integer(), nullable=False),
        Column(
            "steps_planned", Integer(), nullable=False, comment="steps whose touch has been planned so far"
        ),
        Column("next_touch_at", DateTime(timezone=True), nullable=True),
        Column("reasons", JSONB(), nullable=False),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint(
            "state IN ('ENROLLED', 'TOUCH_DUE', 'PAUSED', 'STOPPED', 'GRADUATED', 'COMPLETED')",
            name=op.f("nurtured_leads_state_check"),
        ),
        CheckConstraint("steps_planned BETWEEN 0 AND steps_total", name=op.f("nurtured_leads_steps_check")),
        PrimaryKeyConstraint("campaign", "day", "lead_id", name=op.f("nurtured_leads_pkey")),
        schema=SCHEMA,
        comment="Enrolled leads whose nurture state changed on the day.",
    )
    op.create_table(
        "qualified_leads",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column("email", Text(), nullable=True),
        Column("source", Text(), nullable=False),
        Column("icp_fit", Double(), nullable=False),
        Column("score", Double(), nullable=False),
        Column("status", Text(), nullable=False),
        Column("reasons", JSONB(), nullable=False, comment="every reason, in words"),
        Column("is_override", Boolean(), nullable=False),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint(
            "status IN ('QUALIFIED', 'MANUAL_REVIEW', 'REJECTED', 'PENDING')",
            name=op.f("qualified_leads_status_check"),
        ),
        CheckConstraint("icp_fit BETWEEN 0 AND 1", name=op.f("qualified_leads_icp_fit_check")),
        CheckConstraint("score BETWEEN 0 AND 100", name=op.f("qualified_leads_score_check")),
        PrimaryKeyConstraint("campaign", "day", "lead_id", name=op.f("qualified_leads_pkey")),
        schema=SCHEMA,
        comment="Who is worth a salesperson's time, who needs a look, who is not, and every reason why.",
    )
    op.create_table(
        "quarantined_records",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("source", Text(collation="C"), nullable=False),
        Column("content_key", Text(collation="C"), nullable=False),
        Column("origin", Text(), nullable=False),
        Column("row_number", Integer(), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("raw", Text(), nullable=False, comment="the whole record"),
        Column("campaign_version", Integer(), nullable=False),
        PrimaryKeyConstraint(
            "campaign", "day", "source", "content_key", name=op.f("quarantined_records_pkey")
        ),
        schema=SCHEMA,
        comment="Records of the day that could not become a lead, whole, with the reason. Nothing is dropped.",
    )
    op.create_table(
        "routed_leads",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column("email", Text(), nullable=True),
        Column("source", Text(), nullable=False),
        Column("icp_fit", Double(), nullable=False),
        Column("score", Double(), nullable=False),
        Column("intent_score", Double(), nullable=False),
        Column("status", Text(), nullable=False),
        Column("tier", Text(), nullable=True),
        Column("sequence", Text(), nullable=True),
        Column("sequence_start_at", DateTime(timezone=True), nullable=True),
        Column("owner", Text(), nullable=True),
        Column("boosted_by_intent", Boolean(), nullable=False),
        Column(
            "routing_number",
            Integer(),
            nullable=True,
            comment="1 for a lead's first routing, 2 for its first re-routing, ...",
        ),
        Column("reasoning", Text(), nullable=False),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint(
            "(status = 'ROUTED') = (sequence_start_at IS NOT NULL) AND (status <> 'ROUTED' OR (tier IS NOT NULL AND sequence IS NOT NULL AND routing_number >= 1))",
            name=op.f("routed_leads_routed_check"),
        ),
        CheckConstraint(
            "status IN ('ROUTED', 'ALREADY_ROUTED', 'QUALIFICATION_PENDING', 'REJECTED_LEAD')",
            name=op.f("routed_leads_status_check"),
        ),
        CheckConstraint("tier IN ('HOT', 'WARM', 'COOL', 'COLD')", name=op.f("routed_leads_tier_check")),
        CheckConstraint("icp_fit BETWEEN 0 AND 1", name=op.f("routed_leads_icp_fit_check")),
        CheckConstraint("intent_score BETWEEN 0 AND 1", name=op.f("routed_leads_intent_score_check")),
        CheckConstraint("score BETWEEN 0 AND 100", name=op.f("routed_leads_score_check")),
        PrimaryKeyConstraint("campaign", "day", "lead_id", name=op.f("routed_leads_pkey")),
        schema=SCHEMA,
        comment="Which sequence each qualified lead enters, and the reasoning in words.",
    )
    op.create_table(
        "scored_leads",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column("email", Text(), nullable=True),
        Column("source", Text(), nullable=False),
        Column("icp_fit", Double(), nullable=False),
        Column("engagement", Double(), nullable=False),
        Column("temperature", Text(), nullable=False),
        Column(
            "conversion_probability",
            Double(),
            nullable=True,
            comment="calibrated; NULL until a model takes part",
        ),
        Column("score", Double(), nullable=False),
        Column(
            "score_breakdown",
            JSONB(),
            nullable=False,
            comment="factor -> points; the points sum to the score",
        ),
        Column("reasons", JSONB(), nullable=False, comment="the weightiest factors, in words"),
        Column("model_version", Text(), nullable=True),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint(
            "temperature IN ('hot', 'warm', 'cold')", name=op.f("scored_leads_temperature_check")
        ),
        CheckConstraint(
            "conversion_probability BETWEEN 0 AND 1", name=op.f("scored_leads_conversion_probability_check")
        ),
        CheckConstraint("engagement BETWEEN 0 AND 100", name=op.f("scored_leads_engagement_check")),
        CheckConstraint("icp_fit BETWEEN 0 AND 1", name=op.f("scored_leads_icp_fit_check")),
        CheckConstraint("score BETWEEN 0 AND 100", name=op.f("scored_leads_score_check")),
        PrimaryKeyConstraint("campaign", "day", "lead_id", name=op.f("scored_leads_pkey")),
        schema=SCHEMA,
        comment="Leads of the day, and earlier leads with news on it: fit, engagement, temperature and score, explained.",
    )
    op.create_table(
        "suppressions",
        Column("suppression_id", BigInteger(), Identity(always=False), nullable=False),
        Column("scope", Text(), nullable=False, comment="address: one mailbox; domain: everyone at it"),
        Column(
            "subject", Text(), nullable=False, comment="HMAC of the normalised address, or the domain itself"
        ),
        Column("campaign", Text(), server_default="", nullable=False, comment="empty: in every campaign"),
        Column("reason", Text(), nullable=False),
        Column("occurred_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("scope IN ('address', 'domain')", name=op.f("suppressions_scope_check")),
        PrimaryKeyConstraint("suppression_id", name=op.f("suppressions_pkey")),
        UniqueConstraint(
            "scope", "subject", "campaign", name=op.f("suppressions_scope_subject_campaign_key")
        ),
        schema=SCHEMA,
    )
    op.create_table(
        "campaign_versions",
        Column("campaign", Text(), nullable=False),
        Column("version", Integer(), nullable=False),
        Column(
            "source_text",
            Text(),
            nullable=False,
            comment="the campaign file as it was given, comments included",
        ),
        Column("content_key", Text(), nullable=False, comment="SHA-256 of the parsed document"),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("version >= 1", name=op.f("campaign_versions_version_check")),
        ForeignKeyConstraint(
            ["campaign"],
            ["leadflow.campaigns.campaign"],
            name=op.f("campaign_versions_campaign_fkey"),
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint("campaign", "version", name=op.f("campaign_versions_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "engagement_events",
        Column("campaign", Text(), nullable=False),
        Column(
            "event_id", Text(), nullable=False, comment="given by the sender: an id seen before is a no-op"
        ),
        Column("lead_id", Text(), nullable=False),
        Column(
            "behaviour",
            Text(),
            nullable=False,
            comment="open, click, reply, visit, meeting, unsubscribe, bounce, ...",
        ),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column(
            "day", Date(), Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False
        ),
        Column("received_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("is_machine", Boolean(), server_default="false", nullable=False),
        Column("machine_reason", Text(), nullable=True),
        Column("origin", Text(), nullable=False),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("engagement_events_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "event_id", name=op.f("engagement_events_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("engagement_events_campaign_day_idx"),
        "engagement_events",
        ["campaign", "day"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("engagement_events_campaign_lead_id_occurred_at_idx"),
        "engagement_events",
        ["campaign", "lead_id", "occurred_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "messages",
        Column("message_id", BigInteger(), Identity(always=False), nullable=False),
        Column("channel", Text(), nullable=False),
        Column(
            "subject_key",
            Text(),
            nullable=False,
            comment="the enrolment; never a partition, a run or the content",
        ),
        Column("step", Integer(), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("campaign_version", Integer(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("recipient", Text(), nullable=False),
        Column(
            "recipient_key",
            Text(),
            nullable=False,
            comment="HMAC of the normalised address: the person, at the doors",
        ),
        Column("sequence", Text(), nullable=False),
        Column("subject", Text(), nullable=False),
        Column("body_text", Text(), nullable=False),
        Column("body_html", Text(), nullable=False),
        Column("headers", JSONB(), nullable=False),
        Column("rfc_message_id", Text(), nullable=False, comment="Message-ID, decided before sending"),
        Column("planned_at", DateTime(timezone=True), nullable=False),
        Column("not_after", DateTime(timezone=True), nullable=False),
        Column("state", Text(), server_default="planned", nullable=False),
        Column("state_reason", Text(), nullable=True),
        Column("lease_owner", Text(), nullable=True),
        Column("lease_until", DateTime(timezone=True), nullable=True),
        Column("next_attempt_at", DateTime(timezone=True), nullable=False),
        Column("attempts", Integer(), server_default="0", nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("updated_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("sent_at", DateTime(timezone=True), nullable=True),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("messages_sent_at_check")),
        CheckConstraint(
            "(state IN ('claimed', 'on_wire')) = (lease_until IS NOT NULL)", name=op.f("messages_lease_check")
        ),
        CheckConstraint("channel IN ('email')", name=op.f("messages_channel_check")),
        CheckConstraint(
            "state IN ('planned', 'claimed', 'on_wire', 'sent', 'failed', 'suppressed', 'expired', 'unknown')",
            name=op.f("messages_state_check"),
        ),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("messages_campaign_fkey")
        ),
        PrimaryKeyConstraint("message_id", name=op.f("messages_pkey")),
        UniqueConstraint(
            "channel", "subject_key", "step", name=op.f("messages_channel_subject_key_step_key")
        ),
        UniqueConstraint("rfc_message_id", name=op.f("messages_rfc_message_id_key")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("messages_campaign_lead_id_idx"),
        "messages",
        ["campaign", "lead_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "messages_due_idx",
        "messages",
        ["next_attempt_at"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="state = 'planned'",
    )
    op.create_index(
        "messages_lease_idx",
        "messages",
        ["lease_until"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="state IN ('claimed', 'on_wire')",
    )
    op.create_index(
        op.f("messages_recipient_key_idx"), "messages", ["recipient_key"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "outcomes",
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("outcome", Text(), nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column(
            "day", Date(), Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False
        ),
        Column("value", Double(), nullable=True, comment="money, in the campaign's currency"),
        Column("origin", Text(), nullable=False),
        CheckConstraint("outcome IN ('won', 'lost', 'meeting')", name=op.f("outcomes_outcome_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("outcomes_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "lead_id", "outcome", "occurred_at", name=op.f("outcomes_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("outcomes_campaign_day_idx"), "outcomes", ["campaign", "day"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "overrides",
        Column("override_id", BigInteger(), Identity(always=False), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("field", Text(), nullable=False),
        Column("value", Text(), nullable=False),
        Column("actor", Text(), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("occurred_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=True),
        CheckConstraint(
            "field IN ('status', 'tier', 'sequence', 'owner', 'nurture')", name=op.f("overrides_field_check")
        ),
        CheckConstraint(
            "expires_at IS NULL OR expires_at > occurred_at", name=op.f("overrides_expiry_check")
        ),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("overrides_campaign_fkey")
        ),
        PrimaryKeyConstraint("override_id", name=op.f("overrides_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("overrides_campaign_lead_id_idx"),
        "overrides",
        ["campaign", "lead_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "source_records",
        Column("record_id", BigInteger(), Identity(always=False), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("source", Text(), nullable=False, comment="name of the source in the campaign file"),
        Column(
            "content_key",
            Text(),
            nullable=False,
            comment="hash of the content: the same record twice is one fact",
        ),
        Column(
            "occurred_at",
            DateTime(timezone=True),
            nullable=False,
            comment="when the record came to be, by its own day column if any",
        ),
        Column(
            "day", Date(), Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False
        ),
        Column("received_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "origin",
            Text(),
            nullable=False,
            comment="file name (no folder) or vendor page the record came from",
        ),
        Column("row_number", Integer(), nullable=False, comment="1-based row of the origin"),
        Column(
            "payload",
            JSONB(),
            nullable=True,
            comment="column name -> text as read; NULL where the row could not be read",
        ),
        Column("raw", Text(), nullable=True, comment="the row as text, where it could not be read"),
        Column("unreadable_reason", Text(), nullable=True),
        CheckConstraint(
            "(payload IS NULL) = (unreadable_reason IS NOT NULL)", name=op.f("source_records_readable_check")
        ),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("source_records_campaign_fkey")
        ),
        PrimaryKeyConstraint("record_id", name=op.f("source_records_pkey")),
        UniqueConstraint(
            "campaign", "source", "content_key", name=op.f("source_records_campaign_source_content_key_key")
        ),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("source_records_campaign_day_idx"),
        "source_records",
        ["campaign", "day"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "message_attempts",
        Column("message_id", BigInteger(), nullable=False),
        Column("attempt", Integer(), nullable=False),
        Column("transport", Text(), nullable=False),
        Column("started_at", DateTime(timezone=True), nullable=False),
        Column("finished_at", DateTime(timezone=True), nullable=True),
        Column(
            "phase",
            Text(),
            nullable=False,
            comment="how far the conversation came: connect, mail, rcpt, data, dot, done",
        ),
        Column("reply_code", Integer(), nullable=True),
        Column("reply_text", Text(), nullable=True, comment="what the server answered, addresses removed"),
        ForeignKeyConstraint(
            ["message_id"], ["leadflow.messages.message_id"], name=op.f("message_attempts_message_id_fkey")
        ),
        PrimaryKeyConstraint("message_id", "attempt", name=op.f("message_attempts_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "partition_lineage",
        Column("table_name", Text(), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("day", Date(), nullable=False),
        Column("campaign_version", Integer(), nullable=False),
        Column("rows", BigInteger(), nullable=False),
        Column("run_id", Text(), nullable=False),
        Column("written_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        ForeignKeyConstraint(
            ["campaign", "campaign_version"],
            ["leadflow.campaign_versions.campaign", "leadflow.campaign_versions.version"],
            name=op.f("partition_lineage_campaign_campaign_version_fkey"),
        ),
        PrimaryKeyConstraint("table_name", "campaign", "day", name=op.f("partition_lineage_pkey")),
        schema=SCHEMA,
    )
    # ### end Alembic commands ###
