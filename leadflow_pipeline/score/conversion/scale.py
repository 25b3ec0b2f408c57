"""Where a model's logits lie: on the level of one campaign, and on the points of its rules.

What belongs here: the two adjustments after the fit. What does not: the fit (`training`). Neither changes how a model
ranks leads.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from leadflow_pipeline.score.conversion.examples import Ripe
from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.leakage import PRIOR_EXAMPLES
from leadflow_pipeline.score.conversion.model import ConversionModel, probability
from leadflow_pipeline.score.conversion.shapes import FloatArray
from leadflow_pipeline.score.conversion.training import DECIMALS

USUAL_SPREAD = 15.0
"""Standard deviation of points where the rules give everybody the same."""
LARGEST_SHIFT = 20.0
ALIKE = 1e-9


def on_level_of(model: ConversionModel, own: Ripe, pool: Ripe) -> ConversionModel:
    """A pooled model that expects as many wins of the campaign's own examples as they had.

    Their share of wins is drawn towards that of the pool by `PRIOR_EXAMPLES` examples, so a campaign without a win is
    not promised that there will never be one.
    """
    leads = float(own.weight.sum())
    if not leads:
        return model
    pool_rate = float(np.average(pool.outcome, weights=pool.weight))
    wins = float(own.weight @ own.outcome) + PRIOR_EXAMPLES * pool_rate
    rate, logits = wins / (leads + PRIOR_EXAMPLES), model.logits(own.features)

    def excess(shift: float) -> float:
        return float(np.average(probability(logits + shift), weights=own.weight)) - rate

    shift = brentq(excess, -LARGEST_SHIFT, LARGEST_SHIFT, xtol=1e-13)
    return replace(model, base=round(model.base + shift, DECIMALS))


def on_scale_of_rules(model: ConversionModel, ripe: Ripe) -> ConversionModel:
    """A model whose points have the mean and the spread that the rules gave these examples."""
    if RULE_SCORE not in ripe.features or not len(ripe.weight):
        return model
    by_rules = ripe.features[RULE_SCORE].to_numpy(dtype=np.float64)
    logits = model.logits(ripe.features)
    middle, spread = _mean_and_spread(by_rules, ripe.weight)
    middle_logit, spread_of_logits = _mean_and_spread(logits, ripe.weight)
    spread = spread if spread > ALIKE else USUAL_SPREAD
    per_logit = spread / spread_of_logits if spread_of_logits > ALIKE else 0.0
    return replace(
        model,
        points_at_base=round(middle - per_logit * (middle_logit - model.base), DECIMALS),
        points_per_logit=round(per_logit, DECIMALS),
    )


def _mean_and_spread(numbers: FloatArray, weight: FloatArray) -> tuple[float, float]:
    mean = float(np.average(numbers, weights=weight))
    return mean, float(np.sqrt(np.average((numbers - mean) ** 2, weights=weight)))
