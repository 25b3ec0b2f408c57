"""Turns: nobody is ever more than a lead from what it is due, and who comes back finds no flood."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from leadflow_pipeline.route.owners.choice.rotation import (
    Pools,
    least_loaded,
    longest_waiting,
    pools_of,
    round_robin,
)

PLENTY = 10**9


def ids(reps: int) -> list[str]:
    return [f"rep{number:02}" for number in range(reps)]


def everybody(leads: int, reps: int) -> Pools:
    return pools_of(np.ones((leads, reps), dtype=bool), ids(reps))


def furthest(rep: np.ndarray, weights: list[Fraction]) -> Fraction:
    """How far any rep is from what it is due after any lead, exactly."""
    total = sum(weights)
    worst = Fraction(0)
    for column, weight in enumerate(weights):
        got = np.cumsum(rep == column)
        worst = max(
            worst, *(abs(int(count) - weight * turn / total) for turn, count in enumerate(got, start=1))
        )
    return worst


weights_of_reps = st.lists(
    st.one_of(
        st.floats(1e-6, 1e6),
        st.integers(1, 5),
        st.fractions(Fraction(1, 50), 50, max_denominator=50),
    ),
    min_size=1,
    max_size=9,
)


@given(weights_of_reps, st.lists(st.integers(1, 40), min_size=1, max_size=6))
@settings(max_examples=60)
def test_within_one_lead_over_any_prefix_and_any_weights(weights: list, days: list[int]) -> None:
    state: dict = {}
    given_leads = []
    for leads in days:
        pools = everybody(leads, len(weights))
        rep, state = round_robin(pools, ids(len(weights)), weights, np.full(len(weights), PLENTY), state)
        state = json.loads(json.dumps(state))
        given_leads.append(rep)
    at_once, _ = round_robin(
        everybody(sum(days), len(weights)), ids(len(weights)), weights, np.full(len(weights), PLENTY), {}
    )
    rep = np.concatenate(given_leads)
    assert (rep == at_once).all(), "days make no difference"
    assert furthest(rep, [Fraction(str(weight)) for weight in weights]) <= 1


def test_no_drift_over_a_hundred_thousand_leads() -> None:
    weights = [Fraction(number, 7) for number in range(1, 8)]
    rep, state = round_robin(everybody(28_000, 7), ids(7), weights, np.full(7, PLENTY), {})
    assert np.bincount(rep).tolist() == [1000 * number for number in range(1, 8)]
    assert {entry["credit"] for entry in state[" ".join(ids(7))].values()} == {0}


class ComingAndGoing(RuleBasedStateMachine):
    """Reps go, come back and join, day by day; leads are given in between."""

    @initialize(weights=st.lists(st.integers(1, 4), min_size=2, max_size=5))
    def begin(self, weights: list[int]) -> None:
        self.weights = weights
        self.present = [True] * len(weights)
        self.state: dict = {}
        self.due = [Fraction(0)] * len(weights)
        self.got = [0] * len(weights)

    @rule(place=st.integers(0, 9))
    def goes_or_comes(self, place: int) -> None:
        place %= len(self.present)
        self.present[place] = not self.present[place]

    @rule(weight=st.integers(1, 4))
    def joins(self, weight: int) -> None:
        if len(self.weights) < 7:
            self.weights.append(weight)
            self.present.append(True)
            self.due.append(Fraction(0))
            self.got.append(0)

    @rule(leads=st.integers(1, 12))
    def leads_come(self, leads: int) -> None:
        names = ids(len(self.weights))
        pools = pools_of(np.ones((leads, len(names)), dtype=bool), names, np.array(self.present))
        rep, state = round_robin(pools, names, self.weights, np.full(len(names), PLENTY), self.state)
        self.state = json.loads(json.dumps(state))
        there = [place for place, present in enumerate(self.present) if present]
        assert (rep >= 0).all() == bool(there)
        total = sum(self.weights[place] for place in there)
        for choice in rep[rep >= 0].tolist():
            assert self.present[choice]
            self.got[choice] += 1
            for place in there:
                self.due[place] += Fraction(self.weights[place], total)

    @invariant()
    def nobody_is_far_from_what_it_is_due(self) -> None:
        """Who knows not who goes next cannot keep within one lead of it all; two, however they come and go."""
        if hasattr(self, "due"):
            assert max(abs(due - got) for due, got in zip(self.due, self.got, strict=True)) <= 2


TestComingAndGoing = ComingAndGoing.TestCase
TestComingAndGoing.settings = settings(max_examples=40, stateful_step_count=30)


def test_who_comes_back_finds_no_flood_and_a_new_one_no_gap() -> None:
    names, weights, room = ids(4), [1, 1, 1, 1], np.full(4, PLENTY)
    may = np.ones((300, 4), dtype=bool)
    _, state = round_robin(pools_of(may[:150, :3], names[:3]), names[:3], weights[:3], room[:3], {})
    away = np.array([False, True, True])
    _, state = round_robin(pools_of(may[:, :3], names[:3], away), names[:3], weights[:3], room[:3], state)
    back, state = round_robin(pools_of(may[:40], names), names, weights, room, state)
    for rep in range(4):
        got = np.cumsum(back == rep)
        assert np.abs(got - np.arange(1, 41) / 4).max() <= 2
    assert np.abs(np.bincount(back, minlength=4) - 10).max() <= 1


def test_who_is_gone_for_good_leaves_the_others_level() -> None:
    names, room = ids(3), np.full(3, PLENTY)
    _, state = round_robin(everybody(1, 3), names, [1, 1, 1], room, {})
    rep, _ = round_robin(
        pools_of(np.ones((100, 2), dtype=bool), names[1:]), names[1:], [1, 1], room[1:], state
    )
    assert np.bincount(rep).tolist() == [50, 50]


def test_each_pool_has_its_own_turns_and_room_is_kept() -> None:
    may = np.array([[True, True, False], [False, True, True], [False, False, False]] * 30)
    rep, state = round_robin(pools_of(may, ids(3)), ids(3), [1, 1, 1], np.array([PLENTY, 20, PLENTY]), {})
    assert (rep[2::3] == -1).all()
    assert may[np.arange(90), rep][rep >= 0].all()
    assert np.bincount(rep[rep >= 0]).tolist() == [20, 20, 20]
    assert sorted(state) == ["rep00 rep01", "rep01 rep02"]
    full, _ = round_robin(everybody(9, 2), ids(2), [1, 1], np.array([2, 3]), {})
    assert np.bincount(full + 1).tolist() == [4, 2, 3]


def test_weights_that_are_none() -> None:
    rep, _ = round_robin(everybody(10, 2), ids(2), [0, 1], np.full(2, PLENTY), {})
    assert (rep == 1).all()
    assert (round_robin(everybody(3, 2), ids(2), [0, 0], np.full(2, PLENTY), {})[0] == -1).all()
    with pytest.raises(ValueError, match="weight of a rep must not be below 0"):
        round_robin(everybody(3, 1), ids(1), [-1], np.full(1, PLENTY), {})


def test_longest_waiting_first() -> None:
    rep, state = longest_waiting(everybody(4, 3), ids(3), np.full(3, PLENTY), {})
    assert rep.tolist() == [0, 1, 2, 0]
    assert state == {"turn": 4, "last": {"rep00": 4, "rep01": 2, "rep02": 3}}
    may = np.array([[True, False, True], [True, True, True]])
    rep, _ = longest_waiting(pools_of(may, ids(3)), ids(3), np.full(3, PLENTY), json.loads(json.dumps(state)))
    assert rep.tolist() == [2, 1]


def test_least_loaded_first() -> None:
    rep, state = least_loaded(
        everybody(6, 3), ids(3), np.full(3, PLENTY), np.array([4, 0, 2]), [2.0, 1.0, 1.0]
    )
    assert np.bincount(rep, minlength=3).tolist() == [2, 3, 1]
    assert state == {"rep00": 6, "rep01": 3, "rep02": 3}
