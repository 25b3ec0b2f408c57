"""Whether a champion is still what it was: are leads like those it learned from, are promises kept, does it rank?

What belongs here: the verdict on a model at work. What does not: the measures it rests on (`drift`, `measures`), and
who takes its place (`score.model_training`).

Ranking and promises are judged on the outcomes of leads later than any that the model learned from, one row a lead, so
that outcomes are independent of each other. *Surely* means: chance alone would look so bad in one of 40 such looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, rankdata

from leadflow_pipeline.score.conversion.drift import (
    KeptPromises,
    kept_promises,
    stability_index,
    stability_indices,
)
from leadflow_pipeline.score.conversion.examples import SEED
from leadflow_pipeline.score.conversion.measures import BINS
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import FloatArray

LEAST_LEADS = 200
"""Leads on either side below which nothing is said of drift: bins of fewer differ by chance."""
LEAST_WINS = 30
"""Wins below which nothing is said of promises."""
LEAST_WINS_TO_RANK = 100
WORST_CALIBRATION_ERROR = 0.1
"""Mean distance between promised and kept share from which on promises count as broken."""
SURE = 0.975
DRAWS = 1_000


@dataclass(frozen=True)
class Drift:
    """How far leads of late differ from those that a model learned from."""

    leads: int
    """Of late."""
    inputs: dict[str, float]
    """Feature of the model -> stability index; empty where there are too few leads to tell."""
    scores: float | None
    """Stability index of its probabilities."""

    @property
    def worst(self) -> tuple[str, float] | None:
        """The feature that moved most."""
        return max(self.inputs.items(), key=lambda item: (item[1], item[0])) if self.inputs else None


@dataclass(frozen=True)
class Record:
    """How a model did on leads that came after those it learned from."""

    promises: KeptPromises | None
    """None where too few of them were won to tell."""
    chance: float
    """The calibration error that chance alone would rarely exceed."""
    auc_lead: float | None
    """Upper bound of its AUC minus that of the rules; None where too few were won to tell."""

    @property
    def breaks_promises(self) -> bool:
        """Its promises are far from what was kept, and surely not by chance."""
        if self.promises is None:
            return False
        return self.promises.calibration_error > max(self.chance, WORST_CALIBRATION_ERROR)

    @property
    def ranks_worse(self) -> bool:
        """The rules alone surely rank leads better."""
        return self.auc_lead is not None and self.auc_lead < 0

    @property
    def is_degraded(self) -> bool:
        """It does harm."""
        return self.breaks_promises or self.ranks_worse

    @property
    def words(self) -> str:
        """What is wrong with it."""
        said = []
        if self.promises is not None and self.breaks_promises:
            said.append(f"{self.promises.words} (calibration error {self.promises.calibration_error:.3f})")
        if self.ranks_worse:
            said.append("the rules alone rank leads better")
        return " and ".join(said)


@dataclass(frozen=True)
class Watched:
    """How the champion of before the training is doing."""

    model_version: str
    drift: Drift
    record: Record


def drift_of(model: ConversionModel, then: pd.DataFrame, now: pd.DataFrame) -> Drift:
    """Leads that a model learned from beside those of late, as far as it looks at them."""
    if min(len(then), len(now)) < LEAST_LEADS:
        return Drift(len(now), {}, None)
    names = model.single_features
    inputs = stability_indices(
        then.reindex(columns=[name for name in names if name in then]),
        now.reindex(columns=[name for name in names if name in now]),
    )
    promised = [pd.Series(model.probabilities(each), name="probability") for each in (then, now)]
    return Drift(len(now), inputs, stability_index(*promised))


def record_of(outcome: npt.NDArray[np.int64], probability: FloatArray, rule_score: FloatArray) -> Record:
    """The record of a model on leads with a known outcome, one row each."""
    wins = int(outcome.sum())
    if wins < LEAST_WINS:
        return Record(None, 0.0, None)
    is_enough = LEAST_WINS_TO_RANK <= wins <= len(outcome) - LEAST_WINS_TO_RANK
    return Record(
        kept_promises(outcome, probability),
        error_by_chance(probability),
        auc_difference_upper(outcome, probability, rule_score) if is_enough else None,
    )


def error_by_chance(probability: FloatArray) -> float:
    """The calibration error that honest promises stay below in 39 of 40 cases.

    Drawn: the wins of a bin of honest promises are nearly normal around their sum.
    """
    parts = np.array_split(np.sort(probability), BINS)
    leads = np.array([len(part) for part in parts], dtype=np.float64)
    spread = np.sqrt([float((part * (1.0 - part)).sum()) for part in parts])
    draws = np.random.default_rng(SEED).standard_normal((DRAWS, BINS))
    errors = np.abs(draws * spread).sum(axis=1) / max(leads.sum(), 1.0)
    return float(np.quantile(errors, SURE))


def auc_difference_upper(outcome: npt.NDArray[np.int64], one: FloatArray, other: FloatArray) -> float:
    """Upper bound of AUC(one) - AUC(other) on the same leads.

    DeLong, DeLong and Clarke-Pearson (1988), by midranks: the difference is a sum of independent parts of won leads and
    of lost ones.
    """
    placements = [_placements(outcome, score) for score in (one, other)]
    won = placements[0][0] - placements[1][0]
    lost = placements[0][1] - placements[1][1]
    variance = won.var(ddof=1) / len(won) + lost.var(ddof=1) / len(lost)
    return float(won.mean() + norm.ppf(SURE) * np.sqrt(variance))


def _placements(outcome: npt.NDArray[np.int64], score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of each won lead the share of lost ones below it, of each lost lead that of won ones above it."""
    ranks = rankdata(score)
    won, lost = outcome == 1, outcome == 0
    wins, losses = int(won.sum()), int(lost.sum())
    above: FloatArray = (ranks[won] - rankdata(score[won])) / losses
    below: FloatArray = 1.0 - (ranks[lost] - rankdata(score[lost])) / wins
    return above, below
