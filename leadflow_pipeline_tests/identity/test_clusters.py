"""Components of pairs, and decisions that keep people apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadflow_pipeline.identity.clusters import components

COUNT = 12
PAIRS = st.lists(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda pair: pair[0] != pair[1]),
    max_size=15,
)


def sides(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    together = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return together[:, 0], together[:, 1]


def test_everybody_is_somebody() -> None:
    assert components(3, [], []).tolist() == [0, 1, 2]
    assert components(0, [], []).tolist() == []
    assert components(5, [3, 1], [4, 3]).tolist() == [0, 1, 2, 1, 1]


def test_a_decision_breaks_the_chain_where_it_would_join() -> None:
    assert components(3, [0, 1], [1, 2], ([0], [2])).tolist() == [0, 0, 2]
    assert components(3, [1, 0], [2, 1], ([2], [0])).tolist() == [0, 1, 1]


@given(PAIRS, PAIRS)
def test_decisions_hold_and_only_they_part(pairs, apart) -> None:
    """Those apart are apart; everybody else is with whom a chain of taken pairs leads to; ids are the smallest."""
    found = components(COUNT, *sides(pairs), sides(apart))
    assert all(found[one] != found[other] for one, other in apart)
    free = components(COUNT, *sides(pairs))
    assert all(free[position] == free[found[position]] for position in range(COUNT))
    assert all(
        found[position] <= position and found[found[position]] == found[position] for position in range(COUNT)
    )
    for one, other in pairs:
        enemies = {frozenset((found[left], found[right])) for left, right in apart}
        assert found[one] == found[other] or frozenset((found[one], found[other])) in enemies


@given(PAIRS, PAIRS, st.integers(0, COUNT))
def test_those_who_come_later_part_nobody(pairs, apart, arrived) -> None:
    """Pairs in total order of the later one: whoever was one person before is one afterwards."""
    ordered = sorted(pairs, key=max)
    known = [pair for pair in ordered if max(pair) < arrived]
    decided = [pair for pair in apart if max(pair) < arrived]
    before = components(COUNT, *sides(known), sides(decided))
    after = components(COUNT, *sides(ordered), sides(apart))
    for one in range(arrived):
        for other in range(one):
            assert before[one] != before[other] or after[one] == after[other]
