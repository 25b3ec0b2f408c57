"""Whether a rep's share differs from its peers' by more than chance would have it: pure.

What belongs here: comparing counts. What does not: what is counted. Of sixty reps three differ "significantly" by
chance alone, so what is said of one is corrected for all that is looked at.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

FALSE_ALARMS: Final = 0.05
"""Of what is said to be above or below, the share that may be chance (Benjamini and Hochberg, Journal of the Royal
Statistical Society B 57, 1995)."""
ABOVE, BELOW, ALIKE, UNKNOWN = "surely above", "surely below", "not surely different", "nothing to compare"


def against_peers(hits: Floats, trials: Floats, group: npt.ArrayLike) -> pd.DataFrame:
    """Each share beside that of all others of its group: `peers` (their share), `p_value`, `verdict`."""
    codes, _ = pd.factorize(np.asarray(group))
    others_hit = np.bincount(codes, hits)[codes] - hits if len(codes) else hits
    others_tried = np.bincount(codes, trials)[codes] - trials if len(codes) else trials
    p_values, verdicts = compared(hits, trials, others_hit, others_tried)
    shares = np.divide(others_hit, others_tried, out=np.full(len(hits), np.nan), where=others_tried > 0)
    return pd.DataFrame({"peers": shares, "p_value": p_values, "verdict": verdicts})


def compared(
    hits: Floats, trials: Floats, other_hits: Floats, other_trials: Floats
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Two shares each: the p-value of their being one (Fisher's exact test, twice the smaller tail), and the verdict
    after correction for all of them."""
    # Here, because it takes half a second to load, and this module is loaded with every part of Dagster.
    from scipy import stats

    known = (trials > 0) & (other_trials > 0)
    p_values = np.full(len(hits), np.nan)
    tried, hit = trials[known], hits[known]
    together, all_hits = tried + other_trials[known], hit + other_hits[known]
    lower = stats.hypergeom.cdf(hit, together, all_hits, tried)
    upper = stats.hypergeom.sf(hit - 1, together, all_hits, tried)
    p_values[known] = np.minimum(2 * np.minimum(lower, upper), 1.0)
    verdicts = np.full(len(hits), UNKNOWN, dtype=object)
    if known.any():
        is_sure = stats.false_discovery_control(p_values[known]) <= FALSE_ALARMS
        is_above = hit / tried > other_hits[known] / other_trials[known]
        verdicts[known] = np.where(is_sure, np.where(is_above, ABOVE, BELOW), ALIKE)
    return p_values, verdicts
