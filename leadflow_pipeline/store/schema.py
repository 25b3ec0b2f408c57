"""Every table of the pipeline, declared once.

What belongs here: tables, their columns, and the invariants the database itself must hold (keys, CHECK,
FOREIGN KEY, indexes). What does not: queries, and anything about how a column is computed.

Three kinds of table:

* *facts* happened and are only ever added to (`source_records`, `engagement_events`, `outcomes`, `overrides`,
  `suppressions`, `activity_log`; `messages` moves through its states but a row is never removed);
* *derived* tables hold what a stage computed for one `(campaign, day)`, replaceable as a whole. Their primary key
  starts with `(campaign, day)`, they hold no wall-clock time, no run id and no generated number, so that computing
  them again gives the same bytes;
* *global* tables hold the present (`campaigns`, `campaign_versions`).

Times are `timestamptz`, days are UTC days.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "leadflow"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)

Timestamp = DateTime(timezone=True)
Key = Text(collation="C")
"""Text of a derived key: ordered by bytes on every server, so that its index gives the order in which rows are read."""

TEMPERATURES = ("hot", "warm", "cold")
TIERS = ("HOT", "WARM", "COOL", "COLD")
QUALIFICATION_STATUSES = ("QUALIFIED", "MANUAL_REVIEW", "REJECTED", "PENDING")
ROUTING_STATUSES = ("ROUTED", "ALREADY_ROUTED", "QUALIFICATION_PENDING", "REJECTED_LEAD")
NURTURE_STATES = ("ENROLLED", "TOUCH_DUE", "PAUSED", "STOPPED", "GRADUATED", "COMPLETED")
MESSAGE_STATES = (
    "planned", "claimed", "on_wire", "sent", "failed", "suppressed", "expired", "unknown",
)  # fmt: skip
CAMPAIGN_STATUSES = ("active", "paused", "archived")
OUTCOMES = ("won", "lost", "meeting")


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    quoted = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({quoted})", name=column)


def within(column: str, low: float, high: float) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN {low} AND {high}", name=column)


# --- global: the present -----------------------------------------------------------------------------------------

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("current_version", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("updated_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("campaign ~ '^[a-z0-9][a-z0-9_-]*$'", name="slug"),
    one_of("status", CAMPAIGN_STATUSES),
)

campaign_versions = Table(
    "campaign_versions",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign, ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column(
        "source_text", Text, nullable=False, comment="the campaign file as it was given, comments included"
    ),
    Column("content_key", Text, nullable=False, comment="SHA-256 of the parsed document"),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("version >= 1", name="version"),
)

# --- facts -------------------------------------------------------------------------------------------------------

source_records = Table(
    "source_records",
    metadata,
    Column("record_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("source", Text, nullable=False, comment="name of the source in the campaign file"),
    Column(
        "content_key", Text, nullable=False, comment="hash of the content: the same record twice is one fact"
    ),
    Column(
        "occurred_at",
        Timestamp,
        nullable=False,
        comment="when the record came to be, by its own day column if any",
    ),
    Column("day", Date, Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "origin", Text, nullable=False, comment="file name (no folder) or vendor page the record came from"
    ),
    Column("row_number", Integer, nullable=False, comment="1-based row of the origin"),
    Column("payload", JSONB, comment="column name -> text as read; NULL where the row could not be read"),
    Column("raw", Text, comment="the row as text, where it could not be read"),
    Column("unreadable_reason", Text),
    UniqueConstraint("campaign", "source", "content_key"),
    CheckConstraint("(payload IS NULL) = (unreadable_reason IS NOT NULL)", name="readable"),
    Index(None, "campaign", "day"),
)

engagement_events = Table(
    "engagement_events",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("event_id", Text, primary_key=True, comment="given by the sender: an id seen before is a no-op"),
    Column("lead_id", Text, nullable=False),
    Column(
        "behaviour",
        Text,
        nullable=False,
        comment="open, click, reply, visit, meeting, unsubscribe, bounce, ...",
    ),
    Column("occurred_at", Timestamp, nullable=False),
    Column("day", Date, Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    Column("is_machine", Boolean, nullable=False, server_default="false"),
    Column("machine_reason", Text),
    Column("origin", Text, nullable=False),
    Index(None, "campaign", "day"),
    Index(None, "campaign", "lead_id", "occurred_at"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("lead_id", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("occurred_at", Timestamp, primary_key=True),
    Column("day", Date, Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False),
    Column("value", Double, comment="money, in the campaign's currency"),
    Column("origin", Text, nullable=False),
    one_of("outcome", OUTCOMES),
    Index(None, "campaign", "day"),
)

overrides = Table(
    "overrides",
    metadata,
    Column("override_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("lead_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("occurred_at", Timestamp, nullable=False, server_default=func.now()),
    Column("expires_at", Timestamp),
    one_of("field", ("status", "tier", "sequence", "owner", "nurture")),
    CheckConstraint("expires_at IS NULL OR expires_at > occurred_at", name="expiry"),
    Index(None, "campaign", "lead_id"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("suppression_id", BigInteger, Identity(), primary_key=True),
    Column("scope", Text, nullable=False, comment="address: one mailbox; domain: everyone at it"),
    Column("subject", Text, nullable=False, comment="HMAC of the normalised address, or the domain itself"),
    Column("campaign", Text, nullable=False, server_default="", comment="empty: in every campaign"),
    Column("reason", Text, nullable=False),
    Column("occurred_at", Timestamp, nullable=False, server_default=func.now()),
    one_of("scope", ("address", "domain")),
    UniqueConstraint("scope", "subject", "campaign"),
)

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
    one_of("channel", ("email",)),
    one_of("state", MESSAGE_STATES),
    UniqueConstraint("channel", "subject_key", "step"),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at"),
    CheckConstraint("(state IN ('claimed', 'on_wire')) = (lease_until IS NOT NULL)", name="lease"),
    Index("messages_due_idx", "next_attempt_at", postgresql_where="state = 'planned'"),
    Index("messages_lease_idx", "lease_until", postgresql_where="state IN ('claimed', 'on_wire')"),
    Index(None, "campaign", "lead_id"),
    Index(None, "recipient_key"),
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

activity_log = Table(
    "activity_log",
    metadata,
    Column("activity_id", BigInteger, Identity(), primary_key=True),
    Column("occurred_at", Timestamp, nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("campaign", Text),
    Column("lead_id", Text),
    Column("detail", JSONB, nullable=False, server_default="{}"),
    Index(None, "campaign", "lead_id"),
)

partition_lineage = Table(
    "partition_lineage",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("campaign", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("campaign_version", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("written_at", Timestamp, nullable=False, server_default=func.now()),
    # Derived rows name their version too. The foreign key stands here, once a partition, because checking it for
    # every row would cost a bulk load more than the load itself.
    ForeignKeyConstraint(
        ["campaign", "campaign_version"], [campaign_versions.c.campaign, campaign_versions.c.version]
    ),
)

# --- derived: one stage, one campaign, one day -------------------------------------------------------------------


def derived(name: str, *columns: Column[Any] | CheckConstraint | Index, comment: str) -> Table:
    """A derived table: its key starts with (campaign, day), and every row names the campaign version that made it."""
    return Table(
        name,
        metadata,
        Column("campaign", Key, primary_key=True),
        Column("day", Date, primary_key=True),
        *columns,
        Column("campaign_version", Integer, nullable=False),
        comment=comment,
    )


def lead_key() -> Column[Any]:
    return Column("lead_id", Key, primary_key=True, comment="stable within the campaign")


harvested_leads = derived(
    "harvested_leads",
    lead_key(),
    Column("is_new", Boolean, nullable=False, comment="false: a later record corrected a lead already known"),
    Column("record_count", Integer, nullable=False, comment="records of this lead on this day"),
    Column("source", Text, nullable=False),
    Column("received_at", Timestamp, nullable=False, comment="when its latest record came to be"),
    Column("email", Text),
    Column("phone", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("full_name", Text),
    Column("company", Text),
    Column("job_title", Text),
    Column("industry", Text),
    Column("company_size", Integer, comment="employees"),
    Column("country", Text),
    Column("region", Text),
    Column("city", Text),
    Column("postcode", Text),
    Column("website", Text),
    Column("linkedin_url", Text),
    Column("budget", Double, comment="in the campaign's currency"),
    Column("time_zone", Text),
    Column("language", Text),
    Column("custom", JSONB, nullable=False, comment="fields that only this campaign knows, by name"),
    CheckConstraint("record_count >= 1", name="record_count"),
    CheckConstraint("company_size >= 0", name="company_size"),
    comment="Leads with a record on the day: cleaned, merged with what was known of them before.",
)

quarantined_records = derived(
    "quarantined_records",
    Column("source", Key, primary_key=True),
    Column("content_key", Key, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("row_number", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False, comment="the whole record"),
    comment="Records of the day that could not become a lead, whole, with the reason. Nothing is dropped.",
)

enriched_leads = derived(
    "enriched_leads",
    lead_key(),
    Column("is_new", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("received_at", Timestamp, nullable=False),
    Column("email", Text, comment="normalised; NULL where it is missing or no address at all"),
    Column("email_status", Text, nullable=False),
    Column("email_reason", Text, comment="code that says why the address is invalid or risky"),
    Column("email_domain", Text),
    Column("email_is_role", Boolean, nullable=False),
    Column("email_is_disposable", Boolean, nullable=False),
    Column("email_is_free", Boolean, nullable=False),
    Column("phone", Text, comment="E.164; NULL where it is missing or invalid"),
    Column("phone_status", Text, nullable=False),
    Column("phone_country", Text, comment="ISO 3166-1 alpha-2"),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("full_name", Text),
    Column("company", Text, comment="as written, tidied"),
    Column("company_key", Text, comment="for matching: lower case, no legal suffix"),
    Column("job_title", Text),
    Column("seniority", Text),
    Column("department", Text),
    Column("is_decision_maker", Boolean, nullable=False),
    Column("industry", Text, comment="lower case"),
    Column("company_size", Integer),
    Column("size_band", Text),
    Column("country", Text, comment="ISO 3166-1 alpha-2 where it is known, else as written"),
    Column("region", Text),
    Column("city", Text),
    Column("postcode", Text),
    Column("website", Text),
    Column("linkedin_url", Text),
    Column("budget", Double),
    Column("time_zone", Text),
    Column("language", Text),
    Column("recent_job_change", Boolean, nullable=False),
    Column("company_funded_recently", Boolean, nullable=False),
    Column("company_hiring", Boolean, nullable=False),
    Column("custom", JSONB, nullable=False),
    one_of("email_status", ("valid", "risky", "invalid", "missing")),
    one_of("phone_status", ("valid", "invalid", "missing")),
    comment="Leads of the day with what can be known of them: checked addresses, company, seniority, signals.",
)

scored_leads = derived(
    "scored_leads",
    lead_key(),
    Column("email", Text),
    Column("source", Text, nullable=False),
    Column("icp_fit", Double, nullable=False),
    Column("engagement", Double, nullable=False),
    Column("temperature", Text, nullable=False),
    Column("conversion_probability", Double, comment="calibrated; NULL until a model takes part"),
    Column("score", Double, nullable=False),
    Column("score_breakdown", JSONB, nullable=False, comment="factor -> points; the points sum to the score"),
    Column("reasons", JSONB, nullable=False, comment="the weightiest factors, in words"),
    Column("model_version", Text),
    within("icp_fit", 0, 1),
    within("engagement", 0, 100),
    within("score", 0, 100),
    within("conversion_probability", 0, 1),
    one_of("temperature", TEMPERATURES),
    comment="Leads of the day, and earlier leads with news on it: fit, engagement, temperature and score, explained.",
)

qualified_leads = derived(
    "qualified_leads",
    lead_key(),
    Column("email", Text),
    Column("source", Text, nullable=False),
    Column("icp_fit", Double, nullable=False),
    Column("score", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("reasons", JSONB, nullable=False, comment="every reason, in words"),
    Column("is_override", Boolean, nullable=False),
    within("icp_fit", 0, 1),
    within("score", 0, 100),
    one_of("status", QUALIFICATION_STATUSES),
    comment="Who is worth a salesperson's time, who needs a look, who is not, and every reason why.",
)

routed_leads = derived(
    "routed_leads",
    lead_key(),
    Column("email", Text),
    Column("source", Text, nullable=False),
    Column("icp_fit", Double, nullable=False),
    Column("score", Double, nullable=False),
    Column("intent_score", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("tier", Text),
    Column("sequence", Text),
    Column("sequence_start_at", Timestamp),
    Column("owner", Text),
    Column("boosted_by_intent", Boolean, nullable=False),
    Column(
        "routing_number", Integer, comment="1 for a lead's first routing, 2 for its first re-routing, ..."
    ),
    Column("reasoning", Text, nullable=False),
    within("icp_fit", 0, 1),
    within("score", 0, 100),
    within("intent_score", 0, 1),
    one_of("status", ROUTING_STATUSES),
    one_of("tier", TIERS),
    CheckConstraint(
        "(status = 'ROUTED') = (sequence_start_at IS NOT NULL) AND (status <> 'ROUTED' OR "
        "(tier IS NOT NULL AND sequence IS NOT NULL AND routing_number >= 1))",
        name="routed",
    ),
    comment="Which sequence each qualified lead enters, and the reasoning in words.",
)

nurtured_leads = derived(
    "nurtured_leads",
    lead_key(),
    Column("enrolment_id", Text, nullable=False, comment="one lead's one passage through one sequence"),
    Column("sequence", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("enrolled_at", Timestamp, nullable=False),
    Column("steps_total", Integer, nullable=False),
    Column("steps_planned", Integer, nullable=False, comment="steps whose touch has been planned so far"),
    Column("next_touch_at", Timestamp),
    Column("reasons", JSONB, nullable=False),
    one_of("state", NURTURE_STATES),
    CheckConstraint("steps_planned BETWEEN 0 AND steps_total", name="steps"),
    comment="Enrolled leads whose nurture state changed on the day.",
)

nurture_touches = derived(
    "nurture_touches",
    lead_key(),
    Column("enrolment_id", Key, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("sequence", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("planned_at", Timestamp, nullable=False),
    Column("not_after", Timestamp, nullable=False),
    one_of("channel", ("email",)),
    CheckConstraint("not_after > planned_at", name="not_after"),
    CheckConstraint("step >= 1", name="step"),
    comment="Touches that fall due in the 24 hours after the day, as planned at its end. Planning sends nothing.",
)

DERIVED_TABLES: tuple[Table, ...] = (
    harvested_leads,
    quarantined_records,
    enriched_leads,
    scored_leads,
    qualified_leads,
    routed_leads,
    nurtured_leads,
    nurture_touches,
)
