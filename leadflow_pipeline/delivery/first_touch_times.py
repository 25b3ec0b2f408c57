"""When owners were first in touch with their leads, measured in their working time.

What belongs here: the clock of every hand-over, as of a moment, and what share of them was kept. Pure. What does not:
acting on it (`first_touch`), and reading.

A clock starts when the owner is told and is stopped by the first touch after that: a rep's own, or something that the
lead does not do unless somebody was in touch. It ends without one when the lead goes to somebody else. Nothing here
depends on when anybody looked: a moment later than the due time gives the same state as that very moment, until the
facts change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.reps.working_time import Calendar, Moments, working_minutes_between

KEPT, LATE, OPEN, OPEN_LATE, PASSED_ON = "kept", "late", "open", "open_late", "passed_on"
STATES: Final = (KEPT, LATE, OPEN, OPEN_LATE, PASSED_ON)
"""In touch in time; too late or not at all; still time; time is over and nobody was; given away before its time."""

LEAD: Final = ["campaign", "lead_id"]
HANDOFF_COLUMNS: Final = [*LEAD, "assignment_number", "rep", "origin", "decided_at", "first_touch_due_at"]
COLUMNS: Final = [
    *LEAD, "assignment_number", "rep", "origin", "decided_at", "due_at", "ended_at", "first_touch_at", "minutes",
    "state",
]  # fmt: skip


def first_touch_times(
    handoffs: pd.DataFrame, touches: pd.DataFrame, calendars: Mapping[str, Calendar], before: datetime
) -> pd.DataFrame:
    """The clock of each hand-over told before a moment, as of that moment: `COLUMNS`, by (campaign, lead, number).

    `handoffs` has `HANDOFF_COLUMNS`, `touches` campaign, lead_id and occurred_at of whatever stops a clock; times in
    UTC. `minutes` are working time of the owner from being told to the first touch, NaN where there was none; a rep
    without a calendar is taken to work by the clock of `Calendar()`.
    """
    as_of = pd.Timestamp(before)
    told = handoffs[handoffs["decided_at"] < as_of].sort_values(
        [*LEAD, "assignment_number"], ignore_index=True
    )
    told = told[HANDOFF_COLUMNS].rename(columns={"first_touch_due_at": "due_at"})
    told["ended_at"] = told.groupby(LEAD)["decided_at"].shift(-1)
    told["first_touch_at"] = _first_after(told, touches[touches["occurred_at"] < as_of])
    has_passed = told["first_touch_at"] >= told["ended_at"]
    told["first_touch_at"] = told["first_touch_at"].mask(has_passed)
    told["minutes"] = _minutes(told, calendars)
    told["state"] = _states(told, as_of)
    return told[COLUMNS]


def compliance(times: pd.DataFrame, by: Sequence[str] = ("rep",)) -> pd.DataFrame:
    """How promises were kept, a row a group: `leads`, `kept`, `late`, `open`, `open_late`, `passed_on`, `share` (kept
    of those that were kept or not; NaN where there are none) and `median_minutes` of working time to the first touch.
    """
    counts = pd.crosstab([times[name] for name in by], times["state"]).reindex(
        columns=list(STATES), fill_value=0
    )
    counts.columns.name = None
    judged = counts[KEPT] + counts[LATE] + counts[OPEN_LATE]
    counts.insert(0, "leads", counts.sum(axis="columns"))
    counts["share"] = counts[KEPT] / judged.where(judged > 0)
    counts["median_minutes"] = times.groupby(list(by))["minutes"].median()
    return counts.reset_index()


def _first_after(told: pd.DataFrame, touches: pd.DataFrame) -> pd.Series:
    """The first touch at or after each hand-over, missing where there is none."""
    ordered = touches[[*LEAD, "occurred_at"]].sort_values("occurred_at", kind="stable")
    asked = told.reset_index(names="row").sort_values("decided_at", kind="stable")
    if asked.empty or ordered.empty:
        return pd.Series(pd.NaT, index=told.index, dtype=told["decided_at"].dtype)
    ordered = ordered.assign(occurred_at=ordered["occurred_at"].astype(asked["decided_at"].dtype))
    found = pd.merge_asof(
        asked, ordered, by=LEAD, left_on="decided_at", right_on="occurred_at", direction="forward"
    )
    return found.set_index("row")["occurred_at"].reindex(told.index)


def _minutes(told: pd.DataFrame, calendars: Mapping[str, Calendar]) -> pd.Series:
    minutes = pd.Series(np.nan, index=told.index)
    for rep, rows in told.groupby("rep"):
        starts, ends = (_plain(rows[name]) for name in ("decided_at", "first_touch_at"))
        calendar = calendars.get(str(rep), Calendar())
        minutes.loc[rows.index] = working_minutes_between(starts, ends, calendar)
    return minutes


def _plain(moments: pd.Series) -> Moments:
    """UTC, as numpy has it."""
    plain: Moments = moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return plain


def _states(told: pd.DataFrame, as_of: pd.Timestamp) -> npt.NDArray[np.str_]:
    due, touched, ended = told["due_at"], told["first_touch_at"], told["ended_at"]
    was_touched, has_ended = touched.notna(), ended.notna()
    return np.select(
        [
            was_touched & ~(touched > due),
            was_touched,
            has_ended & (ended >= due),
            has_ended,
            due < as_of,
        ],
        [KEPT, LATE, LATE, PASSED_ON, OPEN_LATE],
        OPEN,
    )
