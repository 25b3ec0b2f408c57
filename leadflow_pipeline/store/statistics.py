"""What the planner knows of tables: gathered anew before a query over millions of rows, where much was written since.

Autovacuum does it too, but a minute later and in its own time; a table that was just filled for the first time would be
read by plans made for a few rows.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine, Table, text

MUCH = 0.2
"""Of a table's rows: written since statistics were gathered."""
LEAST_ROWS = 10_000
"""Written rows, below which no plan is bad enough to matter."""

_STALE = text(
    "SELECT n_mod_since_analyze > :least AND n_mod_since_analyze > :much * n_live_tup "
    "FROM pg_stat_user_tables WHERE relid = CAST(:name AS regclass)"
)


def refresh_statistics(engine: Engine, tables: Iterable[Table]) -> None:
    """Gathers statistics of those of these tables of which much was written since it was last done."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            given = {"least": LEAST_ROWS, "much": MUCH, "name": table.fullname}
            if connection.scalar(_STALE, given):
                connection.execute(text(f"ANALYZE {table.fullname}"))
