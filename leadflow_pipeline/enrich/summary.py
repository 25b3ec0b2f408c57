"""What a person wants to know of an enriched day: counts and rates, never a value.

What belongs here: one row a day. What does not: showing it.
"""

from __future__ import annotations

import pandas as pd


def summarise_enriched(enriched: pd.DataFrame) -> pd.DataFrame:
    """By day: leads, and the share of them with each status of email and phone, kind of mailbox, and known
    seniority."""
    marks = pd.DataFrame(
        {
            **{
                f"email_{status}_rate": enriched["email_status"] == status
                for status in ("valid", "risky", "invalid", "missing")
            },
            "email_role_rate": enriched["email_is_role"],
            "email_disposable_rate": enriched["email_is_disposable"],
            "email_free_rate": enriched["email_is_free"],
            "phone_valid_rate": enriched["phone_status"] == "valid",
            "phone_invalid_rate": enriched["phone_status"] == "invalid",
            "company_known_rate": enriched["company_key"].notna(),
            "country_known_rate": enriched["country"].str.fullmatch("[A-Z]{2}", na=False),
            "seniority_known_rate": enriched["seniority"].notna(),
            "decision_maker_rate": enriched["is_decision_maker"],
        }
    ).astype("float64")
    by_day = marks.groupby(enriched["day"])
    return by_day.mean().assign(leads_out=by_day.size())[["leads_out", *marks.columns]]
