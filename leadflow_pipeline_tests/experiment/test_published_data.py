"""Published experiments, read whole: needs --data."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadflow_pipeline_tests.benchmarks.experiments import cookie_cats, open_bandit


def test_cookie_cats(data: Path) -> None:
    found = cookie_cats(data / "experiments")
    assert found["sample ratio: p"] == pytest.approx(0.0086, abs=5e-5)
    assert found["retention_7: z of gate_30 against gate_40"] == pytest.approx(3.164, abs=5e-4)


def test_open_bandit(data: Path) -> None:
    found = open_bandit(data / "experiments")
    assert found["uniform, inverse propensity: value"] == pytest.approx(found["observed rate"], abs=1e-12)
    for method in ("inverse propensity", "self-normalised", "doubly robust"):
        name = f"Thompson of the first half, {method}"
        assert found[f"{name}: at least"] < found[f"{name}: value"] < found[f"{name}: at most"]
