"""What each variant would have brought, had everybody got it: off-policy estimates from the propensities as logged.

What belongs here: turning days of a routing experiment or a bandit into logged choices, and asking for all three
estimates. What does not: the estimates (`experiment.off_policy`). Pure.

Leads of one variant and day had the same propensity, so a day's sums are all that the estimates need. The model of the
doubly robust one is a variant's mean on the days before: it has not seen the leads that it predicts.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment.arrays import Floats, Ints
from leadflow_pipeline.experiment.off_policy import (
    Groups,
    Logged,
    doubly_robust,
    inverse_propensity,
    self_normalised,
)
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.insight.experiments.counts import Counts
from leadflow_pipeline.insight.experiments.results import ForEverybody


def for_everybody(experiment: Experiment, counts: Counts, seen: date) -> tuple[ForEverybody, ...]:
    """The primary metric of a lead under each variant, of leads that were exposed up to a day.

    Empty for what is neither a bandit nor about routing, and where nobody's days are over.
    """
    days = _days(experiment, counts, seen)
    if not (experiment.bandit or experiment.kind == "routing") or days.empty:
        return ()
    place = pd.Index(experiment.keys).get_indexer(pd.Index(days["variant"]))
    expected = _expected(days, place, len(experiment.keys))
    # The logged propensity is also how likely a lead took part; what is asked is of those that did.
    propensity = np.minimum(days["propensity"].to_numpy(dtype="float64") / experiment.coverage, 1.0)
    count, reward, squared, rewarded = (
        days[name].to_numpy(dtype="float64") for name in ("leads", "reward", "reward_squared", "rewarded")
    )
    confidence, rows = 1 - experiment.alpha, np.arange(len(days))
    found = []
    for number, name in enumerate(experiment.keys):
        target = (place == number).astype(np.float64)
        logged = Logged(reward, propensity, target, Groups(count, rewarded, squared))
        estimates = (
            inverse_propensity(logged, confidence),
            self_normalised(logged, confidence),
            doubly_robust(logged, expected[rows, place], expected[:, number], confidence),
        )
        found.append(ForEverybody(name, int(count.sum()), estimates))
    return tuple(found)


def _days(experiment: Experiment, counts: Counts, seen: date) -> pd.DataFrame:
    """`day`, `variant`, `leads`, `propensity`, and of the primary metric `reward`, `reward_squared`, `rewarded`."""
    exposed = counts.exposed
    takes_part = exposed["variant"].isin(list(experiment.keys)) & (exposed["day"] <= pd.Timestamp(seen))
    came = (
        counts.came[counts.came["metric"] == 0].rename(columns={"leads": "rewarded"}).drop(columns="metric")
    )
    days = exposed[takes_part].merge(came, on=["variant", "day"], how="left")
    is_value = experiment.primary.is_value
    sums = ("value", "value_squared") if is_value else ("rewarded", "rewarded")
    zero = {"rewarded": 0.0, "value": 0.0, "value_squared": 0.0}
    days = days.fillna(zero).sort_values(["day", "variant"], ignore_index=True)
    return days.assign(reward=days[sums[0]], reward_squared=days[sums[1]])


def _expected(days: pd.DataFrame, place: Ints, variants: int) -> Floats:
    """Each variant's mean reward on the days before each row's, `[rows, variants]`; that of all where it had none."""
    day, names = pd.factorize(days["day"], sort=True)
    shape = (len(names), variants)
    key = day * variants + place

    def before(values: pd.Series) -> Floats:
        of_day = np.bincount(key, values.to_numpy(dtype="float64"), len(names) * variants).reshape(shape)
        return np.asarray(np.vstack([np.zeros(variants), np.cumsum(of_day, axis=0)[:-1]]))

    reward, leads = before(days["reward"]), before(days["leads"])
    overall = reward.sum(axis=1, keepdims=True) / np.maximum(leads.sum(axis=1, keepdims=True), 1)
    expected = np.where(leads > 0, reward / np.maximum(leads, 1), overall)
    return np.asarray(expected[day])
