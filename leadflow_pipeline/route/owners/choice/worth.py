"""What a lead is worth before it has an owner: how likely it is won, times what it brings. Pure.

What belongs here: that product, and what stands in where something is not known. What does not: how well a rep
matches (`match.py`), which the product is weighted with.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import field_values
from leadflow_pipeline.route.owners.rules import LeadValue

Floats = npt.NDArray[np.float64]

WON_OF_PERFECT_SCORES = 0.1
"""Where no model says how likely a lead is won, a score of 100 stands for one in ten, and other scores for their share
of that. A guess: only its proportions decide who gets whom, and money made with it is to be read as such."""


def win_chances(probability: pd.Series[float], score: pd.Series[float]) -> Floats:
    """How likely each lead is won, 0 to 1: by the model, else by its score (0 to 100)."""
    known = probability.to_numpy(dtype="float64")
    by_score = score.fillna(0).to_numpy(dtype="float64") / 100 * WON_OF_PERFECT_SCORES
    return np.where(np.isnan(known), by_score, known)


def money_of(leads: pd.DataFrame, rules: LeadValue) -> Floats:
    """What each lead brings if it is won, in the campaign's currency."""
    given = field_values(leads, rules.field)
    numbers = pd.to_numeric(given, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    with np.errstate(invalid="ignore"):
        known = np.where(np.isfinite(numbers) & (numbers > 0), numbers, rules.otherwise)
    return known if rules.at_most is None else np.minimum(known, rules.at_most)


def win_chance(probability: float | None, score: float | None) -> float:
    """As `win_chances`, of one lead."""
    if probability is not None and not math.isnan(probability):
        return probability
    return (score or 0.0) / 100 * WON_OF_PERFECT_SCORES


def money_of_one(value: Any, rules: LeadValue) -> float:
    """As `money_of`, of the value of one lead's field."""
    number = pd.to_numeric(value, errors="coerce") if isinstance(value, str) else value
    is_known = isinstance(number, int | float | np.number) and math.isfinite(number) and number > 0
    money = float(number) if is_known else rules.otherwise
    return money if rules.at_most is None else min(money, rules.at_most)
