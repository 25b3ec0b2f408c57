"""Invented experiments, and days of leads that meet them, for tests.

What belongs here: making experiments and changes from a few words, and walking through days as routing does. What does
not: expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment.exposure import Exposures
from leadflow_pipeline.experiment.life_cycle import StateChange
from leadflow_pipeline.experiment.rules import Experiment

FIRST = date(2026, 3, 2)

COLDER: dict[str, Any] = {
    "key": "gentler-warm",
    "hypothesis": "warm leads reply more when they are left more time",
    "kind": "sequences",
    "variants": [{"key": "as-is"}, {"key": "gentle", "sequences": {"WARM": "long_term_nurture"}}],
    "primary": {"behaviour": "reply", "within_days": 2},
}


def experiment(**changed: Any) -> Experiment:
    """`COLDER` with changes."""
    return Experiment.model_validate({**COLDER, **changed})


def day(number: int) -> date:
    """The day that is `number` days after the first."""
    return FIRST + timedelta(days=number)


def change(key: str, state: str, number: int, winner: str | None = None) -> StateChange:
    """A change of state from a day (by number) on."""
    return StateChange(key, state, winner, day(number), "ana", "it is a test")


def ids(count: int) -> list[str]:
    """Ids of leads."""
    return [f"lead-{number}" for number in range(count)]


def walk(
    experiments: Sequence[Experiment],
    changes: Sequence[StateChange],
    met: Mapping[int, Iterable[str]],
    ranges: Iterable[tuple[int, int]],
    hits: Mapping[str, pd.DataFrame] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Exposures and arms after ranges of days (first and last by number), each as the asset computes it.

    `met` has the leads that are routed on each day.
    """
    kept: pd.DataFrame | None = None
    arms: list[pd.DataFrame] = []
    for first, last in ranges:
        leads = list(dict.fromkeys(lead for number in range(first, last + 1) for lead in met.get(number, ())))
        before = None if kept is None else kept[kept["day"] < pd.Timestamp(day(first))]
        exposures = Exposures(leads, experiments, changes, exposed=before, hits=hits)
        for number in range(first, last + 1):
            places = exposures.ids.get_indexer(pd.Index(list(met.get(number, ()))))
            given = exposures.given_on(day(number), places)
            exposures.meet(day(number), given, places, np.ones(len(places), dtype=bool))
        inside = exposures.exposures
        after = None if kept is None else kept[kept["day"] > pd.Timestamp(day(last))]
        kept = pd.concat([part for part in (before, inside, after) if part is not None], ignore_index=True)
        arms.append(exposures.arms)
    assert kept is not None
    return kept.sort_values(["experiment", "day", "lead_id"], ignore_index=True), pd.concat(
        arms, ignore_index=True
    )
