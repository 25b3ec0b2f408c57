"""Summaries drawn so that a person sees the point at once.

What belongs here: figures, as PNG. What does not: counting (`summaries`), what all figures share (`canvas`), and where
a picture is kept. Pure: a frame in, bytes out. matplotlib is imported when something is drawn.
"""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.insight.canvas import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    canvas,
    count_on,
    label_bars,
    nothing,
    png,
)

TIER_COLOURS = {"HOT": "#c0392b", "WARM": "#d9822b", "COOL": "#2f6f9f", "COLD": "#7b8794"}
MOST_DAYS_DRAWN = 120
FEW_DAYS = 14
MOST_CHANNELS_DRAWN = 10
ONE_DAY = pd.Timedelta(days=1)


def plot_funnel(table: pd.DataFrame) -> bytes:
    """Bars from all leads to won leads, with counts and shares. Takes what `summaries.funnel` gives."""
    figure, axes = canvas("How far leads came", "leads")
    if not table["leads"].sum():
        return nothing(figure, axes, "no leads yet")
    names, counts = table["step"][::-1], table["leads"][::-1]
    axes.barh(names, counts, color=BLUE, height=0.65)
    labels = [f"{leads:,}  ({share:.0%})" for leads, share in zip(counts, table["share"][::-1], strict=True)]
    label_bars(axes, labels, counts)
    axes.set_xlim(0, counts.max() * 1.2)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    count_on(axes.xaxis)
    return png(figure)


def plot_score_distribution(table: pd.DataFrame, threshold: float | None = None) -> bytes:
    """Leads by score, and the score that qualifies. Takes what `summaries.score_distribution` gives."""
    figure, axes = canvas("Scores of leads", "score, points of 100")
    if not table["leads"].sum():
        return nothing(figure, axes, "no scored leads yet")
    axes.bar(
        table["score_from"],
        table["leads"],
        width=table["score_to"] - table["score_from"],
        align="edge",
        color=BLUE,
        edgecolor=PAPER,
    )
    if threshold is not None:
        axes.axvline(threshold, color=ORANGE, linewidth=1.6)
        axes.annotate(
            f" qualifies from {threshold:g}",
            (threshold, 0.94),
            xycoords=("data", "axes fraction"),
            color=ORANGE,
            fontsize=9,
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, table["leads"].max() * 1.15)
    axes.set_ylabel("leads", color=MUTED)
    count_on(axes.yaxis)
    return png(figure)


def plot_daily_volume(table: pd.DataFrame) -> bytes:
    """New leads and planned emails over time. Takes what `summaries.daily_volume` gives.

    A long campaign is drawn by weeks: hundreds of days would be a thicket.
    """
    is_long = len(table) > MOST_DAYS_DRAWN
    figure, axes = canvas("Volume by week" if is_long else "Volume by day", "")
    if table.empty:
        return nothing(figure, axes, "no day computed yet")
    if is_long:
        table = table.resample("W-MON", on="day", label="left", closed="left").sum().reset_index()
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DayLocator

    are_few = len(table) <= FEW_DAYS
    for column, colour, label in (("new_leads", BLUE, "new leads"), ("touches", ORANGE, "emails planned")):
        axes.plot(
            table["day"],
            table[column],
            color=colour,
            label=label,
            linewidth=1.4,
            marker="o" if are_few else "",
        )
    if are_few:  # else a day alone would show no line, on an axis of years
        axes.set_xlim(table["day"].min() - ONE_DAY, table["day"].max() + ONE_DAY)
    axes.fill_between(table["day"], table["new_leads"], color=BLUE, alpha=0.12)
    locator = DayLocator(interval=1 + len(table) // 8) if are_few else AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_ylim(bottom=0)
    axes.set_ylabel("a week" if is_long else "a day", color=MUTED)
    count_on(axes.yaxis)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=9)
    return png(figure)


def plot_tiers(table: pd.DataFrame) -> bytes:
    """Leads in each tier. Takes what `summaries.tier_table` gives."""
    figure, axes = canvas("Routed leads by tier", "")
    if not table["leads"].sum():
        return nothing(figure, axes, "no routed leads yet")
    bars = axes.bar(
        table["tier"], table["leads"], color=[TIER_COLOURS[tier] for tier in table["tier"]], width=0.6
    )
    labels = [
        f"{leads:,}  ({share:.1%})" for leads, share in zip(table["leads"], table["share"], strict=True)
    ]
    axes.bar_label(bars, labels, padding=3, fontsize=9, color=INK)
    axes.set_ylim(0, table["leads"].max() * 1.15)
    axes.set_ylabel("leads", color=MUTED)
    count_on(axes.yaxis)
    return png(figure)


def plot_conversion_by_decile(table: pd.DataFrame) -> bytes:
    """Whether a higher score means more won leads. Takes what `summaries.conversion_by_decile` gives."""
    figure, axes = canvas("Conversion by score decile", "decile of score, the highest scores first")
    if not table["won"].sum():
        return nothing(figure, axes, "no won leads known yet")
    bars = axes.bar(table["decile"].astype(str), table["conversion"] * 100, color=BLUE, width=0.7)
    axes.bar_label(bars, [f"{rate:.1%}" for rate in table["conversion"]], padding=3, fontsize=9, color=INK)
    average = table["won"].sum() / table["leads"].sum() * 100
    axes.axhline(average, color=ORANGE, linewidth=1.4)
    axes.annotate(
        f"average {average:.1f} %",
        (1.0, average),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 4),
        textcoords="offset points",
        ha="right",
        color=ORANGE,
        fontsize=9,
    )
    axes.set_ylim(0, table["conversion"].max() * 115)
    axes.set_ylabel("won, % of leads", color=MUTED)
    return png(figure)


def plot_attribution(table: pd.DataFrame, conversion: str) -> bytes:
    """Conversions of each channel, a bar a model. Takes what `attribution.models.side_by_side` gives.

    Beyond the most important channels the rest is one.
    """
    figure, axes = canvas("Who gets the credit", f"credit for {conversion} leads")
    if table.empty or not table.drop(columns="channel").to_numpy().sum():
        return nothing(figure, axes, f"no {conversion} leads known yet")
    shares = table.set_index("channel")
    shares = shares.loc[shares.sum(axis="columns").sort_values(ascending=False, kind="stable").index]
    if len(shares) > MOST_CHANNELS_DRAWN:
        rest = shares.iloc[MOST_CHANNELS_DRAWN - 1 :].sum().rename("all others")
        shares = pd.concat([shares.iloc[: MOST_CHANNELS_DRAWN - 1], rest.to_frame().T])
    from matplotlib import colormaps

    models = shares.columns[::-1]
    begin = pd.Series(0.0, index=models)
    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    for number, (channel, credits) in enumerate(shares.T.items()):
        credit = credits[models].clip(lower=0)
        colour = colours[number % len(colours)]
        names = [str(model).replace("_", " ") for model in models]
        axes.barh(names, credit, left=begin, height=0.7, label=str(channel), color=colour)
        begin = begin + credit
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    count_on(axes.xaxis)
    return png(figure)


def plot_fit_engagement_grid(table: pd.DataFrame) -> bytes:
    """Where the leads are, and where they convert. Takes what `summaries.fit_engagement_grid` gives."""
    figure, axes = canvas("Fit × engagement", "engagement, points of 100")
    if not table["leads"].sum():
        return nothing(figure, axes, "no scored leads yet")
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    fits, engagements = table["fit"].unique()[::-1], table["engagement"].unique()[::-1]
    shape = (len(fits), len(engagements))  # the table has the best first, the axes have it last
    leads = table["leads"].to_numpy()[::-1].reshape(shape)
    conversion = table["conversion"].to_numpy(dtype="float64")[::-1].reshape(shape)
    # By the square root, because most leads are in one corner and the best are few.
    shades = LinearSegmentedColormap.from_list("leads", [PAPER, BLUE])
    axes.pcolormesh(leads, cmap=shades, norm=PowerNorm(0.5, 0, leads.max()), edgecolors=GREY, linewidth=0.8)
    for row, column in ((row, column) for row in range(shape[0]) for column in range(shape[1])):
        is_dark = leads[row, column] > leads.max() / 2
        known = conversion[row, column] == conversion[row, column]
        won = f"\n{conversion[row, column]:.1%} won" if known else ""
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{leads[row, column]:,}{won}",
            ha="center",
            va="center",
            fontsize=9,
            color=PAPER if is_dark else INK,
        )
    axes.set_xticks([place + 0.5 for place in range(shape[1])], engagements)
    axes.set_yticks([place + 0.5 for place in range(shape[0])], fits)
    axes.tick_params(length=0)
    axes.set_ylabel("fit, 0 to 1", color=MUTED)
    return png(figure)
