"""Experiments: what was decided about them (facts), who was exposed and how the arms stood (derived).

What does not belong here: what an experiment is, which the campaign file says.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Key, Timestamp, metadata, one_of, within
from leadflow_pipeline.store.schema.campaign import campaigns
from leadflow_pipeline.store.schema.derived import derived, lead_key

EXPERIMENT_STATES = ("draft", "running", "stopped", "decided")

experiment_states = Table(
    "experiment_states",
    metadata,
    Column("state_id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey(campaigns.c.campaign), nullable=False),
    Column("experiment", Text, nullable=False, comment="its key in the campaign file"),
    Column("state", Text, nullable=False),
    Column("winner", Text, comment="the variant that everybody gets from then on"),
    Column("from_day", Date, nullable=False, comment="the first day that it holds for"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", Timestamp, nullable=False, server_default=func.now()),
    one_of("state", EXPERIMENT_STATES),
    CheckConstraint("winner IS NULL OR state = 'decided'", name="winner"),
    Index(None, "campaign", "experiment", "from_day"),
    comment="In which state an experiment is from which day on: of two, the later day's, then the later one.",
)

experiment_exposures = derived(
    "experiment_exposures",
    lead_key(),
    Column("experiment", Key, primary_key=True),
    Column("variant", Text, nullable=False),
    Column(
        "is_holdout",
        Boolean,
        nullable=False,
        comment="kept out of every experiment of the group, for comparison",
    ),
    Column(
        "propensity", Double, nullable=False, comment="how likely this variant was for the lead on that day"
    ),
    within("propensity", 0, 1),
    comment="Leads that met a running experiment for the first time on the day, and which variant they got.",
)

experiment_arms = derived(
    "experiment_arms",
    Column("experiment", Key, primary_key=True),
    Column("variant", Key, primary_key=True),
    Column("weight", Double, nullable=False, comment="share of the leads that the variant gets on the day"),
    Column("exposed", Integer, nullable=False, comment="leads so far, before the day"),
    Column("converted", Integer, nullable=False, comment="of these, as known before the day"),
    Column("detail", JSONB, nullable=False, comment="what the weight was made of"),
    within("weight", 0, 1),
    CheckConstraint("converted BETWEEN 0 AND exposed", name="counts"),
    comment="How the arms of each running experiment stood at the beginning of the day.",
)
