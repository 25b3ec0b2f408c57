"""What each channel cost on each day."""

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Text,
    text,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "leadflow"


def upgrade() -> None:
    op.create_table(
        "channel_spend",
        Column("campaign", Text(), nullable=False),
        Column("channel", Text(), nullable=False),
        Column("day", Date(), nullable=False),
        Column(
            "origin",
            Text(),
            nullable=False,
            comment="the source of the campaign file that tells it; what it tells later of the same day replaces this",
        ),
        Column("amount", Double(), nullable=False, comment="money, in the campaign's currency"),
        Column("received_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("amount >= 0 AND amount < 'Infinity'", name=op.f("channel_spend_amount_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("channel_spend_campaign_fkey")
        ),
        PrimaryKeyConstraint("campaign", "channel", "day", "origin", name=op.f("channel_spend_pkey")),
        schema=SCHEMA,
        comment="What each channel cost on each day, as a source told it last.",
    )
