"""Texts of many rows: what is said where, and nothing lost where nothing is said."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from leadflow_pipeline.wording import TEXT, join, say, spell


def test_each_row_gets_the_word_of_its_code_where_it_is_said():
    codes, where = np.array([3, 1, 3, 2]), np.array([True, True, False, True])
    assert spell(codes, lambda code: f"<{code}>", where).to_pylist() == ["<3>", "<1>", None, "<2>"]
    assert spell(codes, lambda code: f"<{code}>", where & False).to_pylist() == [None] * 4
    assert say("é", where).to_pylist() == ["é", "é", None, "é"]


@pytest.mark.parametrize(
    ("between", "said"), [("", ["", "xy", "z", "éü"]), (", ", ["", "x, y", "z", "é, ü"])]
)
def test_pieces_are_joined_and_a_row_without_any_is_not_lost(between, said):
    first = pa.array([None, "x", None, "é"], TEXT)
    second = pa.array([None, "y", "z", "ü"], TEXT)
    assert join([first, second], between).to_pylist() == said
    assert join([first[:0], second[:0]], between).to_pylist() == []
