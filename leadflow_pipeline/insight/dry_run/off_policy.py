"""What other weights of the match would have earned, from an experiment that tried them. Pure.

What belongs here: which leads of a routing experiment were matched as the tried rules would match them all. What does
not: the estimates (`experiment.off_policy`).

Only here is it known how likely a lead was to be treated as it was: owners are chosen for the most value, not drawn, so
no lead had any chance of another one. An experiment drew the weights by which each lead was matched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment.off_policy import (
    Logged,
    PolicyValue,
    cross_fitted_rates,
    doubly_robust,
    inverse_propensity,
    self_normalised,
)
from leadflow_pipeline.experiment.rules import Experiment

PLACES = 9
"""Decimals to which shares of weights must agree."""


@dataclass(frozen=True)
class OffPolicy:
    """Wins a lead, had every lead been matched as the tried rules say."""

    experiment: str
    variants: tuple[str, ...]
    """Those that matched so already."""
    leads: int
    """Ripe leads that met the experiment."""
    as_it_was: float
    """Wins a lead of all of them."""
    estimates: tuple[PolicyValue, ...]


def from_experiment(
    experiment: Experiment,
    exposures: pd.DataFrame,
    is_won: pd.Series,
    usual: Mapping[str, float],
    tried: Mapping[str, float],
) -> OffPolicy | None:
    """Estimates from one experiment; None where no variant matched as the tried rules do, or nobody has met it.

    `exposures` has `lead_id`, `variant`, `propensity`; `is_won` is of ripe leads, by id; `usual` are the campaign's own
    weights, which a variant without any has.
    """
    wanted = _shares(tried)
    matching = tuple(
        variant.key
        for variant in experiment.variants
        if _shares(usual if variant.match is None else variant.match) == wanted
    )
    met = exposures[exposures["variant"].isin(experiment.keys) & exposures["lead_id"].isin(is_won.index)]
    if not matching or met.empty:
        return None
    reward = is_won.reindex(met["lead_id"]).to_numpy(dtype="float64")
    action = pd.Index(experiment.keys).get_indexer(pd.Index(met["variant"])).astype(np.int64)
    propensity = met["propensity"].to_numpy(dtype="float64")
    is_target = np.asarray(met["variant"].isin(matching), dtype="float64")
    logged = Logged(reward, propensity, is_target)
    rates = cross_fitted_rates(action, len(experiment.keys), reward)
    aims = [experiment.keys.index(key) for key in matching]
    estimates = (
        inverse_propensity(logged),
        self_normalised(logged),
        doubly_robust(logged, rates[np.arange(len(action)), action], rates[:, aims].mean(axis=1)),
    )
    return OffPolicy(experiment.key, matching, len(met), float(reward.mean()), estimates)


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {name: round(weight / total, PLACES) for name, weight in weights.items() if weight}
