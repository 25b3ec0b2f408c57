"""What another rule of choosing would have earned, from what was earned under the one that was used.

What belongs here: estimates of a policy's value from logged choices, with intervals, and warnings where they are not to
be trusted. What does not: policies, and estimates of single arms under a bandit (`adaptive_estimates`).

For each logged choice three numbers matter: the reward, how likely the choice was (its propensity), and how likely the
other policy would have made it. Inverse propensity scoring weights rewards by the ratio of the two (Horvitz and
Thompson 1952); the self-normalised form divides by the sum of the weights (Hájek 1971; Swaminathan and Joachims 2015),
steadier and biased a little; the doubly robust form weights only what a model failed to predict (Dudík, Langford and Li
2011), and is right if either the propensities or the model are.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import norm

from leadflow_pipeline.experiment.arrays import Floats, Interval, Ints

LEAST_EFFECTIVE = 100.0
LARGEST_SHARE = 0.1
"""Of all weight that one choice may have."""
LEAST_REWARDED = 20
"""Choices with a reward that the other policy too would have made."""
TELLING_Z = 3.0
_RESAMPLES_AT_ONCE = 64


@dataclass(frozen=True)
class Groups:
    """Of groups of choices, an entry a group."""

    count: Floats
    """Choices."""
    rewarded: Floats
    """Of them, those with a reward."""
    reward_squared: Floats
    """The sum of squared rewards."""


@dataclass(frozen=True)
class Logged:
    """Choices that were made, aligned; or groups of choices that are alike but for their rewards."""

    reward: Floats
    """Of a group the sum."""
    propensity: Floats
    """How likely the choice was, above 0."""
    target: Floats
    """How likely the other policy makes the same choice for the same lead."""
    groups: Groups | None = None

    def __post_init__(self) -> None:
        """Refuses what are no probabilities."""
        if not len(self.reward) or not len(self.reward) == len(self.propensity) == len(self.target):
            raise ValueError("an off-policy estimate needs choices, each with reward, propensity and target")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise ValueError(
                "propensities must be above 0 and at most 1: a choice that could not be made was not"
            )
        if not ((self.target >= 0) & (self.target <= 1)).all():
            raise ValueError("the target's probabilities must be from 0 to 1")

    @property
    def weight(self) -> Floats:
        """How much more likely the other policy was to choose so."""
        return np.asarray(self.target / self.propensity)

    @property
    def count(self) -> Floats:
        """Choices of each entry."""
        return np.ones(len(self.reward)) if self.groups is None else self.groups.count

    @property
    def reward_squared(self) -> Floats:
        """The sum of squared rewards of each entry."""
        return np.asarray(self.reward**2) if self.groups is None else self.groups.reward_squared

    @property
    def rewarded(self) -> Floats:
        """Choices of each entry with a reward."""
        return np.asarray(self.reward != 0, dtype=np.float64) if self.groups is None else self.groups.rewarded


@dataclass(frozen=True)
class PolicyValue:
    """Reward a lead under the other policy."""

    method: str
    value: float
    standard_error: float
    interval: Interval
    effective_sample_size: float
    """So many choices of the other policy itself would tell as much (Kish)."""
    warnings: tuple[str, ...]
    """Reasons not to trust it, in words."""


def inverse_propensity(
    logged: Logged, confidence: float = 0.95, resamples: int = 0, seed: int = 0
) -> PolicyValue:
    """Unbiased where the propensities are right. `resamples` above 0: the interval is bootstrapped, else normal."""
    ones, none = np.ones(len(logged.reward)), np.zeros(len(logged.reward))
    return _value("inverse propensity", logged, none, logged.weight, ones, confidence, resamples, seed)


def self_normalised(
    logged: Logged, confidence: float = 0.95, resamples: int = 0, seed: int = 0
) -> PolicyValue:
    """A weighted mean: never outside of the rewards seen. NaN where the other policy made none of the choices."""
    weight, none = logged.weight, np.zeros(len(logged.reward))
    return _value("self-normalised", logged, none, weight, weight, confidence, resamples, seed)


def doubly_robust(
    logged: Logged,
    predicted: Floats,
    predicted_target: Floats,
    confidence: float = 0.95,
    resamples: int = 0,
    seed: int = 0,
) -> PolicyValue:
    """With a model's rewards: `predicted` of each choice made, `predicted_target` on average under the other policy.

    The model must not have seen the rows that it predicts (`cross_fitted_rates`).
    """
    ones = np.ones(len(logged.reward))
    expected = predicted_target - logged.weight * predicted
    return _value("doubly robust", logged, expected, logged.weight, ones, confidence, resamples, seed)


def cross_fitted_rates(
    action: Ints, actions: int, reward: Floats, folds: int = 5, strength: float = 50.0
) -> Floats:
    """The simplest model: each action's mean reward, (rows, actions), from the rows of the other folds.

    Means of few rows are drawn towards the mean of all, as if `strength` rows more had had it. A row's fold is its
    place modulo `folds`.
    """
    fold = np.arange(len(action)) % folds
    key = fold * actions + action
    counts = np.bincount(key, minlength=folds * actions).reshape(folds, actions)
    sums = np.bincount(key, reward, folds * actions).reshape(folds, actions)
    others, earned = counts.sum(axis=0) - counts, sums.sum(axis=0) - sums
    overall = earned.sum(axis=1) / np.maximum(others.sum(axis=1), 1)
    rates = (earned + strength * overall[:, None]) / (others + strength)
    return np.asarray(rates[fold])


def _value(
    method: str,
    logged: Logged,
    constant: Floats,
    slope: Floats,
    below: Floats,
    confidence: float,
    resamples: int,
    seed: int,
) -> PolicyValue:
    """The ratio of two sums over choices, `constant + slope * reward` over `below`, with its error to first order or by
    resampling the choices.
    """
    times, reward = logged.count, logged.reward
    above, under = times * constant + slope * reward, times * below
    count, total = float(times.sum()), float(under.sum())
    value = float(above.sum()) / total if total else float("nan")
    standard_error = float("nan")
    if total:
        rest = constant - value * below
        squared = times * rest**2 + 2 * rest * slope * reward + slope**2 * logged.reward_squared
        squares = float(squared.sum()) / (total / count) ** 2
        standard_error = sqrt(max(squares, 0.0) / count / max(count - 1, 1))
    half = float(norm.isf((1 - confidence) / 2)) * standard_error
    interval = Interval(value - half, value + half)
    if resamples and logged.groups is not None:
        raise ValueError("groups of choices cannot be drawn again: give each choice, or no resamples")
    if resamples and total:
        interval = _bootstrapped(above, under, confidence, resamples, seed)
    squares = float((times * logged.weight**2).sum())
    effective = float((times * logged.weight).sum()) ** 2 / squares if squares else 0.0
    return PolicyValue(method, value, standard_error, interval, effective, warnings_of(logged))


def warnings_of(logged: Logged) -> tuple[str, ...]:
    """What speaks against trusting any estimate from these choices, in words."""
    weight, times = logged.weight, logged.count
    count, total = float(times.sum()), float((weight * times).sum())
    if not total:
        return (
            "the other policy would have made none of the choices that were made: nothing is known of it",
        )
    effective = total**2 / float((times * weight**2).sum())
    largest = float(weight[times > 0].max()) / total
    distance = total / count - 1
    deviation = sqrt(float((times * (weight - total / count) ** 2).sum()) / max(count - 1, 1))
    rewarded = int(logged.rewarded[weight > 0].sum())
    found = []
    if effective < LEAST_EFFECTIVE:
        found.append(f"tells no more than {effective:,.0f} choices of the policy itself would")
    if largest > LARGEST_SHARE:
        found.append(f"one choice alone has {largest:.0%} of the weight")
    if rewarded < LEAST_REWARDED:
        found.append(f"only {rewarded} choices that the policy shares had a reward: intervals are too narrow")
    if abs(distance) > 1e-9 and abs(distance) > TELLING_Z * deviation / sqrt(count):
        found.append(
            f"weights are {total / count:.3f} on average where they should be 1: propensities are wrong, "
            "or the policy chooses what was never chosen"
        )
    return tuple(found)


def _bootstrapped(above: Floats, below: Floats, confidence: float, resamples: int, seed: int) -> Interval:
    """Percentiles of the ratio, each choice drawn a Poisson number of times."""
    draw = np.random.default_rng(seed)
    ratios = []
    for first in range(0, resamples, _RESAMPLES_AT_ONCE):
        times = draw.poisson(1.0, (min(_RESAMPLES_AT_ONCE, resamples - first), len(above))).astype(np.float64)
        denominators = times @ below
        ratios.append((times @ above)[denominators > 0] / denominators[denominators > 0])
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(ratios), [tail, 1 - tail])
    return Interval(float(low), float(high))
