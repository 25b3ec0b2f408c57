"""Similar accounts: builds, the companies of each, and their vectors. Needs the extension pgvector."""

from typing import Any

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
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import UserDefinedType

from leadflow_pipeline.errors import PermanentError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCHEMA = "leadflow"


class Vector(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "vector(128)"


def upgrade() -> None:
    ask_for_pgvector()
    op.create_table(
        "similar_account_builds",
        Column("build_id", BigInteger(), Identity(), nullable=False),
        Column("campaign", Text(), nullable=False),
        Column("day", Date(), nullable=False, comment="it knows no fact of this day or later"),
        Column("campaign_version", Integer(), nullable=False),
        Column("accounts", Integer(), nullable=False),
        Column("ended", Integer(), nullable=False, comment="of these, won or lost"),
        Column(
            "model", LargeBinary(), nullable=False, comment="what makes a vector of a company: arrays, as npz"
        ),
        Column("model_key", Text(), nullable=False, comment="SHA-256 of the model"),
        Column("made_at", DateTime(timezone=True), server_default=text("now()"), nullable=False),
        CheckConstraint("ended BETWEEN 0 AND accounts", name=op.f("similar_account_builds_accounts_check")),
        ForeignKeyConstraint(
            ["campaign"], ["leadflow.campaigns.campaign"], name=op.f("similar_account_builds_campaign_fkey")
        ),
        PrimaryKeyConstraint("build_id", name=op.f("similar_account_builds_pkey")),
        UniqueConstraint("campaign", "day", name=op.f("similar_account_builds_campaign_day_key")),
        schema=SCHEMA,
        comment="Builds of similar accounts: readers take the latest of a day or before. The last few are kept.",
    )
    op.create_table(
        "similar_accounts",
        Column("build_id", BigInteger(), nullable=False),
        Column("account_number", Integer(), nullable=False),
        Column("name", Text(), nullable=False),
        Column("name_key", Text(), nullable=True, comment="folded, no legal suffix"),
        Column("domain", Text(), nullable=True, comment="registrable"),
        Column("industry", Text(), nullable=True),
        Column("company_size", Integer(), nullable=True, comment="employees"),
        Column("country", Text(), nullable=True),
        Column("city", Text(), nullable=True),
        Column("leads", Integer(), nullable=False),
        Column("outcome", Text(), nullable=False),
        Column("ended_on", Date(), nullable=True, comment="when it was won or lost; NULL: it is open"),
        Column("value", Double(), nullable=True, comment="of what was won, in the campaign's currency"),
        CheckConstraint("outcome IN ('won', 'lost', 'open')", name=op.f("similar_accounts_outcome_check")),
        CheckConstraint(
            "(outcome = 'open') = (ended_on IS NULL)", name=op.f("similar_accounts_ended_on_check")
        ),
        CheckConstraint(
            "name_key IS NOT NULL OR domain IS NOT NULL", name=op.f("similar_accounts_known_by_check")
        ),
        ForeignKeyConstraint(
            ["build_id"],
            ["leadflow.similar_account_builds.build_id"],
            name=op.f("similar_accounts_build_id_fkey"),
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint("build_id", "account_number", name=op.f("similar_accounts_pkey")),
        schema=SCHEMA,
        comment="The companies of a build and how each ended, as known before its day.",
    )
    for column in ("domain", "name_key"):
        op.create_index(
            op.f(f"similar_accounts_build_id_{column}_idx"),
            "similar_accounts",
            ["build_id", column],
            unique=False,
            schema=SCHEMA,
        )
    op.create_table(
        "similar_account_vectors",
        Column("build_id", BigInteger(), nullable=False),
        Column("is_open", Boolean(), nullable=False, comment="neither won nor lost"),
        Column(
            "cell",
            SmallInteger(),
            nullable=False,
            comment="the part of space it lies in: a query looks into a few",
        ),
        Column("account_number", Integer(), nullable=False),
        Column("embedding", Vector(), nullable=False, comment="of length 1"),
        ForeignKeyConstraint(
            ["build_id", "account_number"],
            ["leadflow.similar_accounts.build_id", "leadflow.similar_accounts.account_number"],
            name=op.f("similar_account_vectors_build_id_account_number_fkey"),
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint(
            "build_id", "is_open", "cell", "account_number", name=op.f("similar_account_vectors_pkey")
        ),
        schema=SCHEMA,
        comment="A vector for each company of a build of which anything is known that others have too.",
    )
    op.create_index(
        op.f("similar_account_vectors_build_id_account_number_idx"),
        "similar_account_vectors",
        ["build_id", "account_number"],
        unique=False,
        schema=SCHEMA,
    )


def ask_for_pgvector() -> None:
    """Creates the extension where it is not there yet. Raises PermanentError, with the remedy, where it cannot."""
    connection = op.get_bind()
    found = connection.execute(
        text(
            "SELECT extname IS NOT NULL AS is_there, nspname AS place, available.name IS NOT NULL AS is_installed, "
            "current_database() AS database, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS "
            "(SELECT FROM pg_available_extension_versions AS version WHERE version.name = 'vector' AND trusted) "
            "AS is_allowed "
            "FROM (SELECT) AS nothing "
            "LEFT JOIN pg_available_extensions AS available ON available.name = 'vector' "
            "LEFT JOIN pg_extension ON extname = 'vector' "
            "LEFT JOIN pg_namespace ON pg_namespace.oid = extnamespace"
        )
    ).one()
    if found.is_there:
        if found.place != "public":
            raise PermanentError(
                f"pgvector is in the schema {found.place} of the database {found.database}, where it is not found: "
                "run ALTER EXTENSION vector SET SCHEMA public there, then leadflow db migrate"
            )
        return
    if not found.is_installed:
        raise PermanentError(
            "the PostgreSQL server lacks pgvector: install it there (the package postgresql-NN-pgvector of most "
            "systems; managed servers have it), then run leadflow db migrate"
        )
    if not found.is_allowed:
        raise PermanentError(
            f"only a superuser may add pgvector to the database {found.database}: have one run CREATE EXTENSION vector "
            "SCHEMA public there, then run leadflow db migrate"
        )
    op.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
