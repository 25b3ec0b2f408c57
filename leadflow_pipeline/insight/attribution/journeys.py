"""Journeys: what a person was touched by before a conversion, or in vain.

What belongs here: cutting touches into journeys. What does not: who gets the credit (`credit`, `removal`,
`coalitions`), and where touches come from (`touches`).

A conversion's journey holds the touches before it, no older than the look-back window, since the conversion before it;
where there is none since then, those of the whole window, for what sold once may sell again. A conversion without any
touch stays unattributed and is counted as such, so that credits always sum to conversions. Touches after a person's
last conversion make a journey in vain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

DAY = 86_400_000_000
"""Microseconds."""

BITS = 63
"""Of a number that can be sorted."""
BLOCK_BITS = 16
"""numpy sorts numbers of so many bits by counting."""


@dataclass(frozen=True)
class Journeys:
    """Journeys one after the other; those that are alike may be given once, with how often they happened."""

    channels: tuple[str, ...]
    starts: Integers
    """Position of each journey's first touch, and at the end the number of touches: no journey is empty."""
    touches: Integers
    """Position of each touch's channel in `channels`; in a journey the earliest first."""
    ages: Floats
    """Days from each touch to the end of its journey."""
    made_lead: Booleans
    """Whether a touch is the one that made its person a lead."""
    made_opportunity: Booleans
    """Whether a touch is the last one no later than a meeting."""
    conversions: Floats
    """How often each journey ended in a conversion."""
    value: Floats
    """What these conversions were worth together."""
    in_vain: Floats
    """How often it ended in none."""
    unattributed_conversions: float = 0.0
    """Conversions without any touch, which belong to no journey."""
    unattributed_value: float = 0.0

    @cached_property
    def lengths(self) -> Integers:
        """Touches of each journey."""
        return np.diff(self.starts)

    @cached_property
    def journey(self) -> Integers:
        """The journey of each touch."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def cut_into_journeys(
    touches: pd.DataFrame,
    conversions: pd.DataFrame,
    look_back_days: float,
    *,
    made_leads: pd.DataFrame | None = None,
    meetings: pd.DataFrame | None = None,
) -> Journeys:
    """Journeys of everybody.

    `touches` has `person`, `channel` and `occurred_at`; `conversions` has `person`, `occurred_at` and `value`
    (missing: 0); `made_leads` and `meetings`, the milestones, have `person` and `occurred_at`. Moments are in UTC; the
    order of rows means nothing. A touch at the very moment of a conversion came too late for it.
    """
    nothing = touches.iloc[:0]
    frames = [touches, conversions, *(nothing if one is None else one for one in (made_leads, meetings))]
    people, number_of_people = _numbered([frame["person"] for frame in frames])
    channels, names = _factorized(touches["channel"])
    moments = [_microseconds(frame["occurred_at"]) for frame in frames]

    moment, channel = _in_order(people[0], moments[0], channels)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(people[0], minlength=number_of_people))])

    value = conversions["value"].fillna(0.0).to_numpy(dtype="float64")
    by_time = np.lexsort((value, moments[1], people[1]))
    buyer, bought_at, value = people[1][by_time], moments[1][by_time], value[by_time]
    ends = _positions(moment, bounds, buyer, bought_at)
    begins = _begins(moment, bounds, buyer, bought_at, ends, round(look_back_days * DAY))

    is_touched = begins < ends
    vain_begins, vain_ends = _in_vain(bounds, buyer, ends)
    begins = np.concatenate([begins[is_touched], vain_begins])
    lengths = np.concatenate([ends[is_touched], vain_ends]) - begins
    end_moments = np.concatenate([bought_at[is_touched], moment[vain_ends - 1]])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    positions = np.arange(starts[-1]) + np.repeat(begins - starts[:-1], lengths)
    none = np.zeros(len(vain_begins))
    return Journeys(
        channels=names,
        starts=starts,
        touches=channel[positions],
        ages=(np.repeat(end_moments, lengths) - moment[positions]) / DAY,
        made_lead=_latest_at(moment, bounds, people[2], moments[2])[positions],
        made_opportunity=_latest_at(moment, bounds, people[3], moments[3])[positions],
        conversions=np.concatenate([np.ones(int(is_touched.sum())), none]),
        value=np.concatenate([value[is_touched], none]),
        in_vain=np.concatenate([np.zeros(int(is_touched.sum())), none + 1]),
        unattributed_conversions=float((~is_touched).sum()),
        unattributed_value=float(value[~is_touched].sum()),
    )


def _begins(
    moment: Integers, bounds: Integers, buyer: Integers, bought_at: Integers, ends: Integers, window: int
) -> Integers:
    """Position of the first touch of each conversion's journey; conversions are in order of buyer and time."""
    oldest = _positions(moment, bounds, buyer, bought_at - window)
    since = oldest.copy()
    is_again = np.flatnonzero(np.diff(buyer, prepend=-1) == 0)
    since[is_again] = np.maximum(oldest[is_again], ends[is_again - 1])
    return np.where(since < ends, since, oldest)


def _in_vain(bounds: Integers, buyer: Integers, ends: Integers) -> tuple[Integers, Integers]:
    """From where to where each person's touches led to nothing, so far."""
    begins, after = bounds[:-1].copy(), bounds[1:]
    is_last = np.diff(buyer, append=-1) != 0
    begins[buyer[is_last]] = ends[is_last]
    has_any = begins < after
    return begins[has_any], after[has_any]


def _latest_at(moment: Integers, bounds: Integers, person: Integers, at: Integers) -> Booleans:
    """Whether each touch is the person's last one no later than a moment of theirs."""
    found = np.zeros(len(moment), dtype=bool)
    position = _positions(moment, bounds, person, at + 1) - 1
    found[position[position >= bounds[person]]] = True
    return found


def _positions(moment: Integers, bounds: Integers, person: Integers, at: Integers) -> Integers:
    """Position of a person's first touch at or after a moment; of the next person's first where there is none.

    A binary search for all of them at once: persons have few touches each, so it takes few steps.
    """
    low, high = bounds[person], bounds[person + 1]
    while (is_open := low < high).any():
        middle = np.where(is_open, (low + high) // 2, 0)
        is_before = is_open & (moment[middle] < at)
        low, high = np.where(is_before, middle + 1, low), np.where(is_open & ~is_before, middle, high)
    return low


def _in_order(person: Integers, moment: Integers, channel: Integers) -> tuple[Integers, Integers]:
    """Moments and channels by person, moment and channel."""
    if not len(person):
        return moment, channel
    first = int(moment.min())
    channel_bits, moment_bits = _bits(channel), _bits(moment - first)
    person_bits = _bits(person)
    # All three in one number, so that numbers are sorted and no positions, several times as fast as a sort by three
    # keys. People who find no room in it are dealt into blocks, by counting, and each block is sorted alone.
    room = min(BITS - moment_bits - channel_bits, person_bits)
    if room < 0 or person_bits - room > BLOCK_BITS:  # decades in microseconds, and millions of people
        order = np.lexsort((channel, moment, person))
        return moment[order], channel[order]
    keys = (person & _ones(room)) << (moment_bits + channel_bits)
    keys |= ((moment - first) << channel_bits) | channel
    block = (person >> room).astype(np.uint16)
    keys = keys[np.argsort(block, kind="stable")]
    for start, stop in pairwise([0, *np.cumsum(np.bincount(block)).tolist()]):
        keys[start:stop].sort()
    return ((keys >> channel_bits) & _ones(moment_bits)) + first, keys & _ones(channel_bits)


def _bits(numbers: Integers) -> int:
    return int(numbers.max()).bit_length()


def _ones(bits: int) -> int:
    return (1 << bits) - 1


def sums_by(positions: Integers, weights: Floats, size: int) -> Floats:
    """The sum of the weights at each position, 0 to `size`."""
    return np.asarray(np.bincount(positions, weights, size), dtype=np.float64)


def _numbered(columns: list[pd.Series]) -> tuple[list[Integers], int]:
    """Each column's values as numbers of people, and how many people there are."""
    codes, distinct = pd.factorize(pd.concat(columns, ignore_index=True))
    ends = np.cumsum([len(column) for column in columns])
    return [part.astype(np.int64) for part in np.split(codes, ends[:-1])], len(distinct)


def _factorized(texts: pd.Series) -> tuple[Integers, tuple[str, ...]]:
    codes, names = pd.factorize(texts, sort=True)
    return codes.astype(np.int64), tuple(str(name) for name in names)


def _microseconds(moments: pd.Series) -> Integers:
    in_utc = pd.to_datetime(moments, utc=True).dt.tz_localize(None)
    return in_utc.to_numpy(dtype="datetime64[us]").astype(np.int64)
