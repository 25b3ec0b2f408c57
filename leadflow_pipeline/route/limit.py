"""The limit of a day: which leads are routed first, and what becomes of the others.

What belongs here: the order of leads and the cut. What does not: whether a lead may be routed at all.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadflow_pipeline.route.decision import Verdict
from leadflow_pipeline.route.fit import Codes


def best_first(score: pd.Series[float], lead_id: pd.Series) -> Codes:
    """The rank of each row: 0 for the best score, equal scores (to nine decimals) by lead_id."""
    noiseless = np.round(score.to_numpy(dtype="float64", na_value=-1.0), 9)
    by_id, _ = pd.factorize(lead_id, sort=True)
    rank = np.empty(len(noiseless), dtype="int64")
    rank[np.lexsort((by_id, -noiseless))] = np.arange(len(noiseless))
    return rank


def best_of(rows: Codes, rank: Codes, limit: int | None) -> Codes:
    """The `limit` rows of the lowest rank, in no order; all of them where there is no limit."""
    if limit is None or len(rows) <= limit:
        return rows
    return rows[np.argpartition(rank[rows], limit)[:limit]]


def within_limit(verdict: Codes, rank: Codes, limit: int | None) -> Codes:
    """The verdicts of a day of which only the best `limit` are routed.

    A new lead beyond it waits; one that would be routed anew stays where it is.
    """
    asks = (verdict == Verdict.ROUTED) | (verdict == Verdict.REROUTED)
    asks[best_of(np.flatnonzero(asks), rank, limit)] = False
    beyond = np.where(verdict == Verdict.ROUTED, Verdict.WAITING, Verdict.STAYS)
    return np.where(asks, beyond, verdict)
