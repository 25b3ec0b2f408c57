"""Conversion models: every one that was trained, and which of them scores from which day on.

All of it facts: a model is kept whole, as its artifact, and a decision is followed by another, never changed. What does
not belong here: what a model gave a lead (`derived.scored_leads`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Timestamp, metadata, one_of
from leadflow_pipeline.store.schema.campaign import campaigns

MODEL_KINDS = ("rules", "logistic", "boosted")
"""What a conversion model learned: the scale of the rule score alone, a spline logistic regression, additive trees."""

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
