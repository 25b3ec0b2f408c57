"""Results of a campaign's experiments, read from the database: for the asset, the command and the service alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.insight.experiments.analysis import analyse
from leadflow_pipeline.insight.experiments.counts import count
from leadflow_pipeline.insight.experiments.planning import PlannedSize, plan_size
from leadflow_pipeline.insight.experiments.results import Results
from leadflow_pipeline.store.experiment_states import read_changes


def results_of(
    engine: Engine, campaign: str, as_of: date, experiments: Sequence[Experiment] | None = None
) -> list[Results]:
    """Results of these experiments, or of all that the campaign declares, as known by the end of a day."""
    declared = load(engine, campaign).rules.experiments if experiments is None else experiments
    changes = read_changes(engine, campaign) if declared else ()
    return [analyse(each, changes, as_of, count(engine, campaign, each, as_of)) for each in declared]


def size_of(
    engine: Engine,
    campaign: str,
    experiment: Experiment,
    as_of: date,
    *,
    baseline: float | None = None,
    deviation: float | None = None,
    lift: float | None = None,
    leads_a_day: float | None = None,
    known: Results | None = None,
) -> PlannedSize:
    """How many leads an experiment takes: by what is named, else by what is known at the end of a day, which is counted
    only where it is needed (`known`: it was).

    Raises PermanentError where nothing is named and the control has no result yet, and as `plan_size` does.
    """
    is_value = experiment.primary.is_value
    if baseline is None or (is_value and deviation is None):
        power = (known or results_of(engine, campaign, as_of, (experiment,))[0]).power
        if power.needed is not None:
            baseline = power.baseline if baseline is None else baseline
            deviation = power.deviation if deviation is None else deviation
    if baseline is None or (is_value and deviation is None):
        name = "baseline 120, deviation 300" if is_value else "baseline 0.05"
        what = "its mean value of a lead and the deviation" if is_value else "its rate"
        raise PermanentError(f"the control has no result yet, so name {what}, such as {name}")
    return plan_size(experiment, baseline, lift or experiment.least_lift, leads_a_day, deviation)
