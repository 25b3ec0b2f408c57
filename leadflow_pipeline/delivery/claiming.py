"""Whose lead it becomes: the first of some candidates who is there and has room, in one transaction.

What belongs here: the one statement of ownership, made so that however many decide at once (runs, commands, the
service), a lead has one owner and no rep more leads than room. What does not: whom to try (a plan, a person, the sweep
of first touches), what is known of reps and their room (`present_reps`), and telling anybody.

Deciders wait for each other, but never in a circle. Who decides about many leads takes all the leads' locks in the
order of their numbers, then all the candidates' in theirs. Who decides about one takes the lead's, then one rep's at a
time: a rep who turns out not to have room is let go before the next is tried (a savepoint that is rolled back gives its
locks back), so single decisions keep nobody from another rep. Under a rep's lock the rep's record, absences and leads
are read anew, and they stay as read until the transaction ends.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import ARRAY, BigInteger, Connection, Text, bindparam, select, text

from leadflow_pipeline.delivery.present_reps import (
    ENDED,
    KeptRoom,
    PresentRep,
    Room,
    after_working_hours,
    reps_with_room,
)
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import handoffs, outcomes
from leadflow_pipeline.store.together import Sent

Lead: TypeAlias = tuple[str, str]
"""Campaign and lead_id."""

LOCK_ALL: Final = text(
    "SELECT count(pg_advisory_xact_lock(number)) FROM unnest(:numbers) AS number"
).bindparams(bindparam("numbers", type_=ARRAY(BigInteger)))
"""One after the other, in the order of the list."""

GIVE: Final = text(
    """
    WITH given AS (
        INSERT INTO leadflow.handoffs
        SELECT * FROM jsonb_populate_recordset(NULL::leadflow.handoffs, CAST(:given AS jsonb))
        RETURNING campaign, lead_id
    )
    DELETE FROM leadflow.held_handoffs AS held USING given
    WHERE held.campaign = given.campaign AND held.lead_id = given.lead_id
    """
).bindparams(bindparam("given", type_=Text))
"""Hand-overs are written, and the leads wait no more: one statement whatever their number."""

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
    tells: bool = True
    """Whether whoever claims tells the owner in the same transaction; else the next hand-over does."""


@dataclass(frozen=True)
class Handoff:
    """A lead has an owner. `is_new`: by this claim, not by an earlier one of the same number.

    Of a new one, `present` is the owner as it was found, and `reassignments` how often the lead has changed hands
    because nobody was in touch in time, with this time.
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
    reassignments: int = 0
    is_told: bool = True


NOT_STORED: Final = ("is_new", "present", "reassignments", "is_told")
STORED: Final = tuple(name for name in Handoff.__dataclass_fields__ if name not in NOT_STORED)
"""Fields of a hand-over that are columns of the table."""


@dataclass(frozen=True)
class NobodyFree:
    """None of the candidates may or can have the lead now. `reason` names nobody."""

    reason: str


def claim_owner(connection: Connection, claim: Claim, now: datetime) -> Handoff | NobodyFree:
    """Gives the lead to the first candidate who may and can have it, in the caller's transaction.

    Where a claim of this number, or a later one, was carried out before, that is returned and nothing changes. The
    caller commits at once: nobody else can decide about this lead and this rep until then.
    """
    lead = (claim.campaign, claim.lead_id)
    lock_leads(connection, [lead])
    known = _Known.read(connection, [claim], now)
    earlier = known.told_before(claim)
    if earlier is not None:
        return earlier
    refusals: list[str] = []
    for candidate in dict.fromkeys(claim.candidates):
        with connection.begin_nested() as attempt:
            _lock(connection, [("rep", candidate)])
            known.read_reps(connection, [candidate], {claim.decision_day}, now)
            refusal = known.refusal(claim, candidate, now)
            if refusal is None:
                handoff = known.give(claim, candidate, refusals, now)
                _write(connection, [handoff], now)
                return handoff
            attempt.rollback()
        refusals.append(refusal)
    return NobodyFree(told_refusals(refusals))


def claim_owners(
    connection: Connection,
    claims: Sequence[Claim],
    now: datetime,
    *,
    is_rehearsal: bool = False,
) -> list[Handoff | NobodyFree]:
    """`claim_owner` for some leads in their order, in a handful of statements whatever their number.

    Until the caller commits nobody else can decide about any of the candidates, so claims should be some dozens. A
    rehearsal takes no locks; its transaction is to be rolled back.
    """
    candidates = sorted({candidate for claim in claims for candidate in claim.candidates})
    if not is_rehearsal:
        lock_leads(connection, [(claim.campaign, claim.lead_id) for claim in claims])
        _lock(connection, [("rep", candidate) for candidate in candidates])
    known = _Known.read(connection, claims, now)
    known.read_reps(connection, candidates, {claim.decision_day for claim in claims}, now)
    outcome = [known.claimed(claim, now) for claim in claims]
    _write(connection, [each for each in outcome if isinstance(each, Handoff) and each.is_new], now)
    return outcome


def claim_at_once(
    connection: Connection,
    claims: Sequence[Claim],
    histories: dict[Lead, list[Handoff]],
    now: datetime,
    kept: KeptRoom | None = None,
) -> tuple[list[Handoff | NobodyFree], Sent | None]:
    """`claim_owners` for whoever holds the leads' locks and has read since who had the leads, none of which is won or
    lost. And what writes it, if anything: whoever asks carries that out with what else it writes, in one go.
    """
    if not claims:
        return [], None
    candidates = sorted({candidate for claim in claims for candidate in claim.candidates})
    locks = (LOCK_ALL, {"numbers": _numbers([("rep", candidate) for candidate in candidates])})
    known = _Known(histories, set())
    days = {claim.decision_day for claim in claims}
    known.present, known.room = reps_with_room(connection, candidates, days, now, kept, locks)
    outcome = [known.claimed(claim, now) for claim in claims]
    return outcome, _writing([each for each in outcome if isinstance(each, Handoff) and each.is_new], now)


@dataclass
class _Known:
    """What is known under the locks, counted on with each decision: who had the leads, and how the reps are."""

    histories: dict[Lead, list[Handoff]]
    ended: set[Lead]
    present: dict[str, PresentRep] = field(default_factory=dict)
    room: Room = field(default_factory=Room)

    @classmethod
    def read(cls, connection: Connection, claims: Sequence[Claim], now: datetime) -> _Known:
        """Of the leads that are claimed."""
        leads = sorted({(claim.campaign, claim.lead_id) for claim in claims})
        histories = handoffs_of_leads(connection, leads)
        return cls(histories, _ended(connection, histories, now))

    def read_reps(
        self,
        connection: Connection,
        candidates: Sequence[str],
        days: set[date],
        now: datetime,
    ) -> None:
        """As they are now, and what they were given in the weeks of these days."""
        self.present, self.room = reps_with_room(connection, candidates, days, now)

    def claimed(self, claim: Claim, now: datetime) -> Handoff | NobodyFree:
        """The first candidate who can have it gets the lead."""
        earlier = self.told_before(claim)
        if earlier is not None:
            return earlier
        refusals: list[str] = []
        for candidate in dict.fromkeys(claim.candidates):
            refusal = self.refusal(claim, candidate, now)
            if refusal is None:
                return self.give(claim, candidate, refusals, now)
            refusals.append(refusal)
        return NobodyFree(told_refusals(refusals))

    def told_before(self, claim: Claim) -> Handoff | None:
        """The hand-over of this number, or of a later one, where there is one."""
        history = self.histories.get((claim.campaign, claim.lead_id), [])
        number = claim.assignment_number
        is_done = number is not None and history and history[-1].assignment_number >= number
        return history[-1] if is_done else None

    def refusal(self, claim: Claim, candidate: str, now: datetime) -> str | None:
        """Why a candidate cannot have the lead now; None where it can."""
        present = self.present.get(candidate)
        if present is None:
            return UNKNOWN
        if present.rep.status != "active":
            return LEFT if present.rep.status == "left" else PAUSED
        if claim.by_hand:
            return None
        if present.is_away(now):
            return AWAY
        return None if self.room.has(present.rep, claim.decision_day) else FULL

    def give(self, claim: Claim, candidate: str, refusals: Sequence[str], now: datetime) -> Handoff:
        """The lead is the candidate's, which takes room of it and gives room to whoever had the lead."""
        lead = (claim.campaign, claim.lead_id)
        history = self.histories.setdefault(lead, [])
        handoff = _handoff(claim, self.present[candidate], history, refusals, now)
        self.room.given[candidate, claim.decision_day] += 1
        if lead not in self.ended:
            self.room.open[candidate] += 1
            if history:
                self.room.open[history[-1].rep] -= 1
        history.append(replace(handoff, is_new=False, present=None))
        return handoff


def handoffs_of(connection: Connection, campaign: str, lead_id: str) -> list[Handoff]:
    """Everybody who has had the lead, the present owner last."""
    return handoffs_of_leads(connection, [(campaign, lead_id)]).get((campaign, lead_id), [])


def handoffs_of_leads(connection: Connection, leads: Sequence[Lead]) -> dict[Lead, list[Handoff]]:
    """Everybody who has had each of these leads, the present owner last; without leads that nobody had."""
    found: defaultdict[Lead, list[Handoff]] = defaultdict(list)
    for campaign, lead_ids in _by_campaign(leads).items():
        query = (
            select(handoffs)
            .where(handoffs.c.campaign == campaign, handoffs.c.lead_id.in_(lead_ids))
            .order_by(handoffs.c.lead_id, handoffs.c.assignment_number)
        )
        for row in connection.execute(query).mappings():
            found[campaign, row["lead_id"]].append(as_handoff(row))
    return dict(found)


def _ended(connection: Connection, leads: Iterable[Lead], now: datetime) -> set[Lead]:
    """Which of these leads are won or lost."""
    ended = set()
    for campaign, lead_ids in _by_campaign(leads).items():
        query = select(outcomes.c.lead_id).where(
            outcomes.c.campaign == campaign,
            outcomes.c.lead_id.in_(lead_ids),
            outcomes.c.outcome.in_(ENDED),
            outcomes.c.occurred_at <= now,
        )
        ended |= {(campaign, lead_id) for lead_id in connection.scalars(query)}
    return ended


def _by_campaign(leads: Iterable[Lead]) -> dict[str, list[str]]:
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for campaign, lead_id in leads:
        grouped[campaign].append(lead_id)
    return grouped


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
        reassignments=reassignments(earlier) + (claim.origin == "sla"),
        is_told=claim.tells,
    )


def reassignments(history: Iterable[Handoff]) -> int:
    """How often a lead has changed hands because nobody was in touch in time."""
    return sum(handoff.origin == "sla" for handoff in history)


def _reason(claim: Claim, rep: str, refusals: Sequence[str]) -> str:
    """One plain line that names nobody."""
    if claim.origin == "sla":
        return "the owner before was not in touch in time"
    if claim.by_hand:
        return "decided by hand"
    if refusals:
        return f"the next best: whoever was better is not free ({told_refusals(refusals)})"
    return "as planned" if claim.planned == rep else "decided at once"


def _write(connection: Connection, given: Sequence[Handoff], now: datetime) -> None:
    writing = _writing(given, now)
    if writing is not None:
        connection.execute(*writing)


def _writing(given: Sequence[Handoff], now: datetime) -> Sent | None:
    """What writes hand-overs."""
    if not given:
        return None
    rows = [
        {
            **{name: _as_json(getattr(handoff, name)) for name in STORED},
            "differs_at": None if handoff.rep == handoff.planned_rep else now.isoformat(),
            "told_at": now.isoformat() if handoff.is_told else None,
        }
        for handoff in given
    ]
    return GIVE, {"given": json.dumps(rows)}


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def lock_leads(connection: Connection, leads: Sequence[Lead]) -> None:
    """Lets one at a time decide about leads, until its transaction ends. To be taken before any rep's lock."""
    _lock(connection, [("lead owner", *lead) for lead in leads])


def lead_locks(leads: Sequence[Lead]) -> list[int]:
    """The numbers of these locks, in the order in which they are taken."""
    return _numbers([("lead owner", *lead) for lead in leads])


def _lock(connection: Connection, names: Sequence[tuple[str, ...]]) -> None:
    connection.execute(LOCK_ALL, {"numbers": _numbers(names)})


def _numbers(names: Sequence[tuple[str, ...]]) -> list[int]:
    return sorted({lock_number(*name) for name in names})
