"""Who meets which experiment on which day, and which variant each lead gets.

What belongs here: variants of leads on a day, and what carries over from day to day: who has met an experiment, and how
the arms of bandits stand. What does not: the hash (`hashing`), the shares of a bandit (`arms`), and what a variant
changes (`treatment`).

The unit is the lead: its id comes from the normalised address, so it is the same person in every campaign. Whoever has
met an experiment keeps the variant. The others get theirs by hash, so nobody's variant depends on who else is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from leadflow_pipeline.experiment import hashing
from leadflow_pipeline.experiment.arms import Arms, arms_on
from leadflow_pipeline.experiment.arrays import Booleans, Floats, Ints
from leadflow_pipeline.experiment.life_cycle import StateChange, standing_on
from leadflow_pipeline.experiment.rules import HOLDOUT, Experiment

NONE = -1
"""Code of no variant: the lead takes no part. Variants are numbered as they are declared."""
HELD_OUT = -2
"""Code of a lead that is kept out, for comparison."""

NEVER = np.datetime64("9999-12-31", "D")

EXPOSURE_COLUMNS = ["day", "lead_id", "experiment", "variant", "is_holdout", "propensity"]
DTYPES = {
    "day": "datetime64[us]",
    "lead_id": "str",
    "experiment": "str",
    "variant": "str",
    "is_holdout": "boolean",
    "propensity": "float64",
    "weight": "float64",
    "exposed": "int64",
    "converted": "int64",
    "detail": "str",
}
ARM_COLUMNS = ["day", "experiment", "variant", "weight", "exposed", "converted", "detail"]


@dataclass(frozen=True)
class Given:
    """What some leads get of one experiment on a day, an entry a lead."""

    experiment: Experiment
    variant: Ints
    propensity: Floats
    takes_in: bool
    """Whether leads that are routed on the day meet the experiment; false where a winner is for everybody."""


@dataclass(frozen=True)
class Begun:
    """Experiments that were begun, their changes in order, and who met them up to a day, as `EXPOSURE_COLUMNS`."""

    experiments: Sequence[Experiment]
    changes: Sequence[StateChange]
    exposed: pd.DataFrame


def variants_for(
    lead_ids: pd.Series,
    day: date,
    experiments: Sequence[Experiment],
    changes: Sequence[StateChange],
    exposed: pd.DataFrame | None = None,
    shares: Mapping[str, Sequence[float]] | None = None,
) -> pd.DataFrame:
    """Which variant each of these leads gets of each experiment on a day: a row for each pair that takes part.

    `changes` are the campaign's in their order, `exposed` who met what before (`EXPOSURE_COLUMNS`), `shares` those of
    bandits on the day (experiment -> a share a variant). Columns: `EXPOSURE_COLUMNS`. Nobody is exposed by being asked
    about.
    """
    exposures = Exposures(lead_ids.unique().tolist(), experiments, changes, exposed=exposed, shares=shares)
    places = np.arange(len(exposures.ids))
    parts = [exposures.as_rows(given, day, places) for given in exposures.given_on(day, places)]
    return _concatenated(parts, EXPOSURE_COLUMNS)


class Exposures:
    """The state of experiments between days. For each day in order: `given_on`, then `meet`.

    Leads are known by their place in `ids`. `hits` has for each bandit (by key) the days on which leads did what counts
    (`lead_id`, `day`); `exposed` has everybody who met a bandit before, and of other experiments at least these leads.
    `shares` are those of bandits, where they are not to be found from what is known of them.
    """

    def __init__(
        self,
        ids: Sequence[str],
        experiments: Sequence[Experiment],
        changes: Sequence[StateChange],
        exposed: pd.DataFrame | None = None,
        hits: Mapping[str, pd.DataFrame] | None = None,
        shares: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self.ids = pd.Index(ids)
        self._changes = changes
        begun = {change.experiment for change in changes}
        self._experiments = [each for each in experiments if each.key in begun]
        self._states = {each.key: _State.of(each, self.ids, exposed) for each in self._experiments}
        self._hits = hits or {}
        self._shares = shares
        self._arms: dict[tuple[date, str], Arms] = {}
        self._met: list[pd.DataFrame] = []

    def given_on(self, day: date, places: Ints) -> list[Given]:
        """What the leads of these places get on a day: what winners give to everybody, then what is being tried."""
        winners, tried = [], []
        for experiment in self._experiments:
            standing = standing_on(self._changes, experiment.key, day)
            if standing.state == "decided" and standing.winner in experiment.keys:
                winners.append(_to_everybody(experiment, str(standing.winner), len(places)))
            elif standing.state == "running":
                shares = self._shares_on(day, experiment)
                state = self._states[experiment.key]
                tried.append(Given(experiment, *state.given(experiment, shares, places), takes_in=True))
        return [*winners, *tried]

    def settled_on(self, day: date, places: Ints) -> list[Given]:
        """As `given_on`, but of what is being tried only what leads had met by the end of the day.

        For whoever decides something more of a lead after it was routed: a lead that was routed before an experiment
        began takes no part in it.
        """
        given = self.given_on(day, places)
        return [
            replace(
                each,
                variant=np.where(self._states[each.experiment.key].met_by(day, places), each.variant, NONE),
            )
            if each.takes_in
            else each
            for each in given
        ]

    def meet(self, day: date, given: Sequence[Given], places: Ints, is_met: Booleans) -> None:
        """Notes which of the leads that something was given to meet it on the day; who met it before did so then."""
        for each in given:
            if each.takes_in:
                state = self._states[each.experiment.key]
                new = np.flatnonzero(is_met & (each.variant != NONE) & ~state.has_met(places))
                met = replace(each, variant=each.variant[new], propensity=each.propensity[new])
                state.meet(day, places[new], met)
                self._met.append(self.as_rows(met, day, places[new]))

    def about(self, ids: Sequence[str], before: pd.DataFrame) -> Exposures:
        """The same experiments after these days, about other leads: what `settled_on` has of them on each of the days.

        `before` is what they had met before the days.
        """
        met = pd.concat([before, self.exposures], ignore_index=True)
        return Exposures(ids, self._experiments, self._changes, exposed=met, shares={})

    @property
    def tries_routing(self) -> bool:
        """Whether an experiment about the weights of the match was ever started."""
        return any(experiment.kind == "routing" for experiment in self._experiments)

    @property
    def exposures(self) -> pd.DataFrame:
        """Who met what, day by day."""
        return _concatenated(self._met, EXPOSURE_COLUMNS)

    @property
    def arms(self) -> pd.DataFrame:
        """How the arms of bandits stood at the beginning of each day."""
        return _concatenated([arms.rows for arms in self._arms.values()], ARM_COLUMNS)

    def as_rows(self, given: Given, day: date, places: Ints) -> pd.DataFrame:
        """What leads are given, as rows: of those that take part."""
        takes_part = given.variant != NONE
        variant = given.variant[takes_part]
        names = np.array([*given.experiment.keys, HOLDOUT], dtype=object)
        index = pd.RangeIndex(len(variant))
        return pd.DataFrame(
            {
                "day": pd.Series(pd.Timestamp(day), index=index, dtype="datetime64[us]"),
                "lead_id": pd.Series(self.ids[places[takes_part]].to_numpy(), index=index, dtype="str"),
                "experiment": pd.Series(given.experiment.key, index=index, dtype="str"),
                "variant": pd.Series(
                    names[np.where(variant == HELD_OUT, len(names) - 1, variant)], index=index, dtype="str"
                ),
                "is_holdout": pd.Series(variant == HELD_OUT, index=index, dtype="boolean"),
                "propensity": given.propensity[takes_part],
            }
        )

    def _shares_on(self, day: date, experiment: Experiment) -> Sequence[float]:
        if experiment.bandit is None:
            return experiment.weights
        if self._shares is not None:
            return self._shares.get(experiment.key, experiment.weights)
        at = (day, experiment.key)
        if at not in self._arms:
            known = [self._states[experiment.key].earlier, *self._met]
            theirs = _of_experiment(pd.concat(known, ignore_index=True), experiment.key)
            self._arms[at] = arms_on(day, experiment, experiment.bandit, theirs, self._hits[experiment.key])
        return self._arms[at].shares


class _State:
    """What is known of every lead with regard to one experiment."""

    def __init__(
        self, places: Floats, in_slot: Booleans, is_holdout: Booleans, earlier: pd.DataFrame
    ) -> None:
        self._places, self._in_slot, self._is_holdout = places, in_slot, is_holdout
        self.earlier = earlier
        self._met_on = np.full(len(places), NEVER)
        self._variant = np.full(len(places), NONE)
        self._propensity = np.zeros(len(places))

    @classmethod
    def of(cls, experiment: Experiment, ids: pd.Index, exposed: pd.DataFrame | None) -> _State:
        """Places by hash; those who met the experiment before keep what they got."""
        texts = pd.Series(ids, dtype="str")
        group = experiment.exclusion_group
        in_slot = np.ones(len(ids), dtype=bool)
        if group is not None:
            in_slot = hashing.in_slot(texts, hashing.Slot(group.group, group.start, group.end))
        holdout = hashing.Holdout(group.group if group else experiment.key, experiment.holdout)
        earlier = _of_experiment(exposed, experiment.key)
        state = cls(
            hashing.places(texts, experiment.key),
            in_slot,
            hashing.is_held_out(texts, holdout) & in_slot,
            earlier,
        )
        here = ids.get_indexer(pd.Index(earlier["lead_id"]))
        known, rows = here[here >= 0], earlier[here >= 0]
        codes = pd.Index([*experiment.keys, HOLDOUT]).get_indexer(pd.Index(rows["variant"]))
        state._met_on[known] = rows["day"].to_numpy(dtype="datetime64[D]")
        state._variant[known] = np.where(codes == len(experiment.keys), HELD_OUT, codes)
        state._propensity[known] = rows["propensity"]
        return state

    def given(self, experiment: Experiment, shares: Sequence[float], places: Ints) -> tuple[Ints, Floats]:
        """Variant and propensity of leads, under these shares for those who have not met the experiment."""
        ranges = hashing.bucket_ranges(shares, experiment.coverage)
        variant = np.where(self._in_slot[places], hashing.variants_at(self._places[places], ranges), NONE)
        propensity = np.append(hashing.propensities(ranges), 0.0)[variant]
        is_holdout, has_met = self._is_holdout[places], self.has_met(places)
        variant = np.where(is_holdout, HELD_OUT, variant)
        propensity = np.where(is_holdout, experiment.holdout, propensity)
        return (
            np.where(has_met, self._variant[places], variant),
            np.where(has_met, self._propensity[places], propensity),
        )

    def has_met(self, places: Ints) -> Booleans:
        """Whether each lead has met the experiment."""
        met: Booleans = self._met_on[places] != NEVER
        return met

    def met_by(self, day: date, places: Ints) -> Booleans:
        """Whether each lead had met it by the end of a day; false for a place of nobody (-1)."""
        met: Booleans = (places >= 0) & (self._met_on[places] <= np.datetime64(day, "D"))
        return met

    def meet(self, day: date, places: Ints, given: Given) -> None:
        """Notes what leads got on the day, for good."""
        self._met_on[places] = np.datetime64(day, "D")
        self._variant[places] = given.variant
        self._propensity[places] = given.propensity


def _to_everybody(experiment: Experiment, winner: str, leads: int) -> Given:
    number = experiment.keys.index(winner)
    return Given(experiment, np.full(leads, number), np.ones(leads), takes_in=False)


def _of_experiment(exposed: pd.DataFrame | None, key: str) -> pd.DataFrame:
    if exposed is None:
        return _concatenated([], EXPOSURE_COLUMNS)
    return exposed[exposed["experiment"] == key].reset_index(drop=True)


def _concatenated(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=DTYPES[name]) for name in columns})
    return pd.concat(parts, ignore_index=True)[list(columns)]
