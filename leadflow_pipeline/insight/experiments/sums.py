"""The sums of one experiment by variant, as of any day that they know of: what every test is made from.

What belongs here: adding up days. What does not: making the sums in the database (`counts`), the tests. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment.adaptive_estimates import ArmEstimate, estimate_arms
from leadflow_pipeline.experiment.arrays import Floats
from leadflow_pipeline.experiment.tallies import ArmMoments
from leadflow_pipeline.insight.experiments.counts import Counts


class Sums:
    """The sums of one experiment, by variant, of exposures up to a day."""

    def __init__(self, keys: Sequence[str], counts: Counts) -> None:
        self._keys = keys
        self._exposed, self._came, self._scores = counts.exposed, counts.came, counts.scores
        self._shares = counts.shares

    def leads(self, last: date) -> list[int]:
        """Leads of each variant that were exposed by a day."""
        return [int(number) for number in self._by_variant(self._exposed, last, "leads")]

    def came(self, metric: int, last: date) -> list[int]:
        """Those of them that did what a metric counts."""
        rows = self._came[self._came["metric"] == metric]
        return [int(number) for number in self._by_variant(rows, last, "leads")]

    def moments(self, metric: int, last: date) -> list[ArmMoments]:
        """Of a value metric, with the score at exposure as the covariate."""
        rows = self._came[self._came["metric"] == metric]
        leads = self._by_variant(self._exposed, last, "leads")
        value, squared, product = (
            self._by_variant(rows, last, name) for name in ("value", "value_squared", "value_score")
        )
        score, score_squared = (
            self._by_variant(self._scores, last, name) for name in ("score", "score_squared")
        )
        return [
            _moments(*sums) for sums in zip(leads, value, squared, score, score_squared, product, strict=True)
        ]

    def adaptive(self, metric: int, last: date, confidence: float) -> tuple[ArmEstimate, ...]:
        """Of a bandit's arms, from each day's shares. A bandit's metrics are shares of leads."""
        table = self._shares[self._shares["day"] <= pd.Timestamp(last)]
        shares = table.set_index(["day", "variant"])["weight"].unstack().reindex(columns=list(self._keys))  # noqa: PD010
        arm, day, reward = [], [], []
        came = self._came[self._came["metric"] == metric]
        for number, key in enumerate(self._keys):
            of_day = self._exposed[self._exposed["variant"] == key].set_index("day")["leads"]
            hits = came[came["variant"] == key].set_index("day")["leads"]
            leads = of_day.reindex(shares.index).fillna(0).to_numpy(dtype="int64")
            ones = hits.reindex(shares.index).fillna(0).to_numpy(dtype="int64")
            for each, value in ((ones, 1.0), (leads - ones, 0.0)):
                day.append(np.repeat(np.arange(len(shares)), each))
                arm.append(np.full(int(each.sum()), number))
                reward.append(np.full(int(each.sum()), value))
        return estimate_arms(
            np.concatenate(day),
            np.concatenate(arm),
            np.concatenate(reward),
            shares.to_numpy(dtype="float64"),
            confidence,
        )

    def _by_variant(self, rows: pd.DataFrame, last: date, column: str) -> Floats:
        """A column summed over days, an entry a variant."""
        seen = rows[rows["day"] <= pd.Timestamp(last)]
        summed = seen.groupby("variant")[column].sum()
        return summed.reindex(list(self._keys)).fillna(0).to_numpy(dtype="float64")


def _moments(
    leads: float, value: float, squared: float, score: float, score_squared: float, product: float
) -> ArmMoments:
    count = int(leads)
    if not count:
        return ArmMoments(0, 0.0, 0.0)
    bessel = count / max(count - 1, 1)
    mean, covariate = value / count, score / count
    return ArmMoments(
        count=count,
        mean=mean,
        variance=max(squared / count - mean**2, 0.0) * bessel,
        covariate_mean=covariate,
        covariate_variance=max(score_squared / count - covariate**2, 0.0) * bessel,
        covariance=(product / count - mean * covariate) * bessel,
    )
