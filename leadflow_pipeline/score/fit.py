"""ICP fit: how much of the ideal customer profile a lead meets, 0 to 1.

What belongs here: the verdict of each criterion, and the share of the weights they credit. What does not:
anything a lead did; tiers.

    icp_fit = sum(weight * credit) / sum(weight)

where a criterion credits 1 if it is met, 0 if it is not, and its own `if_unknown` where the field is missing.
Kept to 6 decimals, so that a tier boundary such as 0.85 is not missed by the last bit of a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import Condition, evaluate
from leadflow_pipeline.score.engagement import FloatArray
from leadflow_pipeline.score.rules import IdealCustomerProfile

VerdictArray: TypeAlias = npt.NDArray[np.int8]

NOT_MET, MET, UNKNOWN = 0, 1, 2
DECIMALS = 6


def verdict(condition: Condition, leads: pd.DataFrame) -> VerdictArray:
    """NOT_MET, MET or UNKNOWN for each lead."""
    outcome = evaluate(condition, leads)
    known = outcome.fillna(False).to_numpy(dtype=bool).astype(np.int8)
    return np.where(outcome.isna().to_numpy(), np.int8(UNKNOWN), known)


def fit_shares(profile: IdealCustomerProfile, verdicts: Sequence[VerdictArray]) -> list[FloatArray]:
    """What each criterion adds to `icp_fit`, for each lead."""
    total = sum(criterion.weight for criterion in profile.criteria)
    return [
        criterion.weight * np.array([0.0, 1.0, criterion.if_unknown])[verdict] / total
        for criterion, verdict in zip(profile.criteria, verdicts, strict=True)
    ]


def icp_fit(shares: Sequence[FloatArray], rows: int) -> FloatArray:
    """The sum of the shares; 0 for a profile without criteria."""
    fit = np.zeros(rows)
    for share in shares:
        fit = fit + share
    return np.round(fit, DECIMALS)
