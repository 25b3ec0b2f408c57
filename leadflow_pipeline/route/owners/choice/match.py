"""How well a rep matches a lead, 0 to 1.

What belongs here: the score and what it is made of. What does not: how well a rep does (`performance.py`), how full it
is (`overload.py`), what it knows of the lead's trade (`eligibility.py`), and what the lead is worth.

match = 0.4 specialty + 0.3 performance + 0.2 capacity + 0.1 SLA by default; the campaign may weigh them otherwise, and
weights are made to sum to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leadflow_pipeline.route.owners.rules import MatchWeights

Floats = NDArray[np.float64]


def match_scores(
    specialty: NDArray[np.floating],
    performance: Floats,
    capacity: Floats,
    sla: Floats,
    weights: MatchWeights | Floats,
) -> Floats:
    """The match of every pair. `[L,R]`, 0 to 1.

    Args:
        specialty: `[L,R]` how much of what the lead needs the rep knows.
        performance: `[R]` comparable performance, 0.5 for the median rep.
        capacity: `[R]` how readily the rep takes one more.
        sla: `[R]` share of first touches in time.
        weights: of the four; or `[L,4]` in this order, where experiments give each lead its own.

    Every part is 0 to 1.
    """
    if isinstance(weights, np.ndarray):
        own = weights / weights.sum(axis=1, keepdims=True)
        # Summed one by one: what a product of matrices rounds depends on how many leads there are.
        of_rep = own[:, 1:2] * performance + own[:, 2:3] * capacity + own[:, 3:] * sla
        return np.asarray(specialty * own[:, :1] + of_rep)
    share = _shares(weights)
    of_rep = share[1] * performance + share[2] * capacity + share[3] * sla
    return np.asarray(specialty * share[0] + of_rep)


def _shares(weights: MatchWeights) -> Floats:
    given = np.array([weights.specialty, weights.performance, weights.capacity, weights.sla])
    return np.asarray(given / given.sum())
