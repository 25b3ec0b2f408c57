"""Reading texts as codes: statuses, outcomes, tiers and sequences, of one lead or of a column.

What belongs here: what each word means to routing; case and a missing word are no error. What does not:
judging.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from leadflow_pipeline.route.fit import TIERS, UNKNOWN, Codes
from leadflow_pipeline.route.judgement import SEQUENCES, Outcome, Reading

READINGS: dict[str, Reading] = {
    "QUALIFIED": Reading.QUALIFIED,
    "MANUAL_REVIEW": Reading.MANUAL_REVIEW,
    "REJECTED": Reading.REJECTED,
    "ROUTED": Reading.ROUTED,
    "ALREADY_ROUTED": Reading.ROUTED,
}

OUTCOMES: dict[str, Outcome] = {"WON": Outcome.WON, "LOST": Outcome.LOST}

TIER_CODES: dict[str, int] = {tier.value: code for code, tier in enumerate(TIERS)}
SEQUENCE_CODES: dict[str, int] = {sequence.value: code for code, sequence in enumerate(SEQUENCES)}


def reading_of(status: str | None) -> int:
    """What a status says; anything but the known words means that qualification is pending."""
    return READINGS.get((status or "").upper(), Reading.PENDING)


def outcome_of(outcome: str | None) -> int:
    """How a lead ended; anything but won and lost leaves it open."""
    return OUTCOMES.get((outcome or "").upper(), Outcome.OPEN)


def tier_code(tier: str | None) -> int:
    """Code of a tier, or UNKNOWN."""
    return TIER_CODES.get((tier or "").upper(), UNKNOWN)


def sequence_code(sequence: str | None) -> int:
    """Code of a kind of sequence, or UNKNOWN."""
    return SEQUENCE_CODES.get((sequence or "").lower(), UNKNOWN)


def read_column(words: pd.Series[str], read: Callable[[str | None], int]) -> Codes:
    """`read(word)` of each row, called once for each distinct word; a missing word is read as None."""
    positions, distinct = pd.factorize(words)
    codes = np.array([*(read(word) for word in distinct), read(None)], dtype="int64")
    return codes[positions]
