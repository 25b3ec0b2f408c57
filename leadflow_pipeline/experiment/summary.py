"""Counts of a day's experiments, for people. Nothing about one lead."""

from __future__ import annotations

import pandas as pd


def summarise_exposures(exposures: pd.DataFrame) -> pd.DataFrame:
    """By day: leads that met an experiment, in how many experiments, and how many were kept out."""
    days = exposures.groupby("day")
    return pd.DataFrame(
        {
            "exposed_count": days.size(),
            "experiment_count": days["experiment"].nunique(),
            "holdout_count": days["is_holdout"].sum().astype("int64"),
        }
    )


def summarise_arms(arms: pd.DataFrame) -> pd.DataFrame:
    """By day: bandits that ran, and the largest share that a variant of any of them got."""
    days = arms.astype({"weight": "float64"}).groupby("day")
    return pd.DataFrame({"bandit_count": days["experiment"].nunique(), "largest_share": days["weight"].max()})
