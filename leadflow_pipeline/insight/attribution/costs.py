"""What each channel's leads and conversions cost, and what came back.

What belongs here: dividing. What does not: who gets the credit (`models`), reading spend (`touches`). Pure.
"""

from __future__ import annotations

import pandas as pd


def cost_table(credits: pd.DataFrame, leads: pd.Series, spend: pd.Series) -> pd.DataFrame:
    """One row a channel, by value, conversions and name: `channel`, `leads`, `conversions`, `value`, `spend`,
    `cost_per_lead`, `cost_per_acquisition`, `return_on_ad_spend`.

    `credits` are those of one model (`models.credits_of`); `leads`, how many leads each channel brought, and `spend`,
    money, are by channel. A quotient is missing where spend is not known or there is nothing to divide by.
    """
    table = credits.groupby("channel")[["conversions", "value"]].sum()
    table = table.reindex(table.index.union(leads.index).union(spend.index))
    table["leads"] = leads.reindex(table.index).fillna(0).astype("int64")
    table["spend"] = spend.reindex(table.index).astype("float64")
    table = table.fillna({"conversions": 0.0, "value": 0.0})
    table["cost_per_lead"] = _quotient(table["spend"], table["leads"])
    table["cost_per_acquisition"] = _quotient(table["spend"], table["conversions"])
    table["return_on_ad_spend"] = _quotient(table["value"], table["spend"])
    in_order = table.rename_axis("channel").reset_index()
    in_order = in_order.sort_values(["value", "conversions", "channel"], ascending=[False, False, True])
    return in_order[
        [
            *("channel", "leads", "conversions", "value", "spend"),
            *("cost_per_lead", "cost_per_acquisition", "return_on_ad_spend"),
        ]
    ].reset_index(drop=True)


def _quotient(part: pd.Series, whole: pd.Series) -> pd.Series:
    divisor = whole.astype("float64")
    return part / divisor.where(divisor > 0)
