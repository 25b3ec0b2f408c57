"""What a person wants to know of a harvested day: counts and rates, never a value.

What belongs here: one row a day. What does not: showing it.
"""

from __future__ import annotations

import pandas as pd


def summarise_harvested(harvested: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """By day: records in, leads out, of them new and corrected, and how many have an email or a phone."""
    by_day = harvested.assign(
        has_email=harvested["email"].notna(), has_phone=harvested["phone"].notna(), is_new=harvested["is_new"]
    ).groupby("day")
    summary = pd.DataFrame(
        {
            "records_in": records.groupby("day").size(),
            "leads_out": by_day.size(),
            "leads_new": by_day["is_new"].sum(),
            "records_merged": by_day["record_count"].sum(),
            "email_rate": by_day["has_email"].mean(),
            "phone_rate": by_day["has_phone"].mean(),
        }
    )
    counts = ["records_in", "leads_out", "leads_new", "records_merged"]
    summary[counts] = summary[counts].fillna(0).astype("int64")
    return summary.astype({"email_rate": "float64", "phone_rate": "float64"})


def summarise_quarantined(quarantined: pd.DataFrame) -> pd.DataFrame:
    """By day: how many records are in quarantine, and for how many different reasons."""
    by_day = quarantined.groupby("day")
    return pd.DataFrame({"records_quarantined": by_day.size(), "reasons": by_day["reason"].nunique()})
