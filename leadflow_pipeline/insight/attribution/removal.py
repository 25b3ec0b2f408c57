"""Attribution by removal effect: what would be lost of all conversions if a channel were not there.

What belongs here: the Markov chain of journeys, after Anderl, Becker, von Wangenheim and Schumann (2016), Mapping the
customer journey, International Journal of Research in Marketing 33(3). What does not: cutting journeys.

A journey of order k is a walk over the last k channels. Each walk begins at `start` and ends in a conversion or in
vain; loops are walked like any other step. Without a channel every walk that comes to it ends in vain. The shares of
walks that convert are exact, the solution of a linear system: nothing is simulated.
"""

from __future__ import annotations

import numpy as np
import scipy

from leadflow_pipeline.insight.attribution.journeys import Floats, Integers, Journeys, sums_by

FEW_STATES = 1_000
"""Up to here steps are counted in a table of all pairs of states."""
MOST_COUNTED = 10_000_000


def removal_credit(journeys: Journeys, order: int = 1) -> tuple[Floats, Floats]:
    """Conversions and value of each channel: the whole, divided in proportion to the channels' removal effects."""
    state, channel_of = _states(journeys, order)
    conversions, value = float(journeys.conversions.sum()), float(journeys.value.sum())
    lost, lost_value = _effects(journeys, state, channel_of)
    # Where nothing of value is lost (refunds may outweigh it), value follows the conversions.
    return _divided(conversions, lost), _divided(value, lost_value if lost_value.any() else lost)


def _effects(journeys: Journeys, state: Integers, channel_of: Integers) -> tuple[Floats, Floats]:
    """How much is lost without each channel, of conversions and of value."""
    states = len(channel_of)
    often = journeys.conversions + journeys.in_vain
    weight = np.repeat(often, journeys.lengths)
    is_first = np.zeros(len(state), dtype=bool)
    is_first[journeys.starts[:-1]] = True
    last = journeys.starts[1:] - 1
    steps = np.flatnonzero(~is_first)
    visits = sums_by(state, weight, states)
    passed = visits > 0
    per_visit = np.divide(1.0, visits, out=np.zeros(states), where=passed)
    walk = scipy.sparse.diags_array(per_visit) @ _steps(state[steps - 1], state[steps], weight[steps], states)
    begin = sums_by(state[journeys.starts[:-1]], often, states)
    begin = begin / max(begin.sum(), 1e-300)
    rewards = np.column_stack(
        [sums_by(state[last], gain, states) * per_visit for gain in (journeys.conversions, journeys.value)]
    )
    whole = _expected(walk, begin, rewards, np.arange(states))
    lost = np.zeros((len(journeys.channels), 2))
    for channel in range(len(journeys.channels)):
        lost[channel] = whole - _expected(walk, begin, rewards, np.flatnonzero(channel_of != channel))
    return np.maximum(lost[:, 0], 0.0), np.maximum(lost[:, 1], 0.0)


def _expected(walk: scipy.sparse.csr_array, begin: Floats, rewards: Floats, kept: Integers) -> Floats:
    """What one walk brings on average where only some states are left."""
    if not len(kept):
        return np.zeros(rewards.shape[1])
    system = scipy.sparse.eye_array(len(kept), format="csc") - walk[kept][:, kept].tocsc()
    expected: Floats = begin[kept] @ scipy.sparse.linalg.splu(system.tocsc()).solve(rewards[kept])
    return expected


def _states(journeys: Journeys, order: int) -> tuple[Integers, Integers]:
    """The state of each touch, and the channel of each state: that of its latest touch."""
    count = len(journeys.channels)
    within = np.arange(len(journeys.touches)) - np.repeat(journeys.starts[:-1], journeys.lengths)
    state = journeys.touches
    for back in range(1, order):
        earlier = np.full(len(state), count)
        has = within >= back
        earlier[has] = journeys.touches[np.flatnonzero(has) - back]
        state = _renumbered(state * (count + 1) + earlier)
    if order == 1:
        return state, np.arange(count)
    channel_of = np.zeros(int(state.max(initial=-1)) + 1, dtype=np.int64)
    channel_of[state] = journeys.touches
    return state, channel_of


def _steps(before: Integers, after: Integers, weight: Floats, states: int) -> scipy.sparse.csr_array:
    """How often each step was walked."""
    if states <= FEW_STATES:
        often = sums_by(before * states + after, weight, states**2)
        return scipy.sparse.csr_array(often.reshape(states, states))
    return scipy.sparse.csr_array((weight, (before, after)), shape=(states, states))


def _renumbered(values: Integers) -> Integers:
    """The same values, numbered without gaps."""
    size = int(values.max(initial=-1)) + 1
    if size > MOST_COUNTED:
        return np.unique(values, return_inverse=True)[1]
    # Counting is an order of magnitude faster than sorting.
    is_there = np.zeros(size, dtype=np.int64)
    is_there[values] = 1
    numbers: Integers = np.cumsum(is_there) - 1
    return numbers[values]


def _divided(whole: float, effects: Floats) -> Floats:
    total = effects.sum()
    return whole * effects / total if total > 0 else np.zeros(len(effects))
