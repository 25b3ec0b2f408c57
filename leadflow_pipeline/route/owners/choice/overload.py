"""Backpressure: the fuller a rep is, the less it is given, before it is full.

What belongs here: the curve, and how many places of a day it leaves open at first. What does not: how load and places
come about (`capacity.py`), and who takes what a rep is spared (`assignment.assign_by_rank`).

A rep's places are never fewer for it: what is held back is given out after everybody's other places, of its own team
and of those it spills to. So nothing waits while there is room.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def ease(load: ArrayLike, start: float) -> Floats:
    """How readily a rep takes one more lead: 1 up to the load `start`, then smoothly down to 0 at a load of 1.

    Never rises with load, and has no corner (the cubic 1 - 3u² + 2u³ over the way u from `start` to 1). `load` is the
    share of a rep's room that is taken; above 1 where more was given than there was room for.
    """
    way = _way(np.asarray(load, dtype=float), start)
    eased: Floats = 1 - way**2 * (3 - 2 * way)
    return eased


def throttled(places: ArrayLike, load: ArrayLike, start: float) -> Ints:
    """How many of a rep's places of a day are open before those of all others are. `[R]`

    Each place fills the rep further, and a later one is given less readily: the places times the mean of `ease` over
    the loads from now to full, to the nearest whole.
    """
    now = np.clip(np.asarray(load, dtype=float), 0, 1)
    way = _way(now, start)
    beyond = (1 - start) * (0.5 - way + way**3 - way**4 / 2)
    left = 1 - now
    mean = np.divide(np.maximum(start - now, 0) + beyond, left, out=np.zeros_like(left), where=left > 0)
    whole = np.asarray(places, dtype=np.int64)
    return np.asarray(np.clip(np.floor(whole * mean + 0.5), 0, whole), dtype=np.int64)


def _way(load: Floats, start: float) -> Floats:
    if start >= 1:
        return (load >= 1).astype(np.float64)
    return np.asarray(np.clip((load - start) / (1 - start), 0, 1), dtype=np.float64)
