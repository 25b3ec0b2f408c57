"""Results of a campaign's experiments, read from the database: for the asset and the command alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.insight.experiments.analysis import analyse
from leadflow_pipeline.insight.experiments.counts import count
from leadflow_pipeline.insight.experiments.results import Results
from leadflow_pipeline.store.experiment_states import read_changes


def results_of(
    engine: Engine, campaign: str, as_of: date, experiments: Sequence[Experiment] | None = None
) -> list[Results]:
    """Results of these experiments, or of all that the campaign declares, as known by the end of a day."""
    declared = load(engine, campaign).rules.experiments if experiments is None else experiments
    changes = read_changes(engine, campaign) if declared else ()
    return [analyse(each, changes, as_of, count(engine, campaign, each, as_of)) for each in declared]
