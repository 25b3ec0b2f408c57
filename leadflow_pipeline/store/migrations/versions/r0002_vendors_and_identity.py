"""Vendors, webhooks and identity: what was asked and answered, how far sources were read, who is who."""

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

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "leadflow"
FILLED = ("social_urls", "enrichment_status", "provenance")
"""New columns of enriched leads that earlier rows get a value for, and later ones must bring."""


def upgrade() -> None:
    op.create_table(
        "accounts",
        Column("account_id", Text(), nullable=False),
        Column("name", Text(), nullable=False),
        Column("name_key", Text(), nullable=False, comment="folded, no legal suffix"),
        Column("domain", Text(), nullable=True, comment="registrable"),
        Column("phone", Text(), nullable=True),
        Column("postcode", Text(), nullable=True),
        Column("country", Text(), nullable=True),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        PrimaryKeyConstraint("account_id", name=op.f("accounts_pkey")),
        schema=SCHEMA,
    )
    op.create_index(op.f("accounts_domain_idx"), "accounts", ["domain"], unique=False, schema=SCHEMA)
    op.create_index(op.f("accounts_name_key_idx"), "accounts", ["name_key"], unique=False, schema=SCHEMA)
    op.create_table(
        "domain_lookups",
        Column("domain", Text(), nullable=False),
        Column("kind", Text(), nullable=False),
        Column("finished_at", DateTime(timezone=True), nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
        Column("answer", JSONB(), nullable=True, comment="NULL where nobody could answer"),
        Column("problem", Text(), nullable=True),
        CheckConstraint("kind IN ('mx', 'registration')", name=op.f("domain_lookups_kind_check")),
        CheckConstraint("(answer IS NULL) = (problem IS NOT NULL)", name=op.f("domain_lookups_answer_check")),
        PrimaryKeyConstraint("domain", "kind", "finished_at", name=op.f("domain_lookups_pkey")),
        schema=SCHEMA,
        comment="What the network says of a domain: who takes its mail, and since when it is registered.",
    )
    op.create_table(
        "lead_aliases",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column(
            "alias_of",
            Text(),
            nullable=False,
            comment="the lead known before that this one is; never itself an alias",
        ),
        Column("match_probability", Double(), nullable=False),
        Column("evidence", JSONB(), nullable=False, comment="names of what agreed, never the values"),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint("lead_id <> alias_of", name=op.f("lead_aliases_alias_of_check")),
        CheckConstraint(
            "match_probability BETWEEN 0 AND 1", name=op.f("lead_aliases_match_probability_check")
        ),
        PrimaryKeyConstraint("campaign", "day", "lead_id", name=op.f("lead_aliases_pkey")),
        schema=SCHEMA,
        comment="Leads first received on the day that are the same person as a lead the campaign knows already.",
    )
    op.create_table(
        "match_reviews",
        Column("review_id", BigInteger(), Identity(always=False), nullable=False),
        Column("kind", Text(), nullable=False),
        Column(
            "left_id",
            Text(),
            nullable=False,
            comment="the smaller of the two; campaign/lead_id or account_id",
        ),
        Column("right_id", Text(), nullable=False),
        Column("match_probability", Double(), nullable=False),
        Column("evidence", JSONB(), nullable=False),
        Column("state", Text(), server_default="open", nullable=False),
        Column("actor", Text(), nullable=True),
        Column("reason", Text(), nullable=True),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("decided_at", DateTime(timezone=True), nullable=True),
        CheckConstraint(
            "(state = 'open') = (decided_at IS NULL)", name=op.f("match_reviews_decided_at_check")
        ),
        CheckConstraint("kind IN ('person', 'account')", name=op.f("match_reviews_kind_check")),
        CheckConstraint("state IN ('open', 'same', 'different')", name=op.f("match_reviews_state_check")),
        CheckConstraint("left_id < right_id", name=op.f("match_reviews_pair_check")),
        CheckConstraint(
            "match_probability BETWEEN 0 AND 1", name=op.f("match_reviews_match_probability_check")
        ),
        PrimaryKeyConstraint("review_id", name=op.f("match_reviews_pkey")),
        UniqueConstraint("kind", "left_id", "right_id", name=op.f("match_reviews_kind_left_id_right_id_key")),
        schema=SCHEMA,
        comment="Are these the same? A person's answer binds every later resolution.",
    )
    op.create_table(
        "persons",
        Column("person_id", Text(), nullable=False, comment="of its first lead: it never changes"),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        PrimaryKeyConstraint("person_id", name=op.f("persons_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "vendor_breakers",
        Column("vendor", Text(), nullable=False),
        Column("failures", Integer(), server_default="0", nullable=False, comment="in a row"),
        Column("opened_at", DateTime(timezone=True), nullable=True, comment="NULL: closed"),
        Column(
            "probe_at",
            DateTime(timezone=True),
            nullable=True,
            comment="from when one call may try whether the vendor is back",
        ),
        Column("problem", Text(), nullable=True),
        CheckConstraint("(opened_at IS NULL) = (probe_at IS NULL)", name=op.f("vendor_breakers_probe_check")),
        PrimaryKeyConstraint("vendor", name=op.f("vendor_breakers_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "vendor_buckets",
        Column(
            "bucket", Text(), nullable=False, comment="vendor, account and endpoint group that share a rate"
        ),
        Column("tokens", Double(), nullable=False),
        Column("filled_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "blocked_until",
            DateTime(timezone=True),
            nullable=True,
            comment="the vendor said when to come back",
        ),
        PrimaryKeyConstraint("bucket", name=op.f("vendor_buckets_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "account_aliases",
        Column("account_id", Text(), nullable=False),
        Column("alias_of", Text(), nullable=False),
        Column("merged_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("account_id <> alias_of", name=op.f("account_aliases_alias_of_check")),
        ForeignKeyConstraint(
            ["alias_of"], ["leadflow.accounts.account_id"], name=op.f("account_aliases_alias_of_fkey")
        ),
        PrimaryKeyConstraint("account_id", name=op.f("account_aliases_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("account_aliases_alias_of_idx"), "account_aliases", ["alias_of"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "account_leads",
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("account_id", Text(), nullable=False),
        Column("evidence", JSONB(), nullable=False),
        ForeignKeyConstraint(
            ["account_id"], ["leadflow.accounts.account_id"], name=op.f("account_leads_account_id_fkey")
        ),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("account_leads_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "lead_id", name=op.f("account_leads_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("account_leads_account_id_idx"), "account_leads", ["account_id"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "person_aliases",
        Column(
            "person_id",
            Text(),
            nullable=False,
            comment="an id that was merged: it leads on, and never dangles",
        ),
        Column("alias_of", Text(), nullable=False),
        Column("merged_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("person_id <> alias_of", name=op.f("person_aliases_alias_of_check")),
        ForeignKeyConstraint(
            ["alias_of"], ["leadflow.persons.person_id"], name=op.f("person_aliases_alias_of_fkey")
        ),
        PrimaryKeyConstraint("person_id", name=op.f("person_aliases_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("person_aliases_alias_of_idx"), "person_aliases", ["alias_of"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "person_leads",
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("person_id", Text(), nullable=False),
        Column("match_probability", Double(), nullable=False),
        Column("evidence", JSONB(), nullable=False, comment="names of what agreed, never the values"),
        Column(
            "address_key",
            Text(),
            nullable=True,
            comment="HMAC of its normalised address, as the doors know it; NULL without one",
        ),
        Column(
            "first_received_at",
            DateTime(timezone=True),
            server_default=text("now()"),
            nullable=False,
            comment="when the lead came to be: the first lead of a person gives it its id",
        ),
        Column(
            "read_at",
            DateTime(timezone=True),
            nullable=True,
            comment="written_at of the partition its fields were read from; where that was written again: match again",
        ),
        CheckConstraint(
            "match_probability BETWEEN 0 AND 1", name=op.f("person_leads_match_probability_check")
        ),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("person_leads_campaign_fkey")
        ),
        ForeignKeyConstraint(
            ["person_id"], ["leadflow.persons.person_id"], name=op.f("person_leads_person_id_fkey")
        ),
        PrimaryKeyConstraint("campaign", "lead_id", name=op.f("person_leads_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("person_leads_address_key_idx"), "person_leads", ["address_key"], unique=False, schema=SCHEMA
    )
    op.create_index(
        op.f("person_leads_person_id_idx"), "person_leads", ["person_id"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "source_cursors",
        Column("campaign", Text(), nullable=False),
        Column("source", Text(), nullable=False),
        Column(
            "cursor",
            Text(),
            nullable=True,
            comment="where to go on, in the source's own words; NULL: from the start",
        ),
        Column("state", Text(), server_default="ready", nullable=False),
        Column("problem", Text(), nullable=True, comment="why it is deferred or failed, in one plain line"),
        Column("next_attempt_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "seen_cursors",
            JSONB(),
            server_default="[]",
            nullable=False,
            comment="hashes, of the sweep under way",
        ),
        Column("pages", BigInteger(), server_default="0", nullable=False, comment="of the sweep under way"),
        Column("records", BigInteger(), server_default="0", nullable=False, comment="new ones, ever"),
        Column("updated_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("(state = 'ready') = (problem IS NULL)", name=op.f("source_cursors_problem_check")),
        CheckConstraint("state IN ('ready', 'deferred', 'failed')", name=op.f("source_cursors_state_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("source_cursors_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "source", name=op.f("source_cursors_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "vendor_lookups",
        Column("lookup_id", BigInteger(), Identity(always=False), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column(
            "source",
            Text(),
            nullable=True,
            comment="the source whose record the answer becomes; NULL where it enriches a lead",
        ),
        Column(
            "lead_id",
            Text(),
            nullable=True,
            comment="the lead whose fields the answer fills; NULL where it becomes a record",
        ),
        Column(
            "provider", Text(), nullable=False, comment="name of the source or provider in the campaign file"
        ),
        Column("vendor", Text(), nullable=False),
        Column(
            "subject_key",
            Text(),
            nullable=False,
            comment="keyed hash of what is asked: the same question, once",
        ),
        Column("question", JSONB(), nullable=False),
        Column("state", Text(), server_default="planned", nullable=False),
        Column("attempts", Integer(), server_default="0", nullable=False),
        Column("requested_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("next_attempt_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "asked_at",
            DateTime(timezone=True),
            nullable=True,
            comment="when it last went on the wire: what to look for in the vendor's log",
        ),
        Column("place", Integer(), nullable=True, comment="among the questions of its request, from 0"),
        Column(
            "request_id",
            Text(),
            nullable=True,
            comment="the vendor's own, kept before anything is asked of it again",
        ),
        Column(
            "finished_at",
            DateTime(timezone=True),
            nullable=True,
            comment="when there was an answer, or none to be had",
        ),
        Column(
            "day", Date(), Computed("(finished_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=True
        ),
        Column(
            "expires_at",
            DateTime(timezone=True),
            nullable=True,
            comment="until when the answer is good enough not to ask again",
        ),
        Column(
            "credits",
            Double(),
            server_default="0",
            nullable=False,
            comment="what it cost, in the vendor's unit",
        ),
        Column("copied_from", BigInteger(), nullable=True, comment="the lookup that was paid for"),
        Column("answer", JSONB(), nullable=True, comment="as the vendor gave it"),
        Column("problem", Text(), nullable=True, comment="one plain line, no personal data"),
        CheckConstraint(
            "(state = 'answered') = (answer IS NOT NULL)", name=op.f("vendor_lookups_answer_check")
        ),
        CheckConstraint(
            "(state IN ('answered', 'not_found', 'failed')) = (finished_at IS NOT NULL)",
            name=op.f("vendor_lookups_finished_at_check"),
        ),
        CheckConstraint(
            "state IN ('planned', 'on_wire', 'pending', 'answered', 'not_found', 'failed', 'unknown')",
            name=op.f("vendor_lookups_state_check"),
        ),
        CheckConstraint("(source IS NULL) <> (lead_id IS NULL)", name=op.f("vendor_lookups_purpose_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("vendor_lookups_campaign_fkey")
        ),
        PrimaryKeyConstraint("lookup_id", name=op.f("vendor_lookups_pkey")),
        schema=SCHEMA,
        comment="What was asked of vendors, what they answered and what it cost. Nothing is bought twice.",
    )
    op.create_index(
        op.f("vendor_lookups_campaign_day_idx"),
        "vendor_lookups",
        ["campaign", "day"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("vendor_lookups_campaign_lead_id_idx"),
        "vendor_lookups",
        ["campaign", "lead_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "vendor_lookups_due_idx",
        "vendor_lookups",
        ["campaign", "provider", "next_attempt_at"],
        unique=False,
        schema=SCHEMA,
        postgresql_where="state IN ('planned', 'pending')",
    )
    op.create_index(
        "vendor_lookups_open_key",
        "vendor_lookups",
        ["vendor", "subject_key"],
        unique=True,
        schema=SCHEMA,
        postgresql_where="state IN ('on_wire', 'pending', 'unknown')",
    )
    op.create_index(
        op.f("vendor_lookups_vendor_subject_key_idx"),
        "vendor_lookups",
        ["vendor", "subject_key"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "vendor_spending",
        Column("campaign", Text(), nullable=False),
        Column("spender", Text(), nullable=False, comment="a source or a provider of the campaign file"),
        Column("day", Date(), nullable=False),
        Column("unit", Text(), nullable=False),
        Column("amount", Double(), nullable=False),
        CheckConstraint("unit IN ('calls', 'credits', 'leads')", name=op.f("vendor_spending_unit_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("vendor_spending_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "spender", "day", "unit", name=op.f("vendor_spending_pkey")),
        schema=SCHEMA,
    )
    op.create_table(
        "webhook_deliveries",
        Column("campaign", Text(), nullable=False),
        Column("source", Text(), nullable=False, comment="two senders may use the same id"),
        Column("webhook_id", Text(), nullable=False),
        Column("body_key", Text(), nullable=False, comment="hash: the same id with another body is refused"),
        Column("received_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("webhook_deliveries_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "source", "webhook_id", name=op.f("webhook_deliveries_pkey")),
        schema=SCHEMA,
        comment="Ids of webhooks that were taken in, kept so that a repeated delivery changes nothing.",
    )
    op.create_index(
        op.f("webhook_deliveries_received_at_idx"),
        "webhook_deliveries",
        ["received_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.add_column(
        "partition_lineage",
        Column(
            "facts_until",
            DateTime(timezone=True),
            server_default=text("now()"),
            nullable=False,
            comment="facts known before this moment were all there to be read; a later one makes the day due",
        ),
        schema=SCHEMA,
    )
    op.execute("UPDATE leadflow.partition_lineage SET facts_until = written_at")
    op.add_column(
        "enriched_leads",
        Column(
            "email_is_catch_all",
            Boolean(),
            nullable=True,
            comment="the domain takes any address; NULL where nobody has asked",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "enriched_leads",
        Column(
            "email_suggestion",
            Text(),
            nullable=True,
            comment="what was probably meant, where a common domain is misspelt",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "enriched_leads",
        Column(
            "phone_type",
            Text(),
            nullable=True,
            comment="mobile, fixed_line, fixed_line_or_mobile, toll_free, voip, other",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "enriched_leads",
        Column("honorific", Text(), nullable=True, comment="Dr, Prof, Mrs, ..."),
        schema=SCHEMA,
    )
    op.add_column(
        "enriched_leads",
        Column(
            "company_domain",
            Text(),
            nullable=True,
            comment="registrable domain of its website, else of a business address",
        ),
        schema=SCHEMA,
    )
    op.add_column("enriched_leads", Column("company_founded_year", Integer(), nullable=True), schema=SCHEMA)
    op.add_column(
        "enriched_leads",
        Column("domain_registered_on", Date(), nullable=True, comment="of company_domain"),
        schema=SCHEMA,
    )
    op.add_column(
        "enriched_leads",
        Column(
            "social_urls", JSONB(), nullable=False, server_default=text("'{}'"), comment="network -> address"
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "enriched_leads",
        Column("enrichment_status", Text(), nullable=False, server_default=text("'none'")),
        schema=SCHEMA,
    )
    op.add_column(
        "enriched_leads",
        Column(
            "provenance",
            JSONB(),
            nullable=False,
            server_default=text("'{}'"),
            comment="field -> who said it, when, for how much, how sure; not named: the lead's own records",
        ),
        schema=SCHEMA,
    )

    for column in FILLED:
        op.alter_column("enriched_leads", column, server_default=None, schema=SCHEMA)
    op.create_check_constraint(
        op.f("enriched_leads_enrichment_status_check"),
        "enriched_leads",
        "enrichment_status IN ('none', 'waiting', 'complete', 'partial')",
        schema=SCHEMA,
    )
