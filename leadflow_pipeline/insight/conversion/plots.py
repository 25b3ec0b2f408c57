"""How good a conversion model is, what it looks at, and what a score is worth, drawn.

What belongs here: figures, as PNG. What does not: counting (`score.conversion.curves` and `.curve`), what all figures
share (`canvas`). Pure. Takes the parts of a model card as they are kept. What learns is imported where it is needed: it
takes seconds to load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from leadflow_pipeline.insight.canvas import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    canvas,
    label_bars,
    nothing,
    png,
    share_on,
)
from leadflow_pipeline.score.conversion.features import feature_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from leadflow_pipeline.score.conversion.curve import ScoreCurve

TALL = 4.2
LARGEST_DOT = 140.0
MOST_FEATURES_DRAWN = 12
GOOD_FEW = 0.2
"""The share of best leads of which the picture says how many wins they hold."""
NOT_JUDGED = "not judged yet: no leads of both outcomes are later than its examples"

Points = Sequence[Sequence[float]]


def plot_calibration(bins: Sequence[Mapping[str, Any]]) -> bytes:
    """Promised and kept shares of each bin, with Wilson's 95 % interval, beside the promise kept exactly."""
    figure, axes = canvas("What it promised, and what came", "promised: mean probability of a bin", TALL)
    if not bins:
        return nothing(figure, axes, NOT_JUDGED)
    from leadflow_pipeline.score.conversion.curve import wilson_interval

    promised, kept, leads = (
        np.array([each[name] for each in bins], dtype=np.float64) for name in ("promised", "kept", "leads")
    )
    low, high = wilson_interval(kept, leads)
    most = min(1.0, float(np.max([promised, high])) * 1.06)
    axes.plot([0, most], [0, most], color=GREY, linewidth=1.4, label="promise kept exactly", zorder=1)
    axes.vlines(promised, low, high, color=BLUE, linewidth=1.4, alpha=0.6, zorder=2)
    axes.scatter(
        promised, kept, s=LARGEST_DOT * leads / leads.max(), color=BLUE, zorder=3, label=_bins(leads)
    )
    axes.set_xlim(0, most)
    axes.set_ylim(0, most)
    share_on(axes.xaxis)
    share_on(axes.yaxis)
    axes.set_ylabel("kept: share won", color=MUTED)
    _legend(axes, "upper left")
    return png(figure)


def plot_roc(curves: Mapping[str, Points], aucs: Mapping[str, float]) -> bytes:
    """Won leads found against lost leads taken along, by the model and by the rules, with the area under each."""
    figure, axes = canvas("Telling won from lost leads", "share of the lost leads above a score", TALL)
    if not curves["challenger"]:
        return nothing(figure, axes, NOT_JUDGED)
    _two_curves(
        axes, curves, [f"{who} (AUC {aucs[key]:.3f})" if key in aucs else who for key, who in WHO.items()]
    )
    axes.set_ylabel("share of the won leads above it", color=MUTED)
    _legend(axes, "lower right")
    return png(figure)


def plot_lift(curves: Mapping[str, Points]) -> bytes:
    """Share of the wins found among the best leads, by the model and by the rules."""
    figure, axes = canvas("Wins found among the best leads", "share of the leads, the best first", TALL)
    if not curves["challenger"]:
        return nothing(figure, axes, NOT_JUDGED)
    labels = [
        f"{who}: the best {GOOD_FEW:.0%} hold {found_among(curves[key], GOOD_FEW):.0%} of the wins"
        for key, who in WHO.items()
    ]
    _two_curves(axes, curves, labels)
    axes.axvline(GOOD_FEW, color=GREY, linewidth=0.8, zorder=1)
    axes.set_ylabel("share of the wins", color=MUTED)
    _legend(axes, "lower right")
    return png(figure)


def plot_importance(importance: Sequence[Mapping[str, Any]]) -> bytes:
    """How far each feature moves leads apart, the strongest first."""
    shown = [each for each in importance if each["spread"] > 0][:MOST_FEATURES_DRAWN][::-1]
    figure, axes = canvas(
        "How far each feature moves leads apart",
        "spread of what it adds to the log-odds",
        1.2 + 0.27 * max(len(shown), 2),
    )
    if not shown:
        return nothing(figure, axes, "it gives every lead the same probability")
    spread = [float(each["spread"]) for each in shown]
    axes.barh([feature_words(each["feature"]) for each in shown], spread, color=BLUE, height=0.65)
    label_bars(axes, [f"{value:.2f}" for value in spread], spread)
    axes.set_xlim(0, max(spread) * 1.12)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return png(figure)


def plot_score_curve(curve: ScoreCurve | None, leads: int, without: str) -> bytes:
    """Share won by score, never falling, with its 95 % interval; `without` says why there is no curve."""
    figure, axes = canvas("What a score has been worth", "score, points of 100")
    if curve is None:
        return nothing(figure, axes, without)
    axes.fill_between(
        curve.scores,
        curve.low,
        curve.high,
        color=BLUE,
        alpha=0.15,
        linewidth=0,
        label="95 % interval",
    )
    axes.plot(
        curve.scores,
        curve.probability,
        color=BLUE,
        linewidth=1.8,
        label=f"{leads:,} leads whose end is known",
    )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, min(1.0, float(curve.high.max()) * 1.08))
    share_on(axes.yaxis)
    axes.set_ylabel("share won", color=MUTED)
    _legend(axes, "upper left")
    return png(figure)


def found_among(points: Points, share: float) -> float:
    """The share of wins that a lift curve finds among so large a share of the best leads."""
    across, up = np.array(points).T
    return float(np.interp(share, across, up))


WHO = {"challenger": "model", "rules": "rules alone"}


def _two_curves(axes: Axes, curves: Mapping[str, Points], labels: Sequence[str]) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle="--", label="by chance", zorder=1)
    for key, label, colour in zip(WHO, labels, (BLUE, ORANGE), strict=True):
        across, up = np.array(curves[key]).T
        axes.plot(across, up, color=colour, linewidth=1.8, label=label, zorder=2)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    share_on(axes.xaxis)
    share_on(axes.yaxis)


def _bins(leads: np.ndarray) -> str:
    fewest, most = int(leads.min()), int(leads.max())
    size = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"a bin of {size} leads, with its 95 % interval"


def _legend(axes: Axes, place: Literal["upper left", "lower right"]) -> None:
    axes.legend(frameon=False, loc=place, fontsize=9, labelcolor=INK)
