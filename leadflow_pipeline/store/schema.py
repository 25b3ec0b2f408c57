"""Every table of the pipeline, declared once.

What belongs here: tables, their columns, and the invariants the database itself must hold (keys, CHECK,
FOREIGN KEY, indexes). What does not: queries, and anything about how a column is computed.

Three kinds of table:

* *facts* happened and are only ever added to (`source_records`, `engagement_events`, `outcomes`, `overrides`,
  `suppressions`, `activity_log`, `webhook_deliveries`, `domain_lookups`, `conversion_models`, `model_promotions`,
  `channel_credits`; `messages` and `vendor_lookups` move through
  their states but a row is never removed, and `channel_spend` holds what its source told last);
* *derived* tables hold what a stage computed for one `(campaign, day)`, replaceable as a whole. Their primary key
  starts with `(campaign, day)`, they hold no wall-clock time, no run id and no generated number, so that computing
  them again gives the same bytes;
* *global* tables hold the present (`campaigns`, `campaign_versions`; how far each source was read and what each vendor
  allows; who is who: `persons`, `accounts` and what belongs to them).

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
    text,
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
MODEL_KINDS = ("rules", "logistic", "boosted")
"""What a conversion model learned: the scale of the rule score alone, a spline logistic regression, additive trees."""
LOOKUP_STATES = ("planned", "on_wire", "pending", "answered", "not_found", "failed", "unknown")
OPEN_LOOKUP_STATES = ("on_wire", "pending", "unknown")
"""Asked and perhaps paid for, and no answer yet: nobody may ask the same of the vendor meanwhile."""
ENRICHMENT_STATUSES = ("none", "waiting", "complete", "partial")
REVIEW_STATES = ("open", "same", "different")


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

source_cursors = Table(
    "source_cursors",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("cursor", Text, comment="where to go on, in the source's own words; NULL: from the start"),
    Column("state", Text, nullable=False, server_default="ready"),
    Column("problem", Text, comment="why it is deferred or failed, in one plain line"),
    Column("next_attempt_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "seen_cursors", JSONB, nullable=False, server_default="[]", comment="hashes, of the sweep under way"
    ),
    Column("pages", BigInteger, nullable=False, server_default="0", comment="of the sweep under way"),
    Column("records", BigInteger, nullable=False, server_default="0", comment="new ones, ever"),
    Column("updated_at", Timestamp, nullable=False, server_default=func.now()),
    one_of("state", ("ready", "deferred", "failed")),
    CheckConstraint("(state = 'ready') = (problem IS NULL)", name="problem"),
)

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
    within("match_probability", 0, 1),
    Index(None, "person_id"),
    Index(None, "address_key"),
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

channel_spend = Table(
    "channel_spend",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column(
        "origin",
        Text,
        primary_key=True,
        comment="the source of the campaign file that tells it; what it tells later of the same day replaces this",
    ),
    Column("amount", Double, nullable=False, comment="money, in the campaign's currency"),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("amount >= 0 AND amount < 'Infinity'", name="amount"),
    comment="What each channel cost on each day, as a source told it last.",
)

conversion_models = Table(
    "conversion_models",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("model_version", Text, primary_key=True, comment="SHA-256 of the artifact"),
    Column("as_of", Date, nullable=False, comment="it knows no fact of this day or later"),
    Column(
        "campaign_version", Integer, nullable=False, comment="whose rules made the features it learned from"
    ),
    Column("kind", Text, nullable=False),
    Column("is_pooled", Boolean, nullable=False, comment="learned from other campaigns' leads too"),
    Column("examples", Integer, nullable=False, comment="leads on days, with a known outcome"),
    Column("wins", Integer, nullable=False),
    Column("first_day", Date, nullable=False, comment="of its examples"),
    Column(
        "last_day", Date, nullable=False, comment="of its examples: what is judged later must be after it"
    ),
    Column("artifact", Text, nullable=False, comment="the whole model, as JSON"),
    Column("card", JSONB, nullable=False, comment="how good it is, against what, and what was found wrong"),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    one_of("kind", MODEL_KINDS),
    CheckConstraint("last_day < as_of AND first_day <= last_day", name="days"),
    CheckConstraint("wins BETWEEN 0 AND examples", name="wins"),
    comment="Every model that was ever trained. A row is never changed.",
)

model_promotions = Table(
    "model_promotions",
    metadata,
    Column("promotion_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("model_version", Text, comment="NULL: the rules alone"),
    Column("from_day", Date, nullable=False, comment="the first day that it scores"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", Timestamp, nullable=False, server_default=func.now()),
    ForeignKeyConstraint(
        ["campaign", "model_version"], [conversion_models.c.campaign, conversion_models.c.model_version]
    ),
    Index(None, "campaign", "from_day"),
    comment="Which model is champion from which day on: of two for a day, the later day's, then the later decision's.",
)

channel_credits = Table(
    "channel_credits",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column(
        "from_day",
        Date,
        primary_key=True,
        comment="the first day it holds for; no fact of it or later is in it",
    ),
    Column("channel", Text, primary_key=True),
    Column("leads", Integer, nullable=False, comment="that the channel brought before"),
    Column("conversions", Double, nullable=False, comment="its credit, by the campaign's attribution model"),
    Column("recorded_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint("leads >= 0 AND conversions >= 0", name="counts"),
    comment="What attribution credited each channel with, as it was recorded for the score. A row is never changed.",
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

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("source", Text, primary_key=True, comment="two senders may use the same id"),
    Column("webhook_id", Text, primary_key=True),
    Column("body_key", Text, nullable=False, comment="hash: the same id with another body is refused"),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    Index(None, "received_at"),
    comment="Ids of webhooks that were taken in, kept so that a repeated delivery changes nothing.",
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
    Column(
        "facts_until",
        Timestamp,
        nullable=False,
        server_default=func.now(),
        comment="facts known before this moment were all there to be read; a later one makes the day due",
    ),
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

lead_aliases = derived(
    "lead_aliases",
    lead_key(),
    Column(
        "alias_of",
        Text,
        nullable=False,
        comment="the lead known before that this one is; never itself an alias",
    ),
    Column("match_probability", Double, nullable=False),
    Column("evidence", JSONB, nullable=False, comment="names of what agreed, never the values"),
    within("match_probability", 0, 1),
    CheckConstraint("lead_id <> alias_of", name="alias_of"),
    comment="Leads first received on the day that are the same person as a lead the campaign knows already.",
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
    Column(
        "email_is_catch_all", Boolean, comment="the domain takes any address; NULL where nobody has asked"
    ),
    Column("email_suggestion", Text, comment="what was probably meant, where a common domain is misspelt"),
    Column("phone", Text, comment="E.164; NULL where it is missing or invalid"),
    Column("phone_status", Text, nullable=False),
    Column("phone_country", Text, comment="ISO 3166-1 alpha-2"),
    Column("phone_type", Text, comment="mobile, fixed_line, fixed_line_or_mobile, toll_free, voip, other"),
    Column("honorific", Text, comment="Dr, Prof, Mrs, ..."),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("full_name", Text),
    Column("company", Text, comment="as written, tidied"),
    Column("company_key", Text, comment="for matching: lower case, no legal suffix"),
    Column("company_domain", Text, comment="registrable domain of its website, else of a business address"),
    Column("company_founded_year", Integer),
    Column("domain_registered_on", Date, comment="of company_domain"),
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
    Column("social_urls", JSONB, nullable=False, comment="network -> address"),
    Column("enrichment_status", Text, nullable=False),
    Column(
        "provenance",
        JSONB,
        nullable=False,
        comment="field -> who said it, when, for how much, how sure; not named: the lead's own records",
    ),
    Column("custom", JSONB, nullable=False),
    one_of("enrichment_status", ENRICHMENT_STATUSES),
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
    Column("cools_on", Date, comment="the day it leaves its temperature if nothing happens; NULL for cold"),
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
    Index(None, "campaign", "cools_on", postgresql_where=text("cools_on IS NOT NULL")),
    comment=(
        "Leads of the day, and earlier leads with news on it or cooling: fit, engagement, temperature and score, "
        "explained."
    ),
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
    lead_aliases,
    enriched_leads,
    scored_leads,
    qualified_leads,
    routed_leads,
    nurtured_leads,
    nurture_touches,
)
