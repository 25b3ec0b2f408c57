"""What another policy would have earned: right where it can be known, and warned of where not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.experiment.off_policy import (
    Groups,
    Logged,
    cross_fitted_rates,
    doubly_robust,
    inverse_propensity,
    self_normalised,
    warnings_of,
)

RATES = np.array([0.05, 0.1, 0.3])
USED = np.array([0.6, 0.3, 0.1])
OTHER = np.array([0.1, 0.2, 0.7])


def log(seed: int, count: int = 2000) -> tuple[np.ndarray, Logged]:
    draw = np.random.default_rng(seed)
    action = draw.choice(3, count, p=USED)
    reward = (draw.random(count) < RATES[action]).astype(float)
    return action, Logged(reward, USED[action], OTHER[action])


def test_the_policys_own_value_is_what_was_observed() -> None:
    action, logged = log(1)
    same = Logged(logged.reward, logged.propensity, logged.propensity)
    for estimate in (inverse_propensity(same), self_normalised(same)):
        assert estimate.value == pytest.approx(logged.reward.mean())
        assert estimate.effective_sample_size == pytest.approx(len(action))
        assert estimate.warnings == ()
        assert estimate.standard_error == pytest.approx(
            logged.reward.std(ddof=1) / np.sqrt(len(action)), rel=1e-3
        )


def test_groups_of_choices_give_what_the_choices_give() -> None:
    action, logged = log(4)
    reward = logged.reward * np.random.default_rng(1).integers(1, 9, len(action))
    rates = np.array([0.2, 0.4, 1.5])
    each = Logged(reward, logged.propensity, logged.target)

    def by_action(values: np.ndarray) -> np.ndarray:
        return np.bincount(action, values, 3)

    groups = Groups(by_action(np.ones(len(action))), by_action(reward != 0), by_action(reward**2))
    together = Logged(by_action(reward), USED, OTHER, groups)
    value = float(rates @ OTHER)
    pairs = [
        (inverse_propensity(each), inverse_propensity(together)),
        (self_normalised(each), self_normalised(together)),
        (
            doubly_robust(each, rates[action], np.full(len(action), value)),
            doubly_robust(together, rates, np.full(3, value)),
        ),
    ]
    for one, other in pairs:
        assert other.value == pytest.approx(one.value)
        assert other.standard_error == pytest.approx(one.standard_error)
        assert other.effective_sample_size == pytest.approx(one.effective_sample_size)
        assert other.warnings == one.warnings
    with pytest.raises(ValueError, match="cannot be drawn again"):
        self_normalised(together, resamples=10)


def test_all_three_are_right_on_average_and_their_intervals_hold() -> None:
    truth = float(RATES @ OTHER)
    found: dict[str, list[float]] = {}
    inside: dict[str, list[bool]] = {}
    for seed in range(300):
        action, logged = log(seed)
        rates = cross_fitted_rates(action, 3, logged.reward)
        predicted = rates[np.arange(len(action)), action]
        robust = doubly_robust(logged, predicted, rates @ OTHER)
        for estimate in (inverse_propensity(logged), self_normalised(logged), robust):
            found.setdefault(estimate.method, []).append(estimate.value)
            inside.setdefault(estimate.method, []).append(truth in estimate.interval)
    for method, values in found.items():
        assert np.mean(values) == pytest.approx(truth, abs=0.005), method
        assert 0.9 < np.mean(inside[method]) <= 0.99, method
    assert np.std(found["doubly robust"]) < np.std(found["inverse propensity"])


def test_doubly_robust_survives_wrong_propensities_with_a_right_model() -> None:
    draw = np.random.default_rng(5)
    action = draw.choice(3, 20_000, p=USED)
    reward = (draw.random(20_000) < RATES[action]).astype(float)
    wrong = Logged(reward, np.full(20_000, 1 / 3), OTHER[action])
    robust = doubly_robust(wrong, RATES[action], np.full(20_000, RATES @ OTHER))
    assert robust.value == pytest.approx(RATES @ OTHER, abs=0.01)
    assert abs(inverse_propensity(wrong).value - RATES @ OTHER) > 0.05
    assert any("propensities are wrong" in warning for warning in robust.warnings)


def test_the_bootstrap_agrees_with_the_normal_interval_and_is_the_same_each_time() -> None:
    _, logged = log(3)
    normal = self_normalised(logged)
    drawn = self_normalised(logged, resamples=400, seed=7)
    assert drawn.interval == self_normalised(logged, resamples=400, seed=7).interval
    assert drawn.interval.low == pytest.approx(normal.interval.low, abs=0.012)
    assert drawn.interval.high == pytest.approx(normal.interval.high, abs=0.012)


def test_warnings_say_what_cannot_be_known() -> None:
    reward, propensity = np.ones(50), np.full(50, 0.5)
    none = Logged(reward, propensity, np.zeros(50))
    assert "nothing is known" in warnings_of(none)[0]
    assert np.isnan(self_normalised(none).value)
    one = Logged(reward, propensity, np.append(np.zeros(49), 1.0))
    told = " ".join(warnings_of(one))
    assert "one choice alone has 100%" in told
    assert "only 1 choices" in told


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.05, 1), st.floats(0, 1)), min_size=2, max_size=30))
def test_self_normalised_stays_within_the_rewards(rows: list[tuple[float, float, float]]) -> None:
    reward, propensity, target = (np.array(column) for column in zip(*rows, strict=True))
    logged = Logged(reward, propensity, target)
    if logged.weight.sum() > 1e-9:
        estimate = self_normalised(logged)
        assert reward.min() - 1e-9 <= estimate.value <= reward.max() + 1e-9
        assert estimate.value in estimate.interval
        assert 0 < estimate.effective_sample_size <= len(rows) + 1e-6


def test_rows_do_not_teach_their_own_prediction() -> None:
    action, reward = np.zeros(10, dtype=np.int64), np.zeros(10)
    before = cross_fitted_rates(action, 1, reward, folds=5)
    reward[0] = 1.0
    after = cross_fitted_rates(action, 1, reward, folds=5)
    assert after[[0, 5]].tolist() == before[[0, 5]].tolist()
    assert (after[[1, 2, 3, 4]] > before[[1, 2, 3, 4]]).all()


@pytest.mark.parametrize(
    ("propensity", "target"), [([0.0, 0.5], [0.5, 0.5]), ([0.5, 0.5], [1.5, 0.5]), ([0.5], [0.5, 0.5])]
)
def test_what_are_no_probabilities_is_refused(propensity: list[float], target: list[float]) -> None:
    with pytest.raises(ValueError, match=r"propensities|target|choices"):
        Logged(np.ones(2), np.array(propensity), np.array(target))
