"""Fixtures of the tests of asked sources."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from leadflow_pipeline_tests.harvest.sources.asked import SECRETS, AskingWorld


@pytest.fixture
def asking(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AskingWorld:
    """An empty database, and the key of every stand-in."""
    for name in SECRETS:
        monkeypatch.setenv(name, "test-key")
    return AskingWorld(engine)
