"""What a model may learn from: each lead on each day on which it was scored, and when it was won.

What belongs here: which rows are examples, what each weighs, and which of them are ripe on a day. What does not: where
they are read (`score.model_training`), and the fit (`training`).

A lead is scored on many days, so it is an example on many: all of them ask the same question, how it will end. Together
they weigh as much as one lead, or a busy one would outvote ten quiet ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.score.conversion.features import CUSTOM
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.conversion.shapes import FloatArray
from leadflow_pipeline.score.conversion.training import learned_from, matured_examples

SEED = 20_260_601
"""Of folds and bootstraps: the same facts give the same model."""
MOST_ROWS_OF_A_LEAD = 20
"""Of a lead scored on more days so many, evenly spread, are examples: each row's share of its lead must count."""


@dataclass(frozen=True)
class Ripe:
    """Examples whose outcome can be taken as known."""

    features: pd.DataFrame
    day: pd.Series
    converted: pd.Series
    weight: FloatArray

    @property
    def outcome(self) -> npt.NDArray[np.int64]:
        """1 for won, 0 for lost."""
        return self.converted.to_numpy(dtype=np.int64)

    @property
    def rarer(self) -> int:
        """Examples of the rarer outcome, among those that weigh enough to be learned from."""
        outcome = self.outcome[learned_from(self.features, self.weight)]
        return int(min(outcome.sum(), len(outcome) - outcome.sum()))


@dataclass(frozen=True)
class Examples:
    """Rows in the order of their index, which begins with day and lead."""

    features: pd.DataFrame
    leads: pd.DataFrame
    """Aligned with the features: `lead`, `day`, `won_on`, `matures_after_days`."""

    def ripe(self, as_of: date, half_life_days: float | None) -> Ripe:
        """Those whose outcome is known before `as_of`, weighed by age, each lead as much as any other of its age."""
        rows = self.leads.reset_index(drop=True)
        parts = [
            self._matured(rows, days, as_of, half_life_days) for days in rows["matures_after_days"].unique()
        ]
        leads = pd.concat(parts).sort_index() if parts else rows.assign(converted=0, weight=0.0)
        leads = leads[_spread(leads["lead"])]
        rows_of_lead = leads.groupby("lead")["lead"].transform("size").to_numpy(dtype=np.float64)
        return Ripe(
            self.features.take(leads.index.to_numpy()),
            leads["day"],
            leads["converted"],
            leads["weight"].to_numpy(dtype=np.float64) / rows_of_lead,
        )

    @staticmethod
    def _matured(rows: pd.DataFrame, days: int, as_of: date, half_life_days: float | None) -> pd.DataFrame:
        rules = ConversionRules(matures_after_days=int(days), half_life_days=half_life_days)
        return matured_examples(rows[rows["matures_after_days"] == days], as_of, rules)


def examples_of(
    features: pd.DataFrame, outcomes: pd.DataFrame, first_days: pd.Series, rules: ConversionRules
) -> Examples:
    """The examples of one campaign.

    Whoever was won before its day is none on it. On the day of the win itself only a lead's first row is one: what it
    did on a later day may be the win.

    Args:
        features: of `score.days.feature_days`, indexed by (day, lead_id).
        outcomes: `lead_id`, `outcome`, `occurred_at`; only those that may be known.
        first_days: the day on which each lead was first known, indexed by lead_id.
        rules: how long an outcome takes to be known.
    """
    keys = features.index.to_frame(index=False)
    won = outcomes[outcomes["outcome"] == "won"]
    won_on = won["occurred_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()
    first_win = won_on.groupby(won["lead_id"]).min()
    leads = pd.DataFrame(
        {
            "lead": keys["lead_id"],
            "day": keys["day"],
            "won_on": _day_of_each(keys["lead_id"], first_win),
            "matures_after_days": rules.matures_after_days,
        }
    )
    is_first = (_day_of_each(keys["lead_id"], first_days) == keys["day"]).to_numpy()
    is_open = leads["won_on"].isna() | (leads["won_on"] > leads["day"])
    is_example = (is_open | ((leads["won_on"] == leads["day"]) & is_first)).to_numpy()
    return Examples(features[is_example], leads[is_example])


def pooled(own: Examples, others: list[Examples]) -> Examples:
    """The examples of several campaigns, with what is known of the leads of each, but for their own fields.

    The names of campaigns mean nothing: rows of one day and lead are ordered by what they say.
    """
    parts = [own, *others]
    shared = set.intersection(*(set(part.features.columns) for part in parts))
    names = sorted(name for name in shared if not name.removeprefix("has.").startswith(CUSTOM))
    features = pd.concat([part.features[names].reset_index() for part in parts], ignore_index=True)
    leads = pd.concat([part.leads for part in parts], ignore_index=True)
    campaign = np.repeat(np.arange(len(parts)), [len(part.leads) for part in parts])
    contents = pd.concat([features[names], leads[["won_on", "matures_after_days"]]], axis=1)
    features["contents"] = pd.util.hash_pandas_object(contents, index=False)
    features = features.set_index(["day", "lead_id", "contents"])
    order = features.index.argsort(kind="stable")
    leads["lead"] = pd.factorize(pd.MultiIndex.from_arrays([campaign, leads["lead"]]))[0]
    return Examples(features.take(order), leads.take(order))


def _day_of_each(leads: pd.Series, days: pd.Series) -> pd.Series:
    return days.astype("datetime64[us]").reindex(leads).reset_index(drop=True)


def _spread(leads: pd.Series) -> npt.NDArray[np.bool_]:
    """Which rows to keep so that no lead has more than `MOST_ROWS_OF_A_LEAD`, spread evenly over its rows."""
    grouped = leads.groupby(leads)
    place, rows = grouped.cumcount().to_numpy(), grouped.transform("size").to_numpy()
    kept = np.minimum(rows, MOST_ROWS_OF_A_LEAD)
    wanted: npt.NDArray[np.bool_] = ((place + 1) * kept) // rows > (place * kept) // rows
    return wanted
