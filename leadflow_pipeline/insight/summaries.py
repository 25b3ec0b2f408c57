"""What became of a campaign's leads, as small tables.

What belongs here: counting. What does not: drawing (`plots`), reading the database (`assets`), and any rule.
Pure: frames in, frames out; no row of a summary is about one person.

The frames hold each lead's latest row as of the day of the report, with the columns named in each function.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

TIERS = ("HOT", "WARM", "COOL", "COLD")
DECILES = 10
BIN_WIDTH = 5
"""Points of the score (0-100) in one bar."""


def funnel(
    harvested: pd.DataFrame,
    qualified: pd.DataFrame,
    routed: pd.DataFrame,
    nurtured: pd.DataFrame,
    outcomes: pd.DataFrame,
) -> pd.DataFrame:
    """How many leads came how far: `step`, `leads`, `share` of all leads.

    Takes `lead_id` of each, `email_status` of harvested (as enriched), `status` of qualified and routed, and
    `outcome`. Each step counts leads, so a lead that was enrolled twice counts once.
    """
    steps = {
        "Leads": harvested["lead_id"].nunique(),
        "With a usable address": int(harvested["email_status"].isin(["valid", "risky"]).sum()),
        # Leads for review are routed while a person looks at them, so they belong to the same step.
        "Qualified or for review": int(qualified["status"].isin(["QUALIFIED", "MANUAL_REVIEW"]).sum()),
        "Routed to a sequence": int(routed["status"].isin(["ROUTED", "ALREADY_ROUTED"]).sum()),
        "Enrolled": nurtured["lead_id"].nunique(),
        "Won": outcomes.loc[outcomes["outcome"] == "won", "lead_id"].nunique(),
    }
    table = pd.DataFrame({"step": list(steps), "leads": list(steps.values())})
    return table.assign(share=share_of(table["leads"], steps["Leads"]))


def score_distribution(scored: pd.DataFrame) -> pd.DataFrame:
    """Leads in each bar: `score_from` (inclusive), `score_to` (exclusive but for 100), `leads`."""
    edges = np.arange(0, 100 + BIN_WIDTH, BIN_WIDTH)
    leads, _ = np.histogram(scored["score"].to_numpy(dtype="float64"), bins=edges)
    return pd.DataFrame({"score_from": edges[:-1], "score_to": edges[1:], "leads": leads})


def daily_volume(new_leads: pd.DataFrame, touches: pd.DataFrame) -> pd.DataFrame:
    """New leads and planned emails a day: `day`, `new_leads`, `touches`, without a gap between the first and
    last day.

    Takes `day` and `rows` of each.
    """
    counts = pd.DataFrame(
        {
            "new_leads": new_leads.groupby("day")["rows"].sum(),
            "touches": touches.groupby("day")["rows"].sum(),
        }
    )
    if counts.empty:
        return pd.DataFrame({"day": pd.to_datetime([]), "new_leads": [], "touches": []})
    days = pd.date_range(counts.index.min(), counts.index.max(), freq="D", name="day")
    return counts.reindex(days).fillna(0).astype("int64").reset_index()


def tier_table(routed: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Each tier: `tier`, `leads`, `won`, `share` of the routed, `conversion`.

    Takes `lead_id` and `tier` of routed, `lead_id` and `outcome` of outcomes.
    """
    in_tier = routed[routed["tier"].notna()]
    won = is_won(in_tier["lead_id"], outcomes)
    grouped = pd.DataFrame({"tier": in_tier["tier"], "won": won}).groupby("tier")["won"]
    table = (
        pd.DataFrame({"leads": grouped.size(), "won": grouped.sum()})
        .reindex(list(TIERS), fill_value=0)
        .astype("int64")
        .rename_axis("tier")
        .reset_index()
    )
    return table.assign(
        share=share_of(table["leads"], len(in_tier)), conversion=share_of(table["won"], table["leads"])
    )


def conversion_by_decile(scored: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Ten equal groups by score, the highest first: `decile`, `score_from`, `score_to`, `leads`, `won`,
    `conversion`.

    Takes `lead_id` and `score`; `outcome`. Equal scores are parted by lead id, so that groups are equal and
    stable.
    """
    ordered = scored.sort_values(["score", "lead_id"], ascending=[False, True], kind="stable")
    decile = np.arange(len(ordered)) * DECILES // max(len(ordered), 1) + 1
    grouped = pd.DataFrame(
        {"decile": decile, "score": ordered["score"], "won": is_won(ordered["lead_id"], outcomes)}
    ).groupby("decile")
    table = pd.DataFrame(
        {
            "score_from": grouped["score"].min(),
            "score_to": grouped["score"].max(),
            "leads": grouped.size(),
            "won": grouped["won"].sum().astype("int64"),
        }
    ).reset_index()
    return table.assign(conversion=share_of(table["won"], table["leads"]))


def fit_engagement_grid(
    scored: pd.DataFrame,
    outcomes: pd.DataFrame,
    fit_edges: Sequence[float],
    engagement_edges: Sequence[float],
) -> pd.DataFrame:
    """How well leads fit against how engaged they are: `fit`, `engagement`, `leads`, `won`, `conversion`, the best fit
    first, then the most engaged.

    Takes `lead_id`, `icp_fit` (0-1) and `engagement` (0-100) of scored; `lead_id` and `outcome`. The edges are where
    the campaign draws its lines (an edge belongs to the band above it); `fit` and `engagement` name the band. The
    conversion is missing where no end, won or lost, of any lead in the cell is known.
    """
    fit_bands, fit = _banded(scored["icp_fit"], fit_edges, 1)
    engagement_bands, engagement = _banded(scored["engagement"], engagement_edges, 100)
    ended = scored["lead_id"].isin(outcomes.loc[outcomes["outcome"].isin(["won", "lost"]), "lead_id"])
    cells = pd.DataFrame(
        {
            "fit": fit,
            "engagement": engagement,
            "leads": 1,
            "won": is_won(scored["lead_id"], outcomes).to_numpy(),
            "ended": ended.to_numpy(),
        }
    )
    every = pd.MultiIndex.from_product(
        [range(len(fit_bands))[::-1], range(len(engagement_bands))[::-1]], names=["fit", "engagement"]
    )
    table = (
        cells.groupby(["fit", "engagement"]).sum().reindex(every, fill_value=0).astype("int64").reset_index()
    )
    return pd.DataFrame(
        {
            "fit": [fit_bands[band] for band in table["fit"]],
            "engagement": [engagement_bands[band] for band in table["engagement"]],
            "leads": table["leads"],
            "won": table["won"],
            "conversion": share_of(table["won"], table["leads"]).where(table["ended"] > 0),
        }
    )


def _banded(values: pd.Series, edges: Sequence[float], most: float) -> tuple[list[str], np.ndarray]:
    """Names of the bands between the edges, and the band of each value."""
    inner = sorted({edge for edge in edges if 0 < edge < most})
    bounds = [0, *inner, most]
    names = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
    return names, np.searchsorted(inner, values.to_numpy(dtype="float64"), side="right")


def is_won(lead_ids: pd.Series, outcomes: pd.DataFrame) -> pd.Series:
    """Whether each lead was won."""
    return lead_ids.isin(outcomes.loc[outcomes["outcome"] == "won", "lead_id"])


def share_of(part: pd.Series, whole: pd.Series | int) -> pd.Series:
    """Part of a whole, 0-1; 0 where there is no whole."""
    divisor = pd.Series(whole, index=part.index, dtype="float64")
    return (part / divisor.where(divisor > 0)).fillna(0.0)


def by_group(
    scored: pd.DataFrame, column: str, outcomes: pd.DataFrame, otherwise: str = "none"
) -> pd.DataFrame:
    """The scores of each group of leads: `column`, `leads`, `mean_score`, `mean_probability` (missing without a model),
    `won`, `share` of all, `conversion`, the largest first.

    Takes `lead_id`, `score`, `conversion_probability` and the column that tells the groups apart, whose missing values
    are `otherwise`; `lead_id` and `outcome` of outcomes.
    """
    rows = scored.assign(
        **{column: scored[column].fillna(otherwise), "won": is_won(scored["lead_id"], outcomes)}
    )
    grouped = rows.groupby(column)
    table = pd.DataFrame(
        {
            "leads": grouped.size(),
            "mean_score": grouped["score"].mean(),
            "mean_probability": grouped["conversion_probability"].mean(),
            "won": grouped["won"].sum().astype("int64"),
        }
    ).reset_index()
    table = table.sort_values(["leads", column], ascending=[False, True], kind="stable", ignore_index=True)
    return table.assign(
        share=share_of(table["leads"], len(scored)), conversion=share_of(table["won"], table["leads"])
    )
