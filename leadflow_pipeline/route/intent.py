"""Intent signals: which of them a lead shows, as bits in the order of the rules.

What belongs here: reading signals from a lead or from columns. What does not: what they weigh (`fit.py`).
Missing enrichment shows nothing; a text shows a signal if it spells true, as conditions read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import TRUE_WORDS
from leadflow_pipeline.route.rules import RoutingRules


def signals_of(enrichment: Mapping[str, Any] | None, rules: RoutingRules) -> int:
    """The signals that one lead shows."""
    if not enrichment:
        return 0
    return sum(
        is_shown(enrichment.get(name)) << position for position, name in enumerate(rules.intent_signals)
    )


def is_shown(value: Any) -> bool:
    """Whether a value says that a signal is there."""
    if isinstance(value, str):
        return value.strip().lower() in TRUE_WORDS
    return value is not None and value is not pd.NA and bool(value == 1)


def signals_of_columns(leads: pd.DataFrame, rules: RoutingRules) -> npt.NDArray[np.int64]:
    """The signals that each lead shows; a signal without a column shows nowhere."""
    signals = np.zeros(len(leads), dtype="int64")
    for position, name in enumerate(rules.intent_signals):
        if name in leads.columns:
            signals |= shown_in(leads[name]).astype("int64") << position
    return signals


def shown_in(values: pd.Series) -> npt.NDArray[np.bool_]:
    """`is_shown` of a column."""
    positions, distinct = pd.factorize(values)
    shows = np.array([*(is_shown(value) for value in distinct), False])
    return shows[positions]
