"""What a person wants to know of who is who on a day: counts and rates, never a value.

What belongs here: one row a day. What does not: showing it.
"""

from __future__ import annotations

import pandas as pd


def summarise_aliases(aliases: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """By day: new leads, of them people known already, the share of those, and how sure the matching was."""
    known = aliases.groupby("day")
    summary = pd.DataFrame(
        {
            "new_leads": new.groupby("day").size(),
            "people_known_already": known.size(),
            "median_match_probability": known["match_probability"].median(),
        }
    )
    counts = ["new_leads", "people_known_already"]
    summary[counts] = summary[counts].fillna(0).astype("int64")
    summary["known_already_rate"] = summary["people_known_already"] / summary["new_leads"].where(
        lambda n: n > 0
    )
    return summary
