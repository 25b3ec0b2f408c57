"""Conversion models that nobody trained, for tests of what is done with a model.

What belongs here: a model made by hand, and putting it into the registry. What does not: expectations.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from sqlalchemy import Engine

from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import CategoryShape, NumberShape
from leadflow_pipeline.score.model_registry import TrainedModel, promote, register


def invented_model(base: float = -1.5) -> ConversionModel:
    """Likes one country, visits, and what the rules like."""
    return ConversionModel(
        base=base,
        shapes=(
            CategoryShape("country", ("de", "us")),
            NumberShape("did.visit", np.array([0.0, 1.0, 3.0])),
            NumberShape("has.phone", np.array([0.0, 1.0])),
            NumberShape(RULE_SCORE, np.array([0.0, 100.0])),
        ),
        values=(
            np.array([0.9, -0.6, 0.05, -0.2]),
            np.array([-0.3, 0.4, 1.6, 0.0]),
            np.array([-0.2, 0.3, 0.0]),
            np.array([-0.8, 2.4, 0.0]),
        ),
        points_at_base=45.0,
        points_per_logit=14.0,
    )


def keep(engine: Engine, campaign: str, as_of: date, model: ConversionModel) -> str:
    """Registers a model as if it had been trained; its version."""
    trained = TrainedModel(
        campaign=campaign,
        model_version=model.version,
        as_of=as_of,
        campaign_version=1,
        kind="logistic",
        is_pooled=False,
        examples=400,
        wins=120,
        first_day=as_of - timedelta(days=90),
        last_day=as_of - timedelta(days=61),
        card={},
    )
    register(engine, trained, model)
    return model.version


def crown(
    engine: Engine, campaign: str, from_day: date, model: ConversionModel | None, as_of: date | None = None
) -> str | None:
    """Makes a model, or the rules alone, champion from a day on; its version."""
    version = None if model is None else keep(engine, campaign, as_of or from_day, model)
    promote(engine, campaign, version, from_day, actor="reviewer-1", reason="it is a test")
    return version
