"""The world that tests of what comes back stand in: emails that were sent."""

from __future__ import annotations

from leadflow_pipeline_tests.delivery.conftest import world

__all__ = ["world"]
