"""The registry of conversion models: every model that was trained, and which was champion on which day.

A door to the database. What belongs here: keeping models and decisions about them, and reading both. What does not:
training (`model_training`), judging (`conversion.promotion`), predicting (`conversion.model`).

A promotion is a fact: it says from which day a model scores, and it is never changed. So a day that is computed again
has the champion that it had, unless somebody decides otherwise for that very day. What the rules alone score has no
model: None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.score.conversion.model import ConversionModel, version_of
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import activity_log, conversion_models, model_promotions

if TYPE_CHECKING:  # Dagster takes seconds to import, which `leadflow model list` should not have to wait for
    from dagster import AssetExecutionContext

MODEL_TAG = "leadflow/model"
"""Run tag by which a run names a model other than each day's champion; `none` for the rules alone."""

NO_MODEL = "none"
SHORTEST_PREFIX = 6


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


@dataclass(frozen=True)
class Reign:
    """Days in a row with the same champion."""

    model_version: str | None
    first_day: date
    last_day: date | None
    """None for the present champion's: it goes on."""


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


def full_version(engine: Engine, campaign: str, prefix: str) -> str:
    """The version of a campaign that begins so. Raises PermanentError where none or several do."""
    if len(prefix) < SHORTEST_PREFIX:
        raise PermanentError(
            f"{prefix!r} is too short for a version: give {SHORTEST_PREFIX} characters or more of one in leadflow "
            f"model list {campaign}"
        )
    found = [
        model.model_version
        for model in registered(engine, campaign)
        if model.model_version.startswith(prefix)
    ]
    if len(found) != 1:
        problem = "several models" if found else "no model"
        raise PermanentError(
            f"{campaign} has {problem} whose version begins with {prefix!r}: leadflow model list "
            f"{campaign} has them"
        )
    return found[0]


def promote(
    engine: Engine,
    campaign: str,
    model_version: str | None,
    from_day: date,
    *,
    actor: str,
    reason: str,
    action: str = "model.promote",
) -> None:
    """Makes a model, or the rules alone, champion from a day on, in a transaction of its own: see `promote_in`."""
    with engine.begin() as connection:
        promote_in(connection, campaign, model_version, from_day, actor=actor, reason=reason, action=action)


def promote_in(
    connection: Connection,
    campaign: str,
    model_version: str | None,
    from_day: date,
    *,
    actor: str,
    reason: str,
    action: str = "model.promote",
) -> None:
    """Makes a model, or the rules alone, champion from a day on. The activity log says who did it.

    Raises PermanentError for a model that is not registered, or that knows facts of that day or later.
    """
    _require_promotable(connection, campaign, model_version, from_day)
    connection.execute(
        insert(model_promotions).values(
            campaign=campaign, model_version=model_version, from_day=from_day, actor=actor, reason=reason
        )
    )
    detail = {"model_version": model_version or NO_MODEL, "from_day": from_day.isoformat()}
    note = insert(activity_log).values(actor=actor, action=action, campaign=campaign, detail=detail)
    connection.execute(note)


def decide_in(
    connection: Connection,
    campaign: str,
    model_version: str | None,
    from_day: date,
    *,
    actor: str,
    reason: str,
    action: str = "model.promote",
) -> Promotion | None:
    """`promote_in` by a person: nothing is decided twice. Returns the decision of a later day at which this one ends.

    Two at once go one after the other. Raises PermanentError where it scores that day already, too.
    """
    connection.execute(select(func.pg_advisory_xact_lock(lock_number("model_promotions", campaign))))
    decisions = promotions_in(connection, campaign)
    if champion_on(decisions, from_day) == model_version:
        raise PermanentError(
            f"on {from_day} {scored_by(model_version)} {campaign} already: nothing was changed"
        )
    promote_in(connection, campaign, model_version, from_day, actor=actor, reason=reason, action=action)
    return next_decision(decisions, from_day)


def promotions(engine: Engine, campaign: str) -> list[Promotion]:
    """Every decision of a campaign, in the order in which they hold: by day, then as decided."""
    with engine.connect() as connection:
        return promotions_in(connection, campaign)


def champion_on(decisions: Sequence[Promotion], day: date) -> str | None:
    """The model that scores a day, given a campaign's promotions in their order; None for the rules alone."""
    held = [decision for decision in decisions if decision.from_day <= day]
    return held[-1].model_version if held else None


def next_decision(decisions: Sequence[Promotion], day: date) -> Promotion | None:
    """The first decision that holds from a later day, so that one made for this day ends there."""
    return next((decision for decision in decisions if decision.from_day > day), None)


def reigns(decisions: Sequence[Promotion]) -> list[Reign]:
    """Who scored from when to when, given a campaign's promotions in their order; before the first, the rules alone."""
    held = {decision.from_day: decision.model_version for decision in decisions}
    found: list[Reign] = []
    for day, version in held.items():
        if found and found[-1].model_version == version:
            continue
        if found:
            found[-1] = replace(found[-1], last_day=day - timedelta(days=1))
        found.append(Reign(version, day, None))
    return found


def gone_back_to(decisions: Sequence[Promotion], campaign: str, day: date) -> str | None:
    """`champion_before`, for whoever means to go back. Raises PermanentError where the rules alone score the day."""
    if champion_on(decisions, day) is None:
        raise PermanentError(f"the rules alone score {campaign} on {day}: there is nothing to roll back from")
    return champion_before(decisions, day)


def champion_before(decisions: Sequence[Promotion], day: date) -> str | None:
    """The model to go back to from the champion of a day; None for the rules alone.

    A champion that was gone back to is not what comes before the next: going back twice does not lead to where the
    first step back began.
    """
    line: list[str] = []
    for reign in reigns([decision for decision in decisions if decision.from_day <= day]):
        version = reign.model_version
        if version is None:
            line.clear()
        elif version in line:
            del line[line.index(version) + 1 :]
        else:
            line.append(version)
    return line[-2] if len(line) > 1 else None


def scorer(model_version: str | None) -> str:
    """Who scores, as people are told it: the beginning of a version, or the rules alone."""
    return "the rules alone" if model_version is None else model_version[: 2 * SHORTEST_PREFIX]


def scored_by(model_version: str | None) -> str:
    """`the rules alone score`, `206e2b90ff68 scores`."""
    return f"{scorer(model_version)} {'score' if model_version is None else 'scores'}"


def days_scored(decisions: Sequence[Promotion]) -> dict[str, list[dict[str, date | None]]]:
    """The days that each model scores, as first and last; None for a last that is not known yet."""
    days: dict[str, list[dict[str, date | None]]] = {}
    for reign in reigns(decisions):
        if reign.model_version is not None:
            held = {"first_day": reign.first_day, "last_day": reign.last_day}
            days.setdefault(reign.model_version, []).append(held)
    return days


def when_scores(days: Sequence[dict[str, date | None]], today: date) -> str:
    """Whether a model that scores these days does so today, in a word: now, before, later or never."""
    begun = [each for each in days if each["first_day"] and each["first_day"] <= today]
    if any(each["last_day"] is None or each["last_day"] >= today for each in begun):
        return "now"
    return "before" if begun else "later" if days else "never"


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


def _require_promotable(
    connection: Connection, campaign: str, model_version: str | None, from_day: date
) -> None:
    if model_version is None:
        return
    models = conversion_models.c
    query = select(models.as_of).where(models.campaign == campaign, models.model_version == model_version)
    as_of = connection.scalar(query)
    if as_of is None:
        raise PermanentError(f"{campaign} has no model {model_version}: see leadflow model list {campaign}")
    if from_day < as_of:
        raise PermanentError(
            f"the model knows what happened up to {as_of}, so it cannot score {from_day}: "
            f"promote it from {as_of} or later"
        )


def promotions_in(connection: Connection, campaign: str) -> list[Promotion]:
    """`promotions` within a transaction."""
    kept = model_promotions.c
    query = (
        select(*(kept[name] for name in Promotion.__dataclass_fields__))
        .where(kept.campaign == campaign)
        .order_by(kept.from_day, kept.promotion_id)
    )
    return [Promotion(**row._mapping) for row in connection.execute(query)]
