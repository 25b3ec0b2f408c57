"""What tests of buying have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from leadflow_pipeline_tests.vendors.vendor_world import CAMPAIGNS, ChargingVendor, World


@pytest.fixture
def registered(campaign: Callable[..., str]) -> None:
    """Two campaigns that ask the same vendor."""
    for slug in CAMPAIGNS:
        campaign(slug)


@pytest.fixture
def world(engine: Engine, registered: None) -> Iterator[World]:
    with ChargingVendor() as server:
        yield World(engine, server)
