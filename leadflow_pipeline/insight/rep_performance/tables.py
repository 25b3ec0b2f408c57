"""The figures of a report as people read them: tables for pages and for the terminal. Pure.

What belongs here: which columns are shown, in which words. What does not: any figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from leadflow_pipeline.insight.pages import UNKNOWN, Section
from leadflow_pipeline.insight.rep_performance.peers import ABOVE, BELOW
from leadflow_pipeline.insight.rep_performance.trends import FALLING, RISING

if TYPE_CHECKING:
    from leadflow_pipeline.insight.rep_performance.reading import RepReport

AGAINST = {
    "conversion_against_team": "conversion, against its team",
    "conversion_against_all": "conversion, against all others",
    "first_touch_against_all": "first touches in time, against all others",
    "trend": "conversion, the last 28 days against the 84 before",
}
"""Column of the leaderboard -> in words."""
NO_BREAK = "\u00a0"
NO_OWNERS = "Leads of this campaign are given to no rep: its file has no section ownership."
NOBODY = "No rep is known yet, and none was given a lead: leadflow reps import adds them."


def why_nothing(report: RepReport) -> str | None:
    """Why there is nothing to show of a campaign's reps, if so."""
    if not report.has_owners and not report.board["leads"].any() and report.workload.empty:
        return NO_OWNERS
    return NOBODY if report.board.empty and report.workload.empty else None


def leaderboard_table(board: pd.DataFrame, shown: Mapping[str, str]) -> Section:
    """The places, and how sure they are."""
    if board.empty:
        return NOBODY
    is_anything_known = board["decided"].gt(0).any()
    return pd.DataFrame(
        {
            "place": board["place"].map(lambda place: UNKNOWN if pd.isna(place) else f"{place}"),
            "likely_places": [
                UNKNOWN if pd.isna(first) else f"{first}–{last}" if first != last else f"{first}"
                for first, last in zip(board["place_from"], board["place_to"], strict=True)
            ],
            "rep": board["rep"].map(shown),
            "team": board["team"].replace("", UNKNOWN),
            "leads": board["leads"].astype("int64"),
            "won": board["wins"].astype("int64"),
            "conversion_may_be": [
                f"{rate:.1%}{NO_BREAK}({low * 100:.0f}–{high * 100:.0f})" if is_anything_known else UNKNOWN
                for rate, low, high in zip(
                    board["conversion"], board["conversion_low"], board["conversion_high"], strict=True
                )
            ],
            "value_won": board["value_won"].map("{:,.0f}".format),
            "first_touch,_min": board["minutes_measured"].map(_or_unknown("{:,.0f}")),
            "in_time": board["first_touch_in_time"].map(_or_unknown("{:.0%}")),
            "performance": board["comparable"].map("{:.2f}".format),
        }
    )


def peers_table(board: pd.DataFrame, shown: Mapping[str, str], *, only_sure: bool = True) -> Section:
    """Against team and all: of whom anything is sure, or all."""
    if board.empty:
        return NOBODY
    if only_sure:
        is_sure = board[[*AGAINST]].isin([ABOVE, BELOW, RISING, FALLING]).any(axis=1)
        if not is_sure.any():
            return f"Of {len(board)} reps none is surely different from its peers, and none surely rises or falls."
        board = board[is_sure]
    return pd.DataFrame(
        {"rep": board["rep"].map(shown), **{words: board[name] for name, words in AGAINST.items()}}
    )


def workload_table(workload: pd.DataFrame, shown: Mapping[str, str]) -> Section:
    """Load, price and floors."""
    if workload.empty:
        return "No day of reps has been planned yet."
    return pd.DataFrame(
        {
            "rep": workload["rep"].map(shown),
            "load": workload["load"].map("{:.0%}".format),
            "open_leads": workload["open_leads"].astype("int64"),
            "given_in_28_days": workload["assigned"].astype("int64"),
            "of_room_for": workload["capacity"].astype("int64"),
            "price_of_one_more_lead": workload["price"].map("{:,.2f}".format),
            "floors_missed": [
                f"{missed} of {floors} days"
                for missed, floors in zip(workload["floors_missed"], workload["floors"], strict=True)
            ],
        }
    )


def fairness_table(fairness: Mapping[str, pd.DataFrame]) -> Section:
    """Parity of groups; small ones shown as such."""
    if not any(len(table) for table in fairness.values()):
        return (
            "Reps have no team and no attributes, or no lead was given yet: there are no groups to compare."
        )
    rows = pd.concat([table.assign(attribute=name) for name, table in fairness.items()], ignore_index=True)
    return pd.DataFrame(
        {
            "attribute": rows["attribute"],
            "group": rows["group"],
            "reps": rows["reps"].astype("int64"),
            "got": rows["got_share"].map(_or_unknown("{:.1%}")),
            "due": rows["due_share"].map(_or_unknown("{:.1%}")),
            "got_for_due": [
                _ratio(ratio, low, high)
                for ratio, low, high in zip(rows["ratio"], rows["low"], rows["high"], strict=True)
            ],
            "of_the_best_served": [
                _ratio(ratio, low, high)
                for ratio, low, high in zip(
                    rows["to_best"], rows["to_best_low"], rows["to_best_high"], strict=True
                )
            ],
            "which_means": rows["says"],
        }
    )


def weeks_table(weekly: pd.DataFrame) -> Section:
    """All reps, week by week."""
    if weekly.empty:
        return "No rep was given a lead in these weeks."
    sums = weekly.groupby("week")[["leads", "wins", "value_won", "sla_due", "sla_kept"]].sum().reset_index()
    share = sums["sla_kept"] / sums["sla_due"].where(sums["sla_due"] > 0)
    return pd.DataFrame(
        {
            "week_from": sums["week"].dt.strftime("%Y-%m-%d"),
            "leads": sums["leads"],
            "won": sums["wins"],
            "value_won": sums["value_won"].map("{:,.0f}".format),
            "in_time": share.map(_or_unknown("{:.0%}")),
        }
    )


def _ratio(ratio: float, low: float, high: float) -> str:
    if pd.isna(ratio):
        return UNKNOWN
    return f"{ratio:.2f}" if pd.isna(low) else f"{ratio:.2f} ({low:.2f} to {high:.2f})"


def _or_unknown(form: str) -> Callable[[float], str]:
    return lambda value: UNKNOWN if pd.isna(value) else form.format(value)
