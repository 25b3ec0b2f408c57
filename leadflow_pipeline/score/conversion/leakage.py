"""Alarms for facts that are known only after the fact.

What belongs here: the three alarms. What does not: what a campaign excludes by name (`features`).

A single honest feature rarely separates won from lost leads alone, is not known of leads of one outcome only, and a
new one rarely lifts a model far at once. No alarm proves nothing: a later fact that tells no more than an honest one
does (the last activity, a seller's rating) must be excluded by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binom
from sklearn.model_selection import StratifiedKFold

from leadflow_pipeline.score.conversion.measures import auc
from leadflow_pipeline.score.conversion.shapes import FloatArray, NumberShape, shape_of

LARGEST_AUC = 0.9
LARGEST_JUMP = 0.05
FOLDS = 5
LARGEST_PURITY = 0.99
"""Share of one outcome among the leads of which a fact is known."""
SMALLEST_CHANCE = 1e-6
"""That they share it by accident."""
PRIOR_EXAMPLES = 20.0
"""A bin's share of wins is drawn towards that of all by so many examples."""


@dataclass(frozen=True)
class Alarm:
    """A feature, or several together, that probably tell the outcome."""

    features: tuple[str, ...]
    message: str


def single_feature_aucs(features: pd.DataFrame, converted: pd.Series, seed: int) -> dict[str, float]:
    """AUC of each feature alone, on examples held out while its shares of wins were counted; not below 0.5.

    Held out, because a field with a value for each lead would otherwise separate anything. Whether it is missing counts
    as a value: a field that is filled in for buyers only gives them away by being there.
    """
    outcome = converted.to_numpy(dtype=np.int64)
    if min(outcome.sum(), len(outcome) - outcome.sum()) < FOLDS:
        return {}
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(outcome, outcome))
    found = {}
    for name in sorted(features.columns):
        bins, count = _bins(name, features[name])
        share = np.empty(len(outcome))
        for rows, held_out in folds:
            share[held_out] = _shares(bins[rows], outcome[rows], count)[bins[held_out]]
        found[name] = max(auc(outcome, share), 0.5)
    return found


def feature_alarms(features: pd.DataFrame, converted: pd.Series, seed: int) -> list[Alarm]:
    """An alarm for each feature that alone ranks leads better than `LARGEST_AUC`, or is known of one outcome only."""
    said = one_sided(features, converted)
    for name, value in single_feature_aucs(features, converted, seed).items():
        if value > LARGEST_AUC:
            said[name] = f"{name} alone separates won from lost leads (AUC {value:.3f})"
    remedy = "if it is filled in after contact, add it to the campaign's excluded fields"
    return [Alarm((name,), f"{said[name]}: {remedy}") for name in sorted(said)]


def one_sided(features: pd.DataFrame, converted: pd.Series) -> dict[str, str]:
    """What to say of each feature that is known (nearly) only of leads that won, or only of leads that lost.

    A reason for losing, the size of a shop that signed: filled in too seldom to rank leads well, yet it tells. That it
    is so by accident has the chance of a binomial tail.
    """
    won = converted.to_numpy(dtype=np.int64) == 1
    said = {}
    for name, facts in features.items():
        is_known = facts.notna().to_numpy()
        known = int(is_known.sum())
        for outcome, word in ((won, "won"), (~won, "lost")):
            alike = int(outcome[is_known].sum())
            chance = binom.sf(alike - 1, known, outcome.mean())
            if alike >= LARGEST_PURITY * known and chance < SMALLEST_CHANCE:
                said[str(name)] = f"{name} is known of {known} leads, and {alike} of them {word}"
    return said


def jump_alarm(
    outcome: npt.NDArray[np.int64],
    champion: FloatArray,
    challenger: FloatArray,
    new_features: tuple[str, ...],
) -> Alarm | None:
    """An alarm where the challenger ranks the same leads far better than the champion, thanks to new features."""
    jump = auc(outcome, challenger) - auc(outcome, champion)
    if not new_features or not jump > LARGEST_JUMP:
        return None
    return Alarm(
        new_features,
        f"the AUC rose by {jump:.3f} with {', '.join(new_features)}: see that they are known before anyone works a "
        "lead, or exclude them",
    )


def _bins(name: str, facts: pd.Series) -> tuple[npt.NDArray[np.int64], int]:
    shape = shape_of(name, facts)
    if shape is None:
        return facts.isna().to_numpy().astype(np.int64), 2
    columns = shape.columns(facts)
    bins: npt.NDArray[np.int64] = columns.argmax(axis=1)  # the nearest knot, or the category
    return bins, shape.size + isinstance(shape, NumberShape)


def _shares(bins: npt.NDArray[np.int64], outcome: npt.NDArray[np.int64], count: int) -> FloatArray:
    wins = np.bincount(bins, weights=outcome, minlength=count)
    leads = np.bincount(bins, minlength=count)
    shares: FloatArray = (wins + PRIOR_EXAMPLES * outcome.mean()) / (leads + PRIOR_EXAMPLES)
    return shares
