"""The alarm of arms that are not as large as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from leadflow_pipeline.experiment.sample_ratio import check_ratio


def test_cookie_cats_rings() -> None:
    """The published sizes of the arms, which were to be equal."""
    check = check_ratio([44700, 45489], [0.5, 0.5])
    assert check.p_value == pytest.approx(0.0086, abs=5e-5)
    assert check.alarms
    assert not check.is_certain
    assert "44,700 to 45,489" in str(check)


def test_it_is_pearsons() -> None:
    check = check_ratio([500, 320, 180], [5, 3, 2])
    expected = chisquare([500, 320, 180], [500, 300, 200])
    assert (check.chi_square, check.p_value) == (
        pytest.approx(expected.statistic),
        pytest.approx(expected.pvalue),
    )
    assert not check.alarms


def test_a_broken_experiment_is_certain() -> None:
    check = check_ratio([50_000, 48_000], [1, 1])
    assert check.is_certain
    assert "certainly" in str(check)


def test_of_a_few_nothing_is_said() -> None:
    assert check_ratio([3, 0], [1, 1]).p_value == 1
    assert not check_ratio([0, 0], [1, 1]).alarms


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    """One look: 1 in 100. Certain at any of 50 looks: fewer than 1 in 1,000."""
    draw = np.random.default_rng(1)
    last, ever = 0, 0
    for _ in range(300):
        steps = draw.binomial(400, 0.5, 50)
        arms = np.cumsum(np.column_stack([steps, 400 - steps]), axis=0)
        checks = [check_ratio(sizes, [1, 1]) for sizes in arms[::5].tolist()]
        last += checks[-1].p_value < 0.01
        ever += any(check.is_certain for check in checks)
    assert last <= 9
    assert ever <= 1


@pytest.mark.parametrize(
    ("observed", "weights"), [([1], [1]), ([1, 2], [1]), ([1, 2], [0, 1]), ([-1, 2], [1, 1])]
)
def test_what_is_no_ratio_is_refused(observed: list[int], weights: list[float]) -> None:
    with pytest.raises(ValueError, match="ratio check"):
        check_ratio(observed, weights)
