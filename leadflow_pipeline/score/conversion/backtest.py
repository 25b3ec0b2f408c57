"""How good a way of learning is: models made as the calendar went on, judged on leads that came after each.

What belongs here: who predicts which rows. What does not: the judgement (`promotion`), the measures (`measures`).

A model that was trained today knows every ripe outcome, so none is left to judge it by. Judged is therefore the recipe:
the rows after the cut are divided into a few blocks of time, and for each a model is trained that knows nothing of the
block's first day or later, as it would have been then. The champion, and the rules made a probability in the same
rolling way, predict the same rows. Where there are several kinds of model, a simpler one gives way only to one that
would be promoted in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.score.conversion.examples import SEED, Examples, Ripe
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.promotion import judge
from leadflow_pipeline.score.conversion.shapes import FloatArray
from leadflow_pipeline.score.conversion.training import Kind, train

BLOCKS = 4
RULES: Kind = "rules"


@dataclass(frozen=True)
class Backtest:
    """What came of leads, and what each model had promised of them; nothing where there was nothing to judge by."""

    outcome: npt.NDArray[np.int64]
    kinds: dict[Kind, FloatArray]
    """What models of each kind had promised, the simplest kind first."""
    rules: FloatArray
    champion: FloatArray | None
    """None where there is no champion."""

    @cached_property
    def kind(self) -> Kind:
        """The kind that does best: the simplest, unless another surely does better."""
        best, *others = self.kinds
        for other in others if len(self.outcome) else ():
            if judge(self.outcome, self.kinds[best], self.kinds[other], SEED).is_promoted:
                best = other
        return best

    @property
    def challenger(self) -> FloatArray:
        """What models of the best kind had promised."""
        return self.kinds[self.kind]

    @property
    def opponent(self) -> FloatArray:
        """Whose place the challenger would take: the champion's, or that of the rules alone."""
        return self.rules if self.champion is None else self.champion


def backtest(
    examples: Examples,
    as_of: date,
    half_life_days: float | None,
    champion: ConversionModel | None,
    cut: date,
    kinds: Sequence[Kind],
) -> Backtest:
    """Predictions of the rows after `cut` that are ripe on `as_of`, by models of each of some kinds.

    Left out are the leads of blocks before which no lead, or every one, had been won: nothing could be learned then.
    """
    judged = examples.ripe(as_of, None)
    later = np.flatnonzero((judged.day > pd.Timestamp(cut)).to_numpy())
    rows: list[npt.NDArray[np.intp]] = []
    promised: dict[Kind, list[FloatArray]] = {kind: [] for kind in (*kinds, RULES)}
    for block in blocks_of_time(judged.day.to_numpy(), later):
        first = pd.Timestamp(judged.day.iloc[block[0]]).date()
        known = examples.ripe(first, half_life_days)
        if known.rarer == 0:
            continue
        rows.append(block)
        for kind, told in promised.items():
            trained = train(known.features, known.converted, known.weight, SEED, kind)
            if trained is None:
                raise ValueError(
                    f"no model of kind {kind} came of {known.rarer} examples of the rarer outcome"
                )
            told.append(trained.model.probabilities(judged.features.take(block)))
    chosen = np.concatenate(rows) if rows else np.empty(0, dtype=np.intp)
    together = {kind: np.concatenate(told) if told else np.empty(0) for kind, told in promised.items()}
    return Backtest(
        judged.outcome[chosen],
        {kind: together[kind] for kind in kinds},
        together[RULES],
        champion.probabilities(judged.features.take(chosen)) if champion else None,
    )


def day_of_half_the_wins(ripe: Ripe) -> date | None:
    """The day by which half of the won examples are there; None where there is none."""
    days = np.sort(ripe.day[ripe.converted == 1].to_numpy())
    return pd.Timestamp(days[(len(days) - 1) // 2]).date() if len(days) else None


def blocks_of_time(
    days: npt.NDArray[np.datetime64], rows: npt.NDArray[np.intp]
) -> list[npt.NDArray[np.intp]]:
    """Rows, in order of their days, in at most `BLOCKS` blocks of about as many; a day is in one block only."""
    if not len(rows):
        return []
    starts = [rows[len(rows) * block // BLOCKS] for block in range(BLOCKS)]
    first_days = np.unique(days[starts])
    return np.split(rows, np.searchsorted(days[rows], first_days[1:], side="left"))
