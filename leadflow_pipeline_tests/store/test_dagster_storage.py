"""Dagster's storage as users have it, in a real database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.dagster_home import dagster_instance


def test_two_runs_may_use_a_pool_for_the_first_time_at_once(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later of two saw no limit of the pool, and finds the other's in its way."""
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path / "home"))
    for name in ("DAGSTER_HOME", "LEADFLOW_DAGSTER_DATABASE_URL", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    get_settings.cache_clear()
    with dagster_instance() as instance:
        log = instance.event_log_storage
        assert log.initialize_concurrency_limit_to_default("harvest")
        assert log.initialize_concurrency_limit_to_default("harvest")
        assert [(pool.name, pool.limit) for pool in log.get_pool_limits()] == [("harvest", 2)]
        assert log.get_concurrency_info("harvest").slot_count == 2
