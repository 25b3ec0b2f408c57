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
    return engagement_later(activity, leads, days, days, behaviours)


def engagement_later(
    activity: Activity,
    leads: IntegerArray,
    known_days: IntegerArray,
    days: IntegerArray,
    behaviours: Mapping[str, Behaviour],
) -> FloatArray:
    """Engagement as of the end of each of `days` from what had happened by the end of each of `known_days`."""
    engagement: FloatArray = np.zeros(len(leads))
    for rows, row, _, worth in _worth_of_events(activity, leads, known_days, days, behaviours):
        # bincount adds one after the other, so that a row's sum is the same whatever else is in the batch.
        engagement[rows] = np.bincount(row, weights=worth, minlength=rows.stop - rows.start)
    capped: FloatArray = np.minimum(engagement, MOST)
    return np.round(capped, DECIMALS)


def worth_by_behaviour(
    activity: Activity, leads: IntegerArray, days: IntegerArray, behaviours: Mapping[str, Behaviour]
) -> tuple[list[FloatArray], list[float]]:
    """What each behaviour adds to each lead's engagement at the end of its day, and its half-life in days."""
    kinds = len(activity.names)
    sums: FloatArray = np.zeros((len(leads), kinds))
    for rows, row, behaviour, worth in _worth_of_events(activity, leads, days, days, behaviours):
        cells = np.bincount(
            row * kinds + behaviour, weights=worth, minlength=(rows.stop - rows.start) * kinds
        )
        sums[rows] = cells.reshape(-1, kinds)
    used = [kind for kind, name in enumerate(activity.names) if behaviours[name].points > 0]
    half_lives = [behaviours[activity.names[kind]].half_life_days for kind in used]
    return [sums[:, kind] for kind in used], half_lives


def _worth_of_events(
    activity: Activity,
    leads: IntegerArray,
    known_days: IntegerArray,
    days: IntegerArray,
    behaviours: Mapping[str, Behaviour],
) -> Iterator[tuple[slice, IntegerArray, npt.NDArray[np.int16], FloatArray]]:
    """Batches of rows, and for each of their events the row in the batch, the behaviour and what is left of it."""
    first = activity.first(leads)
    count = activity.end(leads, known_days) - first
    midnight = (days + 1) * MICROSECONDS_A_DAY
    points = np.array([behaviours[name].points for name in activity.names])
    half_life = np.array([behaviours[name].half_life_days * MICROSECONDS_A_DAY for name in activity.names])
    for rows in _batches(count):
        event = _ranges(first[rows], count[rows])
        row = np.repeat(np.arange(len(count[rows])), count[rows])
        behaviour = activity.behaviours[event]
        age = midnight[rows][row] - activity.moments[event]
        yield rows, row, behaviour, points[behaviour] * np.exp2(-age / half_life[behaviour])


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
