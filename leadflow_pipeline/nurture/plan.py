"""The plan of nurture: who is in which sequence, and which touch falls due when. Planning sends nothing.

What belongs here: a lead's passage through a sequence, day by day, as a pure function of facts and of the
campaign's own earlier rows. What does not: what an email says, and whether it may leave now (the release door
asks that).

Partition D is planned as of the end of D and holds the touches that fall due in the 24 hours from there.
Delays count from planned times, so a slow mail server changes no plan. A touch whose moment has passed
unplanned (the lead was paused, a day was never computed) is planned at the next open moment instead.

A lead routed again begins anew: its old passage ends on that day. A held lead (see `holds`) gets nothing; a
pause ends by itself, a stop only by a `resume` override, and a graduated lead comes back only by being routed
again.

All days of a range are planned together. Between two turns of its fate (routed, held, freed) a lead's passage
is uninterrupted, and uninterrupted days are planned one step of all leads at a time: the loops run over the
turns of a lead and over the steps of a sequence, never over leads or days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.nurture.holds import FREE, holding_facts, holds_by_day
from leadflow_pipeline.nurture.passage import STATES, Enrolments, Passages, Turns
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.timetable import (
    DAYS_PER_LEAD,
    LeadHistory,
    Positions,
    Timetable,
    days_of,
    keys_of,
    latest,
    moments_of,
    positions,
)

LIVE_STATES = ("ENROLLED", "TOUCH_DUE", "PAUSED", "STOPPED")
"""States from which a passage may still go on."""


def plan_nurture(
    routed: pd.DataFrame,
    previous: pd.DataFrame,
    leads: pd.DataFrame,
    events: pd.DataFrame,
    outcomes: pd.DataFrame,
    overrides: pd.DataFrame,
    engagement: pd.DataFrame,
    rules: NurtureRules,
    *,
    campaign: str,
    days: Sequence[date],
    time_zone: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`(nurtured_leads, nurture_touches)` of consecutive `days`, by key, without the campaign's columns.

    * `routed`: rows of `routed_leads` of these days
    * `previous`: each lead's latest row of `nurtured_leads` before the first day
    * `leads`: day, lead_id, email, time_zone, on any days up to the last; the latest as of a day counts
    * `events`, `outcomes`, `overrides`: facts before the end of the last day
    * `engagement`: day, lead_id, engagement of these days (read only where the rules graduate leads)

    A routed lead without an email is not enrolled; the summary counts it.
    """
    first_day, last_day = pd.Timestamp(days[0]).as_unit("us"), pd.Timestamp(days[-1]).as_unit("us")
    starts = routed.loc[routed["status"].eq("ROUTED") & routed["email"].notna()]
    holds = holds_by_day(holding_facts(events, outcomes, rules), overrides, first_day, last_day)
    hot = _graduations(engagement, rules)

    live = previous.loc[previous["state"].isin(LIVE_STATES)]
    due = ~(live["next_touch_at"] >= (last_day + pd.Timedelta(days=2)).tz_localize("UTC"))
    turning = pd.concat([starts["lead_id"], holds["lead_id"], hot["lead_id"]]).unique()
    live = live.loc[due | (positions(pd.Index(turning), live["lead_id"]) >= 0)]

    lead_index = pd.Index(pd.concat([live["lead_id"], starts["lead_id"]]).unique(), dtype="str").sort_values()
    enrolments = Enrolments.of(live, starts.assign(enrolment_id=enrolment_ids(starts, campaign)))
    history = LeadHistory.of(leads, lead_index)
    timetable = Timetable.of(rules, enrolments.sequences, history, time_zone)
    passages = Passages.going_on(live, lead_index, enrolments, timetable)
    turns = _turns(starts, holds, hot, lead_index, first_enrolment=len(live))
    passages.live_through(turns, _as_day(first_day), _as_day(last_day))
    return _nurtured_leads(passages, lead_index), _nurture_touches(
        passages, lead_index, rules.stale_after_hours
    )


def enrolment_ids(routed: pd.DataFrame, campaign: str) -> pd.Series:
    """One lead's one passage through one sequence, named by campaign, lead and routing number alone.

    Neither day nor tier nor content takes part, so that computing old days again under new rules names the
    same passage, and no step of it can be sent a second time.
    """
    keys = (campaign + "|" + routed["lead_id"] + "|").astype("str") + routed["routing_number"].astype("str")
    digests = [hashlib.blake2b(key.encode(), digest_size=12).hexdigest() for key in keys.tolist()]
    return pd.Series(digests, index=routed.index, dtype="str")


def _graduations(engagement: pd.DataFrame, rules: NurtureRules) -> pd.DataFrame:
    if rules.graduate_at_engagement is None:
        return engagement.head(0)[["lead_id", "day"]]
    return engagement.loc[engagement["engagement"] >= rules.graduate_at_engagement, ["lead_id", "day"]]


def _turns(
    starts: pd.DataFrame,
    holds: pd.DataFrame,
    hot: pd.DataFrame,
    lead_index: pd.Index[Any],
    first_enrolment: int,
) -> Turns:
    """Every turn in the fate of the leads at hand: a new enrolment, a changed hold, enough engagement."""
    started, held, heated = (_keys(frame, lead_index) for frame in (starts, holds, hot))
    holds, held = holds.loc[held >= 0], held[held >= 0]
    keys = np.unique(np.concatenate([started, held, heated[heated >= 0]]))
    lead, day = np.divmod(keys, DAYS_PER_LEAD)

    enrolment = np.full(len(keys), -1, dtype="int64")
    enrolment[np.searchsorted(keys, started)] = first_enrolment + np.arange(len(started))
    standing = latest(held, keys)
    hold = np.append(holds["hold"].to_numpy("int64"), FREE)[standing]
    code = np.append(holds["code"].to_numpy(object), "")[standing]
    resumed_at = np.append(moments_of(holds["resumed_at"]), np.datetime64("NaT", "us"))[standing]
    return Turns(lead, day.astype("datetime64[D]"), enrolment, hold, code, resumed_at, np.isin(keys, heated))


def _keys(frame: pd.DataFrame, lead_index: pd.Index[Any]) -> Positions:
    """Lead and day of each row as one number; -1 for a lead that is not at hand."""
    lead = positions(lead_index, frame["lead_id"])
    return np.where(lead >= 0, keys_of(lead, days_of(frame["day"])), -1)


def _nurtured_leads(passages: Passages, lead_index: pd.Index[Any]) -> pd.DataFrame:
    entries, reasons = passages.journal.days()
    enrolments, enrolment = passages.enrolments, entries["enrolment"]
    totals = passages.timetable.totals[enrolments.sequence[enrolment]]
    return pd.DataFrame(
        {
            "day": entries["day"].astype("datetime64[us]"),
            "lead_id": _text(lead_index.to_series(), entries["lead"]),
            "enrolment_id": _text(enrolments.enrolment_id, enrolment),
            "sequence": _text(enrolments.sequences.to_series(), enrolments.sequence[enrolment]),
            "state": _text(pd.Series(STATES, dtype="str"), entries["state"]),
            "enrolled_at": _moments(enrolments.enrolled_at[enrolment]),
            "steps_total": pd.array(np.maximum(totals, entries["steps"]), dtype="Int64"),
            "steps_planned": pd.array(entries["steps"], dtype="Int64"),
            "next_step": pd.Series(entries["steps"] + 1, dtype="Int64").mask(np.isnat(entries["next_touch"])),
            "next_touch_at": _moments(entries["next_touch"]),
            "reasons": reasons,
        }
    )


def _nurture_touches(passages: Passages, lead_index: pd.Index[Any], stale_after_hours: float) -> pd.DataFrame:
    touches = passages.journal.touches()
    enrolments, enrolment = passages.enrolments, touches["enrolment"]
    planned_at = _moments(touches["planned_at"])
    return pd.DataFrame(
        {
            "day": touches["day"].astype("datetime64[us]"),
            "lead_id": _text(lead_index.to_series(), touches["lead"]),
            "enrolment_id": _text(enrolments.enrolment_id, enrolment),
            "step": pd.array(touches["step"], dtype="Int64"),
            "sequence": _text(enrolments.sequences.to_series(), enrolments.sequence[enrolment]),
            "channel": pd.Series("email", index=range(len(enrolment)), dtype="str"),
            "email": passages.timetable.history.email.at(touches["lead"], touches["day"]),
            "planned_at": planned_at,
            "not_after": planned_at + pd.Timedelta(hours=stale_after_hours).as_unit("us"),
        }
    )


def _text(values: pd.Series[Any], places: npt.NDArray[np.int64]) -> pd.Series[str]:
    return values.astype("str").take(places).reset_index(drop=True)


def _moments(moments: npt.NDArray[np.datetime64]) -> pd.Series[pd.Timestamp]:
    return pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC"))


def _as_day(day: pd.Timestamp) -> np.datetime64:
    return np.datetime64(day.date(), "D")
