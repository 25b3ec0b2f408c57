"""Many rows given to one statement, as a table it reads from.

What belongs here: the one way from dictionaries to such a table. What does not: what is done with it; and frames, which
go by COPY (`copy`).

It is one parameter whatever their number: a statement with a parameter a value costs more than all the rest, and a
statement a row is a way to the server each.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnClause, TableValuedAlias, bindparam, func
from sqlalchemy.dialects.postgresql import JSONB


def given_rows(*columns: ColumnClause[Any]) -> TableValuedAlias:
    """A table of these columns. Its rows are the parameter `rows`: dictionaries whose values JSON has."""
    rows = func.jsonb_to_recordset(bindparam("rows", type_=JSONB))
    return rows.table_valued(*columns, name="given").render_derived(with_types=True)
