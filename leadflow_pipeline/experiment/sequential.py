"""Looking at an experiment while it runs, without fooling oneself.

What belongs here: boundaries for looks that were planned, the p-value that goes with them, and confidence sequences for
looks at any time. What does not: the estimates themselves.

Planned looks: a group-sequential test with O'Brien and Fleming's spending of the error (Lan and DeMets 1983, Biometrika
70, 659-663), two-sided and symmetric. Looks need not be equally far apart nor known beforehand, only their information:
the share of the planned number of people that has been seen. Boundaries come from the exact joint distribution of the
z-scores, by recursive numerical integration (Armitage, McPherson and Rowe 1969; Jennison and Turnbull 2000, chapter
19). Looks at any time: the normal mixture of Robbins, asymptotic for means and shares (Waudby-Smith et al. 2024, Annals
of Statistics 52, 2613-2640), narrowest around the planned number of people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import exp, inf, log, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import lambertw, ndtr
from scipy.stats import norm

from leadflow_pipeline.experiment.arrays import Floats, Interval

SMALLEST_STEP = 1e-4
"""Information between two looks that can be told apart. Looks that are closer belong together."""
LEAST_TO_SPEND = 1e-13
"""Error below which a look is not worth a boundary: it cannot be crossed there."""
SMALLEST_P_VALUE = 1e-12
_FAR = 50.0
_NODES_A_PANEL = 10
_PANEL = 3.0
"""Width of a panel in standard deviations of the smaller step, to this look or to the next: 10 Gauss-Legendre nodes in
it are exact to 1e-9 or so."""


@dataclass(frozen=True)
class Crossing:
    """How likely a test ends at each look."""

    above: Floats
    """By the upper boundary at this look, and at none before."""
    below: Floats
    bounds: Floats

    @property
    def total(self) -> float:
        """At any look, on either side."""
        return float(self.above.sum() + self.below.sum())


def obrien_fleming_spending(fraction: float, alpha: float) -> float:
    """Error that may be spent up to this share of the information, both sides together."""
    if fraction <= 0:
        return 0.0
    if fraction >= 1:
        return alpha
    return float(4 * norm.sf(norm.isf(alpha / 4) / sqrt(fraction)))


def boundaries(fractions: Sequence[float], alpha: float = 0.05, last: bool = False) -> Floats:
    """|z| from which each look ends the test. The past looks' boundaries do not depend on later ones.

    `fractions` is the share of the planned information at each look so far; above 1 where there came more people than
    planned. `last` says that no look follows, so that all that is left is spent, even before the plan is full. Infinite
    where there is nothing to spend: at the very first looks, after the plan was full, and at looks that know no more
    than one before them (a day without leads, or leads that were erased).
    """
    return np.array(_boundaries(tuple(float(fraction) for fraction in fractions), float(alpha), last))


def crossing(fractions: Sequence[float], bounds: Sequence[float] | Floats, drift: float = 0.0) -> Crossing:
    """How likely each look ends the test. `drift` is the mean of z when the information is 1."""
    times = _checked(fractions)
    above, below, walk = [], [], _Walk(drift)
    for time, bound, following in zip(times, bounds, [*times[1:], inf], strict=True):
        above.append(walk.beyond(time, bound))
        below.append(walk.short_of(time, -bound))
        walk.go_on(time, bound, following)
    return Crossing(np.array(above), np.array(below), np.asarray(bounds, dtype=np.float64))


def power(fractions: Sequence[float], drift: float, alpha: float = 0.05) -> float:
    """How likely the right side wins at one of the looks, when z has mean `drift` at information 1."""
    result = crossing(fractions, boundaries(fractions, alpha), abs(drift))
    return float(result.above.sum())


def inflation(fractions: Sequence[float], alpha: float = 0.05, power_wanted: float = 0.8) -> float:
    """How many times the people of a test with one look the same power takes with these looks (1.0 to 1.1)."""
    fixed = float(norm.isf(alpha / 2) + norm.ppf(power_wanted))
    needed = brentq(lambda drift: power(fractions, drift, alpha) - power_wanted, fixed * 0.9, fixed * 2)
    return float((needed / fixed) ** 2)


def sequential_p_value(z_scores: Sequence[float], fractions: Sequence[float], last: bool = False) -> float:
    """The smallest error at which one of the looks so far would have ended the test; never rises from look to look.

    It may be compared with any alpha, and be handed to Holm's procedure: several variants at several looks then keep
    the error together (Ye, Li, Liu and Yao 2013, Statistics in Medicine 32, 1112-1124).
    """
    scores = np.abs(np.asarray(z_scores, dtype=np.float64))

    def lead(log_alpha: float) -> float:
        bounds = boundaries(fractions, exp(log_alpha), last)
        return max(float((scores - bounds).max()), -_FAR)

    low, high = log(SMALLEST_P_VALUE), log(0.999)
    if lead(high) < 0:
        return 1.0
    if lead(low) >= 0:
        return SMALLEST_P_VALUE
    return exp(brentq(lead, low, high, xtol=1e-5))


def mixture_variance(planned_information: float, alpha: float = 0.05) -> float:
    """The mixture's variance that makes the confidence sequence narrowest at the planned information."""
    if planned_information <= 0:
        raise ValueError(f"the planned information must be above 0, not {planned_information:g}")
    return float(-lambertw(-(alpha**2) / np.e, -1).real - 1) / planned_information


def confidence_sequence(
    estimate: float, standard_error: float, planned_standard_error: float, confidence: float = 0.95
) -> Interval:
    """Where the truth may be, at any look, however often and whenever anybody looks.

    `planned_standard_error` is that of the estimate when the experiment is as large as planned: it must be the same
    at every look.
    """
    if not 0 < standard_error < inf:
        return Interval(-inf, inf)
    alpha = 1 - confidence
    information = 1 / standard_error**2
    spread = information * mixture_variance(1 / planned_standard_error**2, alpha)
    half = standard_error * sqrt((1 + spread) / spread * (log(1 + spread) - 2 * log(alpha)))
    return Interval(estimate - half, estimate + half)


def always_valid_p_value(
    estimate: float, standard_error: float, planned_standard_error: float, alpha: float = 0.05
) -> float:
    """p-value of this look for no difference; the smallest of all looks so far is below alpha with probability alpha.

    Below `alpha` exactly when the confidence sequence leaves 0 out.
    """
    if not 0 < standard_error < inf:
        return 1.0
    spread = mixture_variance(1 / planned_standard_error**2, alpha) / standard_error**2
    squared = (estimate / standard_error) ** 2
    return float(min(1.0, sqrt(1 + spread) * exp(-squared * spread / (2 * (1 + spread)))))


class _Walk:
    """The score process, z times the root of the information, on the paths that have crossed no boundary yet."""

    def __init__(self, drift: float = 0.0) -> None:
        self.drift = drift
        self.time = 0.0
        self.nodes = np.zeros(1)
        self.mass = np.ones(1)

    def beyond(self, time: float, bound: float) -> float:
        """How likely z is above the bound at this time, and no boundary was crossed before."""
        return float(self.mass @ ndtr(-self._distance(time, bound)))

    def short_of(self, time: float, bound: float) -> float:
        """How likely z is below it."""
        return float(self.mass @ ndtr(self._distance(time, bound)))

    def go_on(self, time: float, bound: float, following: float) -> None:
        """Keeps the paths between the bounds at this time, as finely as the time of the following look asks for."""
        if following == inf:
            return
        step = sqrt(time - self.time)
        finest = min(step, sqrt(following - time))
        edge = min(bound * sqrt(time), abs(self.drift) * time + 10 * sqrt(time))
        panels = max(int(np.ceil(2 * edge / (_PANEL * finest))), 4)
        nodes, weights = _composite_nodes(panels)
        points = nodes * edge
        density = self._density(points, time, step)
        self.nodes, self.mass, self.time = points, density * weights * edge, time

    def _density(self, points: Floats, time: float, step: float) -> Floats:
        if len(self.nodes) == 1:
            return np.asarray(norm.pdf(points, self.drift * time, step))
        moved = self.nodes + self.drift * (time - self.time)
        density = np.empty(len(points))
        for first in range(0, len(points), 512):
            away = (points[first : first + 512, None] - moved[None, :]) / step
            density[first : first + 512] = np.exp(-0.5 * away * away) @ self.mass
        return density / (step * sqrt(2 * np.pi))

    def _distance(self, time: float, bound: float) -> Floats:
        moved = self.nodes + self.drift * (time - self.time)
        return np.asarray((bound * sqrt(time) - moved) / sqrt(time - self.time))


@lru_cache(maxsize=4096)
def _boundaries(fractions: tuple[float, ...], alpha: float, last: bool) -> tuple[float, ...]:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, not {alpha:g}")
    if not all(0 <= fraction < inf for fraction in fractions):
        raise ValueError(f"shares of the planned information must be 0 or more, not {list(fractions)}")
    times = _times_that_count(fractions, last)
    following = dict(pairwise([*(time for time in times if time), inf]))
    found: list[float] = []
    walk, spent = _Walk(), 0.0
    for number, time in enumerate(times):
        if not time:
            found.append(inf)
            continue
        is_last = last and number == len(times) - 1
        budget = (alpha if is_last else obrien_fleming_spending(time, alpha)) - spent
        bound = inf if budget < LEAST_TO_SPEND else _bound(walk, time, budget / 2)
        found.append(bound)
        if bound < inf:
            spent += budget
        walk.go_on(time, bound, following[time])
    return tuple(found)


def _times_that_count(fractions: Sequence[float], last: bool) -> list[float]:
    """The information at each look; 0 at those that know no more than one before. The last look always counts."""
    times: list[float] = []
    latest = 0.0
    for number, fraction in enumerate(fractions):
        if last and number == len(fractions) - 1:
            fraction = max(fraction, latest + SMALLEST_STEP)
        counts = fraction >= latest + SMALLEST_STEP * (1 - 1e-6)
        times.append(fraction if counts else 0.0)
        latest = max(latest, times[-1])
    return times


def _bound(walk: _Walk, time: float, budget: float) -> float:
    """The bound that spends just the budget, on one side."""
    if len(walk.nodes) == 1:
        return float(norm.isf(budget))

    def overspent(bound: float) -> float:
        return log(max(walk.beyond(time, bound), 1e-300)) - log(budget)

    return float(brentq(overspent, 0.0, 12.0, xtol=1e-10)) if overspent(0.0) > 0 else 0.0


@lru_cache(maxsize=256)
def _composite_nodes(panels: int) -> tuple[Floats, Floats]:
    """Nodes and weights on -1 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES_A_PANEL)
    starts = np.linspace(-1, 1, panels + 1)[:-1]
    half = 1 / panels
    return (
        (starts[:, None] + half * (nodes + 1)[None, :]).ravel(),
        np.tile(weights * half, panels),
    )


def _checked(fractions: Sequence[float]) -> list[float]:
    times = [float(fraction) for fraction in fractions]
    steps = np.diff([0.0, *times])
    if not times or not (steps >= SMALLEST_STEP * (1 - 1e-6)).all():
        raise ValueError(
            f"the looks' shares of the planned information must rise by {SMALLEST_STEP:g} or more, not {times}"
        )
    return times
