"""One text is folded as a column of texts is."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.folding import folded, folded_text

LETTERS = "abcXYZ019 .-&'’`/ÄöüßÉéñøŁłæŒćžŞıΑθέЖйёщЇ株式会社한국हिन्दी®½ﬁ"


@settings(max_examples=50)
@given(st.text(alphabet=LETTERS, max_size=12))
def test_alone_and_in_a_column(text: str) -> None:
    assert folded_text(text) == folded(pd.Series([text], dtype="str")).iloc[0]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Baden-Württemberg", "baden wurttemberg"),
        ("L`Été", "lete"),
        ("Johnson & Johnson", "johnson and johnson"),
    ],
)
def test_what_two_people_would_have_in_common(text: str, plain: str) -> None:
    assert folded_text(text) == plain
