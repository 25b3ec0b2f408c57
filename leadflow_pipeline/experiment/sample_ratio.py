"""Whether the arms have as many people as their weights say: if not, something is broken and no result is to be
believed.

What belongs here: the check on counts. What does not: finding what is broken.

The alarm rings below p = 0.01. A false alarm costs somebody a look at one sound experiment in a hundred and holds back
the automatic winner until the next look; a mismatch that is missed crowns a winner on people who are not comparable.
So the threshold is above the 0.001 or less that tools take who show the check on every page all day. Below 0.001 by the
test that allows for any number of looks, the mismatch is called certain.

Sources: Pearson's chi-square; why and how often: Fabijan et al. (KDD 2019), Diagnosing Sample Ratio Mismatch. For any
number of looks: Lindon and Malek (NeurIPS 2022), Anytime-Valid Inference for Multinomial Count Data, with a Dirichlet
prior around the intended shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from scipy.stats import chi2

from leadflow_pipeline.experiment.arrays import Floats

ALARM = 0.01
CERTAIN = 0.001
PRIOR_STRENGTH = 10_000.0
"""People that the prior is worth: the test is keenest on deviations of about 1 / sqrt(this)."""
LEAST_EXPECTED = 5.0
"""Below it in the smallest arm, chi-square says nothing."""


@dataclass(frozen=True)
class RatioCheck:
    """Of the arms' sizes against the weights."""

    observed: tuple[int, ...]
    expected: tuple[float, ...]
    chi_square: float
    p_value: float
    """Of this look alone; 1 where there are too few people to say anything."""
    anytime_p_value: float
    """Holds however often anybody looks, by this look's counts alone."""
    alarms: bool
    is_certain: bool

    def __str__(self) -> str:
        """In words."""
        sizes = " to ".join(f"{count:,}" for count in self.observed)
        wanted = " to ".join(f"{count:,.0f}" for count in self.expected)
        if not self.alarms:
            return f"arms of {sizes}, as the weights say (p {self.p_value:.2g})"
        sure = "certainly" if self.is_certain else "probably"
        return (
            f"arms of {sizes} where the weights say {wanted} (p {self.p_value:.2g}): {sure} not by chance. "
            "Look for leads that are lost or counted twice in one arm before believing any result"
        )


def check_ratio(observed: Sequence[int], weights: Sequence[float], alarm: float = ALARM) -> RatioCheck:
    """Compares; weights need not sum to 1. Raises ValueError where the two do not match."""
    counts = np.asarray(observed, dtype=np.float64)
    shares = np.asarray(weights, dtype=np.float64)
    if len(counts) != len(shares) or len(counts) < 2 or (shares <= 0).any() or (counts < 0).any():
        raise ValueError("a ratio check needs two arms or more, each with a count and a weight above 0")
    shares = shares / shares.sum()
    expected = counts.sum() * shares
    chi_square, p_value = 0.0, 1.0
    if expected.min() >= LEAST_EXPECTED:
        chi_square = float(((counts - expected) ** 2 / expected).sum())
        p_value = float(chi2.sf(chi_square, len(counts) - 1))
    anytime = _anytime_p_value(counts, shares)
    return RatioCheck(
        observed=tuple(int(count) for count in counts),
        expected=tuple(expected.tolist()),
        chi_square=chi_square,
        p_value=p_value,
        anytime_p_value=anytime,
        alarms=p_value < alarm or anytime < CERTAIN,
        is_certain=anytime < CERTAIN,
    )


def _anytime_p_value(counts: Floats, shares: Floats) -> float:
    """One over the odds of any other shares, drawn around the intended ones, against the intended ones."""
    prior = PRIOR_STRENGTH * shares
    log_odds = (
        gammaln(prior + counts).sum()
        - gammaln(prior.sum() + counts.sum())
        - gammaln(prior).sum()
        + gammaln(prior.sum())
        - (counts * np.log(shares)).sum()
    )
    return float(min(1.0, np.exp(-log_odds)))
