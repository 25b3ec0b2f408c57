"""What is believed before outcomes tell otherwise: that leads convert as the rules rank them.

What belongs here: the rules as a model, and how much they count against what was learned. What does not: learning.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.measures import log_loss
from leadflow_pipeline.score.conversion.model import ConversionModel, probability
from leadflow_pipeline.score.conversion.shapes import FloatArray, NumberShape

RULE_SLOPE, RULE_SLOPE_SPREAD = 4.0, 2.0
"""Before any outcome, 100 points of the rules are believed to add so much to the logit, give or take."""
LEAST_RULE_SLOPE = 0.05
RULES_COUNT_AS = 200.0
"""Outcomes that the rules are worth: with as many learned from, both have an equal say."""


def scaled_rules(
    features: pd.DataFrame, outcome: npt.NDArray[np.int64], weight: FloatArray
) -> ConversionModel:
    """Base rate and a rising straight line over the rule score, both near what is believed beforehand."""
    shape = NumberShape(RULE_SCORE, np.array([0.0, 100.0]))
    facts = features[RULE_SCORE] if RULE_SCORE in features else pd.Series(np.nan, index=features.index)
    score = np.where(facts.isna(), float(np.nan_to_num(facts.mean())), facts) / 100

    def loss(parameters: FloatArray) -> float:
        intercept, slope = parameters
        surprise = log_loss(outcome, probability(intercept + slope * score), weight) * weight.sum()
        return float(surprise + 0.5 * ((slope - RULE_SLOPE) / RULE_SLOPE_SPREAD) ** 2)

    found = minimize(
        loss,
        np.array([-2.0, RULE_SLOPE]),
        bounds=[(-20.0, 20.0), (LEAST_RULE_SLOPE, None)],
        method="L-BFGS-B",
    )
    intercept, slope = found.x
    middle = float(slope * np.average(score, weights=weight))
    return ConversionModel(intercept + middle, (shape,), (np.array([-middle, slope - middle, 0.0]),))


def learned_share(rarer_outcomes: float) -> float:
    """How much of a logit is what was learned, from so many of the rarer outcome; the rest is what the rules say.

    A weighted mean, as of a mean of n observations and a prior worth m of them: n / (n + m). It grows without a step,
    and a weight fitted to so few outcomes would be noise itself.
    """
    return rarer_outcomes / (rarer_outcomes + RULES_COUNT_AS)


def blended(rules: ConversionModel, learned: ConversionModel, share: float) -> ConversionModel:
    """The weighted mean of both logits: the tables of both beside each other."""
    return ConversionModel(
        base=(1 - share) * rules.base + share * learned.base,
        shapes=(*learned.shapes, *rules.shapes),
        values=tuple(
            part * each
            for part, model in ((share, learned), (1 - share, rules))
            for each in model.values  # noqa: PD011
        ),
    )
