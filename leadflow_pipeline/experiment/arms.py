"""How the arms of a bandit stand at the beginning of a day, and the share of leads that each gets on it.

What belongs here: counting what is ripe, and asking the bandit. What does not: how a bandit thinks (`bandit`).

A lead counts once the days are over in which it might have converted, whether it did or not: who converts does so
early, so counting the others before their time is up would flatter nobody evenly.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment.rules import Bandit, Experiment


@dataclass(frozen=True)
class Arms:
    """The shares of a day, and what they were made of as rows of `experiment_arms`."""

    shares: tuple[float, ...]
    rows: pd.DataFrame


def arms_on(day: date, experiment: Experiment, exposed: pd.DataFrame, hits: pd.DataFrame) -> Arms:
    """The arms of a bandit at the beginning of a day.

    `exposed` has who met the experiment before the day (`day`, `lead_id`, `variant`, `is_holdout`), `hits` the days on
    which leads did what counts (`lead_id`, `day`); later ones are left out here.
    """
    assert experiment.bandit is not None
    known = converted_before(day, exposed, hits, experiment.primary.within_days)
    keys = list(experiment.keys)
    counts = known.groupby("variant")[["exposed", "converted", "ripe", "ripe_converted"]].sum()
    counts = counts.reindex(keys, fill_value=0).astype("int64")
    shares = _shares(
        experiment.bandit, counts["ripe_converted"].to_numpy(), counts["ripe"].to_numpy(), experiment.key, day
    )
    details = [
        json.dumps({"ripe": int(ripe), "ripe_converted": int(converted)}, sort_keys=True)
        for ripe, converted in zip(counts["ripe"], counts["ripe_converted"], strict=True)
    ]
    rows = pd.DataFrame(
        {
            "day": pd.Series(pd.Timestamp(day), index=range(len(keys)), dtype="datetime64[us]"),
            "experiment": pd.Series(experiment.key, index=range(len(keys)), dtype="str"),
            "variant": pd.Series(keys, dtype="str"),
            "weight": np.asarray(shares, dtype=float),
            "exposed": counts["exposed"].to_numpy(),
            "converted": counts["converted"].to_numpy(),
            "detail": pd.Series(details, dtype="str"),
        }
    )
    return Arms(tuple(float(share) for share in shares), rows)


def converted_before(day: date, exposed: pd.DataFrame, hits: pd.DataFrame, within_days: int) -> pd.DataFrame:
    """Of each lead that takes part: `variant`, and as ones and zeros `exposed`, `converted`, `ripe` and
    `ripe_converted`, by what was known before a day.
    """
    today, window = pd.Timestamp(day), pd.Timedelta(days=within_days)
    taking_part = exposed.loc[~exposed["is_holdout"].astype(bool), ["lead_id", "day", "variant"]]
    both = taking_part.merge(hits, on="lead_id", suffixes=("", "_of_hit"))
    after = both["day_of_hit"] - both["day"]
    counts = both["day_of_hit"].lt(today) & after.gt(pd.Timedelta(0)) & after.le(window)
    converted = taking_part["lead_id"].isin(both.loc[counts, "lead_id"])
    ripe = taking_part["day"] + window < today
    return pd.DataFrame(
        {
            "variant": taking_part["variant"],
            "exposed": 1,
            "converted": converted.astype("int64"),
            "ripe": ripe.astype("int64"),
            "ripe_converted": (converted & ripe).astype("int64"),
        }
    )


def _shares(
    bandit: Bandit, successes: np.ndarray, trials: np.ndarray, key: str, day: date
) -> tuple[float, ...]:
    raise NotImplementedError
