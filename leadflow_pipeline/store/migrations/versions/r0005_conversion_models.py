"""Conversion models, which of them was champion when, and what attribution credits channels with for the score."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "leadflow"


def upgrade() -> None:
    op.create_table(
        "conversion_models",
        Column("campaign", Text(), nullable=False),
        Column("model_version", Text(), nullable=False, comment="SHA-256 of the artifact"),
        Column("as_of", Date(), nullable=False, comment="it knows no fact of this day or later"),
        Column(
            "campaign_version",
            Integer(),
            nullable=False,
            comment="whose rules made the features it learned from",
        ),
        Column("kind", Text(), nullable=False),
        Column("is_pooled", Boolean(), nullable=False, comment="learned from other campaigns' leads too"),
        Column("examples", Integer(), nullable=False, comment="leads on days, with a known outcome"),
        Column("wins", Integer(), nullable=False),
        Column("first_day", Date(), nullable=False, comment="of its examples"),
        Column(
            "last_day",
            Date(),
            nullable=False,
            comment="of its examples: what is judged later must be after it",
        ),
        Column("artifact", Text(), nullable=False, comment="the whole model, as JSON"),
        Column(
            "card",
            postgresql.JSONB(),
            nullable=False,
            comment="how good it is, against what, and what was found wrong",
        ),
        Column("created_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint(
            "kind IN ('rules', 'logistic', 'boosted')", name=op.f("conversion_models_kind_check")
        ),
        CheckConstraint(
            "last_day < as_of AND first_day <= last_day", name=op.f("conversion_models_days_check")
        ),
        CheckConstraint("wins BETWEEN 0 AND examples", name=op.f("conversion_models_wins_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("conversion_models_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "model_version", name=op.f("conversion_models_pkey")),
        schema=SCHEMA,
        comment="Every model that was ever trained. A row is never changed.",
    )
    op.create_table(
        "model_promotions",
        Column("promotion_id", BigInteger(), Identity(), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("model_version", Text(), nullable=True, comment="NULL: the rules alone"),
        Column("from_day", Date(), nullable=False, comment="the first day that it scores"),
        Column("actor", Text(), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("decided_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("model_promotions_campaign_fkey")
        ),
        ForeignKeyConstraint(
            ["campaign", "model_version"],
            ["leadflow.conversion_models.campaign", "leadflow.conversion_models.model_version"],
            name=op.f("model_promotions_campaign_model_version_fkey"),
        ),
        PrimaryKeyConstraint("promotion_id", name=op.f("model_promotions_pkey")),
        schema=SCHEMA,
        comment=(
            "Which model is champion from which day on: of two for a day, the later day's, then the later "
            "decision's."
        ),
    )
    op.create_index(
        op.f("model_promotions_campaign_from_day_idx"),
        "model_promotions",
        ["campaign", "from_day"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "channel_credits",
        Column("campaign", Text(), nullable=False),
        Column(
            "from_day",
            Date(),
            nullable=False,
            comment="the first day it holds for; no fact of it or later is in it",
        ),
        Column("channel", Text(), nullable=False),
        Column("leads", Integer(), nullable=False, comment="that the channel brought before"),
        Column(
            "conversions", Double(), nullable=False, comment="its credit, by the campaign's attribution model"
        ),
        Column("recorded_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("leads >= 0 AND conversions >= 0", name=op.f("channel_credits_counts_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("channel_credits_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "from_day", "channel", name=op.f("channel_credits_pkey")),
        schema=SCHEMA,
        comment=(
            "What attribution credited each channel with, as it was recorded for the score. A row is never changed."
        ),
    )
