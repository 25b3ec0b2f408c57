"""What was decided about experiments: in which state each is from which day on. Facts, added and read.

What belongs here: reading and adding. What does not: which state may follow which (`experiment.life_cycle`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, Engine, func, insert, select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.life_cycle import StateChange, why_not
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import activity_log, experiment_states

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
    """Puts an experiment into a state from a day on, in a transaction of its own: see `change_state_in`."""
    with engine.begin() as connection:
        change_state_in(
            connection,
            campaign,
            experiment,
            experiments,
            state,
            from_day,
            actor=actor,
            reason=reason,
            winner=winner,
        )


def change_state_in(
    connection: Connection,
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
    note = insert(activity_log).values(
        actor=actor, action=f"experiment.{state}", campaign=campaign, detail=detail
    )
    connection.execute(note)
