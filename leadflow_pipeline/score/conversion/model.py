"""A model as data: a base, and a table of values for each feature. Predicting, and saying why.

What belongs here: reading probabilities and contributions off a model, and its JSON. What does not: learning it.

    logit(probability) = base + sum of the features' contributions

holds exactly, because the sum *is* the prediction. A contribution is measured from the average of the examples the
model learned from, so it says how much a lead differs from an average one, and the base is the average lead's logit.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadflow_pipeline.score.conversion.features import CROSS, RULE_SCORE
from leadflow_pipeline.score.conversion.shapes import FloatArray, Shape, read, shape_from

FORMAT = 1


@dataclass(frozen=True)
class ConversionModel:
    """How likely a lead converts, given its features."""

    base: float
    shapes: tuple[Shape, ...]
    values: tuple[FloatArray, ...]
    """Of each shape: what each of its values adds to the logit. A feature may have several shapes; they add up."""
    points_at_base: float = 50.0
    """Points of a lead whose logit is the base: what the rules gave the examples on average."""
    points_per_logit: float = 10.0
    """Chosen so that the examples' points spread as far as the rules' did, so that both can be blended."""

    def points(self, logits: FloatArray) -> FloatArray:
        """Logits on the scale of the rules, 0 to 100 where nothing is cut off; a sum of parts like the logit itself."""
        on_scale: FloatArray = self.points_at_base + self.points_per_logit * (logits - self.base)
        return on_scale

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What it looks at."""
        return tuple(dict.fromkeys(shape.name for shape in self.shapes))

    @property
    def single_features(self) -> tuple[str, ...]:
        """The features that it needs to be told: those that it looks at, and the parts of crosses."""
        return tuple(dict.fromkeys(part for name in self.feature_names for part in name.split(CROSS)))

    @property
    def only_scales_rules(self) -> bool:
        """Whether it ranks as the rules do, because it knows nothing else."""
        return self.feature_names == (RULE_SCORE,)

    def logits(self, features: pd.DataFrame) -> FloatArray:
        """Log-odds of converting of each row. A feature that is not there is missing for all."""
        total = np.full(len(features), self.base)
        for shape, values in zip(self.shapes, self.values, strict=True):
            total += read(shape, features, values)
        return total

    def probabilities(self, features: pd.DataFrame) -> FloatArray:
        """Probability of converting of each row, 0 to 1."""
        return probability(self.logits(features))

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the logit of each row; with the base they sum to it."""
        parts: dict[str, FloatArray] = {}
        for shape, values in zip(self.shapes, self.values, strict=True):
            part = read(shape, features, values)
            parts[shape.name] = parts[shape.name] + part if shape.name in parts else part
        return pd.DataFrame(parts, index=features.index)

    def to_json(self) -> str:
        """The whole model as text; the same model always gives the same text."""
        features = [
            {**shape.document(), "values": values.tolist()}
            for shape, values in zip(self.shapes, self.values, strict=True)
        ]
        document = {
            "format": FORMAT,
            "base": self.base,
            "points_at_base": self.points_at_base,
            "points_per_logit": self.points_per_logit,
            "features": features,
        }
        return json.dumps(document, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ConversionModel:
        """The model that `to_json` wrote. Raises ValueError for a text of another format."""
        document = json.loads(text)
        if document.get("format") != FORMAT:
            raise ValueError(
                f"the model is of format {document.get('format')}, this version reads {FORMAT}: train it again"
            )
        return cls(
            base=float(document["base"]),
            shapes=tuple(shape_from(feature) for feature in document["features"]),
            values=tuple(np.array(feature["values"], dtype=np.float64) for feature in document["features"]),
            points_at_base=float(document["points_at_base"]),
            points_per_logit=float(document["points_per_logit"]),
        )

    @property
    def version(self) -> str:
        """SHA-256 of the text: what a score names as its model."""
        return version_of(self.to_json())


def version_of(artifact: str) -> str:
    """SHA-256 of a model's text."""
    return hashlib.sha256(artifact.encode()).hexdigest()


def probability(logits: FloatArray) -> FloatArray:
    """1 / (1 + exp(-logit))."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits))
