"""Reps, whose lead is whose, and what reps did: facts; and what routing decided about owners: derived.

What belongs here: the tables of ownership. What does not: which sequence a lead enters (`derived.routed_leads`).

A rep's record holds from a day on and is never changed: the latest record of a day or before it is what was known of
the rep on that day. So a day that is computed again knows the reps as they were.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Key, Timestamp, metadata, one_of
from leadflow_pipeline.store.schema.campaign import campaigns
from leadflow_pipeline.store.schema.derived import derived, lead_key

OWNER_STATUSES = ("ASSIGNED", "REASSIGNED", "HELD")
HANDOFF_ORIGINS = ("pipeline", "service", "hand", "sla")

reps = Table(
    "reps",
    metadata,
    Column("record_id", BigInteger, Identity(), primary_key=True),
    Column("rep", Text, nullable=False, comment="the rep's id, for good: an email address or a slug"),
    Column("from_day", Date, nullable=False, comment="the first day that this record holds for"),
    Column(
        "document", JSONB, nullable=False, comment="the whole record: territories, capacity, hours, status"
    ),
    Column("content_key", Text, nullable=False, comment="SHA-256 of the document"),
    Column("actor", Text, nullable=False),
    Column("recorded_at", Timestamp, nullable=False, server_default=func.now()),
    Index(None, "rep", "from_day"),
    comment="What is known of each rep from which day on: of two, the later day's, then the later record.",
)

rep_absences = Table(
    "rep_absences",
    metadata,
    Column("absence_id", BigInteger, Identity(), primary_key=True),
    Column("rep", Text, nullable=False),
    Column("first_day", Date, nullable=False, comment="of the rep's own calendar"),
    Column("last_day", Date, nullable=False, comment="inclusive"),
    Column("actor", Text, nullable=False),
    Column("recorded_at", Timestamp, nullable=False, server_default=func.now()),
    Column("withdrawn_at", Timestamp, comment="NULL: it stands"),
    CheckConstraint("last_day >= first_day", name="days"),
    Index(None, "rep", "last_day"),
    comment="Days on which a rep is away. No reason is kept: it is nobody's business here.",
)

rep_touches = Table(
    "rep_touches",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("touch_id", Text, primary_key=True, comment="given by the sender: an id seen before is a no-op"),
    Column("lead_id", Text, nullable=False),
    Column("rep", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="call, email, meeting, note, ..."),
    Column("occurred_at", Timestamp, nullable=False),
    Column("day", Date, Computed("(occurred_at AT TIME ZONE 'UTC')::date", persisted=True), nullable=False),
    Column("received_at", Timestamp, nullable=False, server_default=func.now()),
    Column("origin", Text, nullable=False),
    Index(None, "campaign", "lead_id", "occurred_at"),
    Index(None, "rep", "occurred_at"),
    comment="What reps did about their leads: the first one stops the clock of the first touch.",
)

handoffs = Table(
    "handoffs",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("lead_id", Text, primary_key=True),
    Column(
        "assignment_number",
        Integer,
        primary_key=True,
        comment="1 for a lead's first owner, 2 for its second, ...",
    ),
    Column("rep", Text, nullable=False),
    Column("planned_rep", Text, comment="whom the plan named; NULL where no plan did"),
    Column("previous_rep", Text, comment="whose lead it was before"),
    Column("decision_day", Date, nullable=False, comment="the day whose decision this carries out"),
    Column("origin", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="one plain line, no personal data"),
    Column("decided_at", Timestamp, nullable=False, server_default=func.now()),
    Column(
        "differs_at",
        Timestamp,
        comment="when the owner came to be another than planned; NULL where it is as planned",
    ),
    Column(
        "first_touch_due_at",
        Timestamp,
        comment="by the owner's working hours, as promised then; NULL: no clock",
    ),
    Column(
        "told_at",
        Timestamp,
        comment="when the messages about it went into the outbox; NULL: the door has not told anybody yet",
    ),
    one_of("origin", HANDOFF_ORIGINS),
    CheckConstraint("assignment_number >= 1", name="assignment_number"),
    Index(None, "rep", "decided_at"),
    Index(None, "campaign", "decision_day"),
    Index("handoffs_untold_idx", "decided_at", postgresql_where=text("told_at IS NULL")),
    comment="Whose lead it is, as it was told: the latest number is the owner. One row a number: never two owners.",
)

held_handoffs = Table(
    "held_handoffs",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("lead_id", Text, primary_key=True),
    Column("assignment_number", Integer, nullable=False, comment="of the decision that waits"),
    Column("decision_day", Date, nullable=False),
    Column("reason", Text, nullable=False, comment="one plain line, no personal data"),
    Column("held_since", Timestamp, nullable=False),
    Column("last_tried_at", Timestamp, nullable=False),
    comment="Leads that wait at the door because nobody may or can have them now: tried again until somebody can.",
)

handoff_briefs = Table(
    "handoff_briefs",
    metadata,
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), primary_key=True),
    Column("lead_id", Text, primary_key=True),
    Column("assignment_number", Integer, primary_key=True),
    Column(
        "asked_at",
        Timestamp,
        nullable=False,
        comment="on record before it is asked, so that it is asked once",
    ),
    Column("answered_at", Timestamp),
    Column("bullets", JSONB, comment="as the language model worded them; NULL: the template stands"),
    Column("problem", Text, comment="why not, in one plain line without a word of the answer"),
    comment="What a language model was asked about a lead for its owner: once a decision, and kept.",
)

owner_decisions = derived(
    "owner_decisions",
    lead_key(),
    Column("status", Text, nullable=False),
    Column(
        "assignment_number",
        Integer,
        nullable=False,
        comment="of this decision; of a held lead, of the next one",
    ),
    Column("owner", Text, comment="NULL: nobody may or can have it, and it is held until somebody can"),
    Column("previous_owner", Text),
    Column(
        "method",
        Text,
        nullable=False,
        comment="what decided: override, handoff, account, optimal, round_robin, ...",
    ),
    Column("match_score", Double, comment="0 to 1"),
    Column(
        "expected_value",
        Double,
        comment="conversion x value x match of the choice, in the campaign's currency",
    ),
    Column("price", Double, comment="what the owner's time was worth that day, in the same money"),
    Column("reasons", JSONB, nullable=False, comment="why, in words, the weightiest first"),
    Column(
        "candidates",
        JSONB,
        nullable=False,
        comment="the best few, with match, value and price; and who was struck why",
    ),
    one_of("status", OWNER_STATUSES),
    CheckConstraint("(status = 'HELD') = (owner IS NULL)", name="owner"),
    CheckConstraint("assignment_number >= 1", name="assignment_number"),
    comment="Who was given each lead on the day, or why nobody was, with what the choice was made of.",
)

rep_days = derived(
    "rep_days",
    Column("rep", Key, primary_key=True),
    Column(
        "capacity", Integer, nullable=False, comment="leads that the campaign might give the rep on the day"
    ),
    Column("eligible", Integer, nullable=False, comment="leads of the day that the rep might have had"),
    Column("assigned", Integer, nullable=False, comment="leads given on the day"),
    Column("floor", Integer, nullable=False, comment="leads that the rep was to get at least"),
    Column("open_leads", Integer, nullable=False, comment="of the campaign, at the end of the day"),
    Column("load", Double, nullable=False, comment="share of the rep's room that is taken, 0 to 1"),
    Column(
        "price",
        Double,
        nullable=False,
        comment="what one more lead of the rep would have been worth; 0 where there was room",
    ),
    Column(
        "rotation", JSONB, nullable=False, comment="where each rotation stands that the rep takes part in"
    ),
    CheckConstraint(
        "capacity >= 0 AND assigned >= 0 AND eligible >= 0 AND floor >= 0 AND open_leads >= 0", name="counts"
    ),
    comment="Each rep's day in the campaign: room, leads, price. The next day and single decisions go on from it.",
)
