"""Owners and experiments: reps and what they do, whose lead is whose, and which variant whom; every qualification."""

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
    text,
)
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "leadflow"


def upgrade() -> None:
    op.create_table(
        "experiment_arms",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("experiment", Text(collation="C"), nullable=False),
        Column("variant", Text(collation="C"), nullable=False),
        Column(
            "weight", Double(), nullable=False, comment="share of the leads that the variant gets on the day"
        ),
        Column("exposed", Integer(), nullable=False, comment="leads so far, before the day"),
        Column("converted", Integer(), nullable=False, comment="of these, as known before the day"),
        Column("detail", postgresql.JSONB(), nullable=False, comment="what the weight was made of"),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint("converted BETWEEN 0 AND exposed", name=op.f("experiment_arms_counts_check")),
        CheckConstraint("weight BETWEEN 0 AND 1", name=op.f("experiment_arms_weight_check")),
        PrimaryKeyConstraint("campaign", "day", "experiment", "variant", name=op.f("experiment_arms_pkey")),
        schema=SCHEMA,
        comment="How the arms of each running experiment stood at the beginning of the day.",
    )
    op.create_table(
        "experiment_exposures",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column("experiment", Text(collation="C"), nullable=False),
        Column("variant", Text(), nullable=False),
        Column(
            "is_holdout",
            Boolean(),
            nullable=False,
            comment="kept out of every experiment of the group, for comparison",
        ),
        Column(
            "propensity",
            Double(),
            nullable=False,
            comment="how likely this variant was for the lead on that day",
        ),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint("propensity BETWEEN 0 AND 1", name=op.f("experiment_exposures_propensity_check")),
        PrimaryKeyConstraint(
            "campaign", "day", "lead_id", "experiment", name=op.f("experiment_exposures_pkey")
        ),
        schema=SCHEMA,
        comment="Leads that met a running experiment for the first time on the day, and which variant they got.",
    )
    op.create_table(
        "owner_decisions",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False, comment="stable within the campaign"),
        Column("status", Text(), nullable=False),
        Column(
            "assignment_number",
            Integer(),
            nullable=False,
            comment="of this decision; of a held lead, of the next one",
        ),
        Column(
            "owner",
            Text(),
            nullable=True,
            comment="NULL: nobody may or can have it, and it is held until somebody can",
        ),
        Column("previous_owner", Text(), nullable=True),
        Column(
            "method",
            Text(),
            nullable=False,
            comment="what decided: override, handoff, account, optimal, round_robin, ...",
        ),
        Column("match_score", Double(), nullable=True, comment="0 to 1"),
        Column(
            "expected_value",
            Double(),
            nullable=True,
            comment="conversion x value x match of the choice, in the campaign's currency",
        ),
        Column(
            "price",
            Double(),
            nullable=True,
            comment="what the owner's time was worth that day, in the same money",
        ),
        Column("reasons", postgresql.JSONB(), nullable=False, comment="why, in words, the weightiest first"),
        Column(
            "candidates",
            postgresql.JSONB(),
            nullable=False,
            comment="the best few, with match, value and price; and who was struck why",
        ),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint("(status = 'HELD') = (owner IS NULL)", name=op.f("owner_decisions_owner_check")),
        CheckConstraint(
            "status IN ('ASSIGNED', 'REASSIGNED', 'HELD')", name=op.f("owner_decisions_status_check")
        ),
        CheckConstraint("assignment_number >= 1", name=op.f("owner_decisions_assignment_number_check")),
        PrimaryKeyConstraint("campaign", "day", "lead_id", name=op.f("owner_decisions_pkey")),
        schema=SCHEMA,
        comment="Who was given each lead on the day, or why nobody was, with what the choice was made of.",
    )
    op.create_table(
        "rep_absences",
        Column("absence_id", BigInteger(), Identity(), nullable=False),
        Column("rep", Text(), nullable=False),
        Column("first_day", Date(), nullable=False, comment="of the rep's own calendar"),
        Column("last_day", Date(), nullable=False, comment="inclusive"),
        Column("actor", Text(), nullable=False),
        Column("recorded_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("withdrawn_at", DateTime(timezone=True), nullable=True, comment="NULL: it stands"),
        CheckConstraint("last_day >= first_day", name=op.f("rep_absences_days_check")),
        PrimaryKeyConstraint("absence_id", name=op.f("rep_absences_pkey")),
        schema=SCHEMA,
        comment="Days on which a rep is away. No reason is kept: it is nobody's business here.",
    )
    op.create_index(
        op.f("rep_absences_rep_last_day_idx"),
        "rep_absences",
        ["rep", "last_day"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "rep_days",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("rep", Text(collation="C"), nullable=False),
        Column(
            "capacity",
            Integer(),
            nullable=False,
            comment="leads that the campaign might give the rep on the day",
        ),
        Column("eligible", Integer(), nullable=False, comment="leads of the day that the rep might have had"),
        Column("assigned", Integer(), nullable=False, comment="leads given on the day"),
        Column("floor", Integer(), nullable=False, comment="leads that the rep was to get at least"),
        Column("open_leads", Integer(), nullable=False, comment="of the campaign, at the end of the day"),
        Column("load", Double(), nullable=False, comment="share of the rep's room that is taken, 0 to 1"),
        Column(
            "price",
            Double(),
            nullable=False,
            comment="what one more lead of the rep would have been worth; 0 where there was room",
        ),
        Column(
            "rotation",
            postgresql.JSONB(),
            nullable=False,
            comment="where each rotation stands that the rep takes part in",
        ),
        Column("campaign_version", Integer(), nullable=False),
        CheckConstraint(
            "capacity >= 0 AND assigned >= 0 AND eligible >= 0 AND floor >= 0 AND open_leads >= 0",
            name=op.f("rep_days_counts_check"),
        ),
        PrimaryKeyConstraint("campaign", "day", "rep", name=op.f("rep_days_pkey")),
        schema=SCHEMA,
        comment="Each rep's day in the campaign: room, leads, price. The next day and single decisions go on from it.",
    )
    op.create_table(
        "reps",
        Column("record_id", BigInteger(), Identity(), nullable=False),
        Column("rep", Text(), nullable=False, comment="the rep's id, for good: an email address or a slug"),
        Column("from_day", Date(), nullable=False, comment="the first day that this record holds for"),
        Column(
            "document",
            postgresql.JSONB(),
            nullable=False,
            comment="the whole record: territories, capacity, hours, status",
        ),
        Column("content_key", Text(), nullable=False, comment="SHA-256 of the document"),
        Column("actor", Text(), nullable=False),
        Column("recorded_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        PrimaryKeyConstraint("record_id", name=op.f("reps_pkey")),
        schema=SCHEMA,
        comment="What is known of each rep from which day on: of two, the later day's, then the later record.",
    )
    op.create_index(op.f("reps_rep_from_day_idx"), "reps", ["rep", "from_day"], unique=False, schema=SCHEMA)
    op.create_table(
        "experiment_states",
        Column("state_id", BigInteger(), Identity(), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("experiment", Text(), nullable=False, comment="its key in the campaign file"),
        Column("state", Text(), nullable=False),
        Column("winner", Text(), nullable=True, comment="the variant that everybody gets from then on"),
        Column("from_day", Date(), nullable=False, comment="the first day that it holds for"),
        Column("actor", Text(), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("decided_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint(
            "state IN ('draft', 'running', 'stopped', 'decided')", name=op.f("experiment_states_state_check")
        ),
        CheckConstraint("winner IS NULL OR state = 'decided'", name=op.f("experiment_states_winner_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("experiment_states_campaign_fkey")
        ),
        PrimaryKeyConstraint("state_id", name=op.f("experiment_states_pkey")),
        schema=SCHEMA,
        comment="In which state an experiment is from which day on: of two, the later day's, then the later one.",
    )
    op.create_index(
        op.f("experiment_states_campaign_experiment_from_day_idx"),
        "experiment_states",
        ["campaign", "experiment", "from_day"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "handoffs",
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column(
            "assignment_number",
            Integer(),
            nullable=False,
            comment="1 for a lead's first owner, 2 for its second, ...",
        ),
        Column("rep", Text(), nullable=False),
        Column("planned_rep", Text(), nullable=True, comment="whom the plan named; NULL where no plan did"),
        Column("previous_rep", Text(), nullable=True, comment="whose lead it was before"),
        Column("decision_day", Date(), nullable=False, comment="the day whose decision this carries out"),
        Column("origin", Text(), nullable=False),
        Column("reason", Text(), nullable=False, comment="one plain line, no personal data"),
        Column("decided_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column(
            "differs_at",
            DateTime(timezone=True),
            nullable=True,
            comment="when the owner came to be another than planned; NULL where it is as planned",
        ),
        Column(
            "first_touch_due_at",
            DateTime(timezone=True),
            nullable=True,
            comment="by the owner's working hours, as promised then; NULL: no clock",
        ),
        CheckConstraint(
            "origin IN ('pipeline', 'service', 'hand', 'sla')", name=op.f("handoffs_origin_check")
        ),
        CheckConstraint("assignment_number >= 1", name=op.f("handoffs_assignment_number_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("handoffs_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "lead_id", "assignment_number", name=op.f("handoffs_pkey")),
        schema=SCHEMA,
        comment="Whose lead it is, as it was told: the latest number is the owner. One row a number: never two owners.",
    )
    op.create_index(
        op.f("handoffs_campaign_decision_day_idx"),
        "handoffs",
        ["campaign", "decision_day"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("handoffs_rep_decided_at_idx"), "handoffs", ["rep", "decided_at"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "handoff_briefs",
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("assignment_number", Integer(), nullable=False),
        Column(
            "asked_at",
            DateTime(timezone=True),
            nullable=False,
            comment="on record before it is asked, so that it is asked once",
        ),
        Column("answered_at", DateTime(timezone=True), nullable=True),
        Column(
            "bullets",
            postgresql.JSONB(),
            nullable=True,
            comment="as the language model worded them; NULL: the template stands",
        ),
        Column(
            "problem",
            Text(),
            nullable=True,
            comment="why not, in one plain line without a word of the answer",
        ),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("handoff_briefs_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "lead_id", "assignment_number", name=op.f("handoff_briefs_pkey")),
        schema=SCHEMA,
        comment="What a language model was asked about a lead for its owner: once a decision, and kept.",
    )
    op.create_table(
        "held_handoffs",
        Column("campaign", Text(), nullable=False),
        Column("lead_id", Text(), nullable=False),
        Column("assignment_number", Integer(), nullable=False, comment="of the decision that waits"),
        Column("decision_day", Date(), nullable=False),
        Column("reason", Text(), nullable=False, comment="one plain line, no personal data"),
        Column("held_since", DateTime(timezone=True), nullable=False),
        Column("last_tried_at", DateTime(timezone=True), nullable=False),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("held_handoffs_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "lead_id", name=op.f("held_handoffs_pkey")),
        schema=SCHEMA,
        comment="Leads that wait at the door because nobody may or can have them now: tried again until somebody can.",
    )
    op.create_table(
        "qualification_log",
        Column("campaign", Text(collation="C"), nullable=False),
        Column("day", Date(), nullable=False),
        Column("lead_id", Text(collation="C"), nullable=False),
        Column("decision_id", BigInteger(), Identity(), nullable=False),
        Column("status", Text(), nullable=False),
        Column("is_override", Boolean(), nullable=False),
        Column("score", Double(), nullable=False),
        Column("reasons", postgresql.JSONB(), nullable=False),
        Column("campaign_version", Integer(), nullable=False),
        Column("model_version", Text(), nullable=True),
        Column("run_id", Text(), nullable=False),
        Column("decided_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        PrimaryKeyConstraint(
            "campaign", "day", "lead_id", "decision_id", name=op.f("qualification_log_pkey")
        ),
        schema=SCHEMA,
        comment="Every judgement of a lead on a day; computing a day again adds only what differs.",
    )
    op.add_column(
        "qualified_leads",
        Column("model_version", Text(), comment="of the model that took part in the score"),
        schema=SCHEMA,
    )
    op.create_table(
        "rep_touches",
        Column("campaign", Text(), nullable=False),
        Column(
            "touch_id", Text(), nullable=False, comment="given by the sender: an id seen before is a no-op"
        ),
        Column("lead_id", Text(), nullable=False),
        Column("rep", Text(), nullable=False),
        Column("kind", Text(), nullable=False, comment="call, email, meeting, note, ..."),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column(
            "day", Date(), Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False
        ),
        Column("received_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        Column("origin", Text(), nullable=False),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("rep_touches_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "touch_id", name=op.f("rep_touches_pkey")),
        schema=SCHEMA,
        comment="What reps did about their leads: the first one stops the clock of the first touch.",
    )
    op.create_index(
        op.f("rep_touches_campaign_lead_id_occurred_at_idx"),
        "rep_touches",
        ["campaign", "lead_id", "occurred_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        op.f("rep_touches_rep_occurred_at_idx"),
        "rep_touches",
        ["rep", "occurred_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.add_column(
        "messages",
        Column(
            "payload",
            postgresql.JSONB(),
            nullable=True,
            comment="what a channel other than email sends, beside subject and text",
        ),
        schema=SCHEMA,
    )
    op.drop_constraint(op.f("messages_channel_check"), "messages", schema=SCHEMA)
    op.create_check_constraint(
        op.f("messages_channel_check"),
        "messages",
        "channel IN ('email', 'slack', 'hubspot', 'webhook')",
        schema=SCHEMA,
    )
