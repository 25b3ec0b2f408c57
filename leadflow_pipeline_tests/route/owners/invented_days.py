"""Invented days of leads and reps, with values as a sales team has them: some leads are worth far more than others,
specialties and territories leave most pairs out or make them worth less, and a few reps have much of the room."""

from __future__ import annotations

import numpy as np

SPECIALTIES = 20


def invented_day(leads: int, reps: int, places_for_a_lead: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Values `[L,R]`, NaN where territory forbids, and capacities `[R]`.

    Value of a pair: the lead's chance to convert times what it is worth (log-normal: a tenth of the leads have half of
    the value), times a match of 0.4 specialty + 0.3 performance + 0.3 for what else differs between pairs. A rep has
    one of R / 12 territories or, 15 in 100, all. `places_for_a_lead`: sum of capacities over leads.
    """
    draw = np.random.default_rng(seed)
    knows = draw.random((reps, SPECIALTIES)) < 0.2
    needs = draw.integers(0, SPECIALTIES, leads)
    territories = max(2, reps // 12)
    covers, lies = draw.integers(0, territories, reps), draw.integers(0, territories, leads)
    everywhere = draw.random(reps) < 0.15
    worth = draw.beta(2, 8, leads) * draw.lognormal(7, 1, leads)
    values = 0.4 * knows.T[needs] + 0.3 * draw.beta(4, 4, reps) + 0.3 * draw.random((leads, reps))
    values *= worth[:, None]
    values[(lies[:, None] != covers) & ~everywhere] = np.nan
    size = draw.gamma(2, 1, reps)
    return values, np.floor(size / size.sum() * leads * places_for_a_lead + 0.5).astype(int)
