"""Sums of invented experiments with a known effect.

What belongs here: what `counts.count` would give. What does not: expectations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.insight.experiments.counts import Counts
from leadflow_pipeline_tests.experiment.declared import FIRST


def counts_of(
    experiment: Experiment,
    rates: Sequence[float],
    *,
    a_day: int = 100,
    days: int = 70,
    guardrail_rates: Mapping[str, Sequence[float]] | None = None,
    ratio: Sequence[float] | None = None,
    worth: Sequence[float] | None = None,
    shares: pd.DataFrame | None = None,
    seed: int = 1,
) -> Counts:
    """What so many leads a day come to, where each variant has its rate of each metric.

    With `worth` the primary metric is a value: a lead's score has much to do with it, its variant a little.
    """
    draw = np.random.default_rng(seed)
    exposed, came, scores = [], [], []
    for number in range(days):
        day = pd.Timestamp(FIRST + timedelta(days=number))
        of_day = ratio or experiment.weights
        if shares is not None:
            table = shares[shares["day"] == day].set_index("variant")["weight"]
            of_day = [float(table[key]) for key in experiment.keys]
        for place, (key, leads) in enumerate(
            zip(experiment.keys, draw.multinomial(a_day, of_day), strict=True)
        ):
            exposed.append((key, day, int(leads), of_day[place] * experiment.coverage))
            if worth is not None:
                score = draw.uniform(0, 100, leads)
                value = np.maximum(score * 10 + draw.normal(worth[place], 100, leads), 0)
                scores.append((key, day, score.sum(), (score**2).sum()))
                sums = (value.sum(), (value**2).sum(), (value * score).sum())
                came.append((0, key, day, int((value > 0).sum()), *sums))
            for metric_place, metric in enumerate(experiment.all_metrics):
                if metric.is_value:
                    continue
                name = metric.behaviour or metric.outcome or ""
                rate = (guardrail_rates or {}).get(name, [0.01] * 9)[place] if metric_place else rates[place]
                came.append((metric_place, key, day, int(draw.binomial(leads, rate)), 0.0, 0.0, 0.0))
    return Counts(
        exposed=pd.DataFrame(exposed, columns=["variant", "day", "leads", "propensity"]),
        came=pd.DataFrame(
            came, columns=["metric", "variant", "day", "leads", "value", "value_squared", "value_score"]
        ),
        scores=pd.DataFrame(scores, columns=["variant", "day", "score", "score_squared"]),
        shares=shares if shares is not None else pd.DataFrame({"variant": [], "day": [], "weight": []}),
    )


def nothing() -> Counts:
    """What an experiment comes to that nobody has met."""
    day = pd.to_datetime([])
    return Counts(
        exposed=pd.DataFrame({"variant": [], "day": day, "leads": [], "propensity": []}),
        came=pd.DataFrame(
            {
                "metric": [],
                "variant": [],
                "day": day,
                "leads": [],
                "value": [],
                "value_squared": [],
                "value_score": [],
            }
        ),
        scores=pd.DataFrame({"variant": [], "day": day, "score": [], "score_squared": []}),
        shares=pd.DataFrame({"variant": [], "day": day, "weight": []}),
    )
