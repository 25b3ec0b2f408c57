"""Many comparisons at once: of twenty that find nothing, one looks like something.

What belongs here: p-values adjusted for their company. What does not: where the p-values come from; those of an
experiment that is looked at while it runs must be `sequential.sequential_p_value`'s.

Holm keeps the chance of any false finding below alpha, whatever depends on what: for the choice of a winner among
variants. Benjamini and Hochberg keep the expected share of false findings among the findings below it: for the many
further metrics that nobody acts upon alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from leadflow_pipeline.experiment.arrays import Floats


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Adjusted p-values, in the same shape; what is NaN stays so and counts for nothing. Holm (1979)."""
    return _adjusted(
        p_values, lambda ordered: np.maximum.accumulate(ordered * np.arange(len(ordered), 0, -1))
    )


def benjamini_hochberg(p_values: Sequence[float] | Floats) -> Floats:
    """Adjusted p-values, in the same shape; NaN as in `holm`. Benjamini and Hochberg (1995)."""

    def adjust(ordered: Floats) -> Floats:
        scaled = ordered * len(ordered) / np.arange(1, len(ordered) + 1)
        return np.asarray(np.minimum.accumulate(scaled[::-1])[::-1])

    return _adjusted(p_values, adjust)


def _adjusted(p_values: Sequence[float] | Floats, adjust: Callable[[Floats], Floats]) -> Floats:
    given = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(given))
    flat = given.ravel().copy()
    values = flat[known]
    if ((values < 0) | (values > 1)).any():
        raise ValueError("p-values must be from 0 to 1")
    order = np.argsort(values, kind="stable")
    flat[known[order]] = np.minimum(adjust(values[order]), 1.0)
    return flat.reshape(given.shape)
