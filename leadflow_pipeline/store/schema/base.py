"""What every table is declared with: the metadata, how constraints are named, and columns and CHECKs that come back.

What belongs here: what two modules of this package need. What does not: any table.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, DateTime, MetaData, Text

SCHEMA = "leadflow"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)

Timestamp = DateTime(timezone=True)
Key = Text(collation="C")
"""Text of a derived key: ordered by bytes on every server, so that its index gives the order in which rows are read."""


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    quoted = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({quoted})", name=column)


def within(column: str, low: float, high: float) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN {low} AND {high}", name=column)
