"""What each arm of a bandit is worth, from leads that the bandit itself gave out.

What belongs here: estimates and intervals that hold for such data. What does not: other policies' worth (`off_policy`).

A bandit gives fewer leads to an arm that had bad luck, so that its luck is never put right: plain means of losing arms
are too low and their intervals too narrow. With the propensities known, each lead's score (a prediction plus what the
prediction missed, over the propensity) has the right mean whatever happened before. Scores of days with a small share
vary more, so days are weighted by the root of the share: the intervals then hold (Hadad, Hirshberg, Zhan, Wager and
Athey 2021, PNAS 118). Never report a plain mean beside a bandit.

Of conversions, which are rare, the interval is Wilson's, for as many leads as would give the same error: the normal one
is too narrow for arms with a few of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from scipy.stats import norm

from leadflow_pipeline.experiment.arrays import Floats, Interval, Ints
from leadflow_pipeline.experiment.two_proportions import score_interval


@dataclass(frozen=True)
class ArmEstimate:
    """Reward a lead of one arm."""

    leads: int
    value: float
    standard_error: float
    interval: Interval
    plain_mean: float
    """Biased where the shares followed the results; for comparison only."""


def estimate_arms(
    day: Ints, arm: Ints, reward: Floats, shares: Floats, confidence: float = 0.95
) -> tuple[ArmEstimate, ...]:
    """Each arm's estimate, from all leads of a bandit.

    `day` numbers the days from 0, `arm` and `reward` are of each lead, and `shares` are those of each day, (days,
    arms), above 0 on days with leads. The prediction of a day is the arm's weighted mean of the days before.
    """
    days, arms = shares.shape
    key = day * arms + arm
    count = np.bincount(key, minlength=days * arms).reshape(days, arms).astype(np.float64)
    total: Floats = np.bincount(key, reward, days * arms).reshape(days, arms).astype(np.float64)
    squared: Floats = np.bincount(key, reward * reward, days * arms).reshape(days, arms).astype(np.float64)
    leads = count.sum(axis=1)
    if not (shares[leads > 0] > 0).all():
        raise ValueError("every arm must have had a share above 0 on every day with leads")
    is_share = bool(np.isin(reward, (0.0, 1.0)).all())
    return tuple(
        _estimate(count[:, a], total[:, a], squared[:, a], leads, shares[:, a], is_share, confidence)
        for a in range(arms)
    )


def _estimate(
    count: Floats,
    total: Floats,
    squared: Floats,
    leads: Floats,
    share: Floats,
    is_share: bool,
    confidence: float,
) -> ArmEstimate:
    number = int(count.sum())
    if not number:
        return ArmEstimate(0, nan, inf, Interval(-inf, inf), nan)
    share = np.where(leads > 0, share, 1.0)
    prediction = _before(total / share, count / share)
    # Of the day's scores, prediction + chosen * (reward - prediction) / share, the sum and the sum of squares.
    missed = (total - prediction * count) / share
    missed_squared = (squared - 2 * prediction * total + prediction**2 * count) / share**2
    sums = leads * prediction + missed
    squares = leads * prediction**2 + 2 * prediction * missed + missed_squared
    weight = np.sqrt(share)
    weights = float((weight * leads).sum())
    value = float((weight * sums).sum()) / weights
    spread = float((weight**2 * (squares - 2 * value * sums + value**2 * leads)).sum())
    error = sqrt(max(spread, 0.0)) / weights
    mean = float(total.sum()) / number
    if is_share:
        return ArmEstimate(
            number, value, error, _share_interval(value, error, weights, leads, confidence), mean
        )
    half = float(norm.isf((1 - confidence) / 2)) * error
    return ArmEstimate(number, value, error, Interval(value - half, value + half), mean)


def _share_interval(value: float, error: float, weights: float, leads: Floats, confidence: float) -> Interval:
    """Where nobody or everybody converted, nothing varied: then it is as many leads as the days' shares are worth."""
    rate = min(max(value, 0.0), 1.0)
    worth = weights**2 / float(leads.sum())
    if error > 0 and 0 < rate < 1:
        worth = rate * (1 - rate) / error**2
    interval = score_interval(rate, worth, confidence)
    return Interval(min(interval.low, value), max(interval.high, value))


def _before(above: Floats, below: Floats) -> Floats:
    """The weighted mean of the days before each day; 0 where there is none, which is no worse than any number."""
    above_before = np.concatenate([[0.0], np.cumsum(above)[:-1]])
    below_before = np.concatenate([[0.0], np.cumsum(below)[:-1]])
    return np.asarray(above_before / np.maximum(below_before, 1e-300))
