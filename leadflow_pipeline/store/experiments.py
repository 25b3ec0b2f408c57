"""Experiments in the database: what was decided about them, who was exposed, and what exposed leads did.

What belongs here: reading and adding. What does not: what follows from any of it (`experiment`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
from sqlalchemy import ARRAY, Connection, Engine, Text, any_, func, insert, literal, select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.exposure import Exposures
from leadflow_pipeline.experiment.life_cycle import StateChange, first_day_of, why_not
from leadflow_pipeline.experiment.rules import Experiment, Metric
from leadflow_pipeline.partitions import end_of
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.facts import read_events, read_outcomes
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import activity_log, experiment_exposures, experiment_states

COLUMNS = ("experiment", "state", "winner", "from_day", "actor", "reason", "decided_at")


def read_changes(engine: Engine, campaign: str) -> tuple[StateChange, ...]:
    """Every change of state of a campaign's experiments, in the order in which they hold: by day, then as decided."""
    with engine.connect() as connection:
        return changes_in(connection, campaign)


def changes_in(connection: Connection, campaign: str) -> tuple[StateChange, ...]:
    """`read_changes` within a transaction."""
    kept = experiment_states.c
    query = (
        select(*(kept[name] for name in COLUMNS))
        .where(kept.campaign == campaign)
        .order_by(kept.from_day, kept.state_id)
    )
    return tuple(StateChange(**row._mapping) for row in connection.execute(query))


def change_state(
    engine: Engine,
    campaign: str,
    experiment: Experiment,
    experiments: Sequence[Experiment],
    state: str,
    from_day: date,
    *,
    actor: str,
    reason: str,
    winner: str | None = None,
) -> None:
    """Puts an experiment into a state from a day on. The activity log says who did it.

    Two at once go one after the other. Raises PermanentError where the state cannot follow.
    """
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("experiment_states", campaign))))
        refusal = why_not(experiment, experiments, changes_in(connection, campaign), state, from_day, winner)
        if refusal is not None:
            raise PermanentError(refusal)
        connection.execute(
            insert(experiment_states).values(
                campaign=campaign,
                experiment=experiment.key,
                state=state,
                winner=winner,
                from_day=from_day,
                actor=actor,
                reason=reason,
            )
        )
        detail = {
            "experiment": experiment.key,
            "state": state,
            "winner": winner,
            "from_day": from_day.isoformat(),
        }
        connection.execute(
            insert(activity_log).values(
                actor=actor, action=f"experiment.{state}", campaign=campaign, detail=detail
            )
        )


def read_exposed(
    engine: Engine,
    campaign: str,
    before: date,
    *,
    lead_ids: pd.Series,
    whole: Sequence[str],
) -> pd.DataFrame:
    """Who met which experiment before a day: of these leads, and of experiments in `whole` everybody."""
    kept = experiment_exposures.c
    named = [kept.day, kept.lead_id, kept.experiment, kept.variant, kept.is_holdout, kept.propensity]
    theirs = kept.lead_id == any_(literal(lead_ids.unique().tolist(), ARRAY(Text)))
    query = (
        select(*named)
        .where(kept.campaign == campaign, kept.day < before, theirs | kept.experiment.in_(list(whole)))
        .order_by(kept.experiment, kept.day, kept.lead_id)
    )
    with engine.connect() as connection:
        return read(connection, query)


def read_hits(
    engine: Engine, campaign: str, metrics: Mapping[str, Metric], last_day: date
) -> dict[str, pd.DataFrame]:
    """Name -> on which days up to `last_day` leads did what a metric counts: `lead_id`, `day`, each pair once."""
    before = end_of(last_day)
    events = outcomes = None
    found = {}
    for name, metric in metrics.items():
        if metric.behaviour is not None:
            if events is None:
                events = read_events(
                    engine, campaign, before=before, columns=["lead_id", "day", "behaviour", "is_machine"]
                )
            is_hit = (events["behaviour"] == metric.behaviour) & ~events["is_machine"].astype(bool)
            rows = events[is_hit]
        else:
            if outcomes is None:
                outcomes = read_outcomes(engine, campaign, before=before)
            rows = outcomes[outcomes["outcome"] == (metric.outcome or metric.value)]
        found[name] = rows[["lead_id", "day"]].drop_duplicates(ignore_index=True)
    return found


def open_exposures(
    engine: Engine,
    campaign: str,
    days: Sequence[date],
    lead_ids: pd.Series,
    experiments: Sequence[Experiment],
) -> Exposures:
    """The state of a campaign's experiments before a range of days, for these leads. Nothing is asked where the
    campaign declares none.
    """
    changes = read_changes(engine, campaign) if experiments else ()
    begun = [each for each in experiments if first_day_of(changes, each.key) is not None]
    if not begun:
        return Exposures((), (), ())
    bandits = {each.key: each.primary for each in begun if each.bandit is not None}
    return Exposures(
        lead_ids.unique().tolist(),
        begun,
        changes,
        exposed=read_exposed(engine, campaign, days[0], lead_ids=lead_ids, whole=list(bandits)),
        hits=read_hits(engine, campaign, bandits, days[-1]),
    )
