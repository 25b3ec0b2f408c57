"""Statistics of young tables: gathered where much was written, and not again for nothing."""

from __future__ import annotations

from sqlalchemy import Engine, text

from leadflow_pipeline.store.schema import experiment_exposures
from leadflow_pipeline.store.statistics import LEAST_ROWS, refresh_statistics

FILL = """
INSERT INTO leadflow.experiment_exposures
SELECT 'spring', DATE '2026-01-05', 'lead-' || n, 'gentler', 'as-is', false, 0.5, 1 FROM generate_series(1, :rows) AS n
"""
GATHERED = text(
    "SELECT analyze_count FROM pg_stat_user_tables WHERE relid = 'leadflow.experiment_exposures'::regclass"
)


def test_a_table_that_was_just_filled_is_known_to_the_planner(engine: Engine) -> None:
    with engine.connect() as connection:
        before = connection.scalar(GATHERED)
    with engine.begin() as connection:
        connection.execute(text(FILL), {"rows": LEAST_ROWS * 6 // 5})
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    for _ in range(2):
        refresh_statistics(engine, [experiment_exposures])
    with engine.connect() as connection:
        assert connection.scalar(GATHERED) == before + 1
