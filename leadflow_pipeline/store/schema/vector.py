"""pgvector's type, for tables. In frames a vector is text as PostgreSQL writes it: `[0.1,0.2]`.

What does not belong here: the extension itself, which a migration asks for, and bulk loads (`store.vectors`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType


class Vector(UserDefinedType[str]):
    """`vector(n)`: n numbers of single precision."""

    cache_ok = True

    def __init__(self, dimensions: int | str | None = None) -> None:
        # PostgreSQL hands modifiers of a type over as text when tables are inspected.
        self.dimensions = None if dimensions is None else int(dimensions)

    def get_col_spec(self, **_: Any) -> str:
        """The type in SQL."""
        return "vector" if self.dimensions is None else f"vector({self.dimensions})"


ischema_names["vector"] = Vector
"""So that a table that is inspected (migrations are compared with the schema) shows its vectors as such."""
