"""What conversion models add to a score: probability, lines of the breakdown, and words.

What belongs here: a model's logit as points on the scale of the rules, part by part. What does not: learning and
predicting (`conversion`), which model scores a day (`model_registry`), the sum (`voices`). Pure.

    model points = points at the base + points per logit * (logit - base), held between 0 and 100
    added        = weight * model points

The logit is a sum of what each feature adds, and so are the points: the lines are exact. A model that only knows the
scale of the rule score would repeat what the rules say: it gives a probability and adds no line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from leadflow_pipeline.score.conversion.features import feature_words, fields_of
from leadflow_pipeline.score.conversion.model import ConversionModel, probability
from leadflow_pipeline.score.engagement import FloatArray
from leadflow_pipeline.score.explanation import TextArray, quoted, short_decimal
from leadflow_pipeline.score.total import MOST
from leadflow_pipeline.score.voices import VoiceLine, Voices

MODEL_LINE = "model."
BASE, SMALLER_FACTS, CAP = "model.base", "model.smaller_facts", "cap.model"
LINE_WORDS = {
    BASE: "Model: what an average lead has",
    SMALLER_FACTS: "Model: all facts that say little, together",
    CAP: "The model's points are held between 0 and 100",
}
WORTH_A_LINE = 0.1
"""Points; features that add less are one line together."""
PROBABILITY_DECIMALS = 6


@dataclass(frozen=True)
class Champions:
    """The models that score some days, and how much they count."""

    weight: float = 0.0
    """Share of the score that a model has, 0 to 1."""
    models: Mapping[str, ConversionModel] = field(default_factory=dict)
    """By version."""
    by_day: Mapping[date, str | None] = field(default_factory=dict)
    """The version that scores a day; a day that is not there is scored by the rules alone."""

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that score a day, in alphabetical order."""
        return tuple(sorted({version for version in self.by_day.values() if version is not None}))

    @property
    def fields(self) -> set[str]:
        """Every field of a lead that one of them reads."""
        names = {name for version in self.versions for name in self.models[version].feature_names}
        return fields_of(names)

    def weight_of(self, version: str) -> float:
        """Its share of the score."""
        return 0.0 if self.models[version].only_scales_rules else self.weight

    def number_of_days(self, days: pd.Series) -> np.ndarray:
        """For each day the place of its model in `versions`, -1 where the rules score alone."""
        places = {version: place for place, version in enumerate(self.versions)}
        place_of_day = {
            pd.Timestamp(day): places[version] for day, version in self.by_day.items() if version is not None
        }
        return np.asarray(days.map(place_of_day).fillna(-1).astype("int64"))


@dataclass(frozen=True)
class Learned:
    """What one model says of some leads."""

    probability: FloatArray
    voices: Voices


def what_model_says(model: ConversionModel, weight: float, features: pd.DataFrame) -> Learned:
    """Probability and lines of each lead; no lines where the model has no weight."""
    contributions = model.contributions(features)
    logits = np.full(len(features), model.base)
    for name in contributions.columns:
        logits = logits + contributions[name].to_numpy()
    likely = np.round(probability(logits), PROBABILITY_DECIMALS)
    if weight == 0:
        return Learned(likely, Voices())
    scale = weight * model.points_per_logit
    smaller = np.zeros(len(features))
    lines = [VoiceLine(BASE, np.full(len(features), weight * model.points_at_base))]
    total = lines[0].contribution
    for name in contributions.columns:
        points = scale * contributions[name].to_numpy()
        is_small = np.abs(points) < WORTH_A_LINE
        smaller = smaller + np.where(is_small, points, 0.0)
        lines.append(VoiceLine(f"{MODEL_LINE}{name}", np.where(is_small, 0.0, points), model_words(name)))
        total = total + points
    held = np.clip(total, 0.0, weight * MOST)
    lines.append(VoiceLine(SMALLER_FACTS, smaller))
    lines.append(VoiceLine(CAP, held - total))
    return Learned(likely, Voices(lines, [_headline(likely, model, held - weight * model.points_at_base)]))


def model_words(feature: str) -> str:
    """How reasons and explanations name a line of the model."""
    return f"Model: {feature_words(feature)}"


def _headline(likely: FloatArray, model: ConversionModel, points: FloatArray) -> TextArray:
    """How likely each lead is to convert, beside the average one; written once for each distinct pair."""
    average = float(probability(np.array([model.base]))[0])
    tenths = np.rint(likely * 1000).astype(np.int64)
    hundredths = np.rint(points * 100).astype(np.int64)
    span = int(np.abs(hundredths).max(initial=0)) + 1
    codes, distinct = pd.factorize(tenths * 2 * span + hundredths + span)
    texts = [
        _headline_of(code // (2 * span), average, code % (2 * span) - span) for code in distinct.tolist()
    ]
    return np.array(texts, dtype=object)[codes]


def _headline_of(tenths: int, average: float, hundredths: int) -> str:
    signed = short_decimal(hundredths / 100, sign="+")
    return quoted(
        f"Model: {tenths / 10:.1f} % likely to convert, the average is {100 * average:.1f} % ({signed})"
    )
