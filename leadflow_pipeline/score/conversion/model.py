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

from leadflow_pipeline.score.conversion.shapes import FloatArray, Shape, shape_from

FORMAT = 1


@dataclass(frozen=True)
class ConversionModel:
    """How likely a lead converts, given its features."""

    base: float
    shapes: tuple[Shape, ...]
    values: tuple[FloatArray, ...]
    """Of each shape: what each of its values adds to the logit."""

    def logits(self, features: pd.DataFrame) -> FloatArray:
        """Log-odds of converting of each row. A feature that is not there is missing for all."""
        total = np.full(len(features), self.base)
        for shape, values in zip(self.shapes, self.values, strict=True):
            total += shape.read(_facts(features, shape.name), values)
        return total

    def probabilities(self, features: pd.DataFrame) -> FloatArray:
        """Probability of converting of each row, 0 to 1."""
        return probability(self.logits(features))

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to the logit of each row; with the base they sum to it."""
        return pd.DataFrame(
            {
                shape.name: shape.read(_facts(features, shape.name), values)
                for shape, values in zip(self.shapes, self.values, strict=True)
            },
            index=features.index,
        )

    def to_json(self) -> str:
        """The whole model as text; the same model always gives the same text."""
        features = [
            {**shape.document(), "values": values.tolist()}
            for shape, values in zip(self.shapes, self.values, strict=True)
        ]
        return json.dumps({"format": FORMAT, "base": self.base, "features": features}, ensure_ascii=False)

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
        )

    @property
    def version(self) -> str:
        """SHA-256 of the text: what a score names as its model."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def probability(logits: FloatArray) -> FloatArray:
    """1 / (1 + exp(-logit))."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


def _facts(features: pd.DataFrame, name: str) -> pd.Series:
    if name in features.columns:
        return features[name]
    return pd.Series(None, index=features.index, dtype="str")
