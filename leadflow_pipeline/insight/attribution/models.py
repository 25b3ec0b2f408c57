"""All models of attribution by name, and their results side by side.

What belongs here: which function is which model. What does not: the functions (`credit`, `removal`, `coalitions`),
and what channels cost (`costs`).

For every model the credits of the channels, and of what came without a touch, sum to all conversions and to their
value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from leadflow_pipeline.insight.attribution import credit
from leadflow_pipeline.insight.attribution.coalitions import shapley_credit
from leadflow_pipeline.insight.attribution.journeys import Floats, Journeys
from leadflow_pipeline.insight.attribution.removal import removal_credit
from leadflow_pipeline.insight.attribution.rules import AttributionRules, Model

UNATTRIBUTED = "(no touch)"
"""Stands in the place of a channel for conversions without any touch."""

_SHARES: dict[Model, Callable[[Journeys, AttributionRules], Floats]] = {
    Model.FIRST: lambda journeys, _: credit.first_touch(journeys),
    Model.LAST: lambda journeys, _: credit.last_touch(journeys),
    Model.LAST_NON_DIRECT: lambda journeys, rules: credit.last_non_direct_touch(journeys, rules.direct),
    Model.LINEAR: lambda journeys, _: credit.linear(journeys),
    Model.POSITION: lambda journeys, rules: credit.position_based(
        journeys, rules.position.first, rules.position.last
    ),
    Model.W_SHAPED: lambda journeys, _: credit.w_shaped(journeys),
    Model.TIME_DECAY: lambda journeys, rules: credit.time_decay(journeys, rules.half_life_days),
}


def credits_of(journeys: Journeys, model: Model, rules: AttributionRules) -> pd.DataFrame:
    """`channel`, `conversions`, `value`, by channel; a last row `(no touch)` where there are such conversions."""
    if model is Model.MARKOV:
        conversions, value = removal_credit(journeys, rules.markov_order)
    elif model is Model.SHAPLEY:
        conversions, value = shapley_credit(journeys)
    else:
        conversions, value = credit.by_channel(journeys, _SHARES[model](journeys, rules))
    credits = pd.DataFrame(
        {
            "channel": pd.Series(journeys.channels, dtype="str"),
            "conversions": _balanced(conversions, journeys.conversions),
            "value": _balanced(value, journeys.value),
        }
    )
    if not journeys.unattributed_conversions:
        return credits
    rest = {
        "channel": [UNATTRIBUTED],
        "conversions": [journeys.unattributed_conversions],
        "value": [journeys.unattributed_value],
    }
    return pd.concat([credits, pd.DataFrame(rest).astype({"channel": "str"})], ignore_index=True)


def all_credits(journeys: Journeys, rules: AttributionRules) -> pd.DataFrame:
    """`model` before the columns of `credits_of`, for every model; the campaign's own model first."""
    in_order = sorted(Model, key=lambda model: model is not rules.model)
    tables = [credits_of(journeys, model, rules).assign(model=model.value) for model in in_order]
    return pd.concat(tables, ignore_index=True)[["model", "channel", "conversions", "value"]]


def side_by_side(credits: pd.DataFrame, what: str) -> pd.DataFrame:
    """One row a channel and one column a model, from `all_credits`; `what` is conversions or value."""
    table = credits.pivot_table(index="channel", columns="model", values=what, sort=False, aggfunc="sum")
    return table.rename_axis(columns=None).reset_index()


def _balanced(credits: Floats, of_journeys: Floats) -> Floats:
    """What rounding lost over a million touches goes to the channel with the most, where it weighs least."""
    if not len(credits):
        return credits
    balanced = credits.copy()
    balanced[np.argmax(np.abs(credits))] += of_journeys.sum() - credits.sum()
    return balanced
