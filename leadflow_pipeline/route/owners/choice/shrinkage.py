"""Rates and means of few observations, drawn towards those of more: empirical Bayes.

What belongs here: beta-binomial rates and normal means in two levels, rep within team within all. What does not: what
is counted (`performance.py`).

Rates of reps scatter around their team's rate as a beta distribution says, teams' around that of all (beta-binomial:
Gelman et al., "Bayesian Data Analysis", 3rd ed., ch. 5.3). How much they scatter is read from the data, over all that
is likely rather than the single most likely: of few wins that is often no scatter at all, or without end (the price of
plain empirical Bayes: Casella, "An Introduction to Empirical Bayes Data Analysis", The American Statistician 39, 1985,
doi:10.2307/2682801).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SCATTERS = np.geomspace(0.01, 3, 40)
"""Of rates: standard deviation over the rarer of rate and 1 - rate. What is looked at."""
USUAL_SCATTER = 0.5
"""Scale of the half-normal prior of it: one rep may well do half as well again as another, ten times as well hardly."""
NEVER = 1e-6
"""Rates are drawn between this and 1 - this."""
UNKNOWN = 30.0
"""How many values a common mean counts for where fewer than three have values, and scatter cannot be told."""
STRONGEST = 1e5
"""How many it counts for at most."""


@dataclass(frozen=True)
class Rates:
    """Shrunk rates: `rate[n]`, with the middle 95 % of what each may be."""

    rate: Floats
    low: Floats
    high: Floats


def shrunk_rates(hits: Floats, trials: Floats, group: Ints) -> Rates:
    """Rates of `hits[n]` in `trials[n]`, drawn towards those of their `group[n]` (0, 1, ...), and those towards all.

    Without any trial every rate is 0.5.
    """
    if not len(trials):
        return Rates(np.zeros(0), np.zeros(0), np.zeros(0))
    hit, tried = _sums(hits, group), _sums(trials, group)
    # Half a hit and half a miss more, so that no common rate is 0 or 1 (Jeffreys' prior).
    overall = np.full(len(tried), (hits.sum() + 0.5) / (trials.sum() + 1))
    of_group, _ = _posterior(hit, tried, overall)
    rate, variance = _posterior(hits, trials, of_group[group])
    weight = rate * (1 - rate) / variance - 1
    low, high = (
        scipy.special.betaincinv(rate * weight, (1 - rate) * weight, tail) for tail in (0.025, 0.975)
    )
    return Rates(rate, np.minimum(low, rate), np.maximum(high, rate))


def drawn_rates(hits: Floats, trials: Floats, group: Ints, draws: int, draw: np.random.Generator) -> Floats:
    """What the rates of `shrunk_rates` may be: `[draws, n]`, each row one possibility.

    The rate of all is drawn first, then those of groups around it, then each one's around its group's. So what is not
    known of all moves all of them together, and takes no part in the difference of two.
    """
    rates = np.zeros((draws, len(trials)))
    if not len(trials):
        return rates
    hit, tried = _sums(hits, group), _sums(trials, group)
    overall = draw.beta(hits.sum() + 0.5, trials.sum() - hits.sum() + 0.5, draws)
    for row, common in enumerate(np.clip(overall, NEVER, 1 - NEVER)):
        of_group = _one_of(_posterior(hit, tried, np.full(len(tried), common)), draw)
        rates[row] = _one_of(_posterior(hits, trials, of_group[group]), draw)
    return rates


def shrunk_means(count: Floats, total: Floats, squares: Floats, group: Ints) -> Floats:
    """Means of `count[n]` values of which sums and sums of squares are known, drawn likewise. NaN without any value."""
    if not len(count) or not count.any():
        return np.full(len(count), np.nan)
    counts, totals = _sums(count, group), _sums(total, group)
    overall = np.full(len(counts), total.sum() / count.sum())
    within = _scatter_within(count, total, squares)
    of_group = _drawn(counts, totals, overall, within)[group]
    return _drawn(count, total, of_group, within)


def _sums(numbers: Floats, group: Ints) -> Floats:
    return np.bincount(group, numbers).astype(float)


def _posterior(hits: Floats, trials: Floats, common: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of what each rate may be, drawn towards the common ones."""
    rarer = np.minimum(common, 1 - common)
    # A common rate counts for so many trials, at each scatter: `[scatters, n]`.
    counts_for = np.maximum((1 - rarer) / (rarer * SCATTERS[:, None] ** 2) - 1, 1e-3)
    right, wrong = counts_for * common, counts_for * (1 - common)
    seen = scipy.special.betaln(right + hits, wrong + trials - hits) - scipy.special.betaln(right, wrong)
    # The grid is even in the logarithm of scatter, so the prior is times scatter.
    likely = seen.sum(axis=1) - (SCATTERS / USUAL_SCATTER) ** 2 / 2 + np.log(SCATTERS)
    weight = np.exp(likely - likely.max())[:, None]
    weight /= weight.sum()
    size = counts_for + trials
    mean = (right + hits) / size
    rate = (weight * mean).sum(axis=0)
    return rate, (weight * (mean * (1 - mean) / (size + 1) + (mean - rate) ** 2)).sum(axis=0)


def _one_of(posterior: tuple[Floats, Floats], draw: np.random.Generator) -> Floats:
    """A rate from each beta distribution of this mean and variance."""
    mean, variance = posterior
    weight = mean * (1 - mean) / variance - 1
    return np.clip(draw.beta(mean * weight, (1 - mean) * weight), NEVER, 1 - NEVER)


def _scatter_within(count: Floats, total: Floats, squares: Floats) -> float:
    """Variance of values around their own mean."""
    seen = count > 0
    around = squares[seen] - total[seen] ** 2 / count[seen]
    freedom = count.sum() - seen.sum()
    if freedom >= 1:
        return max(float(around.sum() / freedom), 0.0)
    mean = total.sum() / count.sum()
    return max(float(squares.sum() / count.sum() - mean**2), 0.0)


def _drawn(count: Floats, total: Floats, common: Floats, within: float) -> Floats:
    """Means drawn to the common ones, by as much as scatter within exceeds scatter between (method of moments,
    DerSimonian & Laird 1986, doi:10.1016/0197-2456(86)90046-2)."""
    seen = count > 0
    mean = np.divide(total, count, out=common.copy(), where=seen)
    if within == 0:
        return mean
    if seen.sum() < 3:
        weight = UNKNOWN
    else:
        weights = count[seen]
        spread = float((weights * (mean[seen] - common[seen]) ** 2).sum()) / within - (seen.sum() - 1)
        size = float(weights.sum() - (weights**2).sum() / weights.sum())
        between = within * spread / size if size > 0 else 0.0
        weight = within / between if between > within / STRONGEST else STRONGEST
    return (count * mean + weight * common) / (count + weight)
