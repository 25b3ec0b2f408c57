"""The plan of nurture: who is in which sequence, and which touch falls due when. Planning sends nothing.

What belongs here: a lead's passage through a sequence, day by day, as a pure function of facts and of the
campaign's own earlier rows. What does not: what an email says, and whether it may leave now (the release door
asks that).

Partition D is planned as of the end of D and holds the touches that fall due in the 24 hours from there.
Delays count from planned times, so a slow mail server changes no plan. A touch whose moment has passed
unplanned (the lead was paused, a day was never computed) is planned at the next open moment instead.

A lead routed again begins anew: its old passage ends on that day. A held lead (see `holds`) gets nothing; a
pause ends by itself, a stop only by a `resume` override, and a graduated lead comes back only by being routed
again, or enrolled by hand. What follows a sequence is a new enrolment, named after the one before it.

All days of a range are planned together. Between two turns of its fate (routed, held, freed) a lead's passage
is uninterrupted, and uninterrupted days are planned one step of all leads at a time: the loops run over the
turns of a lead and over the steps of a sequence, never over leads or days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.experiment.exposure import Begun
from leadflow_pipeline.nurture.by_hand import (
    ENROL,
    acts_by_hand,
    enrolment_ids_by_hand,
    named_after,
    names_an_unknown,
)
from leadflow_pipeline.nurture.endings import (
    Colleagues,
    asked_at_any_time,
    days_to_ask,
    stops_on_colleagues,
)
from leadflow_pipeline.nurture.holds import holding_facts, holds_by_day
from leadflow_pipeline.nurture.knowledge import TIERS, Doings, Knowledge, Records
from leadflow_pipeline.nurture.leaving import Leaving
from leadflow_pipeline.nurture.passage import Passages
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.timetable import (
    DAYS_PER_LEAD,
    Habits,
    LeadHistory,
    Positions,
    Timetable,
    days_of,
    keys_of,
    moments_of,
    positions,
)
from leadflow_pipeline.nurture.timing.pace import quickened
from leadflow_pipeline.nurture.tried_windows import TriedWindows
from leadflow_pipeline.nurture.turns import Acts, Turns
from leadflow_pipeline.nurture.ways import CHANNELS, END, followers
from leadflow_pipeline.nurture.whereabouts import STATES, Enrolments, Whereabouts

RUNNING_STATES = ("ENROLLED", "TOUCH_DUE")
LIVE_STATES = (*RUNNING_STATES, "PAUSED", "STOPPED")
"""States from which a passage may still go on; beside them one that is COMPLETED, while it rests."""


def may_go_on(previous: pd.DataFrame) -> pd.Series[bool]:
    """Whether a passage may still go on from each lead's latest row, or what follows it has yet to begin."""
    return previous["state"].isin(LIVE_STATES) | previous["rests_until"].notna()


def plan_nurture(
    routed: pd.DataFrame,
    previous: pd.DataFrame,
    leads: pd.DataFrame,
    scores: pd.DataFrame,
    tiers: pd.DataFrame,
    events: pd.DataFrame,
    outcomes: pd.DataFrame,
    overrides: pd.DataFrame,
    rules: NurtureRules,
    *,
    campaign: str,
    days: Sequence[date],
    time_zone: str,
    rep_touches: pd.DataFrame | None = None,
    send_times: Begun | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`(nurtured_leads, nurture_touches)` of consecutive `days`, by key, without the campaign's columns.

    * `routed`: rows of `routed_leads` of these days
    * `previous`: each lead's latest row of `nurtured_leads` before the first day; rows of leads that neither move by
      themselves nor are moved by anything (see `movers`) may be left out
    * `leads`: day, lead_id, email, time_zone, country, company_domain and what conditions ask for, on any days up to
      the last; the latest as of a day counts
    * `scores`, `tiers`: day, lead_id and what conditions ask for of the score, and the tier, in the same way; of the
      score at least `engagement` of these days where the rules graduate leads by it
    * `events`, `outcomes`, `overrides`: facts before the end of the last day
    * `rep_touches`: lead_id, occurred_at of reps in touch with leads before then, where that stops sequences
    * `send_times`: experiments of that kind, and who met them up to the last day; None where none was begun

    A routed lead without an email is not enrolled; the summary counts it.
    """
    first_day, last_day = pd.Timestamp(days[0]).as_unit("us"), pd.Timestamp(days[-1]).as_unit("us")
    events = events.loc[~events["is_machine"].fillna(value=False).astype(bool)]
    overrides = overrides.loc[~names_an_unknown(overrides, rules.sequence_names)]
    starts = routed.loc[routed["status"].eq("ROUTED") & routed["email"].notna()]
    holds = holds_by_day(holding_facts(events, outcomes, rules), overrides, first_day, last_day)
    hot = _graduations(scores, rules, first_day)
    quick = quickened(events, rules.pace)
    quick = quick.loc[quick["day"].between(first_day, last_day)]
    acts = acts_by_hand(overrides, rules.sequence_names)
    acts = acts.loc[acts["day"].between(first_day, last_day)]

    live = previous.loc[may_go_on(previous)]
    enrols = acts.loc[acts["act"].eq(ENROL)]
    lead_index = pd.Index(
        pd.concat([live["lead_id"], starts["lead_id"], enrols["lead_id"]]).unique(), dtype="str"
    ).sort_values()
    history = LeadHistory.of(leads, lead_index)
    has_email = history.email.at(positions(lead_index, enrols["lead_id"]), days_of(enrols["day"])).notna()
    acts = acts.drop(enrols.index[~has_email.to_numpy()])
    acts = acts.loc[positions(lead_index, acts["lead_id"]) >= 0]
    enrols = acts.loc[acts["act"].eq(ENROL)]

    begun = [live["sequence"], starts["sequence"], enrols["target"]]
    sequences = pd.Index(sorted(followers(rules, pd.concat(begun).unique())), dtype="str")
    declared = [rules.sequence_of(name) for name in sequences]
    colleagues = Colleagues.of(events, leads, lead_index) if stops_on_colleagues(rules) else None
    asked_on = [
        _within(keys, first_day, last_day)
        for keys in (
            *days_to_ask(asked_at_any_time(declared), events, scores, tiers, leads, lead_index),
            *(colleagues.days() if colleagues is not None else ()),
            *_touched_on(rep_touches, lead_index),
            _keys(acts, lead_index),
        )
    ]
    turning = pd.Index(
        pd.concat([starts["lead_id"], holds["lead_id"], hot["lead_id"], quick["lead_id"]]).unique()
    )
    is_asked = np.zeros(len(lead_index), dtype=bool)
    is_asked[np.concatenate(asked_on) // DAYS_PER_LEAD] = True
    turns_up = is_asked[positions(lead_index, live["lead_id"])] | (positions(turning, live["lead_id"]) >= 0)
    live = live.loc[moves_by_itself(live, last_day) | turns_up]

    enrolments = Enrolments.of(_begun(live, starts, enrols, campaign), sequences)
    habits = Habits.of(events, lead_index, rules, time_zone)
    tried = TriedWindows.of(send_times, lead_index) if send_times is not None else None
    timetable = Timetable.of(declared, sequences, rules.send_window, history, habits, time_zone, tried)
    where = Whereabouts.going_on(live, lead_index, enrolments)
    knowledge = Knowledge(
        lead_index,
        events,
        leads=Records.of(leads, lead_index),
        scores=Records.of(scores, lead_index),
        tiers=Records.of(tiers, lead_index),
    )
    leaving = Leaving(where, knowledge, colleagues, _touches(rep_touches, lead_index), declared)
    passages = Passages(where, timetable, knowledge, leaving, declared)
    passages.live_through(
        Turns.of(starts, holds, hot, quick, asked_on, lead_index, first_enrolment=len(live)),
        Acts.among(acts, lead_index, first_enrolment=len(live) + len(starts)),
        _as_day(first_day),
        _as_day(last_day),
    )
    return _nurtured_leads(passages, lead_index), _nurture_touches(
        passages, lead_index, rules.stale_after_hours
    )


def with_low_score_sequence(
    routed: pd.DataFrame, is_rejected: pd.Series[bool], rules: NurtureRules
) -> pd.DataFrame:
    """Routed rows with the campaign's sequence for leads that are nurtured though qualification rejected them."""
    if rules.low_score_sequence is None:
        return routed
    is_educated = is_rejected & routed["status"].eq("ROUTED") & routed["tier"].eq("COLD")
    return routed.assign(sequence=routed["sequence"].mask(is_educated, rules.low_score_sequence))


def _touches(rep_touches: pd.DataFrame | None, lead_index: pd.Index[Any]) -> Doings | None:
    if rep_touches is None:
        return None
    return Doings.of(positions(lead_index, rep_touches["lead_id"]), moments_of(rep_touches["occurred_at"]))


def _touched_on(rep_touches: pd.DataFrame | None, lead_index: pd.Index[Any]) -> Iterator[Positions]:
    """Keys of leads and days on which a rep was in touch."""
    if rep_touches is not None:
        lead = positions(lead_index, rep_touches["lead_id"])
        day = moments_of(rep_touches["occurred_at"]).astype("datetime64[D]")
        yield keys_of(lead[lead >= 0], day[lead >= 0])


def enrolment_ids(routed: pd.DataFrame, campaign: str) -> pd.Series[str]:
    """One lead's one passage through one sequence, named by campaign, lead and routing number alone.

    Neither day nor tier nor content takes part, so that computing old days again under new rules names the
    same passage, and no step of it can be sent a second time.
    """
    keys = (campaign + "|" + routed["lead_id"] + "|").astype("str") + routed["routing_number"].astype("str")
    return pd.Series([named_after(key) for key in keys.tolist()], index=routed.index, dtype="str")


def _begun(live: pd.DataFrame, starts: pd.DataFrame, enrols: pd.DataFrame, campaign: str) -> pd.DataFrame:
    """The enrolments at hand: those that go on, those that routing begins, those that people ask for."""
    columns = ["enrolment_id", "sequence", "enrolled_at"]
    routed = starts.assign(
        enrolment_id=enrolment_ids(starts, campaign), enrolled_at=starts["sequence_start_at"]
    )
    asked_for = enrols.assign(
        enrolment_id=enrolment_ids_by_hand(enrols, campaign),
        sequence=enrols["target"],
        enrolled_at=(enrols["day"] + pd.Timedelta(days=1)).dt.tz_localize("UTC"),
    )
    return pd.concat([live[columns], routed[columns], asked_for[columns]], ignore_index=True)


def moves_by_itself(live: pd.DataFrame, last_day: pd.Timestamp) -> pd.Series[bool]:
    """Whether each passage moves on by itself in the days up to the last: a step, its end, or what follows it."""
    midnight = (last_day + pd.Timedelta(days=1)).tz_localize("UTC")
    runs = live["state"].isin(RUNNING_STATES) & ~(live["next_touch_at"] >= midnight + pd.Timedelta(days=1))
    return runs | (live["rests_until"] <= midnight)


def _graduations(scores: pd.DataFrame, rules: NurtureRules, first_day: pd.Timestamp) -> pd.DataFrame:
    if rules.graduate_at_engagement is None:
        return scores.head(0)[["lead_id", "day"]]
    is_hot = (scores["engagement"] >= rules.graduate_at_engagement) & (scores["day"] >= first_day)
    return scores.loc[is_hot, ["lead_id", "day"]]


def _keys(acts: pd.DataFrame, lead_index: pd.Index[Any]) -> Positions:
    return keys_of(positions(lead_index, acts["lead_id"]), days_of(acts["day"]))


def _within(keys: Positions, first_day: pd.Timestamp, last_day: pd.Timestamp) -> Positions:
    """The keys of leads and days whose day is one of these."""
    day = keys % DAYS_PER_LEAD
    first, last = (_as_day(each).astype("int64") for each in (first_day, last_day))
    within: Positions = keys[(day >= first) & (day <= last)]
    return within


def _nurtured_leads(passages: Passages, lead_index: pd.Index[Any]) -> pd.DataFrame:
    entries, reasons = passages.where.journal.days()
    enrolments, enrolment = passages.where.enrolments, entries["enrolment"]
    totals = passages.timetable.ways.totals[enrolments.sequence[enrolment]]
    return pd.DataFrame(
        {
            "day": entries["day"].astype("datetime64[us]"),
            "lead_id": _text(lead_index.to_series(), entries["lead"]),
            "enrolment_id": _text(enrolments.enrolment_id, enrolment),
            "sequence": _text(enrolments.sequences.to_series(), enrolments.sequence[enrolment]),
            "state": _text(pd.Series(STATES, dtype="str"), entries["state"]),
            "enrolled_at": _moments(enrolments.enrolled_at[enrolment]),
            "tier_at_enrolment": _text(pd.Series([*TIERS, None], dtype="str"), entries["tier"]),
            "steps_total": pd.array(np.maximum(totals, entries["steps"]), dtype="Int64"),
            "steps_planned": pd.array(entries["steps"], dtype="Int64"),
            "next_step": pd.Series(entries["next_step"], dtype="Int64").mask(entries["next_step"] == END),
            "next_touch_at": _moments(entries["next_touch"]),
            "last_step_at": _moments(entries["last_step"]),
            "waits_until": _moments(entries["waits_until"]),
            "rests_until": _moments(entries["rests_until"]),
            "reasons": reasons,
        }
    )


def _nurture_touches(passages: Passages, lead_index: pd.Index[Any], stale_after_hours: float) -> pd.DataFrame:
    touches = passages.where.journal.touches()
    enrolments, enrolment = passages.where.enrolments, touches["enrolment"]
    planned_at = _moments(touches["planned_at"])
    return pd.DataFrame(
        {
            "day": touches["day"].astype("datetime64[us]"),
            "lead_id": _text(lead_index.to_series(), touches["lead"]),
            "enrolment_id": _text(enrolments.enrolment_id, enrolment),
            "step": pd.array(touches["step"], dtype="Int64"),
            "sequence": _text(enrolments.sequences.to_series(), enrolments.sequence[enrolment]),
            "channel": _text(pd.Series(CHANNELS, dtype="str"), touches["channel"]),
            "email": passages.timetable.history.email.at(touches["lead"], touches["day"]),
            "planned_at": planned_at,
            "not_after": planned_at + pd.Timedelta(hours=stale_after_hours).as_unit("us"),
        }
    )


def _text(values: pd.Series[Any], places: npt.NDArray[np.int64]) -> pd.Series[str]:
    """The values at places; the last one at -1."""
    return values.astype("str").take(places).reset_index(drop=True)


def _moments(moments: npt.NDArray[np.datetime64]) -> pd.Series[pd.Timestamp]:
    return pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC"))


def _as_day(day: pd.Timestamp) -> np.datetime64:
    return np.datetime64(day.date(), "D")
