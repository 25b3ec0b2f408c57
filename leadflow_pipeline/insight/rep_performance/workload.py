"""How much reps carry, what their time is worth, and whether they got what they were to get at least. Pure.

What belongs here: figures from reps' days as they were planned. What does not: planning (`route.owners`).
"""

from __future__ import annotations

from typing import Final

import pandas as pd

RECENT_DAYS: Final = 28


def workload(rep_days: pd.DataFrame) -> pd.DataFrame:
    """How each rep stands on the latest day, the most loaded first, with its last four weeks.

    `rep_days` are rows of the table. `capacity`, `assigned`, `floors` (days with one) and `floors_missed` (days on
    which fewer were given than were to be) are of those weeks; price is the mean of their days, in the
    campaign's currency.
    """
    latest = rep_days.sort_values("day").drop_duplicates("rep", keep="last").set_index("rep")
    since = rep_days["day"].max() - pd.Timedelta(days=RECENT_DAYS - 1)
    recent = rep_days[rep_days["day"] >= since]
    missed = recent.assign(has_floor=recent["floor"] > 0, is_missed=recent["assigned"] < recent["floor"])
    sums = missed.groupby("rep").agg(
        capacity=("capacity", "sum"),
        assigned=("assigned", "sum"),
        price=("price", "mean"),
        floors=("has_floor", "sum"),
        floors_missed=("is_missed", "sum"),
    )
    standing = latest[["day", "load", "open_leads"]].join(sums)
    return standing.reset_index().sort_values(["load", "rep"], ascending=[False, True], ignore_index=True)
