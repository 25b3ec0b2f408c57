"""Learning a model from leads whose outcome is known.

What belongs here: which examples count and how much, and the fit. What does not: whether the model is good enough
(`promotion`), or whether a feature gives the outcome away (`leakage`).

The model is a ridge-penalised logistic regression over the shapes of the features, with the rule score among them. What
the rules say is penalised less than anything else, so few outcomes can bend it, many can overrule it. With fewer
than `FEW_OUTCOMES` wins (or losses) nothing but the scale of the rule score is learned: such a model ranks leads as the
rules do, so it cannot rank them worse. Without a single win and loss there is no model, and the rules stand alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from leadflow_pipeline.score.conversion.calibration import Calibration, fit_sigmoid
from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.measures import log_loss
from leadflow_pipeline.score.conversion.model import ConversionModel, probability
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.conversion.shapes import FloatArray, NumberShape, Shape, shape_of

FEW_OUTCOMES = 100
FOLDS = 5
STRENGTH = 0.2
"""Variance allowed to a value. Held-out folds ask for more, and are wrong: leads to come differ more from the examples
than the examples from each other. On three campaigns 0.1 to 0.3 did best."""
LEAST_WEIGHT = 0.01
"""An example that weighs less is left out: it costs as much as any other and tells nothing."""
MOST_EXAMPLES = 200_000
"""The latest so many are learned from, which bounds memory and time."""
RULES_TRUSTED = 2.0
"""A point of the rules is penalised so many times squared less than other values."""
RULE_SLOPE, RULE_SLOPE_SPREAD = 4.0, 2.0
"""Before any outcome, 100 points of the rules are believed to add so much to the logit, give or take."""
LEAST_RULE_SLOPE = 0.05
DECIMALS = 10
"""Of a model's values: coarser than what machines disagree on, finer than any use."""


@dataclass(frozen=True)
class Trained:
    """A model and how it came about."""

    model: ConversionModel
    calibration: Calibration
    examples: int
    wins: int


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


def train(features: pd.DataFrame, converted: pd.Series, weight: FloatArray, seed: int) -> Trained | None:
    """A calibrated model; None where nobody converted, or everybody did.

    Neither the order of the rows nor of the columns matters, provided that the index of `features` orders the rows:
    pass it indexed by (day, lead_id).
    """
    order = learned_from(features, weight)
    features = features.take(order)
    outcome: npt.NDArray[np.int64] = converted.to_numpy(dtype=np.int64)[order]
    weight = weight[order]
    wins = int(outcome.sum())
    rarer = min(wins, len(outcome) - wins)
    if rarer == 0:
        return None
    if rarer < FEW_OUTCOMES:
        return Trained(_scaled_rules(features, outcome, weight), Calibration(1.0, 0.0), len(outcome), wins)
    shapes = [shape for name in sorted(features.columns) if (shape := shape_of(name, features[name]))]
    design = Design.of(features, shapes)
    calibration = fit_sigmoid(_held_out_logits(design, outcome, weight, seed), outcome, weight)
    intercept, coefficients = design.fit(np.arange(len(outcome)), outcome, weight)
    model = design.model(
        calibration.slope * intercept + calibration.offset, calibration.slope * coefficients, weight
    )
    return Trained(model, calibration, len(outcome), wins)


def learned_from(features: pd.DataFrame, weight: FloatArray) -> npt.NDArray[np.intp]:
    """The positions of the examples that count, in the order of the index: the latest, and none that weighs nothing."""
    order: npt.NDArray[np.intp] = features.index.argsort(kind="stable")
    counts = weight[order] >= LEAST_WEIGHT * weight.max(initial=0.0)
    latest: npt.NDArray[np.intp] = order[counts][-MOST_EXAMPLES:]
    return latest


def train_scaled_rules(
    features: pd.DataFrame, converted: pd.Series, weight: FloatArray
) -> ConversionModel | None:
    """What `train` makes of few outcomes, made of however many: the rules as a probability, to compare models with.

    None where nobody converted, or everybody did.
    """
    order = learned_from(features, weight)
    outcome: npt.NDArray[np.int64] = converted.to_numpy(dtype=np.int64)[order]
    if not 0 < outcome.sum() < len(outcome):
        return None
    return _scaled_rules(features.take(order), outcome, weight[order])


@dataclass(frozen=True)
class Design:
    """The columns of all shapes beside each other; a number also has a trend, the rules' a trusted one."""

    shapes: list[Shape]
    matrix: FloatArray

    @classmethod
    def of(cls, features: pd.DataFrame, shapes: list[Shape]) -> Design:
        """The examples as the shapes see them."""
        blocks = []
        for shape in shapes:
            columns = shape.columns(features[shape.name])
            blocks += [columns, columns @ _trend(shape)[:, None]]
        return cls(shapes, np.hstack(blocks) if blocks else np.zeros((len(features), 0)))

    def fit(
        self, rows: npt.NDArray[np.int64], outcome: npt.NDArray[np.int64], weight: FloatArray
    ) -> tuple[float, FloatArray]:
        """Intercept and coefficients from these rows."""
        regression = LogisticRegression(C=STRENGTH, solver="newton-cholesky", tol=1e-8, max_iter=100)
        regression.fit(self.matrix[rows], outcome[rows], sample_weight=weight[rows])
        return float(regression.intercept_[0]), regression.coef_[0]

    def model(self, intercept: float, coefficients: FloatArray, weight: FloatArray) -> ConversionModel:
        """The model, its values measured from the weighted average of the examples."""
        average = weight @ self.matrix / weight.sum()
        base, values, start = intercept, [], 0
        for shape in self.shapes:
            stop = start + shape.size + 1
            own, middle = coefficients[start:stop], float(coefficients[start:stop] @ average[start:stop])
            values.append(np.round(own[:-1] + own[-1] * _trend(shape) - middle, DECIMALS))
            base, start = base + middle, stop
        return ConversionModel(round(base, DECIMALS), tuple(self.shapes), tuple(values))


def _held_out_logits(
    design: Design, outcome: npt.NDArray[np.int64], weight: FloatArray, seed: int
) -> FloatArray:
    """The logit of each example by a model that did not see it; shuffled, stratified folds."""
    logits = np.empty(len(outcome))
    for rows, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(outcome, outcome):
        intercept, coefficients = design.fit(rows, outcome, weight)
        logits[held_out] = intercept + design.matrix[held_out] @ coefficients
    return logits


def _trend(shape: Shape) -> FloatArray:
    """How a straight rise from the first to the last knot falls on the values of a shape."""
    trend = np.zeros(shape.size)
    if isinstance(shape, NumberShape) and len(shape.knots) > 1:
        span = shape.knots[-1] - shape.knots[0]
        rise = (shape.knots - shape.knots[0]) / span
        trend[:-1] = RULES_TRUSTED * rise if shape.name == RULE_SCORE else rise
    return trend


def _scaled_rules(
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
    values = np.array([-middle, slope - middle, 0.0])
    return ConversionModel(round(intercept + middle, DECIMALS), (shape,), (np.round(values, DECIMALS),))
