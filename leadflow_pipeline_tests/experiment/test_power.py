"""Sizes and powers that R's `power.prop.test` and `power.t.test` document."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.experiment.power import (
    SampleSize,
    means_power,
    means_sample_size,
    proportions_power,
    proportions_sample_size,
)
from leadflow_pipeline.experiment.sequential import inflation
from leadflow_pipeline.experiment.two_proportions import Proportion, pooled_z


def test_shares_as_r_documents_them() -> None:
    """n = 50, p1 = .50, p2 = .75: power 0.740; p1 = .50, p2 = .75, power = .90: n = 76.7."""
    assert proportions_power(0.5, 0.75, 50, 50) == pytest.approx(0.7401659, abs=1e-6)
    assert proportions_sample_size(0.5, 0.75, power=0.9) == SampleSize(77, 77)


def test_means_as_r_documents_them() -> None:
    """n = 20, delta = 1, sd = 1: power 0.8689528; power = .90, delta = 1: n = 22.02110."""
    assert means_power(1, 1, 20, 20) == pytest.approx(0.8689528, abs=1e-6)
    assert means_sample_size(1, 1, power=0.9) == SampleSize(23, 23)


def test_the_formula_of_the_textbooks() -> None:
    """Fleiss, Levin and Paik (2003), chapter 4, by hand: 0.60 against 0.70, alpha 0.01, power 0.95."""
    by_hand = (2.5758 * (2 * 0.65 * 0.35) ** 0.5 + 1.6449 * (0.6 * 0.4 + 0.7 * 0.3) ** 0.5) ** 2 / 0.1**2
    assert proportions_sample_size(0.6, 0.7, power=0.95, alpha=0.01).control == np.ceil(by_hand)


@settings(max_examples=30)
@given(
    st.floats(0.01, 0.5),
    st.floats(1.05, 1.8),
    st.floats(0.5, 0.95),
    st.sampled_from([0.5, 1.0, 3.0]),
)
def test_the_size_has_the_power_and_one_less_has_not(
    rate: float, lift: float, power: float, variant_per_control: float
) -> None:
    better = rate * lift
    size = proportions_sample_size(rate, better, power, variant_per_control=variant_per_control)
    assert proportions_power(rate, better, size.control, size.variant) >= power - 1e-9
    assert size.control <= 4 or (
        proportions_power(rate, better, size.control - 1, (size.control - 1) * variant_per_control) < power
    )


def test_simulation_agrees() -> None:
    draw = np.random.default_rng(1)
    control, variant = draw.binomial(1000, 0.1, 3000), draw.binomial(1000, 0.14, 3000)
    found = np.mean(
        [
            pooled_z(Proportion(c, 1000), Proportion(v, 1000))[0] > 1.959964
            for c, v in zip(control.tolist(), variant.tolist(), strict=True)
        ]
    )
    assert found == pytest.approx(proportions_power(0.1, 0.14, 1000, 1000), abs=0.03)


def test_looking_more_often_costs_a_few_leads_more() -> None:
    once = proportions_sample_size(0.1, 0.12)
    often = proportions_sample_size(0.1, 0.12, inflation=inflation([0.25, 0.5, 0.75, 1.0]))
    assert 1.0 < often.total / once.total < 1.05


def test_what_so_many_leads_can_show() -> None:
    assert means_power(1.0, 1.0, 20, 20) == pytest.approx(0.8689528, abs=1e-6)
    assert means_power(0.01, 1.0, 2e5, 2e5) == pytest.approx(0.8854, abs=1e-3)


def test_no_number_of_leads_finds_nothing() -> None:
    with pytest.raises(ValueError, match="difference of 0"):
        proportions_sample_size(0.1, 0.1)
    with pytest.raises(ValueError, match="too small"):
        means_sample_size(1e-9, 1.0)
