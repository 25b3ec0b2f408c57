"""Experiments between days: who was exposed, and what exposed leads did. A door to the database that only reads.

What does not belong here: what follows from any of it (`experiment`), and what was decided (`experiment_states`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
from sqlalchemy import ARRAY, Engine, Text, any_, literal, select

from leadflow_pipeline.experiment.exposure import Begun, Exposures
from leadflow_pipeline.experiment.life_cycle import first_day_of
from leadflow_pipeline.experiment.rules import Experiment, Kind, Metric
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.experiment_states import read_changes
from leadflow_pipeline.store.facts import read_events, read_outcomes
from leadflow_pipeline.store.schema import experiment_exposures


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


def read_begun(
    engine: Engine, campaign: str, experiments: Sequence[Experiment], kind: Kind, until: date
) -> Begun | None:
    """The experiments of a kind that were ever begun, and everybody who met them up to a day; None where there are
    none.
    """
    declared = [each for each in experiments if each.kind == kind]
    changes = read_changes(engine, campaign) if declared else ()
    begun = [each for each in declared if first_day_of(changes, each.key) is not None]
    if not begun:
        return None
    exposed = read_exposed(
        engine,
        campaign,
        until + timedelta(days=1),
        lead_ids=pd.Series(dtype="str"),
        whole=[each.key for each in begun],
    )
    return Begun(begun, changes, exposed)


def read_hits(
    engine: Engine, campaign: str, metrics: Mapping[str, Metric], last_day: date
) -> dict[str, pd.DataFrame]:
    """Name -> on which days up to `last_day` leads did what a metric counts: `lead_id`, `day`, each pair once."""
    before = datetime.combine(last_day + timedelta(days=1), time(), UTC)
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
