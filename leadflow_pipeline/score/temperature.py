"""Temperature: hot, warm or cold, from engagement, with hysteresis so that a lead does not flicker.

What belongs here: the levels and their memory. What does not: how engagement is computed, what a level earns.

A level is entered at its threshold and left only `hysteresis` below it. So engagement names two levels: the
one it *enters* and the (same or higher) one it *keeps*, and the new level is the old one held between them.

A lead has a row on days when something happened, and on the day on which it cools in silence (`cooling`), but
days may lie between. Before its new day counts, its
old level is therefore held under what its engagement at the end of the day before keeps: the lowest it had
since its last row. So a level does not depend on how often anybody looked.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.score.activity import Activity, IntegerArray, positions_in
from leadflow_pipeline.score.engagement import DECIMALS, FloatArray, engagement_at_end
from leadflow_pipeline.score.rules import ScoreRules, TemperatureLevels

COLD, WARM, HOT = 0, 1, 2
NAMES: tuple[str, ...] = ("cold", "warm", "hot")
"""By level."""


def level_entered(engagement: FloatArray, levels: TemperatureLevels) -> IntegerArray:
    """The level of a lead that was cold."""
    return _level(engagement, levels.warm, levels.hot)


def level_kept(engagement: FloatArray, levels: TemperatureLevels) -> IntegerArray:
    """The highest level that a lead may still hold."""
    return _level(
        engagement,
        round(levels.warm - levels.hysteresis, DECIMALS),
        round(levels.hot - levels.hysteresis, DECIMALS),
    )


def temperature_levels(
    leads: IntegerArray,
    engagement: FloatArray,
    engagement_before: Callable[[IntegerArray], FloatArray],
    previous: IntegerArray,
    levels: TemperatureLevels,
) -> IntegerArray:
    """The level of each row.

    Args:
        leads: number of the lead of each row; rows are ordered by lead, then day.
        engagement: as of the end of each row's day.
        engagement_before: gives the engagement as of the end of the day before, for the asked rows.
        previous: level of each *lead* before its first row, by its number; COLD for one never seen.
        levels: the thresholds.
    """
    row_number = _row_numbers(leads)
    lowest, highest = level_entered(engagement, levels), level_kept(engagement, levels)
    ceiling = np.full(len(leads), HOT, dtype=np.int64)
    has_past = np.flatnonzero((row_number > 0) | (previous[leads] > COLD))
    ceiling[has_past] = level_kept(engagement_before(has_past), levels)

    current = previous.copy()
    level = np.zeros(len(leads), dtype=np.int64)
    by_round = np.argsort(row_number, kind="stable")
    rounds = np.split(by_round, np.cumsum(np.bincount(row_number))[:-1]) if len(leads) else []
    for rows in rounds:  # the k-th row of every lead: as many rounds as the busiest lead has rows
        held = np.minimum(current[leads[rows]], ceiling[rows])
        level[rows] = current[leads[rows]] = np.clip(held, lowest[rows], highest[rows])
    return level


def levels_of_rows(
    counted: Activity, lead: IntegerArray, day: IntegerArray, previous: IntegerArray, rules: ScoreRules
) -> tuple[FloatArray, IntegerArray]:
    """Engagement and level at the end of each row's day; rows are ordered by lead, then day."""
    engagement = engagement_at_end(counted, lead, day, rules.behaviours)

    def engagement_before(rows: IntegerArray) -> FloatArray:
        return engagement_at_end(counted, lead[rows], day[rows] - 1, rules.behaviours)

    return engagement, temperature_levels(lead, engagement, engagement_before, previous, rules.temperature)


def last_levels(previous: pd.DataFrame, leads: pa.Array) -> IntegerArray:
    """The level each lead had before its first row, by its number; cold for a lead never scored."""
    levels = np.full(len(leads), COLD, dtype=np.int64)
    lead = positions_in(previous["lead_id"], leads)
    level = positions_in(previous["temperature"], pa.array(NAMES, pa.large_string()))
    is_due = lead >= 0
    levels[lead[is_due]] = level[is_due]
    return levels


def _level(engagement: FloatArray, warm: float, hot: float) -> IntegerArray:
    return (engagement >= warm).astype(np.int64) + (engagement >= hot)


def _row_numbers(leads: IntegerArray) -> IntegerArray:
    """0 for the first row of each lead, 1 for its second, ... (rows of a lead stand together)."""
    begins = np.flatnonzero(np.diff(leads, prepend=-1))
    return np.arange(len(leads)) - np.repeat(begins, np.diff(begins, append=len(leads)))
