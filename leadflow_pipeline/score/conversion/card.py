"""What the registry keeps of a model beside its artifact: how good it was, against what, and what was found wrong.

What belongs here: the shape of the card, in plain numbers and texts. What does not: showing it (`insight`). No lead and
no value of one is on it, beyond what the artifact holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from leadflow_pipeline.score.conversion.backtest import Backtest
from leadflow_pipeline.score.conversion.curves import curves_of
from leadflow_pipeline.score.conversion.examples import Ripe
from leadflow_pipeline.score.conversion.leakage import Alarm
from leadflow_pipeline.score.conversion.measures import measure
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import FloatArray
from leadflow_pipeline.score.conversion.watch import Watched


def card_of(
    model: ConversionModel,
    ripe: Ripe,
    tested: Backtest | None,
    champion: str | None,
    why_not: Sequence[str],
    alarms: Sequence[Alarm],
    pool: Sequence[str],
    watched: Watched | None,
) -> dict[str, Any]:
    """The card of a model.

    Args:
        model: the model.
        ripe: what it learned from.
        tested: how its kind did out of time; None where there was nothing to judge by.
        champion: who scored until then.
        why_not: why it is not to score; empty where it is.
        alarms: fields that probably give the outcome away.
        pool: the campaigns learned from, where there are several.
        watched: how the champion was doing.
    """
    return {
        "measures": {
            "challenger": _measures(tested, tested.challenger if tested else None),
            "champion": _measures(tested, tested.champion if tested else None),
            "rules": _measures(tested, tested.rules if tested else None),
        },
        "champion": champion,
        "judgement": {"is_promoted": not why_not, "reasons": list(why_not)},
        "alarms": [{"features": list(alarm.features), "message": alarm.message} for alarm in alarms],
        "curves": _curves(tested),
        "importance": _importance(model, ripe),
        "pool": list(pool),
        "drift": _drift(watched),
    }


def _measures(tested: Backtest | None, promised: FloatArray | None) -> dict[str, float | int | None] | None:
    if tested is None or promised is None or not len(tested.outcome):
        return None
    found = measure(tested.outcome, promised)
    return {name: None if math.isnan(value) else value for name, value in asdict(found).items()}


def _curves(tested: Backtest | None) -> dict[str, Any]:
    """Calibration, ROC and lift of the backtest."""
    if tested is None:
        return curves_of(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))
    return curves_of(tested.outcome, tested.challenger, tested.rules)


def _importance(model: ConversionModel, ripe: Ripe) -> list[dict[str, Any]]:
    spreads = model.contributions(ripe.features).std(ddof=0)
    falling = sorted(spreads.items(), key=lambda item: (-item[1], item[0]))
    return [{"feature": name, "spread": float(spread)} for name, spread in falling]


def _drift(watched: Watched | None) -> dict[str, Any]:
    if watched is None:
        return {}
    worst, promises = watched.drift.worst, watched.record.promises
    return {
        "leads": watched.drift.leads,
        "worst_feature": worst[0] if worst else None,
        "worst_index": worst[1] if worst else None,
        "scores_index": watched.drift.scores,
        "promised": promises.promised if promises else None,
        "kept": promises.kept if promises else None,
        "calibration_error": promises.calibration_error if promises else None,
    }
