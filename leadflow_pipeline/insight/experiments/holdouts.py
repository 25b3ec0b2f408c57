"""What trying things did in all: leads that were kept out, beside those that got one variant or another. Pure.

Whether a lead is held out is a hash of its own, and independent of everything that variants do: the comparison is right
for a bandit too, whose shares follow the results.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from leadflow_pipeline.experiment.means import cuped
from leadflow_pipeline.experiment.rules import HOLDOUT, Experiment
from leadflow_pipeline.insight.experiments.counts import Counts
from leadflow_pipeline.insight.experiments.effects import share_result, value_result, with_adjusted
from leadflow_pipeline.insight.experiments.results import MetricResult
from leadflow_pipeline.insight.experiments.sums import Sums

TREATED = "any variant"


def against_holdout(experiment: Experiment, counts: Counts, seen: date) -> MetricResult | None:
    """The primary metric of all variants together against the holdout, which is the control here.

    None where nobody is kept out, or nobody's days are over.
    """
    if not experiment.holdout:
        return None
    names, primary = (HOLDOUT, TREATED), experiment.primary
    sums = Sums(names, _together(counts, experiment.keys))
    leads, came = sums.leads(seen), sums.came(0, seen)
    if not all(leads):
        return None
    confidence = 1 - experiment.alpha
    if primary.is_value:
        result = value_result(names, primary, came, cuped(sums.moments(0, seen)), confidence)
    else:
        result = share_result(names, primary, leads, came, confidence)
    return with_adjusted(result, [effect.p_value for effect in result.effects])


def _together(counts: Counts, keys: tuple[str, ...]) -> Counts:
    """The sums with all variants as one."""
    variants = dict.fromkeys(keys, TREATED)

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(variant=table["variant"].replace(variants))

    return Counts(renamed(counts.exposed), renamed(counts.came), renamed(counts.scores), counts.shares)
