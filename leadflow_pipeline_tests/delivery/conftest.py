"""The world that tests of the doors stand in."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from leadflow_pipeline_tests.delivery.owners_world import OwnersWorld
from leadflow_pipeline_tests.delivery.world import World


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    """A fresh database, and a folder for emails."""
    return World(engine, tmp_path)


@pytest.fixture
def owners(engine: Engine, tmp_path: Path) -> OwnersWorld:
    """A fresh database, and a folder for messages."""
    return OwnersWorld(engine, tmp_path)
