"""Who would change, and by how much, if a campaign had other rules: two states of its leads compared.

What belongs here: counting the differences. What does not: how the other state came about (`replay`). Pure: frames
in, frames out. Leads are named by id alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

DECIDED: tuple[str, ...] = ("qualification", "tier", "owner", "sequence", "routing", "temperature")
"""What a lead may change beside its score, in the order in which people ask."""

STATE_COLUMNS: tuple[str, ...] = ("lead_id", "score", *DECIDED)
QUANTILES: dict[str, float] = {"lowest": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "highest": 1.0}
NONE = "none"
"""Said where a lead has no tier, owner, ... at all."""


@dataclass(frozen=True)
class Comparison:
    """What differs between two states of the same leads."""

    leads: int
    """Leads of either state."""
    changed: int
    """Leads whose score or any decision differs."""
    transitions: dict[str, pd.DataFrame]
    """Decision -> `before`, `after`, `leads`, the most leads first; without those that stay as they are."""
    rescored: int
    """Leads whose score differs."""
    score_change: dict[str, float]
    """Quantiles of the change over the leads that have a score in both states; empty without any."""
    most_changed: pd.DataFrame
    """`lead_id`, `score_before`, `score_after`, `change`, and `<decision>_before`, `<decision>_after`."""


def state_of(scored: pd.DataFrame, qualified: pd.DataFrame, routed: pd.DataFrame) -> pd.DataFrame:
    """One row a lead (`STATE_COLUMNS`), from each lead's latest scored, qualified and routed row."""
    return (
        scored[["lead_id", "score", "temperature"]]
        .merge(
            qualified[["lead_id", "status"]].rename(columns={"status": "qualification"}),
            on="lead_id",
            how="outer",
        )
        .merge(
            routed[["lead_id", "status", "tier", "sequence", "owner"]].rename(columns={"status": "routing"}),
            on="lead_id",
            how="outer",
        )
    )[list(STATE_COLUMNS)]


def compare_states(before: pd.DataFrame, after: pd.DataFrame, most: int = 10) -> Comparison:
    """Compares two frames of `state_of`; `most` leads are named: first whom a decision changes, then by change of
    score, then by id.
    """
    both = before.merge(after, on="lead_id", how="outer", suffixes=("_before", "_after"))
    hundredths = ((both["score_after"] - both["score_before"]) * 100).round()
    change = hundredths / 100
    has_other_score = (hundredths != 0) & ~(both["score_before"].isna() & both["score_after"].isna())
    decided_otherwise = pd.Series(0, index=both.index)
    transitions = {}
    for decision in DECIDED:
        old, new = (both[f"{decision}_{when}"].fillna(NONE) for when in ("before", "after"))
        differs = old != new
        decided_otherwise = decided_otherwise + differs
        transitions[decision] = _counted(old[differs], new[differs])
    ordered = (
        both.assign(change=change, decided=decided_otherwise > 0, size=change.abs().fillna(float("inf")))
        .loc[has_other_score | (decided_otherwise > 0)]
        .sort_values(["decided", "size", "lead_id"], ascending=[False, False, True], kind="stable")
    )
    known = change.dropna()
    decisions = [f"{decision}_{when}" for decision in DECIDED for when in ("before", "after")]
    return Comparison(
        leads=len(both),
        changed=len(ordered),
        transitions=transitions,
        rescored=int(has_other_score.sum()),
        score_change={name: round(float(known.quantile(share)), 2) for name, share in QUANTILES.items()}
        if len(known)
        else {},
        most_changed=ordered[["lead_id", "score_before", "score_after", "change", *decisions]]
        .head(most)
        .reset_index(drop=True),
    )


def _counted(old: pd.Series, new: pd.Series) -> pd.DataFrame:
    pairs = pd.DataFrame({"before": old, "after": new})
    counted = pairs.value_counts().rename("leads").reset_index()
    return counted.sort_values(["leads", "before", "after"], ascending=[False, True, True], ignore_index=True)
