"""Whose lead it becomes: the first of some candidates who is there and has room, in one transaction.

What belongs here: the one statement of ownership, made so that however many decide at once (runs, commands, the
service), a lead has one owner and no rep more leads than room. What does not: whom to try (a plan, a person, the sweep
of first touches), and telling anybody.

A decider holds at most two locks, always in this order: the lead's, then one rep's. A rep who turns out not to have
room is let go before the next is tried (a savepoint that is rolled back gives its locks back), so deciders wait for
each other but never in a circle. Under a rep's lock the rep's record, absences and leads are read anew, and they stay
as read until the transaction ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, and_, delete, exists, func, insert, select

from leadflow_pipeline.route.owners.capacity import room_in_total
from leadflow_pipeline.route.owners.rep import Rep
from leadflow_pipeline.route.owners.reps_of_day import Absence
from leadflow_pipeline.route.owners.working_time import Calendar, add_working_time
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import handoffs, held_handoffs, outcomes, rep_absences, reps

ENDED: Final = ("won", "lost")
"""Outcomes after which a lead takes no room any more."""

UNKNOWN, LEFT, PAUSED, AWAY, FULL = "not known", "gone", "paused", "away", "full"
"""Why somebody cannot have a lead now, as it is told."""


@dataclass(frozen=True)
class Claim:
    """Who should have which lead: `candidates` are rep ids, the best first.

    `assignment_number` is the decision's; without one the claim is for the lead's next owner. `planned` is whom a plan
    named, if one did. `decision_day` is whose capacity is used. `by_hand`: a person said so, which neither an absence
    nor a full calendar overrules. `first_touch_hours` of working time are what the owner has; None: no clock.
    """

    campaign: str
    lead_id: str
    decision_day: date
    candidates: tuple[str, ...]
    origin: str
    assignment_number: int | None = None
    planned: str | None = None
    by_hand: bool = False
    first_touch_hours: float | None = None


@dataclass(frozen=True)
class Handoff:
    """A lead has an owner. `is_new`: by this claim, not by an earlier one of the same number.

    `present` is the owner as it was found, of a new one.
    """

    campaign: str
    lead_id: str
    assignment_number: int
    rep: str
    planned_rep: str | None
    previous_rep: str | None
    decision_day: date
    origin: str
    reason: str
    decided_at: datetime
    first_touch_due_at: datetime | None
    is_new: bool = True
    present: PresentRep | None = None


STORED: Final = tuple(name for name in Handoff.__dataclass_fields__ if name not in ("is_new", "present"))
"""Fields of a hand-over that are columns of the table."""


@dataclass(frozen=True)
class NobodyFree:
    """None of the candidates may or can have the lead now. `reason` names nobody."""

    reason: str


@dataclass(frozen=True)
class PresentRep:
    """A rep as it is now, with the absences that are not over."""

    rep: Rep
    absences: tuple[Absence, ...]

    def is_away(self, now: datetime) -> bool:
        """Whether it is away today, by its own calendar."""
        today = now.astimezone(ZoneInfo(self.rep.time_zone)).date()
        return any(absence.covers(today) for absence in self.absences)

    @property
    def calendar(self) -> Calendar:
        """When it works."""
        return Calendar.of(self.rep, self.absences)


def claim_owner(
    connection: Connection, claim: Claim, now: datetime, *, is_rehearsal: bool = False
) -> Handoff | NobodyFree:
    """Gives the lead to the first candidate who may and can have it, in the caller's transaction.

    Where a claim of this number, or a later one, was carried out before, that is returned and nothing changes. The
    caller commits at once: nobody else can decide about this lead and this rep until then. A rehearsal takes no locks;
    its transaction is to be rolled back.
    """
    if not is_rehearsal:
        lock_lead(connection, claim.campaign, claim.lead_id)
    earlier = handoffs_of(connection, claim.campaign, claim.lead_id)
    if earlier and claim.assignment_number is not None:
        latest = earlier[-1]
        if latest.assignment_number >= claim.assignment_number:
            return latest
    refusals: list[str] = []
    for candidate in dict.fromkeys(claim.candidates):
        with connection.begin_nested() as attempt:
            if not is_rehearsal:
                _lock(connection, "rep", candidate)
            present = present_rep(connection, candidate, now)
            refusal = _refusal(connection, claim, present, now)
            if refusal is None and present is not None:
                handoff = _handoff(claim, present, earlier, refusals, now)
                _write(connection, handoff, now)
                return handoff
            attempt.rollback()
        refusals.append(refusal or UNKNOWN)
    return NobodyFree(told_refusals(refusals))


def present_rep(connection: Connection, rep: str, now: datetime) -> PresentRep | None:
    """A rep as its latest record says; None where there is none."""
    today = now.astimezone(UTC).date()
    row = connection.execute(
        select(reps.c.document)
        .where(reps.c.rep == rep, reps.c.from_day <= today)
        .order_by(reps.c.from_day.desc(), reps.c.record_id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    record = Rep.model_validate(row.document)
    standing = standing_absences(connection, [rep], today - timedelta(days=1))
    return PresentRep(record, standing.get(rep, ()))


def standing_absences(
    connection: Connection, rep_ids: Iterable[str], not_over_before: date = date.min
) -> dict[str, tuple[Absence, ...]]:
    """Each rep's absences that were not withdrawn, in order; with a day, only those that were not over before it."""
    query = (
        select(rep_absences.c.rep, rep_absences.c.first_day, rep_absences.c.last_day)
        .where(
            rep_absences.c.rep.in_(sorted(rep_ids)),
            rep_absences.c.withdrawn_at.is_(None),
            rep_absences.c.last_day >= not_over_before,
        )
        .order_by(rep_absences.c.rep, rep_absences.c.first_day, rep_absences.c.last_day)
    )
    found: dict[str, tuple[Absence, ...]] = {}
    for rep, first, last in connection.execute(query).tuples():
        found[rep] = (*found.get(rep, ()), Absence(rep, first, last))
    return found


def handoffs_of(connection: Connection, campaign: str, lead_id: str) -> list[Handoff]:
    """Everybody who has had the lead, the present owner last."""
    rows = connection.execute(
        select(handoffs)
        .where(handoffs.c.campaign == campaign, handoffs.c.lead_id == lead_id)
        .order_by(handoffs.c.assignment_number)
    ).mappings()
    return [as_handoff(row) for row in rows]


def as_handoff(row: Any) -> Handoff:
    """A row of `handoffs`, which was written before."""
    return Handoff(**{name: row[name] for name in STORED}, is_new=False)


def told_refusals(refusals: Sequence[str]) -> str:
    """Why nobody has it, in words without names: `3 candidates: 2 full, 1 away`."""
    if not refusals:
        return "the plan found nobody"
    counts = [
        f"{refusals.count(reason)} {reason}"
        for reason in (FULL, AWAY, PAUSED, LEFT, UNKNOWN)
        if reason in refusals
    ]
    noun = "candidate" if len(refusals) == 1 else "candidates"
    return f"{len(refusals)} {noun}: {', '.join(counts)}"


def _refusal(connection: Connection, claim: Claim, present: PresentRep | None, now: datetime) -> str | None:
    """Why a candidate cannot have the lead now; None where it can."""
    if present is None:
        return UNKNOWN
    if present.rep.status != "active":
        return LEFT if present.rep.status == "left" else PAUSED
    if claim.by_hand:
        return None
    if present.is_away(now):
        return AWAY
    return None if _has_room(connection, claim, present.rep, now) else FULL


def _has_room(connection: Connection, claim: Claim, rep: Rep, now: datetime) -> bool:
    """Whether one more lead fits into the rep's day, week and open leads, over all campaigns."""
    capacity = rep.capacity
    if (capacity.per_day, capacity.per_week, capacity.per_month, capacity.open_leads) == (None,) * 4:
        return True
    day = claim.decision_day
    monday = day - timedelta(days=day.weekday())
    # Whose day a lead counts for is never later than the day on which it was told.
    of_week = and_(
        handoffs.c.rep == rep.rep,
        handoffs.c.decided_at >= datetime.combine(monday, datetime.min.time(), UTC),
        handoffs.c.decision_day.between(monday, monday + timedelta(days=6)),
    )
    on_day = func.count().filter(handoffs.c.decision_day == day)
    today, this_week = connection.execute(select(on_day, func.count()).where(of_week)).one()
    held = _open_leads(connection, rep.rep, now) if capacity.open_leads is not None else 0
    return room_in_total(rep, day, today, this_week, held) >= 1


def _open_leads(connection: Connection, rep: str, now: datetime) -> int:
    """How many leads the rep has that are neither won nor lost, over all campaigns."""
    later = handoffs.alias("later")
    is_passed_on = exists().where(
        later.c.campaign == handoffs.c.campaign,
        later.c.lead_id == handoffs.c.lead_id,
        later.c.assignment_number > handoffs.c.assignment_number,
    )
    has_ended = exists().where(
        outcomes.c.campaign == handoffs.c.campaign,
        outcomes.c.lead_id == handoffs.c.lead_id,
        outcomes.c.outcome.in_(ENDED),
        outcomes.c.occurred_at <= now,
    )
    query = select(func.count()).where(handoffs.c.rep == rep, ~is_passed_on, ~has_ended)
    return connection.scalar(query) or 0


def _handoff(
    claim: Claim, present: PresentRep, earlier: Sequence[Handoff], refusals: Sequence[str], now: datetime
) -> Handoff:
    number = earlier[-1].assignment_number + 1 if earlier else 1
    hours = claim.first_touch_hours
    return Handoff(
        claim.campaign,
        claim.lead_id,
        claim.assignment_number or number,
        present.rep.rep,
        claim.planned,
        earlier[-1].rep if earlier else None,
        claim.decision_day,
        claim.origin,
        _reason(claim, present.rep.rep, refusals),
        now,
        None if hours is None else after_working_hours(present, now, hours),
        present=present,
    )


def after_working_hours(present: PresentRep, since: datetime, hours: float) -> datetime | None:
    """When so many working hours of a rep are over; None where they never are."""
    start = np.array([since.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")
    moment = add_working_time(start, hours, present.calendar)[0]
    return None if np.isnat(moment) else moment.astype(datetime).replace(tzinfo=UTC)


def _reason(claim: Claim, rep: str, refusals: Sequence[str]) -> str:
    """One plain line that names nobody."""
    if claim.origin == "sla":
        return "the owner before was not in touch in time"
    if claim.by_hand:
        return "decided by hand"
    if refusals:
        return f"the next best: whoever was better is not free ({told_refusals(refusals)})"
    return "as planned" if claim.planned == rep else "decided at once"


def _write(connection: Connection, handoff: Handoff, now: datetime) -> None:
    differs = None if handoff.rep == handoff.planned_rep else now
    row = {name: getattr(handoff, name) for name in STORED}
    connection.execute(insert(handoffs).values(**row, differs_at=differs))
    connection.execute(
        delete(held_handoffs).where(
            held_handoffs.c.campaign == handoff.campaign, held_handoffs.c.lead_id == handoff.lead_id
        )
    )


def lock_lead(connection: Connection, campaign: str, lead_id: str) -> None:
    """Lets one at a time decide about a lead, until its transaction ends. To be taken before any rep's lock."""
    _lock(connection, "lead owner", campaign, lead_id)


def _lock(connection: Connection, *name: str) -> None:
    connection.execute(select(func.pg_advisory_xact_lock(lock_number(*name))))
