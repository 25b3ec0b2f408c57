"""Turns in the fate of leads, and what people asked for on them, by lead and day.

What belongs here: bringing everything that happens to a lead on a day together. What does not: what it does to the
lead's passage (`passage`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.by_hand import ENROL
from leadflow_pipeline.nurture.holds import FREE
from leadflow_pipeline.nurture.timetable import (
    DAYS_PER_LEAD,
    Days,
    Moments,
    Positions,
    days_of,
    keys_of,
    latest,
    moments_of,
    positions,
)


class ByLead:
    """Columns of equal length, by lead; rows of a lead stand together, in order."""

    lead: Positions

    def __getitem__(self, rows: npt.NDArray[Any]) -> Self:
        return type(self)(*(getattr(self, column.name)[rows] for column in fields(self)))  # type: ignore[arg-type]

    def in_order(self) -> Iterator[Self]:
        """The first row of each lead, then the second of those that have one, ..."""
        begins = np.r_[True, self.lead[1:] != self.lead[:-1]][: len(self.lead)]
        place = np.arange(len(self.lead))
        rank = place - np.maximum.accumulate(np.where(begins, place, 0)) if len(place) else place
        for number in range(rank.max(initial=-1) + 1):
            yield self[rank == number]


@dataclass(frozen=True)
class Acts(ByLead):
    """What people asked for by hand, by lead, and in the order in which they did."""

    lead: Positions
    day: Days
    at: Moments
    act: npt.NDArray[Any]
    target: npt.NDArray[Any]
    enrolment: Positions
    """The enrolment that an act begins; -1 for one that begins none."""

    @classmethod
    def among(cls, acts: pd.DataFrame, lead_index: pd.Index[Any], first_enrolment: int) -> Acts:
        """From acts of leads that are all at hand; enrolments are numbered in their order."""
        enrols = acts["act"].eq(ENROL).to_numpy()
        enrolment = np.full(len(acts), -1, dtype="int64")
        enrolment[enrols] = first_enrolment + np.arange(np.count_nonzero(enrols))
        return cls(
            positions(lead_index, acts["lead_id"]),
            days_of(acts["day"]),
            moments_of(acts["at"]),
            acts["act"].to_numpy(object),
            acts["target"].to_numpy(object),
            enrolment,
        )

    @property
    def keys(self) -> Positions:
        """Lead and day of each as one number."""
        return keys_of(self.lead, self.day)

    def of(self, turn: Turns) -> Acts:
        """Those of the leads and days of a turn."""
        return self[np.isin(self.keys, keys_of(turn.lead, turn.day))]


@dataclass(frozen=True)
class Turns(ByLead):
    """Turns in the fate of leads, by lead and day.

    Each begins an enrolment (or none: -1), says how the lead is held from then on, and whether its engagement on that
    day was enough to hand it to sales. On a turn, too, a lead is asked whether it leaves its sequence.
    """

    lead: Positions
    day: Days
    enrolment: Positions
    hold: npt.NDArray[np.int64]
    code: npt.NDArray[Any]
    resumed_at: Moments
    is_hot: npt.NDArray[np.bool_]
    is_quick: npt.NDArray[np.bool_]
    """Whether it was there on the day, in a way that brings its next step nearer."""

    @classmethod
    def of(
        cls,
        starts: pd.DataFrame,
        holds: pd.DataFrame,
        hot: pd.DataFrame,
        quick: pd.DataFrame,
        others: Sequence[Positions],
        lead_index: pd.Index[Any],
        first_enrolment: int,
    ) -> Turns:
        """From new enrolments, changed holds, enough engagement, leads that were there, and keys of further leads and
        days.
        """
        started, held, heated, hastened = (_keys(frame, lead_index) for frame in (starts, holds, hot, quick))
        holds, held = holds.loc[held >= 0], held[held >= 0]
        keys = np.unique(
            np.concatenate([started, held, heated[heated >= 0], hastened[hastened >= 0], *others])
        )
        lead, day = np.divmod(keys, DAYS_PER_LEAD)

        enrolment = np.full(len(keys), -1, dtype="int64")
        enrolment[np.searchsorted(keys, started)] = first_enrolment + np.arange(len(started))
        standing = latest(held, keys)
        hold = np.append(holds["hold"].to_numpy("int64"), FREE)[standing]
        code = np.append(holds["code"].to_numpy(object), "")[standing]
        resumed_at = np.append(moments_of(holds["resumed_at"]), np.datetime64("NaT", "us"))[standing]
        is_hot, is_quick = np.isin(keys, heated), np.isin(keys, hastened)
        return cls(lead, day.astype("datetime64[D]"), enrolment, hold, code, resumed_at, is_hot, is_quick)


def _keys(frame: pd.DataFrame, lead_index: pd.Index[Any]) -> Positions:
    """Lead and day of each row as one number; -1 for a lead that is not at hand."""
    lead = positions(lead_index, frame["lead_id"])
    return np.where(lead >= 0, keys_of(lead, days_of(frame["day"])), -1)
