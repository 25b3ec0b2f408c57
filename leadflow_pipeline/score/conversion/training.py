"""Learning a model from leads whose outcome is known.

What belongs here: which examples count and how much, and the fit. What does not: whether the model is good enough
(`promotion`), or whether a feature gives the outcome away (`leakage`).

A model of kind "logistic" is a ridge-penalised regression over the shapes of the features, the rule score among them,
and over a few crosses where there is much to learn from; of kind "boosted", trees without interactions. Either is drawn
towards the rules, by less the more outcomes there are. With fewer than `FEW_OUTCOMES` wins (or losses) it is of kind
"rules": nothing but the scale of the rule score is learned, so it ranks leads as the rules do, and cannot rank them
worse. Without a single win and loss there is no model, and the rules stand alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.score.conversion.boosting import Boosting
from leadflow_pipeline.score.conversion.calibration import Calibration, fit_sigmoid
from leadflow_pipeline.score.conversion.crosses import strongest_crosses, surely_better
from leadflow_pipeline.score.conversion.folds import Learner, held_out_logits
from leadflow_pipeline.score.conversion.logistic import Design
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.prior import blended, learned_share, scaled_rules
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.conversion.shapes import FloatArray, shape_of

FEW_OUTCOMES = 100
LEAST_TO_CROSS = 1_000
"""Of the rarer outcome: with fewer, no features are crossed."""
LEAST_TO_BOOST = 3_000
"""Examples: with fewer, trees learn less than a regression."""
LEAST_WEIGHT = 0.01
"""An example that weighs less is left out: it costs as much as any other and tells nothing."""
MOST_EXAMPLES = 200_000
"""The latest so many are learned from, which bounds memory and time."""
DECIMALS = 10
"""Of a model's values: coarser than what machines disagree on, finer than any use."""
Kind: TypeAlias = Literal["rules", "logistic", "boosted"]
UNCALIBRATED = Calibration(1.0, 0.0)


@dataclass(frozen=True)
class Trained:
    """A model and how it came about."""

    model: ConversionModel
    calibration: Calibration
    examples: int
    wins: int
    kind: Kind


def matured_examples(leads: pd.DataFrame, as_of: date, rules: ConversionRules) -> pd.DataFrame:
    """The leads whose outcome can be taken as known before `as_of`, with `converted` and `weight`.

    Only whole cohorts count: a lead is an example once its day is `matures_after_days` past, whatever is known of it
    by then. Taking quick wins earlier would make young cohorts look better than they are.

    Args:
        leads: `lead_id`, `day`, and `won_on` (NaT: not won as far as is known).
        as_of: outcomes of this day and later do not exist.
    """
    moment = pd.Timestamp(as_of)
    age = (moment - leads["day"]).dt.days
    examples: pd.DataFrame = leads[(age > 0) & (age >= rules.matures_after_days)]
    return examples.assign(
        converted=(examples["won_on"] < moment).astype("int64"),
        weight=decayed_weights(examples["day"], moment, rules.half_life_days),
    )


def decayed_weights(days: pd.Series, as_of: pd.Timestamp, half_life_days: float | None) -> FloatArray:
    """Weight of an example of each day: 1 for one of `as_of`, half as much for each half-life of age."""
    if half_life_days is None:
        return np.ones(len(days))
    age = (as_of - days).dt.days.to_numpy(dtype=np.float64)
    weights: FloatArray = np.exp2(-age / half_life_days)
    return weights


def candidates(examples: int, wins: int) -> tuple[Kind, ...]:
    """The kinds of model worth training on so many examples, simplest first.

    None where nobody converted, or everybody did.
    """
    rarer = min(wins, examples - wins)
    if rarer == 0:
        return ()
    if rarer < FEW_OUTCOMES:
        return ("rules",)
    return ("logistic", "boosted") if examples >= LEAST_TO_BOOST else ("logistic",)


def train(
    features: pd.DataFrame, converted: pd.Series, weight: FloatArray, seed: int, kind: Kind = "logistic"
) -> Trained | None:
    """A calibrated model; None where nobody converted, or everybody did.

    With fewer than `FEW_OUTCOMES` of the rarer outcome it is of kind "rules", whatever was asked for. Neither the order
    of the rows nor of the columns matters, provided that the index of `features` orders the rows: pass it indexed by
    (day, lead_id). Nor does the scale of the weights.
    """
    order = learned_from(features, weight)
    features = features.take(order)
    outcome: npt.NDArray[np.int64] = converted.to_numpy(dtype=np.int64)[order]
    wins = int(outcome.sum())
    rarer = min(wins, len(outcome) - wins)
    if rarer == 0:
        return None
    weight = weight[order] / weight[order].max()
    rules = scaled_rules(features, outcome, weight)
    if rarer < FEW_OUTCOMES or kind == "rules":
        return Trained(_finished(rules), UNCALIBRATED, len(outcome), wins, "rules")
    learner, held_out = _learner(features, outcome, weight, seed, kind)
    share = learned_share(min(weight[outcome == each].sum() for each in (0, 1)))
    told = share * held_out + (1 - share) * rules.logits(features)
    calibration = fit_sigmoid(told, outcome, weight)
    model = blended(rules, learner.model(outcome, weight), share)
    return Trained(_finished(model, calibration), calibration, len(outcome), wins, kind)


def _learner(
    features: pd.DataFrame, outcome: npt.NDArray[np.int64], weight: FloatArray, seed: int, kind: Kind
) -> tuple[Learner, FloatArray]:
    """How to learn, and the logit of each example learned from others."""
    shapes = [shape for name in sorted(features.columns) if (shape := shape_of(name, features[name]))]
    if kind == "boosted" and shapes:
        trees = Boosting(features, shapes, seed)
        return trees, held_out_logits(trees, outcome, weight, seed)
    design = Design.of(features, shapes)
    alone = held_out_logits(design, outcome, weight, seed)
    if min(outcome.sum(), len(outcome) - outcome.sum()) < LEAST_TO_CROSS:
        return design, alone
    crosses = strongest_crosses(features, shapes, outcome, alone, weight)
    if not crosses:
        return design, alone
    crossed = design.beside(Design.of(features, crosses))
    together = held_out_logits(crossed, outcome, weight, seed)
    return (crossed, together) if surely_better(together, alone, outcome, weight) else (design, alone)


def _finished(model: ConversionModel, calibration: Calibration = UNCALIBRATED) -> ConversionModel:
    """The model on the calibrated line, its values no finer than machines agree on."""
    return ConversionModel(
        round(calibration.slope * model.base + calibration.offset, DECIMALS),
        model.shapes,
        tuple(np.round(calibration.slope * each, DECIMALS) for each in model.values),  # noqa: PD011
    )


def learned_from(features: pd.DataFrame, weight: FloatArray) -> npt.NDArray[np.intp]:
    """The positions of the examples that count, in the order of the index: the latest, and none that weighs nothing."""
    order: npt.NDArray[np.intp] = features.index.argsort(kind="stable")
    counts = weight[order] >= LEAST_WEIGHT * weight.max(initial=0.0)
    latest: npt.NDArray[np.intp] = order[counts][-MOST_EXAMPLES:]
    return latest
