"""The hand-over door: a planned owner becomes the owner, and is told.

What belongs here: carrying out what waits (`pending`), some leads in one transaction, which holds their owners
(`claiming`) and every message about them (`notices`). What does not: planning, leads that nobody can have (`holding`),
and sending (`dispatch`).

The plan of a day is met by the present: whoever was planned may have left since, may be away, or may have been given
as many leads by other campaigns. Then the plan's next best gets the lead, or it is held, with the reason, and whoever
looks after the campaign hears of it once. Nothing is lost, and nothing goes to somebody who does not read it.

A hand-over and its messages are committed together, so a run that is killed leaves both or neither. What was handed
over before is not handed over again, whatever was computed since.

What the service decided is a hand-over already, made while somebody waited for it. Its owner is told here, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, select, tuple_, update

from leadflow_pipeline.campaign import CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery import notice_words, notices
from leadflow_pipeline.delivery.brief import BriefFacts, name_of, points_of
from leadflow_pipeline.delivery.brief_asking import wordings_of
from leadflow_pipeline.delivery.brief_facts import SimilarAccounts, facts_of_leads
from leadflow_pipeline.delivery.claiming import (
    Handoff,
    NobodyFree,
    as_handoff,
    claim_owners,
    handoffs_of_leads,
    reassignments,
)
from leadflow_pipeline.delivery.decided_at_once import requests_behind
from leadflow_pipeline.delivery.holding import alert, forget_settled, hold
from leadflow_pipeline.delivery.notice_words import About
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.delivery.pending import Waiting, waiting_leads
from leadflow_pipeline.delivery.present_reps import PresentRep, after_working_hours, present_reps
from leadflow_pipeline.delivery.rendering import RenderError
from leadflow_pipeline.delivery.transports import FaultPoint, nothing
from leadflow_pipeline.store.schema import handoffs
from leadflow_pipeline.telemetry.correlation import correlated, present_correlation_id

BATCH: Final = 500
"""Leads whose facts are read at a time."""

TOGETHER: Final = 50
"""Leads that are decided in one transaction: few enough that whoever decides about another lead of the same reps does
not wait for long."""

T = TypeVar("T")


@dataclass
class HandoverSummary:
    """What one run came to. `held` says why leads wait for an owner, and how many."""

    handed_over: int = 0
    to_next_best: int = 0
    by_hand: int = 0
    held: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    """Channel -> messages put into the outbox."""
    by_campaign: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For scripts and metadata: counts and reasons, no personal data."""
        return asdict(self)


def hand_over_due(
    engine: Engine,
    now: datetime | None = None,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    since: date | None = None,
    similar: SimilarAccounts | None = None,
    together: int = TOGETHER,
    at_point: FaultPoint = nothing,
) -> HandoverSummary:
    """Hands over what is due, over all active campaigns; with `dry_run` it is only counted.

    `since`: decisions from that day on count as fresh. `limit` bounds the leads that are tried. `similar` finds
    accounts for the briefs; by default those of the same industry and size. `together`: leads of one transaction. As
    many may do this at once as like.
    """
    at = now or datetime.now(UTC)
    summary = HandoverSummary()
    versions = (load(engine, campaign) for campaign in active_campaigns(engine))
    for version in sorted(versions, key=lambda version: (version.rules.priority, version.campaign)):
        with engine.connect() as connection:
            waiting = waiting_leads(connection, version.rules, at, since)[:limit]
        if limit is not None:
            limit -= len(waiting)
        if dry_run:
            _rehearse(engine, waiting, at, summary)
        else:
            _tell_untold(engine, version, at, similar, summary, together)
            forget_settled(engine, version.campaign, waiting)
            for batch in in_parts(waiting, BATCH):
                _hand_over(engine, version, batch, at, similar, summary, at_point, together)
            alert(engine, version, at)
    summary.held = dict(sorted(summary.held.items()))
    summary.messages = dict(sorted(summary.messages.items()))
    return summary


def count_waiting(engine: Engine, now: datetime) -> int:
    """How many leads a run might do something about now: what a plan found nobody for waits for the next plan."""
    with engine.connect() as connection:
        return sum(
            each.claim is not None or not each.is_held
            for campaign in active_campaigns(engine)
            for each in waiting_leads(connection, load(engine, campaign).rules, now)
        ) + sum(len(_untold(connection, campaign)) for campaign in active_campaigns(engine))


def _hand_over(
    engine: Engine,
    version: CampaignVersion,
    batch: Sequence[Waiting],
    now: datetime,
    similar: SimilarAccounts | None,
    summary: HandoverSummary,
    at_point: FaultPoint,
    together: int,
) -> None:
    """What can be said is put together first: nobody waits for it under a lock."""
    facts = facts_of_leads(engine, version.rules, [each.lead_id for each in batch], now, similar)
    numbers = {each.lead_id: each.assignment_number for each in batch if each.claim is not None}
    wordings = wordings_of(engine, version, facts, numbers, now)
    known = {lead_id: facts.get(lead_id) or nothing_known(version, now) for lead_id in numbers}
    briefs = {
        lead_id: wordings.get(lead_id) or _brief(version, known[lead_id], summary) for lead_id in numbers
    }
    with engine.connect() as connection:
        for some in in_parts(batch, together):
            with connection.begin():
                outcomes = _claimed(connection, some, now)
                at_point("claimed")
                new = [each for each in outcomes if isinstance(each, Handoff) and each.is_new]
                rows = {
                    each.lead_id: messages_of_handoff(
                        version, each, known[each.lead_id], briefs[each.lead_id], now
                    )
                    for each in new
                }
                at_point("before_messages")
                put_in(connection, [row for about_lead in rows.values() for row in about_lead])
                reasons = [
                    (each, out.reason)
                    for each, out in zip(some, outcomes, strict=True)
                    if isinstance(out, NobodyFree)
                ]
                hold(connection, version.campaign, reasons, now)
                at_point("before_commit")
            at_point("committed")
            for handoff in new:
                _count(summary, handoff, rows[handoff.lead_id])
            for _, reason in reasons:
                _count_held(summary, reason)


def _tell_untold(
    engine: Engine,
    version: CampaignVersion,
    now: datetime,
    similar: SimilarAccounts | None,
    summary: HandoverSummary,
    together: int,
) -> None:
    """Tells the owners of what the service decided: messages, and that they were told, in one transaction."""
    with engine.connect() as connection:
        untold = _untold(connection, version.campaign)
    for batch in in_parts(untold, BATCH):
        numbers = dict(batch)
        facts = facts_of_leads(engine, version.rules, list(numbers), now, similar)
        wordings = wordings_of(engine, version, facts, numbers, now)
        for some in in_parts(batch, together):
            with engine.begin() as connection:
                requests = requests_behind(connection, version.campaign, dict(some))
                for handoff in _taken(connection, version.campaign, some, now):
                    known = facts.get(handoff.lead_id) or nothing_known(version, now)
                    points = wordings.get(handoff.lead_id) or _brief(version, known, summary)
                    rows = messages_of_handoff(version, handoff, known, points, now)
                    with correlated(requests.get(handoff.lead_id, present_correlation_id())):
                        put_in(connection, rows)
                    _count(summary, handoff, rows)


def _untold(connection: Connection, campaign: str) -> list[tuple[str, int]]:
    """Leads whose owner nobody has told yet, each with the number of the latest such decision; the oldest first."""
    query = (
        select(handoffs.c.lead_id, handoffs.c.assignment_number)
        .where(handoffs.c.told_at.is_(None), handoffs.c.campaign == campaign)
        .order_by(handoffs.c.decided_at, handoffs.c.lead_id, handoffs.c.assignment_number)
    )
    return list(connection.execute(query).tuples())


def _taken(
    connection: Connection, campaign: str, some: Sequence[tuple[str, int]], now: datetime
) -> Iterator[Handoff]:
    """Those of them that nobody else is telling, noted as told. Who has the lead no more is not told any more."""
    keys = [(campaign, *each) for each in some]
    key = tuple_(handoffs.c.campaign, handoffs.c.lead_id, handoffs.c.assignment_number)
    locked = (
        select(handoffs)
        .where(key.in_(keys), handoffs.c.told_at.is_(None))
        .order_by(handoffs.c.decided_at, handoffs.c.lead_id)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(locked).mappings().all()
    if not rows:
        return
    taken = [(campaign, row["lead_id"], row["assignment_number"]) for row in rows]
    connection.execute(update(handoffs).where(key.in_(taken)).values(told_at=now))
    present = present_reps(connection, {row["rep"] for row in rows}, now)
    histories = handoffs_of_leads(connection, [(campaign, row["lead_id"]) for row in rows])
    for row in rows:
        history = histories[campaign, row["lead_id"]]
        handoff = as_handoff(row)
        if history[-1].assignment_number == handoff.assignment_number and handoff.rep in present:
            yield replace(handoff, present=present[handoff.rep], reassignments=reassignments(history[:-1]))


def in_parts(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """So many at a time, in their order."""
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]


def _claimed(
    connection: Connection, some: Sequence[Waiting], now: datetime, *, is_rehearsal: bool = False
) -> list[Handoff | NobodyFree]:
    """What comes of each, in their order."""
    claims = [each.claim for each in some if each.claim is not None]
    outcomes = iter(claim_owners(connection, claims, now, is_rehearsal=is_rehearsal) if claims else [])
    return [NobodyFree(each.reason) if each.claim is None else next(outcomes) for each in some]


def _brief(version: CampaignVersion, facts: BriefFacts, summary: HandoverSummary) -> tuple[str, ...]:
    """By the campaign's template; where it fails by the shipped one, for an owner must be told."""
    try:
        return points_of(facts, version.rules.handover.brief)
    except RenderError as error:
        if str(error) not in summary.problems:
            summary.problems.append(str(error))
        return points_of(facts)


def messages_of_handoff(
    version: CampaignVersion,
    handoff: Handoff,
    facts: BriefFacts,
    points: Sequence[str],
    now: datetime,
) -> list[dict[str, Any]]:
    """Rows of the outbox for a new hand-over: the owner is told now, and reminded when the time comes.

    The reminder is written down with its moment right away, and asked just before it leaves whether it is still due.
    """
    present = handoff.present
    if present is None:
        return []
    about = About(version, handoff.lead_id, handoff.assignment_number)
    notice = notice_words.told(about, facts, points, handoff, present.rep)
    rows = notices.rows_to_rep(about, notice, present.rep, now, facts=facts)
    return [*rows, *_reminder(about, facts, handoff, present, now)]


def _reminder(
    about: About,
    facts: BriefFacts,
    handoff: Handoff,
    present: PresentRep,
    now: datetime,
) -> Iterator[dict[str, Any]]:
    ownership, due_at = about.campaign.ownership, handoff.first_touch_due_at
    if ownership is None or due_at is None:
        return
    rules = ownership.sla
    warn_at = after_working_hours(present, handoff.decided_at, rules.first_touch_hours * rules.warn_at)
    if warn_at is None or warn_at >= due_at:
        return
    moves_on = rules.reassign and handoff.reassignments < rules.most_reassignments
    notice = notice_words.warning(about, name_of(facts), due_at, present.rep, moves_on=moves_on)
    yield from notices.rows_to_rep(about, notice, present.rep, now, send_at=warn_at, not_after=due_at)


def nothing_known(version: CampaignVersion, now: datetime) -> BriefFacts:
    """The facts of a lead that has been erased, or was never enriched."""
    return BriefFacts({}, None, None, "find out what they need", version.rules.currency, now)


# --- counting --------------------------------------------------------------------------------------------------------


def _rehearse(
    engine: Engine,
    waiting: Sequence[Waiting],
    now: datetime,
    summary: HandoverSummary,
) -> None:
    """Does it in a transaction that is rolled back, so that each lead sees the room that those before it left."""
    with _rolled_back(engine) as connection:
        for some in in_parts(waiting, BATCH):
            for outcome in _claimed(connection, some, now, is_rehearsal=True):
                if isinstance(outcome, NobodyFree):
                    _count_held(summary, outcome.reason)
                elif outcome.is_new:
                    _count(summary, outcome, ())


@contextmanager
def _rolled_back(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        try:
            yield connection
        finally:
            connection.rollback()


def _count(summary: HandoverSummary, handoff: Handoff, rows: Sequence[Mapping[str, Any]]) -> None:
    summary.handed_over += 1
    summary.by_hand += handoff.origin == "hand"
    is_other = handoff.origin == "pipeline" and handoff.rep != handoff.planned_rep
    summary.to_next_best += is_other
    summary.by_campaign[handoff.campaign] = summary.by_campaign.get(handoff.campaign, 0) + 1
    for row in rows:
        summary.messages[row["channel"]] = summary.messages.get(row["channel"], 0) + 1


def _count_held(summary: HandoverSummary, reason: str) -> None:
    summary.held[reason] = summary.held.get(reason, 0) + 1
