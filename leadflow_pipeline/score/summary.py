"""What a day's scores came to, in counts and rates: fit for metadata, because it names nobody."""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.score.temperature import NAMES

QUANTILES: dict[str, float] = {"score_p10": 0.1, "score_p50": 0.5, "score_p90": 0.9}


def summarise(scored: pd.DataFrame, due: pd.DataFrame) -> pd.DataFrame:
    """Rows, new and returning leads, leads of each temperature, score quantiles and mean fit, indexed by day.

    A lead is new on the day of its first record (`due.is_new`); any other has returned.
    """
    by_day = scored.groupby("day")
    rows = by_day.size()
    new = due["is_new"].astype("int64").groupby(due["day"]).sum().reindex(rows.index)
    temperatures = pd.crosstab(scored["day"], scored["temperature"]).reindex(
        index=rows.index, columns=list(reversed(NAMES)), fill_value=0
    )
    return pd.DataFrame(
        {
            "rows": rows,
            "new": new,
            "returning": rows - new,
            **{name: temperatures[name] for name in temperatures.columns},
            **{name: by_day["score"].quantile(share) for name, share in QUANTILES.items()},
            "mean_icp_fit": by_day["icp_fit"].mean(),
        }
    )
