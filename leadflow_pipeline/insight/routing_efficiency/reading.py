"""How well routing of a campaign works over some days: a door that only reads, summed in the database.

What belongs here: reading, and putting the figures together. What does not: formulas (`figures`), and clocks of first
touches (`delivery.first_touch_times`).

Counted are decisions of the days asked for: hand-overs by the day whose decision they carry out, plans by their day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Double, Engine, Select, Text, case, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.delivery.first_touch import read_first_touch_times
from leadflow_pipeline.delivery.first_touch_times import KEPT, LATE, OPEN, OPEN_LATE, PASSED_ON
from leadflow_pipeline.insight.routing_efficiency.figures import (
    Balance,
    Optimum,
    Spread,
    balance_of,
    optimum_of,
)
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import (
    enriched_leads,
    handoffs,
    held_handoffs,
    owner_decisions,
    rep_days,
)


@dataclass(frozen=True)
class FirstTouches:
    """How promises of a first touch were kept."""

    kept: int
    late: int
    open: int
    overdue: int
    passed_on: int
    share_in_time: float | None
    """Of those that were kept or not."""
    minutes: Spread
    """Of working time."""


@dataclass(frozen=True)
class Efficiency:
    """How well routing works."""

    campaign: str
    first_day: date
    last_day: date
    handed_over: int
    """Leads whose first owner was told."""
    by_origin: Mapping[str, int]
    """Hand-overs by what brought them about: pipeline, service, hand, sla."""
    by_method: Mapping[str, int]
    """Planned owners by what decided."""
    minutes_to_decide: Spread
    """From the moment a lead was received to its first owner, over all hours."""
    first_touches: FirstTouches
    balance: Balance
    optimum: Optimum
    reassigned: int
    """Hand-overs that took a lead from one owner to another."""
    other_than_planned: int
    """Leads told to another rep than the plan named, because that one could not have it any more."""
    held_now: int
    """Leads that wait for an owner at the door now, whatever day they are of."""
    hours_held: Spread


def read_efficiency(engine: Engine, campaign: str, first: date, last: date, now: datetime) -> Efficiency:
    """How well routing of a campaign worked on these days, as known now."""
    times = read_first_touch_times(engine, now, campaign)
    with engine.connect() as connection:
        told = read(connection, _told(campaign, first, last))
        methods = [row._tuple() for row in connection.execute(_methods(campaign, first, last))]
        held = read(connection, _held(campaign))
        balance = balance_of(read(connection, _rep_days(campaign, first, last)))
        optimum = _optimum(connection, campaign, first, last)
    keys = ["lead_id", "assignment_number"]
    is_first = told["assignment_number"] == 1
    waited = (told["decided_at"] - told["received_at"])[is_first].dt.total_seconds() / 60
    return Efficiency(
        campaign=campaign,
        first_day=first,
        last_day=last,
        handed_over=int(is_first.sum()),
        by_origin={
            str(name): int(count) for name, count in told["origin"].value_counts().sort_index().items()
        },
        by_method=dict(methods),
        minutes_to_decide=Spread.of(waited.clip(lower=0)),
        first_touches=_first_touches(times.merge(told[keys].astype({"assignment_number": "int64"}), on=keys)),
        balance=balance,
        optimum=optimum,
        reassigned=int((~is_first).sum()),
        other_than_planned=int((told["planned_rep"].notna() & told["planned_rep"].ne(told["rep"])).sum()),
        held_now=len(held),
        hours_held=Spread.of((pd.Timestamp(now) - held["held_since"]).dt.total_seconds() / 3600),
    )


def _first_touches(times: pd.DataFrame) -> FirstTouches:
    counts = times["state"].value_counts()
    kept, late, overdue = (int(counts.get(state, 0)) for state in (KEPT, LATE, OPEN_LATE))
    judged = kept + late + overdue
    return FirstTouches(
        kept=kept,
        late=late,
        open=int(counts.get(OPEN, 0)),
        overdue=overdue,
        passed_on=int(counts.get(PASSED_ON, 0)),
        share_in_time=kept / judged if judged else None,
        minutes=Spread.of(times["minutes"]),
    )


def _told(campaign: str, first: date, last: date) -> Select[Any]:
    """Hand-overs, each with the moment at which its lead was first received."""
    given = handoffs.c
    received = (
        select(func.min(enriched_leads.c.received_at).label("received_at"))
        .where(enriched_leads.c.campaign == given.campaign, enriched_leads.c.lead_id == given.lead_id)
        .correlate(handoffs)
        .lateral("received")
    )
    return (
        select(
            given.lead_id, given.assignment_number, given.rep, given.planned_rep, given.origin, given.decided_at,
            received.c.received_at,
        )
        .join_from(handoffs, received, true())
        .where(given.campaign == campaign, given.decision_day.between(first, last))
        .order_by(given.lead_id, given.assignment_number)
    )  # fmt: skip


def _methods(campaign: str, first: date, last: date) -> Select[Any]:
    decided = owner_decisions.c
    what = case((decided.status == "HELD", "held"), else_=decided.method)
    return (
        select(what, func.count())
        .where(decided.campaign == campaign, decided.day.between(first, last))
        .group_by(what)
        .order_by(what)
    )


def _held(campaign: str) -> Select[Any]:
    return select(held_handoffs.c.held_since).where(held_handoffs.c.campaign == campaign)


def _rep_days(campaign: str, first: date, last: date) -> Select[Any]:
    days = rep_days.c
    return (
        select(
            days.rep,
            func.sum(days.capacity).label("capacity"),
            func.sum(days.assigned).label("assigned"),
            func.max(days.load).label("load"),
            func.count().filter(days.assigned < days.floor).label("floors_missed"),
        )
        .where(days.campaign == campaign, days.day.between(first, last))
        .group_by(days.rep)
        .order_by(days.rep)
    )


def _optimum(connection: Connection, campaign: str, first: date, last: date) -> Optimum:
    """Of leads that a choice was made for: what is told (an override, a hand-over) left none."""
    decided = owner_decisions.c
    told = (
        func.jsonb_to_recordset(cast(decided.candidates["best"], JSONB))
        .table_valued(column("rep", Text), column("value", Double), column("price", Double), name="told")
        .render_derived(with_types=True)
    )
    chosen = (
        decided.campaign == campaign,
        decided.day.between(first, last),
        decided.expected_value.is_not(None),
    )
    gain = func.max(told.c.value - told.c.price).label("gain")
    best = (
        select(decided.day, decided.lead_id, decided.expected_value, gain)
        .join_from(owner_decisions, told, true())
        .where(*chosen)
        .group_by(decided.day, decided.lead_id, decided.expected_value)
        .subquery()
    )
    by_day = select(
        best.c.day,
        func.count().label("leads"),
        func.sum(best.c.expected_value).label("value"),
        func.sum(best.c.gain).label("gain"),
    ).group_by(best.c.day)
    priced = (
        select(decided.day, told.c.rep, func.max(told.c.price).label("price"))
        .join_from(owner_decisions, told, true())
        .where(*chosen)
        .group_by(decided.day, told.c.rep)
        .subquery()
    )
    days = rep_days.c
    prices = select(priced.c.day, priced.c.rep, priced.c.price, days.capacity, days.floor).join_from(
        priced,
        rep_days,
        (days.campaign == campaign) & (days.day == priced.c.day) & (days.rep == priced.c.rep),
    )
    return optimum_of(read(connection, by_day), read(connection, prices))
