"""Keys that are held are those that were given, whatever their bytes."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from leadflow_pipeline.harvest.held_keys import HeldKeys

BYTES = st.sampled_from([0, 1, 127, 128, 255])
KEYS = st.lists(BYTES, min_size=16, max_size=16).map(lambda numbers: bytes(numbers).hex())


@given(st.lists(st.lists(KEYS, max_size=5, unique=True), max_size=5), st.lists(KEYS, max_size=5))
def test_the_keys_that_were_held_are_found_and_no_others(groups: list[list[str]], asked: list[str]) -> None:
    held, expected = HeldKeys(), set[str]()
    for group in groups:
        keys = pd.Series(group, dtype="str")
        assert held.are_held(keys).tolist() == [key in expected for key in group]
        held.hold(keys[~held.are_held(keys)])
        expected |= set(group)
        assert len(held) == len(expected)
    assert held.are_held(pd.Series(asked, dtype="str")).tolist() == [key in expected for key in asked]
