"""Dagster's storage as users have it, in a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.dagster_home import dagster_instance


@pytest.fixture
def log(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The event log of an instance of its own."""
    monkeypatch.setenv("LEADFLOW_HOME", str(tmp_path / "home"))
    for name in ("DAGSTER_HOME", "LEADFLOW_DAGSTER_DATABASE_URL", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    get_settings.cache_clear()
    with dagster_instance() as instance:
        yield instance.event_log_storage


def test_two_runs_may_use_a_pool_for_the_first_time_at_once(log: Any) -> None:
    """The later of two saw no limit of the pool, and finds the other's in its way."""
    assert log.initialize_concurrency_limit_to_default("harvest")
    assert log.initialize_concurrency_limit_to_default("harvest")
    assert [(pool.name, pool.limit) for pool in log.get_pool_limits()] == [("harvest", 2)]
    assert log.get_concurrency_info("harvest").slot_count == 2


def test_a_table_is_looked_for_until_it_is_there(log: Any) -> None:
    assert not log.has_table("comes_later")
    with log._engine.begin() as connection:
        connection.execute(text("CREATE TABLE comes_later (number integer)"))
    assert log.has_table("comes_later")
    asked = []
    event.listen(log._engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    assert log.has_table("comes_later")
    assert not asked
