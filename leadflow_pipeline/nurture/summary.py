"""What a person wants to know of a day of nurture: counts, never a value.

What belongs here: one row a day. What does not: showing it.
"""

from __future__ import annotations

import pandas as pd


def summarise_nurtured(nurtured: pd.DataFrame, routed: pd.DataFrame) -> pd.DataFrame:
    """By day: leads enrolled, in all and by sequence, not enrolled for want of an email, and each end."""
    day = nurtured["day"]
    begins = nurtured["enrolled_at"].eq((day + pd.Timedelta(days=1)).dt.tz_localize("UTC"))
    is_routed = routed["status"].eq("ROUTED")
    counts = {
        "enrolled": begins,
        **{
            f"enrolled_{sequence}": begins & nurtured["sequence"].eq(sequence)
            for sequence in sorted(nurtured["sequence"].unique())
        },
        **{
            state.lower(): nurtured["state"].eq(state)
            for state in ("PAUSED", "STOPPED", "GRADUATED", "COMPLETED")
        },
    }
    summary = {name: marks.groupby(day).sum() for name, marks in counts.items()}
    summary["without_email"] = (is_routed & routed["email"].isna()).groupby(routed["day"]).sum()
    return pd.DataFrame(summary).fillna(0).astype("int64")


def summarise_touches(touches: pd.DataFrame) -> pd.DataFrame:
    """By day: touches that fall due in the 24 hours after it, in all and by sequence."""
    counts = pd.DataFrame(
        {
            "touches_due": pd.Series(data=True, index=touches.index),
            **{
                f"touches_{sequence}": touches["sequence"].eq(sequence)
                for sequence in sorted(touches["sequence"].unique())
            },
        }
    )
    return counts.groupby(touches["day"]).sum().astype("int64")
