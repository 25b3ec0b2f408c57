"""Shares compared as textbooks, scipy and published experiments compare them."""

from __future__ import annotations

from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, chi2_contingency, fisher_exact

from leadflow_pipeline.experiment.two_proportions import (
    Proportion,
    compare_proportions,
    lift_interval,
    newcombe_interval,
    wilson_interval,
)

GATE_30 = Proportion(8502, 44700)
GATE_40 = Proportion(8279, 45489)
"""Players of the published Cookie Cats experiment who came back after 7 days."""


@st.composite
def shares(draw: st.DrawFn) -> Proportion:
    total = draw(st.integers(1, 400))
    return Proportion(draw(st.integers(0, total)), total)


def test_cookie_cats() -> None:
    test = compare_proportions(GATE_40, GATE_30)
    assert test.z == pytest.approx(3.164, abs=5e-4)
    assert test.p_value == pytest.approx(0.001554, abs=1e-6)
    assert test.method == "z"
    assert test.lift == pytest.approx(0.0451, abs=1e-4)
    assert test.lift_interval.low > 0


def test_newcombe_as_published() -> None:
    """Newcombe (1998), table II, method 10: 56/70 against 48/80; 9/10 against 3/10; 10/10 against 0/20."""
    published = [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090))]
    published.append(((10, 10), (0, 20), (0.6791, 1.0000)))
    for variant, control, (low, high) in published:
        interval = newcombe_interval(Proportion(*control), Proportion(*variant))
        assert interval.low == pytest.approx(low, abs=5e-5)
        assert interval.high == pytest.approx(high, abs=5e-5)


def test_koopman_as_published() -> None:
    """Koopman (1984): 36 of 40 against 16 of 80 gives ratios of 2.94 to 7.15."""
    interval = lift_interval(Proportion(16, 80), Proportion(36, 40))
    assert interval.low + 1 == pytest.approx(2.94, abs=5e-3)
    assert interval.high + 1 == pytest.approx(7.15, abs=5e-3)


@settings(max_examples=60)
@given(shares(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(share: Proportion, confidence: float) -> None:
    expected = binomtest(share.successes, share.total).proportion_ci(confidence, method="wilson")
    interval = wilson_interval(share, confidence)
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)


@settings(max_examples=80)
@given(shares(), shares())
def test_tests_are_scipys_and_intervals_hold_what_was_seen(control: Proportion, variant: Proportion) -> None:
    test = compare_proportions(control, variant)
    table = [[variant.successes, variant.total - variant.successes]]
    table.append([control.successes, control.total - control.successes])
    if test.method == "fisher":
        assert test.p_value == pytest.approx(fisher_exact(table).pvalue)
    else:
        assert test.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert test.difference in test.difference_interval
    assert test.difference_interval.low >= -1
    assert test.difference_interval.high <= 1
    if control.successes:
        assert test.lift_interval.low - 1e-9 <= test.lift <= test.lift_interval.high + 1e-9


@settings(max_examples=80)
@given(shares(), shares())
def test_the_other_way_round(control: Proportion, variant: Proportion) -> None:
    there, back = compare_proportions(control, variant), compare_proportions(variant, control)
    assert there.z == pytest.approx(-back.z)
    assert there.p_value == pytest.approx(back.p_value)
    assert there.difference_interval.low == pytest.approx(-back.difference_interval.high)
    low, high = there.lift_interval.low + 1, back.lift_interval.high + 1
    assert (low == 0 and high == inf) or low == pytest.approx(1 / high, rel=1e-6)


@settings(max_examples=80)
@given(shares(), shares())
def test_the_lifts_interval_and_the_z_test_agree(control: Proportion, variant: Proportion) -> None:
    test = compare_proportions(control, variant)
    if abs(abs(test.z) - 1.959964) > 1e-5:
        assert (0.0 in test.lift_interval) == (abs(test.z) < 1.959964)


@settings(max_examples=40)
@given(shares(), shares())
def test_more_confidence_is_a_wider_interval(control: Proportion, variant: Proportion) -> None:
    for interval in (newcombe_interval, lift_interval):
        narrow, wide = interval(control, variant, 0.8), interval(control, variant, 0.95)
        assert wide.low <= narrow.low + 1e-9
        assert narrow.high <= wide.high + 1e-9


def test_of_nobody_nothing_is_known() -> None:
    test = compare_proportions(Proportion(0, 0), Proportion(3, 10))
    assert test.p_value == 1
    assert isnan(test.difference)
    assert (test.lift_interval.low, test.lift_interval.high) == (-1, inf)
    nothing = compare_proportions(Proportion(0, 10), Proportion(0, 12))
    assert nothing.p_value == 1
    assert isnan(nothing.lift)
    with pytest.raises(ValueError, match="3 of 2"):
        Proportion(3, 2)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Exactly, over all outcomes of 60 and 80 leads: 95 % intervals hold the truth in 93 % to 98 % of them."""
    rates, sizes = (0.1, 0.2), (60, 80)
    covered = {"difference": 0.0, "lift": 0.0}
    likely = [binom.pmf(np.arange(n + 1), n, rate) for n, rate in zip(sizes, rates, strict=True)]
    for c in range(sizes[0] + 1):
        for v in range(sizes[1] + 1):
            chance = float(likely[0][c] * likely[1][v])
            if chance < 1e-6:
                continue
            arms = Proportion(c, sizes[0]), Proportion(v, sizes[1])
            covered["difference"] += chance * (rates[1] - rates[0] in newcombe_interval(*arms))
            covered["lift"] += chance * (rates[1] / rates[0] - 1 in lift_interval(*arms))
    assert all(0.93 < share < 0.98 for share in covered.values()), covered
    assert np.isfinite(list(covered.values())).all()
