"""How the arms of a bandit stand at the beginning of a day, and the share of leads that each gets on it.

What belongs here: what is known of exposed leads on a day, and asking the bandit. What does not: how a bandit thinks
(`bandit`), and how much a lead counts whose time is not up (`delays`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment import delays
from leadflow_pipeline.experiment.arrays import Ints
from leadflow_pipeline.experiment.rules import Bandit, Experiment

NEVER = -1


@dataclass(frozen=True)
class Arms:
    """The shares of a day, and what they were made of as rows of `experiment_arms`."""

    shares: tuple[float, ...]
    rows: pd.DataFrame


def arms_on(
    day: date, experiment: Experiment, bandit: Bandit, exposed: pd.DataFrame, hits: pd.DataFrame
) -> Arms:
    """The arms of a bandit at the beginning of a day.

    `exposed` has who met the experiment before the day (`day`, `lead_id`, `variant`, `is_holdout`), `hits` the days on
    which leads did what counts (`lead_id`, `day`); later ones are left out here.
    """
    from leadflow_pipeline.experiment.bandit import shares

    keys, window = list(experiment.keys), experiment.primary.within_days
    leads = known_before(day, exposed, hits, window)
    is_ripe = leads["age"] >= window
    curve = delays.arrival_curve(
        leads.loc[is_ripe & (leads["delay"] != NEVER), "delay"].to_numpy(dtype="int64"), window
    )
    by_age = [_counts(leads[leads["variant"] == key], window) for key in keys]
    exposed_by_age = np.array([every for every, _ in by_age])
    converted_by_age = np.array([converted for _, converted in by_age])
    successes, trials = delays.counted(exposed_by_age, converted_by_age, curve)
    share = shares(successes, trials, bandit.floor, bandit.method)
    details = [
        json.dumps(
            {"successes": round(float(one), 3), "trials": round(float(all_of_them), 3)}, sort_keys=True
        )
        for one, all_of_them in zip(successes, trials, strict=True)
    ]
    rows = pd.DataFrame(
        {
            "day": pd.Series(pd.Timestamp(day), index=range(len(keys)), dtype="datetime64[us]"),
            "experiment": pd.Series(experiment.key, index=range(len(keys)), dtype="str"),
            "variant": pd.Series(keys, dtype="str"),
            "weight": share,
            "exposed": exposed_by_age.sum(axis=1),
            "converted": converted_by_age.sum(axis=1),
            "detail": pd.Series(details, dtype="str"),
        }
    )
    return Arms(tuple(share.tolist()), rows)


def known_before(day: date, exposed: pd.DataFrame, hits: pd.DataFrame, window: int) -> pd.DataFrame:
    """What was known before a day of each lead that takes part: `variant`, its `age` in whole days since the exposure,
    and the `delay` of its first conversion within the window, 0 on the day after the exposure; NEVER where it has none.
    """
    takes_part = exposed[~exposed["is_holdout"].astype(bool)]
    leads = takes_part[["lead_id", "day", "variant"]].reset_index(drop=True)
    leads["age"] = (pd.Timestamp(day) - leads["day"]).dt.days - 1
    both = leads.merge(hits.rename(columns={"day": "hit_on"}), on="lead_id")
    both["delay"] = (both["hit_on"] - both["day"]).dt.days - 1
    counts = both["delay"].between(0, window - 1) & (both["delay"] < both["age"])
    first = both[counts].groupby("lead_id")["delay"].min()
    leads["delay"] = leads["lead_id"].map(first).fillna(NEVER).astype("int64")
    return leads


def _counts(leads: pd.DataFrame, window: int) -> tuple[Ints, Ints]:
    """Leads, and those of them that converted, by age; whoever is older than the window is as old as it."""
    age = leads["age"].clip(upper=window).to_numpy(dtype="int64")
    converted = leads["delay"].to_numpy() != NEVER
    return np.bincount(age, minlength=window + 1), np.bincount(age[converted], minlength=window + 1)
