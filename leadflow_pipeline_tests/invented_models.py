"""Conversion models that nobody trained, for tests of what is done with a model.

What belongs here: a model made by hand, what the registry keeps of it (a whole card, as a training leaves it), putting
it there, crowning it, and days that wait for it. What does not: how a model is learned, and expectations.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine

from leadflow_pipeline.partitions import days_between
from leadflow_pipeline.score.conversion.curves import curves_of
from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import CategoryShape, NumberShape
from leadflow_pipeline.score.model_registry import TrainedModel, promote, register
from leadflow_pipeline.store.frames import empty
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import DERIVED_TABLES

RANDOM = np.random.default_rng(1)
PROBABILITY = RANDOM.uniform(0.02, 0.6, 2_000)
OUTCOME = (RANDOM.random(2_000) < PROBABILITY).astype(np.int64)
MEASURED = {
    "leads": 2_000,
    "wins": int(OUTCOME.sum()),
    "auc": 0.71,
    "brier": 0.18,
    "log_loss": 0.55,
    "calibration_error": 0.02,
}
CARD: dict[str, Any] = {
    "measures": {"challenger": MEASURED, "champion": None, "rules": {**MEASURED, "auc": 0.62}},
    "champion": None,
    "judgement": {"is_promoted": True, "reasons": []},
    "alarms": [],
    "curves": curves_of(OUTCOME, PROBABILITY, PROBABILITY),
    "importance": [
        {"feature": RULE_SCORE, "spread": 0.61},
        {"feature": "custom.plan", "spread": 0.2},
        {"feature": "did.click", "spread": 0.0},
    ],
    "pool": ["spring"],
    "drift": {},
}


def invented_model(base: float = -1.5) -> ConversionModel:
    """Likes one country, one plan, visits, and what the rules like; another base makes another version."""
    return ConversionModel(
        base=base,
        shapes=(
            CategoryShape("country", ("de", "us")),
            CategoryShape("custom.plan", ("gold", "tin|foil")),
            NumberShape("did.visit", np.array([0.0, 1.0, 3.0])),
            NumberShape("has.phone", np.array([0.0, 1.0])),
            NumberShape(RULE_SCORE, np.array([0.0, 100.0])),
        ),
        values=(
            np.array([0.9, -0.6, 0.05, -0.2]),
            np.array([0.4, -0.6, 0.1, 0.0]),
            np.array([-0.3, 0.4, 1.6, 0.0]),
            np.array([-0.2, 0.3, 0.0]),
            np.array([-0.8, 2.4, 0.0]),
        ),
        points_at_base=45.0,
        points_per_logit=14.0,
    )


def as_trained(model: ConversionModel, as_of: date, campaign: str = "spring") -> TrainedModel:
    """What the registry would hold of a model, had it been trained on that day."""
    return TrainedModel(
        campaign=campaign,
        model_version=model.version,
        as_of=as_of,
        campaign_version=1,
        kind="logistic",
        is_pooled=False,
        examples=6_000,
        wins=540,
        first_day=as_of - timedelta(days=400),
        last_day=as_of - timedelta(days=60),
        card=CARD,
    )


def keep(engine: Engine, campaign: str, as_of: date, model: ConversionModel) -> str:
    """Registers a model as if it had been trained; its version."""
    register(engine, as_trained(model, as_of, campaign), model)
    return model.version


def crown(engine: Engine, campaign: str, from_day: date, model: ConversionModel | None) -> str | None:
    """Makes a model, or the rules alone, champion from a day on; its version."""
    version = None if model is None else keep(engine, campaign, from_day, model)
    promote(engine, campaign, version, from_day, actor="reviewer-1", reason="it is a test")
    return version


def register_model(engine: Engine, as_of: date, base: float = -1.5) -> str:
    """Keeps an invented model of the campaign spring; its version."""
    return keep(engine, "spring", as_of, invented_model(base))


def compute_empty_days(engine: Engine, first: date, last: date) -> None:
    """Leaves days of spring as a run leaves days without a lead."""
    for table in DERIVED_TABLES:
        days = days_between(first, last)
        replace_partitions(engine, table, "spring", days, empty(table), campaign_version=1, run_id="by hand")
