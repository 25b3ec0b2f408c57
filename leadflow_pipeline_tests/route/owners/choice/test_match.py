"""Match, backpressure, floors and the audit of parity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route.owners.choice.assignment import assign, assign_by_rank
from leadflow_pipeline.route.owners.choice.fairness import fair_shares, floors, parity
from leadflow_pipeline.route.owners.choice.match import match_scores
from leadflow_pipeline.route.owners.choice.overload import ease, throttled
from leadflow_pipeline.route.owners.rules import MatchWeights
from leadflow_pipeline_tests.route.owners.invented_days import invented_day


def test_match_is_the_weighted_sum() -> None:
    specialty = np.array([[1.0, 0.5], [0.0, 0.25]])
    performance, capacity, sla = np.array([0.5, 0.8]), np.array([1.0, 0.1]), np.array([0.9, 0.7])
    found = match_scores(specialty, performance, capacity, sla, MatchWeights())
    assert found[0, 0] == pytest.approx(0.4 * 1 + 0.3 * 0.5 + 0.2 * 1 + 0.1 * 0.9)
    doubled = MatchWeights(specialty=0.8, performance=0.6, capacity=0.4, sla=0.2)
    assert np.allclose(found, match_scores(specialty, performance, capacity, sla, doubled))


@given(st.floats(0.01, 1), st.integers(0, 10_000))
@settings(max_examples=50)
def test_backpressure_is_smooth_and_never_rises_nor_falls_below_0(start: float, places: int) -> None:
    load = np.linspace(0, 1.5, 301)
    eased, open_places = ease(load, start), throttled(np.full(301, places), load, start)
    assert (np.diff(eased) <= 1e-12).all()
    assert (eased[load <= start] == 1).all() or start == 1
    assert (eased[load >= 1] == 0).all()
    assert (eased >= 0).all()
    assert np.abs(np.diff(eased)).max() <= 1.5 * 0.005 / max(1 - start, 1e-9) + 1e-9
    assert (np.diff(open_places) <= 0).all()
    assert ((open_places >= 0) & (open_places <= places)).all()


def test_a_full_team_spills_before_it_is_overloaded_and_nothing_waits() -> None:
    values = np.ones((10, 2))
    ranks = np.tile([0, 1], (10, 1))
    places, load = np.array([10, 10]), np.array([0.9, 0.0])
    assert (assign_by_rank(values, ranks, places).rep == 0).all()
    eased = throttled(places, load, 0.85)
    assert eased.tolist() == [3, 9]
    spilled = assign_by_rank(values, ranks, places, at_ease=eased)
    assert np.bincount(spilled.rep).tolist() == [3, 7]
    all_places = assign_by_rank(np.ones((20, 2)), np.tile([0, 1], (20, 1)), places, at_ease=eased)
    assert np.bincount(all_places.rep).tolist() == [10, 10]


def test_fair_shares_and_floors() -> None:
    may = np.array([[True, True, False]] * 6 + [[True, True, True]] * 6 + [[False, False, False]])
    assert np.allclose(fair_shares(may, [1, 2, 3]), [2 + 1, 4 + 2, 3])
    assert floors(may, [1, 2, 3], [9, 9, 9], 0.5, 0).tolist() == [1, 3, 1]
    assert floors(may, [1, 2, 3], [9, 9, 9], 0.5, 2).tolist() == [2, 3, 2]
    assert floors(may, [1, 2, 0], [9, 1, 9], 1.0, 2).tolist() == [3, 1, 0]
    assert floors(may, [1, 1, 1], [0, 9, 9], 0.0, 1).tolist() == [0, 1, 1]
    assert floors(may[:0], [1, 1, 1], [9, 9, 9], 1.0, 1).tolist() == [0, 0, 0]


def test_a_floor_of_half_the_fair_share_costs_less_than_a_hundredth() -> None:
    for scarcity in (0.7, 1.2):
        values, capacity = invented_day(1000, 50, scarcity, 1)
        least = floors(~np.isnan(values), capacity, capacity, 0.5, 1)
        free, held = assign(values, capacity), assign(values, capacity, least)
        assert (np.bincount(held.rep[held.rep >= 0], minlength=50) >= least).all()
        assert held.value >= 0.99 * free.value


def test_parity_finds_who_gets_less_than_it_is_due() -> None:
    draw = np.random.default_rng(3)
    group = pd.Series(["north"] * 40 + ["south"] * 40 + ["island"] * 2 + [None] * 6)
    due = np.full(88, 20.0)
    rate = np.where(group == "south", 14, 20)
    found = parity(draw.poisson(rate), due, group).set_index("group")
    assert found["reps"].to_dict() == {"north": 40, "south": 40, "not said": 6, "island": 2}
    assert found["due_share"].sum() == pytest.approx(1)
    south = found.loc["south"]
    assert south["low"] < 14 / 17 < south["high"]
    assert south["is_below"]
    assert south["is_surely_below"]
    assert not found.loc["north", "is_below"]
    island = found.loc["island"]
    assert island["is_small"]
    assert np.isnan(island[["low", "high", "to_best"]].astype(float)).all()
    assert not island["is_below"]


def test_parity_of_nothing() -> None:
    empty = parity([], [], pd.Series([], dtype="str"))
    assert not len(empty)
    nothing = parity([0, 0], [0, 0], pd.Series(["a", "b"]))
    assert nothing["ratio"].isna().all()
