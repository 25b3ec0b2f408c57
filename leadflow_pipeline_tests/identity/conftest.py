"""The world that tests of persons and accounts stand in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from leadflow_pipeline_tests.identity.world import Leads


@pytest.fixture
def leads(engine: Engine, campaign: Callable[..., str]) -> Leads:
    """Three campaigns without a lead."""
    for slug in ("autumn", "spring", "winter"):
        campaign(slug)
    return Leads(engine)
