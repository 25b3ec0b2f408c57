"""The assignment of a day's leads: what must hold for all leads and reps, and nothing worth more exists."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from leadflow_pipeline.route.owners.choice.assignment import (
    Assignment,
    assign,
    assign_by_rank,
    best_at_prices,
    one_after_the_other,
    value_of,
)
from leadflow_pipeline_tests.route.owners.invented_days import invented_day

NO = np.nan


@st.composite
def days(draw: st.DrawFn, most_leads: int, most_reps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values with many ties and gaps, capacities, floors that may contradict each other."""
    leads, reps = draw(st.integers(0, most_leads)), draw(st.integers(0, most_reps))
    one = st.one_of(st.just(NO), st.integers(0, 4).map(float), st.floats(0, 1e4, allow_subnormal=False))
    values = np.array(draw(st.lists(one, min_size=leads * reps, max_size=leads * reps)), dtype=float)
    numbers = st.lists(st.integers(0, 4), min_size=reps, max_size=reps)
    return values.reshape(leads, reps), np.array(draw(numbers), dtype=int), np.array(draw(numbers), dtype=int)


def check(values: np.ndarray, capacity: np.ndarray, found: Assignment) -> None:
    """What holds for every assignment, by whatever method."""
    leads, reps = values.shape
    assert found.rep.shape == (leads,)
    assert found.prices.shape == (reps,)
    counts = np.bincount(found.rep[found.rep >= 0], minlength=reps)
    assert (counts <= capacity).all()
    assert (counts >= found.floors).all()
    given_leads = np.flatnonzero(found.rep >= 0)
    assert not np.isnan(values[given_leads, found.rep[given_leads]]).any()
    assert found.value == pytest.approx(value_of(values, found.rep))
    assert found.value <= found.bound
    waiting = np.flatnonzero(found.rep < 0)
    assert np.isnan(values[waiting][:, counts < capacity]).all(), "a lead waits though a rep of its has room"


def worth(values: np.ndarray, capacity: np.ndarray, floors: np.ndarray) -> tuple[int, float]:
    """By looking at every assignment: the most places of floors that can be filled, and the most value with them."""
    leads, reps = values.shape
    best = (-1, 0.0)
    for choice in product(range(-1, reps), repeat=leads):
        rep = np.array(choice, dtype=int)
        chosen = np.flatnonzero(rep >= 0)
        worths = values[chosen, rep[chosen]]
        counts = np.bincount(rep[chosen], minlength=reps)
        if not np.isnan(worths).any() and (counts <= capacity).all():
            best = max(best, (int(np.minimum(counts, floors).sum()), float(worths.sum())))
    return best


@given(days(4, 3))
@settings(max_examples=60)
def test_nothing_is_worth_more(day: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    values, capacity, floors = day
    found = assign(values, capacity, floors)
    check(values, capacity, found)
    filled, most = worth(values, capacity, floors)
    assert found.method == "exact"
    assert found.floors.sum() == filled
    assert found.value == pytest.approx(most, rel=1e-9, abs=1e-9)
    assert found.bound == pytest.approx(found.value, rel=1e-6, abs=1e-6)


@given(days(40, 8), st.booleans())
@settings(max_examples=40)
def test_the_same_as_a_known_solver(
    day: tuple[np.ndarray, np.ndarray, np.ndarray], with_floors: bool
) -> None:
    values, capacity, floors = day
    floors = floors if with_floors else np.zeros_like(floors)
    found = assign(values, capacity, floors)
    check(values, capacity, found)
    assert found.bound == pytest.approx(found.value, rel=1e-6, abs=1e-6)
    if not with_floors and values.size:
        column = np.repeat(np.arange(len(capacity)), capacity)
        cost = np.where(np.isnan(values), 0, -values)[:, column]
        row, place = linear_sum_assignment(cost)
        assert found.value == pytest.approx(-cost[row, place].sum(), rel=1e-9, abs=1e-9)


@given(days(40, 8))
@settings(max_examples=40)
def test_dual_prices_come_near_and_keep_every_bound(day: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    values, capacity, floors = day
    found, again = (assign(values, capacity, floors, most_work=0) for _ in range(2))
    check(values, capacity, found)
    assert (found.rep == again.rep).all()
    assert (found.prices == again.prices).all()


def test_dual_prices_alone_reach_98_percent() -> None:
    methods = set()
    for seed, scarcity in product(range(4), (0.7, 1.2)):
        values, capacity = invented_day(600, 20, scarcity, seed)
        exact, dual = assign(values, capacity), assign(values, capacity, most_work=0)
        methods.add(dual.method)
        check(values, capacity, dual)
        assert exact.method == "exact"
        assert dual.value >= 0.98 * exact.value
        assert dual.bound >= exact.value * (1 - 1e-12)
    assert "dual prices" in methods


def test_the_order_of_leads_and_reps_does_not_matter() -> None:
    values, capacity = invented_day(300, 12, 0.8, 5)
    found = assign(values, capacity)
    rows, columns = np.random.default_rng(1).permutation(300), np.random.default_rng(2).permutation(12)
    turned = assign(values[rows][:, columns], capacity[columns])
    assert turned.value == pytest.approx(found.value)
    assert np.allclose(turned.prices, found.prices[columns])
    names = np.append(columns, -1)
    assert (names[turned.rep] == found.rep[rows]).all()


def test_prices_explain_the_choice() -> None:
    for scarcity in (0.7, 1.5):
        values, capacity = invented_day(1000, 30, scarcity, 3)
        found = assign(values, capacity)
        counts = np.bincount(found.rep[found.rep >= 0], minlength=30)
        assert (found.prices[counts < capacity] == 0).all()
        assert (found.prices >= 0).all()
        given_leads = np.flatnonzero(found.rep >= 0)
        wanted = np.array([best_at_prices(row, found.prices) for row in values[given_leads]])
        assert (wanted == found.rep[given_leads]).mean() > 0.99


def test_a_floor_is_paid_for() -> None:
    values = np.array([[10.0, 1.0], [10.0, 2.0], [10.0, 3.0]])
    found = assign(values, [3, 3], [0, 1])
    assert found.rep.tolist() == [0, 0, 1]
    assert found.prices[0] == 0
    assert -8 <= found.prices[1] <= -7
    assert found.bound == pytest.approx(23)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nobody_and_nothing(shape: tuple[int, int]) -> None:
    found = assign(np.zeros(shape), np.ones(shape[1], dtype=int), np.ones(shape[1], dtype=int))
    assert (found.rep == -1).all()
    assert (found.value, found.bound) == (0, 0)


def test_worst_days() -> None:
    equal = np.ones((4_000, 40))
    found = assign(equal, np.full(40, 60), np.full(40, 30))
    check(equal, np.full(40, 60), found)
    assert found.value == pytest.approx(2_400)
    assert found.bound == pytest.approx(2_400)
    dominant = np.random.default_rng(1).random((1_000, 20))
    dominant[:, 7] += 5
    found = assign(dominant, np.full(20, 75))
    check(dominant, np.full(20, 75), found)
    assert (found.rep >= 0).all()
    assert found.method == "exact"
    assert (assign(np.full((5, 3), NO), [2, 2, 2], [1, 1, 1]).rep == -1).all()
    assert (assign(np.ones((5, 3)), [0, 0, 0], [1, 1, 1]).rep == -1).all()


def test_refuses_what_is_no_value_and_no_capacity() -> None:
    with pytest.raises(ValueError, match="between 0 and infinity, but some are -1"):
        assign([[-1.0]], [1])
    with pytest.raises(ValueError, match="between 0 and infinity, but some are inf"):
        assign([[np.inf]], [1])
    with pytest.raises(ValueError, match="capacity must be whole numbers"):
        assign([[1.0]], [0.5])
    with pytest.raises(ValueError, match="one number for each of 1 reps"):
        assign([[1.0]], [1, 1])


def test_a_lower_rank_comes_first_whatever_it_is_worth() -> None:
    values = np.array([[1.0, 101.0], [2.0, 100.0], [3.0, NO]])
    ranks = np.array([[0, 1], [0, 1], [0, 0]])
    roomy = assign_by_rank(values, ranks, [3, 3])
    assert roomy.rep.tolist() == [0, 0, 0]
    tight = assign_by_rank(values, ranks, [1, 1])
    assert tight.rep.tolist() == [1, -1, 0]
    assert tight.value == 104
    assert tight.bound >= tight.value


def test_one_at_a_time() -> None:
    values = np.array([[5.0, 4.0], [9.0, 1.0], [3.0, 2.0], [NO, NO]])
    assert one_after_the_other(values, [1, 1]).tolist() == [0, 1, -1, -1]
    assert one_after_the_other(values, [1, 1], np.array([1, 0, 2, 3])).tolist() == [1, 0, -1, -1]
    assert best_at_prices(np.array([5.0, 4.0, NO]), np.array([2.0, 0.0, 0.0])) == 1
    assert best_at_prices(np.array([5.0, 4.0]), np.array([20.0, 10.0])) == 1
    assert best_at_prices(np.array([NO, NO]), np.zeros(2)) == -1


def test_nobody_is_paid_for_a_floor_that_costs_nothing() -> None:
    """Two leads that one rep alone may have each, and a rep without any: floors are met by themselves, prices are 0."""
    nan = float("nan")
    given = assign([[500.0, nan, nan], [nan, 80.0, nan]], [5, 5, 5], floors=[1, 1, 0])
    assert given.rep.tolist() == [0, 1]
    assert given.prices.tolist() == [0, 0, 0]


def test_a_floor_is_paid_what_it_costs() -> None:
    """The second rep gets the lead that loses least by it, and is paid just that."""
    given = assign([[100.0, 70.0], [90.0, 80.0]], [5, 5], floors=[0, 1])
    assert given.rep.tolist() == [0, 1]
    assert given.prices.tolist() == [0, -10]
    assert given.value == given.bound == 180
