"""What a day's qualification came to, in counts and rates: fit for metadata, because it names nobody."""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.qualify.reasons import STATUSES


def summarise(qualified: pd.DataFrame) -> pd.DataFrame:
    """Rows, rows of each status, overrides and the qualified rate (0 to 1), indexed by day."""
    counts = pd.crosstab(qualified["day"], qualified["status"]).reindex(columns=list(STATUSES), fill_value=0)
    counts.columns = pd.Index([status.lower() for status in STATUSES])
    rows = counts.sum(axis="columns")
    return counts.assign(
        rows=rows,
        overridden=qualified.groupby("day")["is_override"].sum().astype("int64"),
        qualified_rate=counts["qualified"] / rows,
    )
