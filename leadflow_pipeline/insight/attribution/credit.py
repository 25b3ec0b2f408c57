"""Who gets the credit of a conversion, by where each touch stands in its journey.

What belongs here: rules that look at one journey at a time, each a share for every touch; the shares of a journey
sum to 1. What does not: models that learn from all journeys (`removal`, `coalitions`).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from leadflow_pipeline.insight.attribution.journeys import Booleans, Floats, Integers, Journeys, sums_by


def first_touch(journeys: Journeys) -> Floats:
    """All to the touch that began it."""
    return _at(journeys, journeys.starts[:-1])


def last_touch(journeys: Journeys) -> Floats:
    """All to the touch just before the conversion."""
    return _at(journeys, journeys.starts[1:] - 1)


def last_non_direct_touch(journeys: Journeys, direct: Collection[str]) -> Floats:
    """All to the last touch of another channel than the `direct` ones; the last touch where there is no other."""
    is_direct = np.isin(journeys.channels, list(direct))[journeys.touches]
    position = np.where(is_direct, -1, np.arange(len(is_direct)))
    found = np.maximum.reduceat(position, journeys.starts[:-1]) if len(position) else position
    return _at(journeys, np.where(found >= 0, found, journeys.starts[1:] - 1))


def linear(journeys: Journeys) -> Floats:
    """The same to each touch."""
    return np.repeat(1.0 / journeys.lengths, journeys.lengths)


def position_based(journeys: Journeys, first: float = 0.4, last: float = 0.4) -> Floats:
    """So much to the first and the last touch, the rest in equal parts to those between.

    Of two touches each gets its own share and its part of what would lie between: 40/20/40 gives half and half.
    """
    lengths = journeys.lengths
    between = np.maximum(lengths - 2, 0)
    each = np.divide(1.0 - first - last, between, out=np.zeros(len(lengths)), where=between > 0)
    shares = np.repeat(each, lengths)
    scale = np.where(between > 0, 1.0, first + last)
    shares[journeys.starts[:-1]] = first / scale
    shares[journeys.starts[1:] - 1] = np.where(lengths > 1, last / scale, 1.0)
    return shares


def time_decay(journeys: Journeys, half_life_days: float = 7.0) -> Floats:
    """Half as much for each half-life (days) that a touch is older."""
    youngest = (
        np.minimum.reduceat(journeys.ages, journeys.starts[:-1]) if len(journeys.ages) else journeys.ages
    )
    weights = np.exp2((np.repeat(youngest, journeys.lengths) - journeys.ages) / half_life_days)
    return weights / np.repeat(_sums(journeys, weights), journeys.lengths)


def w_shaped(journeys: Journeys, milestone: float = 0.3) -> Floats:
    """So much to each of three milestones, the rest in equal parts to the other touches.

    The milestones are the first touch, the first that made a lead and the first that made an opportunity. Milestones
    at one touch add up; what nobody is there to get goes to those that are, in proportion.
    """
    shares = np.zeros(len(journeys.touches))
    starts = journeys.starts[:-1]
    shares[starts] = milestone
    for is_milestone in (journeys.made_lead, journeys.made_opportunity):
        shares[_first_of_journey(journeys, is_milestone)] += milestone
    others = shares == 0
    number = _sums(journeys, others.astype(np.float64))
    rest = np.divide(1.0 - 3 * milestone, number, out=np.zeros(len(number)), where=number > 0)
    shares[others] = np.repeat(rest, journeys.lengths)[others]
    return shares / np.repeat(_sums(journeys, shares), journeys.lengths)


def by_channel(journeys: Journeys, shares: Floats) -> tuple[Floats, Floats]:
    """Conversions and value of each channel, given the share of each touch."""
    count = len(journeys.channels)
    lengths = journeys.lengths
    return (
        sums_by(journeys.touches, shares * np.repeat(journeys.conversions, lengths), count),
        sums_by(journeys.touches, shares * np.repeat(journeys.value, lengths), count),
    )


def _at(journeys: Journeys, positions: Integers) -> Floats:
    shares = np.zeros(len(journeys.touches))
    shares[positions] = 1.0
    return shares


def _sums(journeys: Journeys, weights: Floats) -> Floats:
    return sums_by(journeys.journey, weights, len(journeys.lengths))


def _first_of_journey(journeys: Journeys, chosen: Booleans) -> Integers:
    """Position of the first chosen touch of each journey that has one."""
    positions = np.flatnonzero(chosen)
    journey = np.searchsorted(journeys.starts, positions, side="right") - 1
    firsts: Integers = positions[np.diff(journey, prepend=-1) != 0]
    return firsts
