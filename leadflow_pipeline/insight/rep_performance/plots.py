"""Pictures of how reps do: pure.

What belongs here: drawing. What does not: counting. Reps are drawn as they are shown (`naming`); of very many only the
first and the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leadflow_pipeline.insight.canvas import (
    BLUE,
    GREY,
    HEIGHT,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    canvas,
    count_on,
    label_bars,
    nothing,
    png,
    share_on,
)
from leadflow_pipeline.insight.rep_performance.peers import ABOVE, BELOW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DRAWN = 60
ROW = 0.2
"""Inches."""
SMALL_ROW = 0.16
FEW = 15
COLOURS = {ABOVE: BLUE, BELOW: ORANGE}
NO_LEADS = "no rep has been given a lead yet"


def plot_conversion(board: pd.DataFrame, shown: Mapping[str, str]) -> bytes:
    """What each rep's conversion may be, beside that of all. Takes the leaderboard."""
    rows = drawn(board[board["leads"] > 0])
    figure, axes = canvas("What conversion may be", "", height(len(rows)))
    if not rows["decided"].sum():
        return nothing(figure, axes, "no lead of a rep was won or lost yet")
    places = np.arange(len(rows))[::-1]
    overall = board["wins"].sum() / board["decided"].sum()
    axes.axvline(overall, color=GREY, linewidth=1.2, zorder=1)
    axes.set_xlabel(f"share of decided leads won; the line: all reps, {overall:.1%}", color=MUTED)
    for words, label in (
        (ABOVE, "surely above the others"), ("", "not surely different"), (BELOW, "surely below them")
    ):  # fmt: skip
        verdict = rows["conversion_against_all"]
        mine = (verdict == words if words else ~verdict.isin([ABOVE, BELOW])).to_numpy()
        if mine.any():
            colour = COLOURS.get(words, MUTED)
            low, high = rows["conversion_low"][mine], rows["conversion_high"][mine]
            axes.hlines(places[mine], low, high, color=colour, linewidth=1.6, alpha=0.6)
            axes.plot(rows["conversion"][mine], places[mine], "o", color=colour, markersize=4.5, label=label)
    _names(axes, rows, places, shown)
    axes.set_xlim(0, min(1.0, float(rows["conversion_high"].max()) * 1.08))
    share_on(axes.xaxis)
    _legend(axes)
    return png(figure)


def plot_value_won(board: pd.DataFrame, shown: Mapping[str, str], currency: str) -> bytes:
    """Value won by each rep, the most first. Takes the leaderboard."""
    rows = drawn(board[board["leads"] > 0].sort_values("value_won", ascending=False, kind="stable"))
    figure, axes = canvas("Value won", currency, height(len(rows)))
    if not rows["value_won"].sum():
        return nothing(figure, axes, "nothing of known value was won yet")
    places = np.arange(len(rows))[::-1]
    axes.barh(places, rows["value_won"], color=BLUE, height=0.65)
    labels = [
        f"{value:,.0f}  ({wins:,} won)" for value, wins in zip(rows["value_won"], rows["wins"], strict=True)
    ]
    label_bars(axes, labels[::-1], rows["value_won"][::-1])
    _names(axes, rows, places, shown)
    axes.set_xlim(0, rows["value_won"].max() * 1.25)
    count_on(axes.xaxis)
    return png(figure)


def plot_first_touch(board: pd.DataFrame, shown: Mapping[str, str], promised: float) -> bytes:
    """Share of first touches in time, the worst first, and the share that is promised. Takes the leaderboard."""
    rows = drawn(board[board["sla_due"] > 0].sort_values(["first_touch_in_time", "rep"], kind="stable"))
    figure, axes = canvas("First touches in time", "share in time", height(len(rows)))
    if rows.empty:
        return nothing(figure, axes, "no first touch was due yet")
    places = np.arange(len(rows))[::-1]
    is_late = rows["first_touch_in_time"] < promised
    axes.barh(
        places, rows["first_touch_in_time"], color=[ORANGE if late else BLUE for late in is_late], height=0.65
    )
    labels = [
        f"{share:.0%}" + (f"  of {due:,}" if pd.isna(minutes) else f"  of {due:,}, {minutes:,.0f} min")
        for share, due, minutes in zip(
            rows["first_touch_in_time"], rows["sla_due"], rows["minutes_measured"], strict=True
        )
    ]
    label_bars(axes, labels[::-1], rows["first_touch_in_time"].clip(lower=promised)[::-1])
    axes.axvline(promised, color=INK, linewidth=1.0, linestyle="--")
    _names(axes, rows, places, shown)
    axes.set_xlim(0, 1.3)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    return png(figure)


def plot_trends(trailing: pd.DataFrame, board: pd.DataFrame, shown: Mapping[str, str]) -> bytes:
    """Performance of each rep week by week, in the order of the leaderboard. Takes `trends.trailing`."""
    known = trailing.dropna(how="all")
    rows = drawn(board[board["rep"].isin(known.index)])
    figure, axes = canvas("Performance, week by week", "end of the week", height(len(rows)))
    if rows.empty:
        return nothing(figure, axes, NO_LEADS)
    from matplotlib.colors import LinearSegmentedColormap

    values = known.loc[rows["rep"]].to_numpy(dtype=float)[::-1]
    shades = LinearSegmentedColormap.from_list("performance", [ORANGE, PAPER, BLUE])
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(values), cmap=shades, vmin=0.2, vmax=0.8, edgecolors=PAPER, linewidth=0.6
    )
    axes.set_facecolor("#f4f5f7")
    _names(axes, rows, np.arange(len(rows))[::-1] + 0.5, shown)
    ends = [f"{end:%d %b}" for end in known.columns]
    axes.set_xticks(np.arange(0, len(ends), 2) + 0.5, ends[::2])
    bar = figure.colorbar(mesh, ax=axes, fraction=0.03, pad=0.02, ticks=[0.2, 0.5, 0.8])
    bar.ax.set_yticklabels(["0.2", "0.5, the median rep", "0.8"], fontsize=8, color=MUTED)
    bar.outline.set_visible(False)
    return png(figure)


def plot_weeks(weekly: pd.DataFrame) -> bytes:
    """Leads given and leads won by all reps, week by week. Takes `trends.weekly`."""
    figure, axes = canvas("All reps, week by week", "")
    sums = weekly.groupby("week")[["leads", "wins"]].sum()
    if not sums.to_numpy().sum():
        return nothing(figure, axes, "no rep was given a lead in these weeks")
    weeks = [f"{week:%d %b}" for week in sums.index]
    for column, colour, label in (("leads", BLUE, "leads given"), ("wins", ORANGE, "leads won")):
        axes.plot(weeks, sums[column], color=colour, label=label, linewidth=1.6, marker="o", markersize=4)
    axes.set_ylim(0, max(1, sums.to_numpy().max()) * 1.15)
    axes.set_ylabel("leads of the week", color=MUTED)
    count_on(axes.yaxis)
    _legend(axes)
    return png(figure)


def plot_load(workload: pd.DataFrame, shown: Mapping[str, str], most: float) -> bytes:
    """How much of each rep's room is taken, and from where it is given less. Takes `workload.workload`."""
    rows = drawn(workload)
    figure, axes = canvas("Load", "share of the room that is taken", height(len(rows)))
    if rows.empty:
        return nothing(figure, axes, "no day of reps has been planned yet")
    places = np.arange(len(rows))[::-1]
    axes.barh(
        places, rows["load"], color=[ORANGE if load > most else BLUE for load in rows["load"]], height=0.65
    )
    labels = [
        f"{load:.0%}  {leads:,} open" for load, leads in zip(rows["load"], rows["open_leads"], strict=True)
    ]
    label_bars(axes, labels[::-1], rows["load"][::-1])
    axes.axvline(most, color=INK, linewidth=1.0, linestyle="--")
    _names(axes, rows, places, shown)
    axes.set_xlim(0, max(1.0, float(rows["load"].max())) * 1.25)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    return png(figure)


def plot_fairness(fairness: Mapping[str, pd.DataFrame]) -> bytes:
    """What each group of reps gets for what it is due, 1 where it is fair. Takes audits by attribute."""
    rows = [
        (f"{name}: {row['group']}", row)
        for name, table in fairness.items()
        for row in table.to_dict("records")
    ]
    rows = [(name, row) for name, row in rows if np.isfinite(row["ratio"])]
    figure, axes = canvas("Leads that groups get, for what they are due", "got / due", height(len(rows)))
    if not rows:
        return nothing(figure, axes, "reps have no attributes, or no lead was given yet")
    for place, (_, row) in enumerate(rows[::-1]):
        colour = MUTED if row["is_small"] else ORANGE if row["is_below"] else BLUE
        if not row["is_small"]:
            axes.hlines(place, row["low"], row["high"], color=colour, linewidth=1.6, alpha=0.6)
        axes.plot(
            row["ratio"],
            place,
            "o",
            color=colour,
            markersize=5,
            markerfacecolor=PAPER if row["is_small"] else colour,
        )
    axes.axvline(1, color=GREY, linewidth=1.2, zorder=1)
    labels = [
        name + (f" ({row['reps']}, too few)" if row["is_small"] else f" ({row['reps']})")
        for name, row in rows
    ]
    axes.set_yticks(range(len(rows)), labels[::-1])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    reach = max(max(row["ratio"], 0 if row["is_small"] else row["high"]) for _, row in rows)
    axes.set_xlim(0, max(1.5, reach * 1.05))
    return png(figure)


def drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """As many as a picture has room for: all, or the first and the last."""
    if len(rows) <= MOST_DRAWN:
        return rows.reset_index(drop=True)
    half = MOST_DRAWN // 2
    return pd.concat([rows.iloc[:half], rows.iloc[-half:]], ignore_index=True)


def height(rows: int) -> float:
    """Inches for so many rows."""
    return max(HEIGHT if rows > 4 else 2.4, 1.3 + rows * (ROW if rows <= FEW else SMALL_ROW))


def _names(axes: Axes, rows: pd.DataFrame, places: np.ndarray, shown: Mapping[str, str]) -> None:
    axes.set_yticks(places, [shown.get(rep, rep) for rep in rows["rep"]])
    axes.tick_params(axis="y", length=0, labelsize=9 if len(rows) <= FEW else 7)
    axes.spines["left"].set_visible(False)
    margin = 0.7 if len(rows) > 1 else 1.2
    axes.set_ylim(places.min() - margin, places.max() + margin)


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8, labelcolor=INK)
