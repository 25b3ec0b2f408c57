"""Experiments drawn: the effect look by look, how far the boundary is, the arms' sizes, and a bandit's shares.

What belongs here: figures, as PNG. What does not: the results (`analysis`), and what all figures share
(`insight.canvas`). Pure. matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from leadflow_pipeline.insight.canvas import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    canvas,
    count_on,
    nothing,
    png,
    share_on,
)
from leadflow_pipeline.insight.experiments.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (BLUE, ORANGE, "#5b8c5a", "#8e5ea2", "#c0392b", "#3b9a9c")
"""Of the variants, the control first."""
SPREAD = 0.12
"""Between variants of one look, in looks, so that their intervals stand side by side."""


def colour_of(place: int) -> str:
    """The colour of a variant by its place."""
    return COLOURS[place % len(COLOURS)]


def plot_effect(results: Results) -> bytes:
    """The difference to the control at each look, with the interval that holds at whichever look one stops."""
    metric = results.experiment.primary
    figure, axes = canvas(f"Effect on {metric.name}", _look_label(results))
    if not results.looks:
        return nothing(figure, axes, _no_look(results))
    names = results.experiment.keys[1:]
    lows, highs = [0.0], [0.0]
    for place in range(len(names)):
        shift = (place - (len(names) - 1) / 2) * SPREAD
        numbers = [look.number + shift for look in results.looks]
        means = [look.differences[place] for look in results.looks]
        intervals = [look.intervals[place] for look in results.looks]
        for x, interval in zip(numbers, intervals, strict=True):
            if isfinite(interval.width):
                lows.append(interval.low)
                highs.append(interval.high)
                axes.plot(
                    [x, x], [interval.low, interval.high], color=colour_of(place + 1), linewidth=3, alpha=0.45
                )
        axes.plot(
            numbers,
            means,
            "o-",
            color=colour_of(place + 1),
            label=_label(results, place),
            linewidth=1.2,
            markersize=5,
        )
        lows += [value for value in means if isfinite(value)]
        highs += [value for value in means if isfinite(value)]
    axes.axhline(0, color=INK, linewidth=1)
    axes.annotate(
        f" {results.experiment.control.key}",
        (1.0, 0),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=9,
        color=MUTED,
    )
    room = (max(highs) - min(lows)) * 0.1 or 0.01
    axes.set_ylim(min(lows) - room, max(highs) + room)
    axes.set_ylabel("difference" if metric.is_value else "difference, percentage points", color=MUTED)
    if not metric.is_value:
        share_on(axes.yaxis)
    _looks_on(axes, results)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=9)
    return png(figure)


def plot_boundary(results: Results) -> bytes:
    """z of each variant against the boundary of the planned looks."""
    figure, axes = canvas("How far from a decision", _look_label(results))
    looks = results.looks
    if not results.experiment.looks.is_scheduled:
        return nothing(figure, axes, "looks are not planned here: an interval that leaves 0 out decides")
    if not looks:
        return nothing(figure, axes, _no_look(results))
    numbers = [look.number for look in looks]
    bounds = np.array([look.boundary for look in looks])
    seen = np.isfinite(bounds)
    top = max([4.0, *bounds[seen], *(abs(z) for look in looks for z in look.z_scores)]) + 0.5
    drawn = np.where(seen, bounds, top)
    for side in (1, -1):
        axes.plot(numbers, side * drawn, color=INK, linewidth=1.4, marker="_", markersize=9)
        axes.fill_between(numbers, side * drawn, side * top, color=GREY, alpha=0.35, linewidth=0)
    for place in range(len(results.experiment.keys) - 1):
        scores = [
            look.z_scores[place] if isfinite(look.differences[place]) else float("nan") for look in looks
        ]
        axes.plot(numbers, scores, "o-", color=colour_of(place + 1), label=_label(results, place))
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set_ylim(-top, top)
    axes.set_ylabel("z", color=MUTED)
    _looks_on(axes, results)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=9)
    return png(figure)


def plot_sizes(results: Results) -> bytes:
    """Leads of each variant beside those that the weights say."""
    figure, axes = canvas("Leads by variant", "leads")
    ratio = results.ratio
    if not sum(ratio.observed):
        return nothing(figure, axes, "nobody has met it yet")
    names = results.experiment.keys
    places = np.arange(len(names))[::-1]
    axes.barh(places, ratio.observed, height=0.6, color=[colour_of(place) for place in range(len(names))])
    axes.plot(ratio.expected, places, "|", color=INK, markersize=24, markeredgewidth=2)
    for place, observed, expected in zip(places, ratio.observed, ratio.expected, strict=True):
        axes.annotate(
            f"{observed:,}",
            (max(observed, expected), place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_yticks(places, names)
    axes.set_xlim(0, max(*ratio.observed, *ratio.expected) * 1.15)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    count_on(axes.xaxis)
    colour = "#c0392b" if ratio.alarms else MUTED
    word = "not by chance" if ratio.alarms else "as expected"
    says = "as each day's shares say" if results.experiment.bandit else "as the weights say"
    p_value = "< 0.0001" if ratio.p_value < 0.0001 else f"{ratio.p_value:.2g}"
    axes.set_title(f"line: {says}; {word}, p {p_value}", loc="right", fontsize=9, color=colour)
    return png(figure)


def plot_shares(results: Results) -> bytes:
    """The share of leads that a bandit gave to each variant, day by day."""
    figure, axes = canvas("Share of the leads by variant", "")
    table = results.shares
    if table.empty:
        return nothing(figure, axes, "the bandit has not given away a day yet")
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    wide = table.set_index(["day", "variant"])["weight"].unstack()
    wide = wide.reindex(columns=list(results.experiment.keys)).fillna(0)
    if len(wide) == 1:
        bars = axes.barh(list(wide.columns), wide.iloc[0], color=BLUE, height=0.6)
        axes.bar_label(bars, [f"{share:.0%}" for share in wide.iloc[0]], padding=4, fontsize=9)
        share_on(axes.xaxis)
        return png(figure)
    axes.stackplot(
        wide.index,
        wide.to_numpy(dtype="float64").T,
        labels=list(wide.columns),
        colors=[colour_of(place) for place in range(len(wide.columns))],
        alpha=0.85,
    )
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlim(wide.index.min(), wide.index.max())
    axes.set_ylim(0, 1)
    share_on(axes.yaxis)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=9)
    return png(figure)


def _label(results: Results, place: int) -> str:
    """The name of a variant other than the control, and whether there is nothing to draw of it."""
    name = results.experiment.keys[place + 1]
    is_known = any(isfinite(look.differences[place]) for look in results.looks)
    return name if is_known else f"{name} (nobody yet)"


def _looks_on(axes: Axes, results: Results) -> None:
    numbers = [look.number for look in results.looks]
    last = max(max(numbers), results.experiment.looks.number if results.experiment.looks.is_scheduled else 0)
    step = 1 + last // 14
    axes.set_xticks(range(1, last + 1, step))
    axes.set_xlim(0.5, last + 0.5)


def _look_label(results: Results) -> str:
    return "look (a week of leads each)" if results.experiment.looks.is_scheduled else "week"


def _no_look(results: Results) -> str:
    days = 7 + results.experiment.primary.within_days
    if results.first_day is None:
        return "it has not been started"
    return f"no look yet: the first is {days} days after {results.first_day}"
