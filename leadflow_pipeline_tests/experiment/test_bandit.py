"""A bandit's shares are the probabilities of being the best, keep every arm alive, and count late rewards fairly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.experiment.adaptive_estimates import estimate_arms
from leadflow_pipeline.experiment.bandit import (
    ConversionValues,
    probability_best,
    shares,
    top_two,
)
from leadflow_pipeline.experiment.delays import arrival_curve, counted, ripe_curve


@st.composite
def counts(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    trials = draw(st.lists(st.integers(0, 500), min_size=2, max_size=5))
    return [draw(st.integers(0, number)) for number in trials], trials


@settings(max_examples=30)
@given(counts(), st.sampled_from([0.0, 0.05, 0.2]), st.sampled_from(["thompson", "top_two"]))
def test_shares_are_shares(arms: tuple[list[int], list[int]], floor: float, method: str) -> None:
    found = shares(*arms, floor, method)  # type: ignore[arg-type]
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert (found >= floor - 1e-12).all()
    assert found * 10_000 == pytest.approx(np.round(found * 10_000))
    assert shares(*arms, floor, method).tolist() == found.tolist()  # type: ignore[arg-type]


def test_probabilities_are_those_of_draws() -> None:
    draw = np.random.default_rng(1)
    drawn = np.column_stack([draw.beta(1 + s, 1 + 100 - s, 400_000) for s in (10, 14, 15)])
    expected = np.bincount(drawn.argmax(axis=1)) / len(drawn)
    assert probability_best([10, 14, 15], [100, 100, 100]) == pytest.approx(expected, abs=0.003)


def test_two_arms_as_known_exactly() -> None:
    """Evan Miller's closed form of P(B > A) for whole counts."""
    from scipy.special import betaln

    a, b = (50 + 1, 950 + 1), (60 + 1, 940 + 1)
    i = np.arange(b[0])
    exact = np.exp(betaln(a[0] + i, a[1] + b[1]) - np.log(b[1] + i) - betaln(1 + i, b[1]) - betaln(*a)).sum()
    assert probability_best([50, 60], [1000, 1000])[1] == pytest.approx(exact, abs=1e-9)


def test_equal_arms_have_equal_shares_and_a_clear_winner_all_but_the_floors() -> None:
    assert shares([0, 0, 0, 0], [0, 0, 0, 0], 0.1).tolist() == [0.25] * 4
    assert shares([1000, 10], [10_000, 10_000], 0.05).tolist() == [0.95, 0.05]
    assert top_two(np.array([0.98, 0.015, 0.005]))[0] == pytest.approx(0.5, abs=0.02)


def test_values_count() -> None:
    """Half the rate at four times the value is worth twice as much; unsure values leave the choice open."""
    sure = ConversionValues(np.array([10.0, 40.0]), np.zeros(2))
    unsure = ConversionValues(np.array([10.0, 40.0]), np.array([1.0, 40.0]))
    assert probability_best([40, 20], [400, 400])[0] > 0.99
    assert probability_best([40, 20], [400, 400], sure)[1] > 0.98
    assert 0.3 < probability_best([40, 20], [400, 400], unsure)[0] < 0.6
    same = ConversionValues(np.ones(2), np.zeros(2))
    assert probability_best([40, 20], [400, 400], same) == pytest.approx(
        probability_best([40, 20], [400, 400])
    )


@pytest.mark.parametrize(
    ("successes", "trials", "floor"),
    [([2, 1], [1, 1], 0.1), ([1], [1, 2], 0.1), ([1, 1], [2, 2], 0.6), ([-1, 0], [2, 2], 0.1)],
)
def test_what_is_no_bandit_is_refused(successes: list[int], trials: list[int], floor: float) -> None:
    with pytest.raises(ValueError, match=r"bandit|successes|floor"):
        shares(successes, trials, floor)


def test_only_ripe_leads_are_failures() -> None:
    """Ages 0 to 3, window of 2 days: what is younger counts for nothing, converted or not."""
    exposed = np.array([[10, 10, 10, 10]])
    converted = np.array([[1, 2, 3, 4]])
    successes, trials = counted(exposed, converted, ripe_curve(2))
    assert (successes.tolist(), trials.tolist()) == ([7], [20])


def test_young_leads_count_as_far_as_conversions_come_by_their_age() -> None:
    """Half of the conversions come on the first day, so that a lead of one day is half a trial: the rate is right
    whatever the ages."""
    curve = arrival_curve(np.array([0, 0, 1, 2]), 4)
    assert curve.tolist() == [0.0, 0.5, 0.75, 1.0, 1.0]
    exposed = np.array([[0, 1000, 1000, 0, 0, 0], [0, 0, 0, 0, 0, 2000]])
    converted = np.array([[0, 50, 75, 0, 0, 0], [0, 0, 0, 0, 0, 200]])
    successes, trials = counted(exposed, converted, curve)
    assert successes / trials == pytest.approx([0.1, 0.1])
    assert trials.tolist() == [1250, 2000]
    assert arrival_curve(np.array([], dtype=np.int64), 2).tolist() == ripe_curve(2).tolist()


def bandit_of_two(seed: int) -> tuple[np.ndarray, ...]:
    """40 days of 50 leads, both arms with the same rate of 0.2: so that any difference is luck."""
    draw = np.random.default_rng(seed)
    given_, won = np.zeros((40, 2), dtype=np.int64), np.zeros((40, 2), dtype=np.int64)
    share = np.zeros((40, 2))
    for day in range(40):
        share[day] = shares(won[:day].sum(axis=0), given_[:day].sum(axis=0), 0.05)
        given_[day] = draw.multinomial(50, share[day])
        won[day] = draw.binomial(given_[day], 0.2)
    day = np.repeat(np.repeat(np.arange(40), 2), given_.ravel())
    arm = np.repeat(np.tile([0, 1], 40), given_.ravel())
    pairs = zip(given_.ravel().tolist(), won.ravel().tolist(), strict=True)
    reward = np.concatenate([np.arange(number) < hits for number, hits in pairs]).astype(float)
    return day, arm, reward, share


def test_estimates_of_losing_arms_are_honest() -> None:
    """Over 60 bandits: the plain mean of the arm with fewer leads is too low, the weighted estimate is not, and its
    interval holds the truth as often as it says."""
    plain, weighted, inside = [], [], []
    for seed in range(60):
        day, arm, reward, share = bandit_of_two(seed)
        loser = int(np.argmin(np.bincount(arm)))
        for number, estimate in enumerate(estimate_arms(day, arm, reward, share)):
            inside.append(0.2 in estimate.interval)
            if number == loser:
                plain.append(estimate.plain_mean)
            weighted.append(estimate.value)
    assert np.mean(plain) < 0.185
    assert np.mean(weighted) == pytest.approx(0.2, abs=0.006)
    assert 0.9 < np.mean(inside) < 0.985


def test_an_arm_without_conversions_may_have_some_yet() -> None:
    """100 leads at a share of a half, none converted: as unsure as 50 to 100 leads of a plain experiment."""
    arm = np.tile([0, 1], 100)
    estimate = estimate_arms(np.zeros(200, dtype=np.int64), arm, arm * 1.0, np.array([[0.5, 0.5]]))[0]
    assert estimate.value == 0
    assert 0.036 < estimate.interval.high < 0.072
    assert estimate.interval.low == 0


def test_an_arm_without_leads_has_no_estimate() -> None:
    alone = estimate_arms(np.array([0, 0]), np.array([0, 0]), np.array([1.0, 0.0]), np.array([[0.5, 0.5]]))
    assert alone[1].leads == 0
    assert alone[1].interval.width == np.inf
    with pytest.raises(ValueError, match="share above 0"):
        estimate_arms(np.array([0]), np.array([0]), np.array([1.0]), np.array([[1.0, 0.0]]))
