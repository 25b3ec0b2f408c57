"""The latest build as of a day, and what a process keeps of builds: their models and the rules of their versions."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Engine, select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.similar_accounts.rules import SimilarityRules
from leadflow_pipeline.insight.similar_accounts.vectors import Vectoriser, model_key
from leadflow_pipeline.store.schema import similar_account_builds

MOST_MODELS: Final = 8
"""That a process keeps, of a few megabytes each."""

_models: dict[str, Vectoriser] = {}


def latest_build(connection: Connection, campaign: str, as_of: date) -> Any:
    builds = similar_account_builds.c
    return connection.execute(
        select(builds.build_id, builds.day, builds.campaign_version, builds.model_key, builds.ended)
        .where(builds.campaign == campaign, builds.day <= as_of)
        .order_by(builds.day.desc())
        .limit(1)
    ).one_or_none()


@lru_cache(maxsize=64)
def rules_of(engine: Engine, campaign: str, version: int) -> SimilarityRules:
    """Of a version, which never changes."""
    return load(engine, campaign, version).rules.similar_accounts


def model_of(connection: Connection, build: int, key: str) -> Vectoriser:
    """The model of a build, kept by its content. Raises PermanentError where it is not what was stored."""
    if key not in _models:
        builds = similar_account_builds.c
        stored = connection.scalar(select(builds.model).where(builds.build_id == build))
        if stored is None or model_key(stored) != key:
            raise PermanentError(
                "the model of similar accounts is not the one that was stored: materialize similar_accounts again"
            )
        if len(_models) >= MOST_MODELS:
            _models.pop(next(iter(_models)))
        _models[key] = Vectoriser.from_bytes(stored)
    return _models[key]
