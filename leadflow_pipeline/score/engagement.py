"""Engagement: what a lead did, fading with time. 0 to 100.

What belongs here: the decay. What does not: levels of engagement (`temperature`) and points for single events
(`points`).

As of the end of a day

    engagement = min(100, sum over events of  points * 2 ** (-age in days / half-life in days))

with the points and the half-life of the event's behaviour. It is kept to 6 decimals: far finer than any rule
needs, and coarse enough that a level of 60 is not missed by the last bit of a sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.score.activity import MICROSECONDS_A_DAY, Activity, IntegerArray
from leadflow_pipeline.score.rules import Behaviour

FloatArray: TypeAlias = npt.NDArray[np.float64]

MOST = 100.0
DECIMALS = 6
EVENTS_AT_ONCE = 2_000_000
"""Bounds the memory of the sum to some 100 MB; the result does not depend on it."""


def engagement_at_end(
    activity: Activity, leads: IntegerArray, days: IntegerArray, behaviours: Mapping[str, Behaviour]
) -> FloatArray:
    """Engagement of each lead as of the end of each day; the two arrays are aligned, in any order."""
    first = activity.first(leads)
    count = activity.end(leads, days) - first
    midnight = (days + 1) * MICROSECONDS_A_DAY
    points = np.array([behaviours[name].points for name in activity.names])
    half_life = np.array([behaviours[name].half_life_days * MICROSECONDS_A_DAY for name in activity.names])
    engagement: FloatArray = np.zeros(len(leads))
    for rows in _batches(count):
        event = _ranges(first[rows], count[rows])
        row = np.repeat(np.arange(len(count[rows])), count[rows])
        behaviour = activity.behaviours[event]
        age = midnight[rows][row] - activity.moments[event]
        worth = points[behaviour] * np.exp2(-age / half_life[behaviour])
        # bincount adds one after the other, so that a row's sum is the same whatever else is in the batch.
        engagement[rows] = np.bincount(row, weights=worth, minlength=len(count[rows]))
    capped: FloatArray = np.minimum(engagement, MOST)
    return np.round(capped, DECIMALS)


def _batches(counts: IntegerArray) -> Iterator[slice]:
    """Consecutive rows that have about `EVENTS_AT_ONCE` events together."""
    batch = np.cumsum(counts) // EVENTS_AT_ONCE
    edges = np.flatnonzero(np.diff(batch, prepend=-1, append=-1))
    for start, stop in pairwise(edges):
        yield slice(start, stop)


def _ranges(starts: IntegerArray, counts: IntegerArray) -> IntegerArray:
    """`start, start + 1, ...` for each start, as many as its count, one after the other."""
    offsets = np.cumsum(counts) - counts
    ranges: IntegerArray = np.arange(counts.sum()) + np.repeat(starts - offsets, counts)
    return ranges
