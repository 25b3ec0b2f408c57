"""Attribution by Shapley value: what a channel adds, averaged over all orders in which channels could have joined.

What belongs here: the Shapley value, by subset counts. What does not: cutting journeys.

The worth of a set of channels is the conversions of the journeys that touched no other channel. That game is a sum
of simple ones, one for each set of channels that journeys touched (worth its conversions to whoever holds the whole
set), and in a simple game all members share alike. So the exact value needs no sum over 2^n sets: each conversion is
divided in equal parts among the distinct channels of its journey (Shapley, 1953, A value for n-person games). How often
a channel was met, and in which order, means nothing to it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadflow_pipeline.insight.attribution.journeys import Floats, Journeys, sums_by

BITS = 64


def shapley_credit(journeys: Journeys) -> tuple[Floats, Floats]:
    """Conversions and value of each channel."""
    count = len(journeys.channels)
    conversions, value = np.zeros(count), np.zeros(count)
    if not len(journeys.touches):
        return conversions, value
    # Which channels a journey met, as bits: 64 channels to a number.
    blocks = [_met(journeys, first) for first in range(0, count, BITS)]
    of_conversions, of_value = journeys.conversions, journeys.value
    if len(blocks) == 1:  # few sets, each met by many: counted once
        met, sets = pd.factorize(blocks[0])
        of_conversions, of_value = (sums_by(met, often, len(sets)) for often in (of_conversions, of_value))
        blocks = [sets]
    members = sum(np.bitwise_count(met).astype(np.float64) for met in blocks)
    each_conversion, each_value = of_conversions / members, of_value / members
    for channel in range(count):
        is_met = ((blocks[channel // BITS] >> np.uint64(channel % BITS)) & np.uint64(1)).astype(np.float64)
        conversions[channel] = is_met @ each_conversion
        value[channel] = is_met @ each_value
    return conversions, value


def _met(journeys: Journeys, first: int) -> np.typing.NDArray[np.uint64]:
    """For each journey the channels it met, from the channel `first` on, as bits."""
    bits = np.zeros(len(journeys.channels), dtype=np.uint64)
    here = np.arange(first, min(first + BITS, len(bits)))
    bits[here] = np.uint64(1) << (here - first).astype(np.uint64)
    return np.bitwise_or.reduceat(bits[journeys.touches], journeys.starts[:-1])
