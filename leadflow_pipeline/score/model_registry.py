"""The registry of conversion models: every model that was trained, and which was champion on which day.

What belongs here: keeping models and decisions about them, and reading both. What does not: training
(`model_training`), judging (`conversion.promotion`), predicting (`conversion.model`).

A promotion is a fact: it says from which day a model scores, and it is never changed. So a day that is computed again
has the champion that it had, unless somebody decides otherwise for that very day. What the rules alone score has no
model: None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.score.conversion.model import ConversionModel, version_of
from leadflow_pipeline.store.schema import conversion_models, model_promotions

if TYPE_CHECKING:  # Dagster takes seconds to import, which `leadflow model list` should not have to wait for
    from dagster import AssetExecutionContext

MODEL_TAG = "leadflow/model"
"""Run tag by which a run names a model other than each day's champion; `none` for the rules alone."""

NO_MODEL = "none"
SHORTEST_PREFIX = 6
SHOWN = 12
"""Characters of a version that people are shown: enough to tell models apart, and to name one."""


@dataclass(frozen=True)
class TrainedModel:
    """A model as it is registered, with all that is known of it beside the artifact."""

    campaign: str
    model_version: str
    as_of: date
    campaign_version: int
    kind: str
    is_pooled: bool
    examples: int
    wins: int
    first_day: date
    last_day: date
    card: dict[str, Any]


@dataclass(frozen=True)
class Promotion:
    """A decision about who scores from a day on."""

    promotion_id: int
    campaign: str
    model_version: str | None
    from_day: date
    actor: str
    reason: str
    decided_at: datetime


def register(engine: Engine, trained: TrainedModel, model: ConversionModel) -> None:
    """Keeps a model; a model that is kept already stays as it is."""
    values = {name: getattr(trained, name) for name in TrainedModel.__dataclass_fields__}
    row = insert_or_skip(conversion_models).values(**values, artifact=model.to_json())
    with engine.begin() as connection:
        connection.execute(row.on_conflict_do_nothing())


def registered(engine: Engine, campaign: str) -> list[TrainedModel]:
    """Every model of a campaign, the latest first."""
    columns = [conversion_models.c[name] for name in TrainedModel.__dataclass_fields__]
    query = select(*columns).where(conversion_models.c.campaign == campaign)
    latest_first = query.order_by(conversion_models.c.as_of.desc(), conversion_models.c.created_at.desc())
    with engine.connect() as connection:
        return [TrainedModel(**row._mapping) for row in connection.execute(latest_first)]


def load_model(engine: Engine, campaign: str, model_version: str) -> ConversionModel:
    """A kept model. Raises PermanentError where there is none, or the artifact is not what was kept."""
    models = conversion_models.c
    query = select(models.artifact).where(models.campaign == campaign, models.model_version == model_version)
    with engine.connect() as connection:
        artifact = connection.scalar(query)
    if artifact is None:
        raise PermanentError(f"{campaign} has no model {model_version}: see leadflow model list {campaign}")
    if version_of(artifact) != model_version:
        raise PermanentError(
            f"the model {model_version} of {campaign} is not what was trained (its hash differs): roll back to another"
        )
    return ConversionModel.from_json(artifact)


def short(model_version: str) -> str:
    """A version as people are shown it."""
    return model_version[:SHOWN]


def full_version(engine: Engine, campaign: str, prefix: str) -> str:
    """The version of a campaign that begins so. Raises PermanentError where none or several do."""
    found = [
        model.model_version
        for model in registered(engine, campaign)
        if model.model_version.startswith(prefix) and len(prefix) >= SHORTEST_PREFIX
    ]
    if len(found) != 1:
        problem = "several models" if found else "no model"
        raise PermanentError(
            f"{campaign} has {problem} whose version begins with {prefix!r}: give {SHORTEST_PREFIX} characters or "
            f"more of one in leadflow model list {campaign}"
        )
    return found[0]


def promote(
    engine: Engine, campaign: str, model_version: str | None, from_day: date, *, actor: str, reason: str
) -> None:
    """Makes a model, or the rules alone, champion from a day on.

    Raises PermanentError for a model that is not registered, or that knows facts of that day or later.
    """
    with engine.begin() as connection:
        if model_version is not None:
            models = conversion_models.c
            query = select(models.as_of).where(
                models.campaign == campaign, models.model_version == model_version
            )
            as_of = connection.scalar(query)
            if as_of is None:
                raise PermanentError(
                    f"{campaign} has no model {model_version}: see leadflow model list {campaign}"
                )
            if from_day < as_of:
                raise PermanentError(
                    f"the model knows what happened up to {as_of}, so it cannot score {from_day}: "
                    f"promote it from {as_of} or later"
                )
        connection.execute(
            insert(model_promotions).values(
                campaign=campaign, model_version=model_version, from_day=from_day, actor=actor, reason=reason
            )
        )


def promotions(engine: Engine, campaign: str) -> list[Promotion]:
    """Every decision of a campaign, in the order in which they hold: by day, then as decided."""
    with engine.connect() as connection:
        return _promotions(connection, campaign)


def champion_on(decisions: Sequence[Promotion], day: date) -> str | None:
    """The model that scores a day, given a campaign's promotions in their order; None for the rules alone."""
    held = [decision for decision in decisions if decision.from_day <= day]
    return held[-1].model_version if held else None


def champions(
    engine: Engine, campaign: str, days: Iterable[date], named: str | None = None
) -> dict[date, str | None]:
    """The model of each day; where a run names one (`model_named_by`), that one for all of them."""
    if named is not None:
        return dict.fromkeys(days, None if named == NO_MODEL else full_version(engine, campaign, named))
    decisions = promotions(engine, campaign)
    return {day: champion_on(decisions, day) for day in days}


def model_named_by(context: AssetExecutionContext) -> str | None:
    """The model, or `none`, that a run names in its tag; None for each day's champion."""
    return context.run.tags.get(MODEL_TAG)


def _promotions(connection: Connection, campaign: str) -> list[Promotion]:
    kept = model_promotions.c
    query = (
        select(*(kept[name] for name in Promotion.__dataclass_fields__))
        .where(kept.campaign == campaign)
        .order_by(kept.from_day, kept.promotion_id)
    )
    return [Promotion(**row._mapping) for row in connection.execute(query)]
