"""Manual decisions as of a day: which one stands.

What belongs here: the one reading of `overrides` that all stages share, so that a decision counts from the
same moment everywhere. What does not: what a stage makes of it. Pure: pandas in, pandas out.

An override stands at the end of a day if it was made before that midnight (UTC) and does not expire before
it. Of those that stand the latest wins, so that an earlier one counts again once a later one has expired. The
value `none` gives the decision back to the rules.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

LIFTED = "none"
"""Value of an override that gives the decision back to the rules."""

OUT_OF_OFFICE = "out of office"
"""Reason of a pause of `nurture` that no person decided: an automatic answer said until when nobody is there."""

COLUMNS = ["value", "actor", "reason", "occurred_at"]


def standing_overrides(
    overrides: pd.DataFrame, field: str, keys: pd.DataFrame, among: Sequence[str] | None = None
) -> pd.DataFrame:
    """The override of `field` that stands for each `(lead_id, day)` of `keys`: value, actor, reason, time.

    Indexed as `keys` (whose index must be unique), missing where none stands. With `among`, values are read
    without regard to case and spelt as there; any other value counts as not made at all.
    """
    if overrides.empty:
        return overrides[COLUMNS].reindex(keys.index)
    about = overrides.loc[overrides["field"] == field].copy()
    about["value"] = _spelt_as(about["value"], among)
    about = about[about["value"].notna()]
    affected = keys.loc[keys["lead_id"].isin(about["lead_id"]), ["lead_id", "day"]]
    if affected.empty:
        return about.loc[[], COLUMNS].reindex(keys.index)
    pairs = affected.reset_index(names="key").merge(
        about[["lead_id", "override_id", "expires_at", *COLUMNS]], on="lead_id"
    )
    end_of_day = pairs["day"].dt.tz_localize("UTC") + pd.Timedelta(days=1)
    stands = (pairs["occurred_at"] < end_of_day) & ~(pairs["expires_at"] < end_of_day)
    latest = (
        pairs[stands]
        .sort_values(["occurred_at", "override_id"], kind="stable")
        .drop_duplicates("key", keep="last")
        .set_index("key")
    )
    standing: pd.DataFrame = latest.loc[latest["value"] != LIFTED, COLUMNS]
    return standing.reindex(keys.index)


def _spelt_as(values: pd.Series[str], among: Sequence[str] | None) -> pd.Series[str]:
    """Values as `among` spells them, missing where it knows none; white space around a value never counts."""
    tidy = values.astype("str").str.strip()
    spelling = {word.lower(): word for word in (*(among or ()), LIFTED)}
    known = tidy.str.lower().map(spelling).astype("str")
    return known if among is not None else known.fillna(tidy)
