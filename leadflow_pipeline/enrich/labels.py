"""One text for each row, by the first condition that holds for it.

What belongs here: the choosing. What does not: the conditions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd


def label(cases: Mapping[str, pd.Series], default: str | None = None) -> pd.Series:
    """The name of the first case that is true for the row, else `default` (missing if None).

    All cases are boolean (no missing values) and share one index, which the result has too.
    """
    names = pd.Series([*cases, default], dtype="str")
    masks = [case.to_numpy(dtype=bool) for case in cases.values()]
    # Positions first, then one take: building a million texts one by one would cost ten times as much.
    positions = np.select(masks, [np.int8(position) for position in range(len(masks))], np.int8(len(masks)))
    return names.take(positions).set_axis(next(iter(cases.values())).index)
