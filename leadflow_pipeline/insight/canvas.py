"""What every picture of ours is drawn on, so that all of them look alike.

What belongs here: colours, an empty canvas, axes of counts and shares, the sentence in place of an empty picture, and
the PNG. What does not: any figure. matplotlib is imported when something is drawn, because it takes longer to load than
the rest of us.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, MUTED, GREY, PAPER = "#1f2933", "#7b8794", "#cbd2d9", "#ffffff"
BLUE, ORANGE = "#2f6f9f", "#d9822b"
WIDTH, HEIGHT, DOTS_PER_INCH = 8.0, 3.4, 110


def canvas(title: str, x_label: str, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """An empty picture with its title."""
    # A figure without pyplot: nothing global, no window system, safe in any thread.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_xlabel(x_label, color=MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    return figure, axes


def count_on(axis: Axis) -> None:
    """Whole numbers alone, thousands separated: half a lead would be rounded to a wrong one."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=True))
    axis.set_major_formatter("{x:,.0f}")


def share_on(axis: Axis) -> None:
    """Shares, 0 to 1, as percent: not more digits than they need."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1.0))


def label_bars(axes: Axes, labels: Iterable[str], lengths: Iterable[float]) -> None:
    """A text at the end of each horizontal bar."""
    for position, (label, length) in enumerate(zip(labels, lengths, strict=True)):
        axes.annotate(
            label,
            (length, position),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )


def nothing(figure: Figure, axes: Axes, sentence: str) -> bytes:
    """The picture of what is not known yet: the sentence that says why."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, sentence, ha="center", va="center", color=MUTED, fontsize=11, transform=axes.transAxes
    )
    return png(figure)


def png(figure: Figure) -> bytes:
    """The finished picture."""
    buffer = BytesIO()
    # No software or date in the file: the same figures give the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
