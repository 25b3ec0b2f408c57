"""Conversion models for tests that do not care how a model is learned, and days for them to score."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine

from leadflow_pipeline.partitions import days_between
from leadflow_pipeline.score.conversion.curves import curves_of
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import CategoryShape, NumberShape
from leadflow_pipeline.score.model_registry import TrainedModel, register
from leadflow_pipeline.store.frames import empty
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import DERIVED_TABLES

RANDOM = np.random.default_rng(1)
PROBABILITY = RANDOM.uniform(0.02, 0.6, 2_000)
OUTCOME = (RANDOM.random(2_000) < PROBABILITY).astype(np.int64)
SHAPES = (
    NumberShape("rule_score", np.array([0.0, 50.0, 100.0])),
    CategoryShape("custom.plan", ("gold", "tin|foil")),
)
VALUES = (np.array([-1.0, 0.0, 1.5, -0.2]), np.array([0.4, -0.6, 0.0, 0.1]))
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
        {"feature": "rule_score", "spread": 0.61},
        {"feature": "custom.plan", "spread": 0.2},
        {"feature": "did.click", "spread": 0.0},
    ],
    "pool": ["spring"],
    "drift": {},
}


def invented_model(as_of: date, base: float = -2.0) -> tuple[TrainedModel, ConversionModel]:
    """A model of the campaign spring; another base makes another version."""
    model = ConversionModel(base, SHAPES, VALUES)
    trained = TrainedModel(
        campaign="spring",
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
    return trained, model


def register_model(engine: Engine, as_of: date, base: float = -2.0) -> str:
    """Keeps such a model; its version."""
    trained, model = invented_model(as_of, base)
    register(engine, trained, model)
    return trained.model_version


def compute_empty_days(engine: Engine, first: date, last: date) -> None:
    """Leaves days of spring as a run leaves days without a lead."""
    for table in DERIVED_TABLES:
        days = days_between(first, last)
        replace_partitions(engine, table, "spring", days, empty(table), campaign_version=1, run_id="by hand")
