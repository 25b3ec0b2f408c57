"""Who has another owner, counted. Pure.

What belongs here: two frames of owners compared, and what reps had to carry in both. What does not: what that earns
(`earnings.py`). Leads are named by id alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

HELD = "(held)"
"""In the place of an owner: the lead waits until somebody may and can have it."""
NOBODY = "(no owner)"
"""In the place of an owner: the lead is not routed, or the campaign gives no owners. No rep has such an id."""

NO_TIER = "none"


@dataclass(frozen=True)
class Moves:
    """What differs between two ways to give the same leads away."""

    leads: int
    """Leads that either way decides about in the days."""
    moved: int
    """Leads of which another rep is the owner."""
    gained: int
    """Leads that have an owner, and had none before."""
    lost: int
    """Leads that have none, and had one before."""
    held_before: int
    held_after: int
    transitions: pd.DataFrame
    """`tier`, `before`, `after`, `leads`, `worth`: those that differ, most leads first."""
    most_valuable: pd.DataFrame
    """`lead_id`, `tier`, `worth`, `before`, `after` of those that differ, what is worth most first."""

    @property
    def changed(self) -> int:
        """Leads that stand otherwise than before, held ones that are not held included."""
        return int(self.transitions["leads"].sum())


def owners_of(decisions: pd.DataFrame) -> pd.Series:
    """Lead -> its owner, or HELD: of rows of `owner_decisions`, each lead's latest."""
    latest = decisions.sort_values("day", kind="stable").drop_duplicates("lead_id", keep="last")
    owners = latest["owner"].astype(object).where(latest["owner"].notna(), HELD)
    return pd.Series(owners.to_numpy(), index=pd.Index(latest["lead_id"], name="lead_id"), dtype=object)


def compare_owners(leads: pd.DataFrame, most: int = 10) -> Moves:
    """Compares owners.

    Args:
        leads: indexed by `lead_id`: `before` and `after` (a rep, HELD or NOBODY), `tier`, and `worth`, the money to be
            expected of the lead whoever has it.
        most: so many leads are named.
    """
    before, after = leads["before"], leads["after"]
    had, has = (~owner.isin([HELD, NOBODY]) for owner in (before, after))
    differs = before != after
    changed = leads[differs].assign(tier=leads["tier"].fillna(NO_TIER)).reset_index()
    return Moves(
        leads=len(leads),
        moved=int((differs & had & has).sum()),
        gained=int((~had & has).sum()),
        lost=int((had & ~has).sum()),
        held_before=int((before == HELD).sum()),
        held_after=int((after == HELD).sum()),
        transitions=changed.groupby(["tier", "before", "after"], as_index=False)
        .agg(leads=("lead_id", "size"), worth=("worth", "sum"))
        .sort_values(
            ["leads", "worth", "tier", "before", "after"],
            ascending=[False, False, True, True, True],
            ignore_index=True,
        ),
        most_valuable=changed.sort_values(["worth", "lead_id"], ascending=[False, True])
        .head(most)
        .reset_index(drop=True)[["lead_id", "tier", "worth", "before", "after"]],
    )


def compare_loads(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """What reps carry in both, from rows of `rep_days`: `rep`, and each load as `<load>_before` and `<load>_after`.

    Loads are leads `given`; `days_full`, on which no place was left though more leads might have come; `floors_missed`,
    days on which the rep got fewer than its floor; `mean_load`, the mean share of its room that was taken; and
    `open_leads` at the end.

    Whoever gets nothing and has nothing in either is left out. A rep that only one of them knows has NaN in the other.
    """
    both = _loads(before).join(_loads(after), how="outer", lsuffix="_before", rsuffix="_after").sort_index()
    counts = [f"{name}_{when}" for name in ("given", "open_leads") for when in ("before", "after")]
    return both[both[counts].fillna(0).any(axis=1)].rename_axis("rep").reset_index()


def _loads(rep_days: pd.DataFrame) -> pd.DataFrame:
    ordered = rep_days.sort_values("day", kind="stable")
    return (
        ordered.assign(
            is_full=(ordered["assigned"] >= ordered["capacity"])
            & (ordered["eligible"] > ordered["assigned"]),
            is_missed=ordered["assigned"] < ordered["floor"],
        )
        .groupby("rep")
        .agg(
            given=("assigned", "sum"),
            days_full=("is_full", "sum"),
            floors_missed=("is_missed", "sum"),
            mean_load=("load", "mean"),
            open_leads=("open_leads", "last"),
        )
    )
