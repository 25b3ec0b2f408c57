"""Looking while an experiment runs keeps the promised error: by published boundaries, exactly, and by simulation."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from leadflow_pipeline.experiment.multiple_comparisons import holm
from leadflow_pipeline.experiment.sequential import (
    always_valid_p_value,
    boundaries,
    confidence_sequence,
    crossing,
    inflation,
    power,
    sequential_p_value,
)

TWENTY = (np.arange(1, 21) / 20).tolist()
some_looks = st.lists(st.floats(0.02, 1), min_size=1, max_size=8).map(
    lambda steps: (np.cumsum(steps) / sum(steps)).tolist()
)


def walks(trials: int, looks: int, drift: float = 0.0, seed: int = 1) -> np.ndarray:
    """z at each of so many equal looks, (trials, looks)."""
    steps = np.random.default_rng(seed).normal(drift / looks, np.sqrt(1 / looks), (trials, looks))
    return np.cumsum(steps, axis=1) / np.sqrt(np.arange(1, looks + 1) / looks)


def test_published_boundaries() -> None:
    """Of five equal looks, as tables of Lan and DeMets' O'Brien-Fleming boundaries give them (alpha 0.05)."""
    expected = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]
    assert boundaries([0.2, 0.4, 0.6, 0.8, 1.0]) == pytest.approx(expected, abs=2e-4)


def test_one_look_is_the_plain_test() -> None:
    assert boundaries([1.0]).tolist() == pytest.approx([1.959964])
    assert sequential_p_value([2.5], [1.0]) == pytest.approx(2 * norm.sf(2.5), rel=1e-3)
    assert inflation([1.0]) == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=25)
@given(some_looks, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_error_is_spent_exactly_whatever_the_looks(looks: list[float], alpha: float) -> None:
    result = crossing(looks, boundaries(looks, alpha))
    assert result.total == pytest.approx(alpha, abs=1e-8)
    assert result.above == pytest.approx(result.below, abs=1e-12)


@settings(max_examples=25)
@given(some_looks)
def test_what_follows_changes_no_boundary(looks: list[float]) -> None:
    whole = boundaries(looks)
    assert boundaries(looks[:-1] or looks)[: len(looks) - 1] == pytest.approx(whole[: len(looks) - 1])


def test_looks_that_know_no_more_are_not_tested() -> None:
    looks = [0.3, 0.3, 0.29, 0.6, 1.0]
    bounds = boundaries(looks)
    assert bounds[[1, 2]].tolist() == [inf, inf]
    assert bounds[[0, 3, 4]] == pytest.approx(boundaries([0.3, 0.6, 1.0]))
    assert crossing([0.3, 0.6, 1.0], bounds[[0, 3, 4]]).total == pytest.approx(0.05, abs=1e-9)


def test_the_last_look_spends_what_is_left() -> None:
    for looks in ([0.3, 0.6], [0.3, 0.6, 0.6]):
        bounds = boundaries(looks, last=True)
        times = [0.3, 0.6] if len(looks) == 2 else [0.3, 0.6, 0.6001]
        assert crossing(times, bounds).total == pytest.approx(0.05, abs=1e-8)
    assert boundaries([0.5, 1.0, 1.3])[-1] == inf


def test_a_a_experiments_are_called_rarely_in_20_looks() -> None:
    """30,000 experiments without a difference: 5 % by boundaries; looking on at 1.96 calls a quarter of them."""
    z = np.abs(walks(30_000, 20))
    assert (z >= boundaries(TWENTY)).any(axis=1).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 30_000)
    assert (z >= 1.959964).any(axis=1).mean() == pytest.approx(0.248, abs=0.01)


def test_differences_are_found_nearly_as_often_as_by_one_look() -> None:
    drift = float(norm.isf(0.025) + norm.ppf(0.8))
    found = (walks(30_000, 20, drift, seed=2) >= boundaries(TWENTY)).any(axis=1).mean()
    assert found == pytest.approx(power(TWENTY, drift), abs=0.01)
    assert power(TWENTY, drift) == pytest.approx(0.782, abs=1e-3)
    needed = np.sqrt(inflation(TWENTY)) * drift
    assert power(TWENTY, needed) == pytest.approx(0.8, abs=1e-6)


def test_the_p_value_is_below_alpha_when_a_boundary_is_crossed() -> None:
    z = walks(20, 5, 2.0, seed=3)
    looks = [0.2, 0.4, 0.6, 0.8, 1.0]
    for walk in z.tolist():
        p_values = [sequential_p_value(walk[:k], looks[:k]) for k in range(1, 6)]
        assert all(later <= earlier * 1.0001 for earlier, later in pairwise(p_values))
        for alpha in (0.01, 0.05, 0.2):
            assert (p_values[-1] <= alpha) == bool((np.abs(walk) >= boundaries(looks, alpha)).any())
    assert sequential_p_value([0.0, 0.0], [0.5, 1.0]) == 1.0
    assert sequential_p_value([40.0], [1.0]) == pytest.approx(1e-12)


def test_holm_over_variants_keeps_the_error_at_all_looks_together() -> None:
    """Three variants that share a control, none of them different, 4 looks: one is called in 5 % or fewer."""
    draw = np.random.default_rng(4)
    looks, trials = [0.25, 0.5, 0.75, 1.0], 400
    arms = np.cumsum(draw.normal(size=(trials, 4, 4)), axis=2) / np.sqrt(np.arange(1, 5))
    z = (arms[:, 1:] - arms[:, :1]) / np.sqrt(2)
    called = (np.abs(z) >= boundaries(looks, 0.05 / 3)).any(axis=(1, 2))
    assert called.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)
    for trial in [0, 1, *np.flatnonzero(called)[:3].tolist()]:
        p_values = [sequential_p_value(walk, looks) for walk in z[trial].tolist()]
        assert (holm(p_values) <= 0.05).any() == called[trial]


def test_confidence_sequences_hold_at_every_look() -> None:
    """2,000 experiments looked at after each of 200 leads: 5 % leave the truth out at some look, or fewer."""
    looks = 200
    estimates = walks(2000, looks) / np.sqrt(np.arange(1, looks + 1))
    ever = np.zeros(2000, dtype=bool)
    for k in range(looks):
        interval = confidence_sequence(0.0, 1 / np.sqrt(k + 1), 1 / np.sqrt(looks))
        ever |= np.abs(estimates[:, k]) > interval.high
    assert ever.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


@settings(max_examples=60)
@given(st.floats(-5, 5), st.floats(0.05, 3), st.floats(0.05, 1))
def test_the_sequences_p_value_and_interval_agree(estimate: float, error: float, planned: float) -> None:
    interval = confidence_sequence(estimate, error, planned)
    assert estimate in interval
    p_value = always_valid_p_value(estimate, error, planned)
    if abs(p_value - 0.05) > 1e-9:
        assert (p_value < 0.05) == (0.0 not in interval)
    assert interval.high - estimate > 1.96 * error


def test_without_data_nothing_is_known() -> None:
    assert confidence_sequence(0.1, inf, 0.1).width == inf
    assert always_valid_p_value(0.1, inf, 0.1) == 1
    with pytest.raises(ValueError, match="planned information"):
        boundaries([-0.1])
    with pytest.raises(ValueError, match="rise"):
        crossing([0.5, 0.5], [2.0, 2.0])
