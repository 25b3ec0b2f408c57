"""The hand-over door: a planned owner becomes the owner, and is told.

What belongs here: carrying out what waits (`pending`): one transaction for each lead, which holds the owner
(`claiming`) and every message about it (`notices`). What does not: planning, and sending (`dispatch`).

The plan of a day is met by the present: whoever was planned may have left since, may be away, or may have been given
as many leads by other campaigns. Then the plan's next best gets the lead, or it is held, with the reason, and whoever
looks after the campaign hears of it once. Nothing is lost, and nothing goes to somebody who does not read it.

A hand-over and its messages are committed together, so a run that is killed leaves both or neither. What was handed
over before is not handed over again, whatever was computed since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery import notices
from leadflow_pipeline.delivery.brief import BriefFacts, name_of, points_of
from leadflow_pipeline.delivery.brief_asking import Wordings, wordings_of
from leadflow_pipeline.delivery.brief_facts import SimilarAccounts, facts_of_leads
from leadflow_pipeline.delivery.claiming import (
    Handoff,
    NobodyFree,
    PresentRep,
    after_working_hours,
    claim_owner,
)
from leadflow_pipeline.delivery.notices import About
from leadflow_pipeline.delivery.pending import NO_CANDIDATE, Waiting, waiting_leads
from leadflow_pipeline.delivery.rendering import RenderError
from leadflow_pipeline.delivery.transports import FaultPoint, nothing
from leadflow_pipeline.store.schema import handoffs, held_handoffs, messages

BATCH: Final = 200
"""Leads whose facts are read at a time."""


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
    at_point: FaultPoint = nothing,
) -> HandoverSummary:
    """Hands over what is due, over all active campaigns; with `dry_run` it is only counted.

    `since`: decisions from that day on count as fresh. `limit` bounds the leads that are tried. `similar` finds
    accounts for the briefs; by default those of the same industry and size. As many may do this at once as like.
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
            _forget_settled(engine, version.campaign, waiting)
            for begin in range(0, len(waiting), BATCH):
                batch = waiting[begin : begin + BATCH]
                _hand_over(engine, version, batch, at, similar, summary, at_point)
            _alert(engine, version, at)
    summary.held = dict(sorted(summary.held.items()))
    return summary


def count_waiting(engine: Engine, now: datetime) -> int:
    """How many leads a run might do something about now: what a plan found nobody for waits for the next plan."""
    with engine.connect() as connection:
        return sum(
            each.claim is not None or not each.is_held
            for campaign in active_campaigns(engine)
            for each in waiting_leads(connection, load(engine, campaign).rules, now)
        )


def _hand_over(
    engine: Engine,
    version: CampaignVersion,
    batch: Sequence[Waiting],
    now: datetime,
    similar: SimilarAccounts | None,
    summary: HandoverSummary,
    at_point: FaultPoint,
) -> None:
    """Each lead in a transaction of its own: nobody waits for more than one."""
    facts = facts_of_leads(engine, version.rules, [each.lead_id for each in batch], now, similar)
    numbers = {each.lead_id: each.assignment_number for each in batch if each.claim is not None}
    wordings = wordings_of(engine, version, facts, numbers, now)
    with engine.connect() as connection:
        for each in batch:
            with connection.begin():
                outcome = _claimed(connection, each, now)
                at_point("claimed")
                if isinstance(outcome, NobodyFree):
                    _hold(connection, version.campaign, each, outcome.reason, now)
                    _count_held(summary, outcome.reason)
                elif outcome.is_new:
                    rows = _messages(connection, version, outcome, facts, wordings, now, summary)
                    at_point("before_messages")
                    put_into_outbox(connection, rows)
                    at_point("before_commit")
                    _count(summary, outcome, rows)
            at_point("committed")


def _claimed(
    connection: Connection, waiting: Waiting, now: datetime, *, is_rehearsal: bool = False
) -> Handoff | NobodyFree:
    if waiting.claim is None:
        return NobodyFree(NO_CANDIDATE)
    return claim_owner(connection, waiting.claim, now, is_rehearsal=is_rehearsal)


def _messages(
    connection: Connection,
    version: CampaignVersion,
    handoff: Handoff,
    facts: Mapping[str, BriefFacts],
    wordings: Wordings,
    now: datetime,
    summary: HandoverSummary,
) -> list[dict[str, Any]]:
    known = facts.get(handoff.lead_id) or nothing_known(version, now)
    template = version.rules.handover.brief
    try:
        points = wordings.get(handoff.lead_id) or points_of(known, template)
    except RenderError as error:
        # An owner is told with the shipped template rather than not at all.
        points = points_of(known)
        if str(error) not in summary.problems:
            summary.problems.append(str(error))
    return messages_of_handoff(connection, version, handoff, known, points, now)


def messages_of_handoff(
    connection: Connection,
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
    notice = notices.told(about, facts, points, handoff, present.rep)
    rows = notices.rows_to_rep(about, notice, present.rep, now, facts=facts)
    return [*rows, *_reminder(connection, about, facts, handoff, present, now)]


def _reminder(
    connection: Connection,
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
    moves_on = rules.reassign and reassignments(connection, handoff) < rules.most_reassignments
    notice = notices.warning(about, name_of(facts), due_at, present.rep, moves_on=moves_on)
    yield from notices.rows_to_rep(about, notice, present.rep, now, send_at=warn_at, not_after=due_at)


def reassignments(connection: Connection, handoff: Handoff) -> int:
    """How often the lead has changed hands because nobody was in touch in time, up to and with this hand-over."""
    query = select(func.count()).where(
        handoffs.c.campaign == handoff.campaign,
        handoffs.c.lead_id == handoff.lead_id,
        handoffs.c.assignment_number <= handoff.assignment_number,
        handoffs.c.origin == "sla",
    )
    return connection.scalar(query) or 0


def nothing_known(version: CampaignVersion, now: datetime) -> BriefFacts:
    """The facts of a lead that has been erased, or was never enriched."""
    return BriefFacts({}, None, None, "find out what they need", version.rules.currency, now)


def put_into_outbox(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Adds messages that are not there yet; how many."""
    if not rows:
        return 0
    added = insert(messages).values([dict(row) for row in rows]).on_conflict_do_nothing()
    return len(connection.scalars(added.returning(messages.c.message_id)).all())


# --- what is held ----------------------------------------------------------------------------------------------------


def _hold(connection: Connection, campaign: str, waiting: Waiting, reason: str, now: datetime) -> None:
    row = {
        "assignment_number": waiting.assignment_number,
        "decision_day": waiting.decision_day,
        "reason": reason,
        "last_tried_at": now,
    }
    statement = insert(held_handoffs).values(
        campaign=campaign, lead_id=waiting.lead_id, held_since=now, **row
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(held_handoffs.primary_key), set_=row)
    )


def _forget_settled(engine: Engine, campaign: str, waiting: Sequence[Waiting]) -> None:
    """Leads that are held and wait no more: they have an owner, or came to an end."""
    still = [each.lead_id for each in waiting]
    settled = delete(held_handoffs).where(
        held_handoffs.c.campaign == campaign, held_handoffs.c.lead_id.not_in(still)
    )
    with engine.begin() as connection:
        connection.execute(settled)


def _alert(engine: Engine, version: CampaignVersion, now: datetime) -> None:
    """Tells whoever looks after the campaign that leads wait, once as long as the oldest of them does."""
    query = (
        select(held_handoffs.c.reason, func.count(), func.min(held_handoffs.c.held_since))
        .where(held_handoffs.c.campaign == version.campaign)
        .group_by(held_handoffs.c.reason)
        .order_by(func.count().desc(), held_handoffs.c.reason)
    )
    with engine.begin() as connection:
        reasons = connection.execute(query).tuples().all()
        if not reasons:
            return
        count, since = sum(row[1] for row in reasons), min(row[2] for row in reasons)
        noun = "lead waits" if count == 1 else "leads wait"
        lines = [
            f"{count:,} {noun} for an owner in “{version.rules.name}”:",
            *(f"{number:,}: {reason}" for reason, number, _ in reasons[:10]),
            f"leadflow handover held --campaign {version.campaign} lists them. They are tried again every few minutes.",
        ]
        key = f"held:{version.campaign}:{since.astimezone(UTC):%Y-%m-%dT%H:%M}"
        row = notices.row_to_operators(version, key, f"{count:,} {noun} for an owner", lines, now)
        put_into_outbox(connection, [row])


# --- counting --------------------------------------------------------------------------------------------------------


def _rehearse(
    engine: Engine,
    waiting: Sequence[Waiting],
    now: datetime,
    summary: HandoverSummary,
) -> None:
    """Does it in a transaction that is rolled back, so that each lead sees the room that those before it left."""
    with _rolled_back(engine) as connection:
        for each in waiting:
            outcome = _claimed(connection, each, now, is_rehearsal=True)
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
    channels = Counter(summary.messages) + Counter(row["channel"] for row in rows)
    summary.messages = dict(sorted(channels.items()))


def _count_held(summary: HandoverSummary, reason: str) -> None:
    summary.held[reason] = summary.held.get(reason, 0) + 1
