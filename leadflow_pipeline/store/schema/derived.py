"""What the stages compute: a table for each asset, keyed by (campaign, day), and what each partition was made from.

A partition is replaced as a whole. Rows hold no wall-clock time, no run id and no generated number, so that computing a
day again gives the same bytes; when and by which run it was written stands in `partition_lineage` alone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Key, Timestamp, metadata, one_of, within
from leadflow_pipeline.store.schema.campaign import campaign_versions

TEMPERATURES = ("hot", "warm", "cold")
TIERS = ("HOT", "WARM", "COOL", "COLD")
QUALIFICATION_STATUSES = ("QUALIFIED", "MANUAL_REVIEW", "REJECTED", "PENDING")
ROUTING_STATUSES = ("ROUTED", "ALREADY_ROUTED", "QUALIFICATION_PENDING", "REJECTED_LEAD")
NURTURE_STATES = ("ENROLLED", "TOUCH_DUE", "PAUSED", "STOPPED", "GRADUATED", "COMPLETED")
TOUCH_CHANNELS = ("email", "task", "webhook")
ENRICHMENT_STATUSES = ("none", "waiting", "complete", "partial")

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
    Column("model_version", Text, comment="of the model that took part in the score"),
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
    Column(
        "next_step",
        Integer,
        comment="place in the sequence of the step that comes next; NULL where none does",
    ),
    Column("next_touch_at", Timestamp),
    Column("last_step_at", Timestamp, comment="when its latest email, task or webhook was to fall due"),
    Column("waits_until", Timestamp, comment="until when the next step waits for its conditions"),
    Column("rests_until", Timestamp, comment="no sequence begins before it, but for one asked for by hand"),
    Column("tier_at_enrolment", Text),
    Column("reasons", JSONB, nullable=False),
    one_of("state", NURTURE_STATES),
    one_of("tier_at_enrolment", TIERS),
    CheckConstraint("steps_planned BETWEEN 0 AND steps_total", name="steps"),
    comment="Enrolled leads whose nurture state changed on the day.",
)

nurture_touches = derived(
    "nurture_touches",
    lead_key(),
    Column("enrolment_id", Key, primary_key=True),
    Column("step", Integer, primary_key=True, comment="place in the sequence, from 1"),
    Column("sequence", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("planned_at", Timestamp, nullable=False),
    Column("not_after", Timestamp, nullable=False),
    one_of("channel", TOUCH_CHANNELS),
    CheckConstraint("not_after > planned_at", name="not_after"),
    CheckConstraint("step >= 1", name="step"),
    comment="Touches that fall due in the 24 hours after the day, as planned at its end. Planning sends nothing.",
)
