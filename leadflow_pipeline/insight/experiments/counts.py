"""Exposures and what came of them, summed by variant and day of exposure: millions of rows become a few hundred.

What belongs here: the sums, made in the database. What does not: what is concluded from them (`analysis`). A door to
the database that only reads.

A metric counts what a lead did on the days after its exposure, so a day's sums are final once its window is over, and
the results as of any earlier day can be had from the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    text,
    union_all,
    values,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import (
    engagement_events,
    experiment_arms,
    experiment_exposures,
    lead_aliases,
    outcomes,
    routed_leads,
)
from leadflow_pipeline.store.statistics import refresh_statistics

READ = (experiment_exposures, engagement_events, outcomes, lead_aliases)
"""What is counted; of a value metric `routed_leads` too."""

MEMORY = "128MB"
"""For each sorting or hashing of the database while it counts: a million hits fit, and need not go to disk."""


@dataclass(frozen=True)
class Counts:
    """Of one experiment, up to a day."""

    exposed: pd.DataFrame
    """`variant`, `day` of exposure, `leads`, `propensity` as logged, the same for all leads of a variant and day; the
    holdout is a variant here."""
    came: pd.DataFrame
    """`metric` (its place among the experiment's), `variant`, `day`, `leads` that did it, and of a value metric the
    sums `value`, `value_squared` and `value_score`."""
    scores: pd.DataFrame
    """`variant`, `day`, `score` and `score_squared`: sums of the leads' scores when they were exposed. Empty where no
    metric is a value."""
    shares: pd.DataFrame
    """`variant`, `day`, `weight` of a bandit's arms; empty for others."""


def count(engine: Engine, campaign: str, experiment: Experiment, last_day: date) -> Counts:
    """Sums what is known of an experiment by the end of a day."""
    has_values = any(metric.is_value for metric in experiment.all_metrics)
    refresh_statistics(engine, [*READ, *([routed_leads] if has_values else [])])
    with engine.begin() as connection:
        # Statistics of one campaign among many may be far off: never look through all events for every lead.
        connection.execute(text("SET LOCAL enable_nestloop = off"))
        connection.execute(text(f"SET LOCAL work_mem = '{MEMORY}'"))
        return Counts(
            exposed=read(connection, _exposed(campaign, experiment.key, last_day)),
            came=read(connection, _came(campaign, experiment, last_day)),
            scores=_scores(connection, campaign, experiment.key, last_day) if has_values else _no_scores(),
            shares=read(connection, _shares(campaign, experiment.key, last_day)),
        )


def _of(campaign: str, key: str, last_day: date) -> tuple[ColumnElement[bool], ...]:
    exposures = experiment_exposures.c
    return exposures.campaign == campaign, exposures.experiment == key, exposures.day <= last_day


def _exposed(campaign: str, key: str, last_day: date) -> Select[tuple[object, ...]]:
    exposures = experiment_exposures.c
    return (
        select(
            exposures.variant,
            exposures.day,
            func.count().label("leads"),
            cast(func.avg(exposures.propensity), Double).label("propensity"),
        )
        .where(*_of(campaign, key, last_day))
        .group_by(exposures.variant, exposures.day)
        .order_by(exposures.variant, exposures.day)
    )


def _came(campaign: str, experiment: Experiment, last_day: date) -> Select[tuple[object, ...]]:
    """What exposed leads did within each metric's days, each lead once a metric."""
    exposures, hits = experiment_exposures.c, _hits(campaign, experiment, last_day)
    routed = routed_leads.c
    has_values = any(metric.is_value for metric in experiment.all_metrics)
    score = func.coalesce(func.min(routed.score), 0.0) if has_values else literal(0.0, Double)
    exposed_and_came = experiment_exposures.join(
        hits,
        and_(
            hits.c.lead_id == exposures.lead_id,
            hits.c.day > exposures.day,
            hits.c.day <= exposures.day + hits.c.within_days,
        ),
    )
    if has_values:
        exposed_and_came = exposed_and_came.outerjoin(
            routed_leads,
            and_(
                hits.c.is_value,
                routed.campaign == campaign,
                routed.day == exposures.day,
                routed.lead_id == exposures.lead_id,
            ),
        )
    each = (
        select(
            hits.c.metric,
            exposures.variant,
            exposures.day,
            func.sum(hits.c.value).label("value"),
            score.label("score"),
        )
        .select_from(exposed_and_came)
        .where(*_of(campaign, experiment.key, last_day))
        .group_by(hits.c.metric, exposures.variant, exposures.day, exposures.lead_id)
        .subquery()
    )
    return (
        select(
            each.c.metric,
            each.c.variant,
            each.c.day,
            func.count().label("leads"),
            func.sum(each.c.value).label("value"),
            func.sum(each.c.value * each.c.value).label("value_squared"),
            func.sum(each.c.value * each.c.score).label("value_score"),
        )
        .group_by(each.c.metric, each.c.variant, each.c.day)
        .order_by(each.c.metric, each.c.variant, each.c.day)
    )


def _hits(campaign: str, experiment: Experiment, last_day: date) -> CTE:
    """Everything that any metric counts: `metric`, `lead_id` (the canonical one), `day`, `within_days`, `value`."""
    metrics = list(enumerate(experiment.all_metrics))
    wanted = values(
        SqlColumn("metric", Integer),
        SqlColumn("what", engagement_events.c.behaviour.type),
        SqlColumn("within_days", Integer),
        SqlColumn("is_value", literal(True).type),
        name="wanted",
    )
    events, ends = engagement_events.c, outcomes.c
    parts = []
    behaviours = [(place, m.behaviour, m.within_days, False) for place, m in metrics if m.behaviour]
    if behaviours:
        asked = wanted.data(behaviours).alias("asked_of_events")
        own = func.coalesce(lead_aliases.c.alias_of, events.lead_id)
        parts.append(
            select(
                asked.c.metric,
                own.label("lead_id"),
                events.day,
                asked.c.within_days,
                asked.c.is_value,
                literal(0.0, Double).label("value"),
            )
            .select_from(engagement_events)
            .join(asked, asked.c.what == events.behaviour)
            .outerjoin(lead_aliases, _is_alias_of(events))
            .where(events.campaign == campaign, ~events.is_machine, events.day <= last_day)
        )
    ended = [
        (place, m.outcome or m.value, m.within_days, m.is_value) for place, m in metrics if not m.behaviour
    ]
    if ended:
        asked = wanted.data(ended).alias("asked_of_outcomes")
        own = func.coalesce(lead_aliases.c.alias_of, ends.lead_id)
        parts.append(
            select(
                asked.c.metric,
                own.label("lead_id"),
                ends.day,
                asked.c.within_days,
                asked.c.is_value,
                case((asked.c.is_value, func.coalesce(ends.value, 0.0)), else_=0.0).label("value"),
            )
            .select_from(outcomes)
            .join(asked, asked.c.what == ends.outcome)
            .outerjoin(lead_aliases, _is_alias_of(ends))
            .where(ends.campaign == campaign, ends.day <= last_day)
        )
    return union_all(*parts).cte("hits")


def _is_alias_of(facts: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Whether a fact was of a lead that had become another's alias by its day."""
    return and_(
        lead_aliases.c.campaign == facts.campaign,
        lead_aliases.c.lead_id == facts.lead_id,
        lead_aliases.c.day <= facts.day,
    )


def _scores(connection: Connection, campaign: str, key: str, last_day: date) -> pd.DataFrame:
    exposures, routed = experiment_exposures.c, routed_leads.c
    score = func.coalesce(routed.score, 0.0)
    query = (
        select(
            exposures.variant,
            exposures.day,
            func.sum(score).label("score"),
            func.sum(score * score).label("score_squared"),
        )
        .select_from(experiment_exposures)
        .outerjoin(
            routed_leads,
            and_(
                routed.campaign == campaign,
                routed.day == exposures.day,
                routed.lead_id == exposures.lead_id,
            ),
        )
        .where(*_of(campaign, key, last_day))
        .group_by(exposures.variant, exposures.day)
        .order_by(exposures.variant, exposures.day)
    )
    return read(connection, query)


def _no_scores() -> pd.DataFrame:
    return pd.DataFrame({"variant": [], "day": pd.to_datetime([]), "score": [], "score_squared": []})


def _shares(campaign: str, key: str, last_day: date) -> Select[tuple[object, ...]]:
    arms = experiment_arms.c
    return (
        select(arms.variant, arms.day, cast(arms.weight, Double).label("weight"))
        .where(arms.campaign == campaign, arms.experiment == key, arms.day <= last_day)
        .order_by(arms.day, arms.variant)
    )
