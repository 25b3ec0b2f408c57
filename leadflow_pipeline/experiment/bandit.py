"""Bandits: shares of the leads that follow the results, and keep every arm alive.

What belongs here: the shares of a day, from what is known before it. What does not: counting (`delays` says what counts
while some outcomes are still to come), who gets which arm (`hashing`), estimates from such data (`adaptive_estimates`).

The chance of a conversion in each arm is Beta-distributed given its counts, with a flat prior. Thompson sampling gives
an arm the share that is its probability of being the best (Thompson 1933; Chapelle and Li 2011). It is computed, not
drawn: an integral in one dimension, exact to many digits, so that the shares of a day are a function of the counts and
a plan stays pure. Top-two (Russo 2016) gives the best only half of that, and the rest to whoever would be best without
it: it tells apart the two best sooner. The floor is added, not cut at: every arm gets it first, and the rest of the
leads follow the probabilities. So no arm's results ever go stale, and each lead's propensity is at least the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betainc, betaincinv, ndtr

from leadflow_pipeline.experiment.arrays import Floats
from leadflow_pipeline.experiment.hashing import PLACES

TOP_TWO_SHARE = 0.5
"""Of the leads beyond the floor, what the best arm gets where the method is top-two: Russo's default."""
_NORMAL = np.linspace(-6.5, 6.5, 53)
"""Normal quantiles of an arm's distribution, to sum its integral at: by the trapezoid rule, right to 1e-8."""
_NODES_OF_VALUE = 9


@dataclass(frozen=True)
class ConversionValues:
    """What a conversion in each arm is worth: the mean and its standard error, by the conversions seen so far."""

    mean: Floats
    standard_error: Floats


def shares(
    successes: Sequence[float] | Floats,
    trials: Sequence[float] | Floats,
    floor: float,
    method: Literal["thompson", "top_two"] = "thompson",
    values: ConversionValues | None = None,
) -> Floats:
    """The share of leads that each arm gets, in whole ten-thousandths as the hash has places, summing to 1.

    Successes and trials are those that count by now (`delays`); both may be fractions. Raises ValueError for counts
    that are none, and for floors that make more than 1 together.
    """
    best = probability_best(successes, trials, values)
    if floor < 0 or floor * len(best) > 1 + 1e-9:
        raise ValueError(
            f"a floor of {floor:g} for each of {len(best)} arms makes more than 1, or less than 0"
        )
    wanted = best if method == "thompson" else top_two(best)
    return _in_places(floor + (1 - floor * len(best)) * wanted)


def probability_best(
    successes: Sequence[float] | Floats,
    trials: Sequence[float] | Floats,
    values: ConversionValues | None = None,
) -> Floats:
    """How likely each arm has the highest rate, or with values the highest value of a lead (rate times value).

    A conversion's mean value is uncertain too: log-normal with the given mean and standard error.
    """
    hits, all_of_them = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if hits.ndim != 1 or hits.shape != all_of_them.shape or not len(hits):
        raise ValueError("a bandit needs as many successes as trials, one of each an arm")
    if not ((hits >= 0) & (hits <= all_of_them) & np.isfinite(all_of_them)).all():
        raise ValueError("successes must be from 0 to the trials")
    alpha, beta = hits + 1, all_of_them - hits + 1
    worth, chances = _value_nodes(values, len(hits))
    density = np.exp(-0.5 * _NORMAL**2)
    probability = np.empty(len(hits))
    for arm in range(len(hits)):
        rates = betaincinv(alpha[arm], beta[arm], ndtr(_NORMAL))
        rewards = rates[:, None] * worth[arm][None, :]
        lower = np.ones_like(rewards)
        for other in range(len(hits)):
            if other != arm:
                lower *= _cumulative(rewards, alpha[other], beta[other], worth[other], chances)
        probability[arm] = density @ (lower @ chances)
    return np.asarray(probability / probability.sum())


def top_two(best: Floats, share: float = TOP_TWO_SHARE) -> Floats:
    """Shares of the top-two rule from the probabilities of being the best.

    The best of a draw gets the lead with probability `share`, else draws are repeated until another one is the best.
    """
    if len(best) == 1:
        return best
    odds = best / np.maximum(1 - best, 1e-12)
    raw = best * (share + (1 - share) * (odds.sum() - odds))
    return np.asarray(raw / raw.sum())


def _value_nodes(values: ConversionValues | None, arms: int) -> tuple[Floats, Floats]:
    """Worths of a conversion, (arms, nodes), and the chance of each node."""
    if values is None:
        return np.ones((arms, 1)), np.ones(1)
    mean = np.asarray(values.mean, dtype=np.float64)
    error = np.asarray(values.standard_error, dtype=np.float64)
    if mean.shape != (arms,) or error.shape != (arms,) or not (mean > 0).all() or not (error >= 0).all():
        raise ValueError("each arm needs a value above 0 and a standard error of it")
    points, weights = np.polynomial.hermite_e.hermegauss(_NODES_OF_VALUE)
    variance = np.log1p((error / mean) ** 2)
    logs = np.log(mean)[:, None] - variance[:, None] / 2 + np.sqrt(variance)[:, None] * points[None, :]
    return np.exp(logs), weights / weights.sum()


def _cumulative(rewards: Floats, alpha: float, beta: float, worth: Floats, chances: Floats) -> Floats:
    """How likely an arm's reward is below each of these."""
    below = np.zeros_like(rewards)
    for value, chance in zip(worth, chances, strict=True):
        below += chance * betainc(alpha, beta, np.minimum(rewards / value, 1.0))
    return below


def _in_places(wanted: Floats) -> Floats:
    """Rounded to whole places that sum to all of them: the largest remainders are rounded up."""
    scaled = wanted * PLACES
    whole = np.floor(scaled + 1e-9)
    missing = int(PLACES - whole.sum())
    up = np.argsort(-(scaled - whole), kind="stable")[:missing]
    whole[up] += 1
    return np.asarray(whole / PLACES)
