"""p-values adjusted for their company, as scipy and the papers have them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from leadflow_pipeline.experiment.multiple_comparisons import benjamini_hochberg, holm

some_p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@settings(max_examples=80)
@given(some_p_values)
def test_benjamini_hochberg_is_scipys(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(false_discovery_control(p_values))


def test_holm_as_documented() -> None:
    """R: p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") is 0.04, 0.06, 0.06, 0.06."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


@settings(max_examples=80)
@given(some_p_values)
def test_holm_is_between_the_p_value_and_bonferroni(p_values: list[float]) -> None:
    given_ = np.array(p_values)
    adjusted = holm(given_)
    assert (adjusted >= given_).all()
    assert (adjusted <= np.minimum(given_ * len(given_), 1) + 1e-12).all()
    assert (benjamini_hochberg(given_) <= adjusted + 1e-12).all()
    order = np.argsort(given_)
    assert (np.diff(adjusted[order]) >= -1e-12).all()


def test_variants_by_metrics_keep_their_shape_and_what_is_missing_counts_for_nothing() -> None:
    table = np.array([[0.01, np.nan], [0.04, 0.5]])
    adjusted = holm(table)
    assert np.isnan(adjusted[0, 1])
    assert adjusted[0, 0] == pytest.approx(0.03)
    assert holm([]).tolist() == []
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm([1.5])
