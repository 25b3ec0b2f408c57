"""What is said of steps of sequences, for many touches at once. Pure.

What belongs here: asking once of each step, and telling every touch. What does not: the questions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pandas as pd

STEP: Final = ("sequence", "step")


def said_of_each(
    touches: pd.DataFrame, ask: Callable[..., Any], columns: tuple[str, ...] = STEP
) -> pd.Series[Any]:
    """What `ask` says of the values that each touch has in some columns, on the index of `touches`.

    There are few steps and many touches: it is asked once of each combination, in the order in which they come.
    """
    wanted = list(columns)
    distinct = touches[wanted].drop_duplicates()
    said = [ask(*values) for values in distinct.itertuples(index=False, name=None)]
    spread = touches[wanted].merge(distinct.assign(said=said), how="left", on=wanted)
    return spread["said"].set_axis(touches.index)
