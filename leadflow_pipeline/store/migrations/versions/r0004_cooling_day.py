"""The day on which a scored lead leaves its temperature by decay alone.

Scores of earlier days have none until those days are computed again: their leads cool when there is news of
them, as they did before.
"""

from alembic import op
from sqlalchemy import Column, Date, text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "leadflow"
COMMENT = (
    "Leads of the day, and earlier leads with news on it or cooling: fit, engagement, temperature and score, "
    "explained."
)


def upgrade() -> None:
    op.add_column(
        "scored_leads",
        Column(
            "cools_on",
            Date(),
            nullable=True,
            comment="the day it leaves its temperature if nothing happens; NULL for cold",
        ),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("scored_leads_campaign_cools_on_idx"),
        "scored_leads",
        ["campaign", "cools_on"],
        unique=False,
        schema=SCHEMA,
        postgresql_where=text("cools_on IS NOT NULL"),
    )
    op.create_table_comment("scored_leads", COMMENT, schema=SCHEMA)
