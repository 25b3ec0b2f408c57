"""The promise of a first touch: what happens when an owner is not in touch in time, and how well promises are kept.

What belongs here: going through the leads whose time is over, and reading what `first_touch_times` works on. What does
not: the reminder, which is written down with its moment when the owner is told (`handover`), and sending.

Whose time is over depends on times alone: on when the owner was told and on its working hours, never on when somebody
looked. So a sweep that comes late does what a punctual one would have done. It takes nothing from an owner who was in
touch meanwhile, late as that was: the clock shows it as late, and the lead is in good hands.

A lead goes to the next best owner of its plan who never had it, at most `most_reassignments` times; then, or where
nobody is free, it stays and the manager is told, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd
from sqlalchemy import Connection, Engine, Select, Text, exists, select, union_all

from leadflow_pipeline.campaign import CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery import notice_words, notices
from leadflow_pipeline.delivery.brief import BriefFacts, name_of, points_of
from leadflow_pipeline.delivery.brief_facts import SimilarAccounts, facts_of_leads
from leadflow_pipeline.delivery.claiming import (
    Claim,
    Handoff,
    as_handoff,
    claim_owners,
    handoffs_of_leads,
    lock_leads,
    reassignments,
)
from leadflow_pipeline.delivery.first_touch_times import HANDOFF_COLUMNS, first_touch_times
from leadflow_pipeline.delivery.handover import TOGETHER, in_parts, messages_of_handoff, nothing_known
from leadflow_pipeline.delivery.notice_words import About
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.delivery.pending import candidates_of, latest_decisions
from leadflow_pipeline.delivery.present_reps import PresentRep, present_reps, standing_absences
from leadflow_pipeline.delivery.rendering import RenderError
from leadflow_pipeline.delivery.standing import PROOFS, is_in_touch
from leadflow_pipeline.delivery.transports import FaultPoint, nothing
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.working_time import Calendar
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import (
    engagement_events,
    handoffs,
    messages,
    outcomes,
    rep_touches,
    reps,
)

FORGOTTEN: Final = timedelta(days=30)
"""A lead that nobody was in touch with for so long is told of by the doctor, not passed around any more."""


@dataclass
class SweepSummary:
    """What one sweep came to."""

    overdue: int = 0
    reassigned: int = 0
    managers_told: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For scripts and metadata."""
        return asdict(self)


def sweep_first_touches(
    engine: Engine,
    now: datetime | None = None,
    *,
    similar: SimilarAccounts | None = None,
    at_point: FaultPoint = nothing,
) -> SweepSummary:
    """Passes on, or tells a manager of, every lead of an active campaign whose owner was not in touch in time."""
    at = now or datetime.now(UTC)
    summary = SweepSummary()
    for campaign in active_campaigns(engine):
        version = load(engine, campaign)
        with engine.connect() as connection:
            overdue = _overdue(connection, campaign, at)
            decisions = latest_decisions(connection, campaign, (each.lead_id for each in overdue))
        if not overdue or version.rules.ownership is None:
            continue
        facts = facts_of_leads(engine, version.rules, [each.lead_id for each in overdue], at, similar)
        known = {each.lead_id: facts.get(each.lead_id) or nothing_known(version, at) for each in overdue}
        with engine.connect() as connection:
            for some in in_parts(overdue, TOGETHER):
                with connection.begin():
                    _Step(connection, version, decisions, known, at).take(some, summary)
                    at_point("before_commit")
                at_point("committed")
    return summary


def count_overdue(engine: Engine, now: datetime) -> int:
    """How many leads a sweep would do something about now."""
    with engine.connect() as connection:
        return sum(len(_overdue(connection, campaign, now)) for campaign in active_campaigns(engine))


def read_first_touch_times(
    engine: Engine, before: datetime, campaign: str | None = None, since: datetime | None = None
) -> pd.DataFrame:
    """The clocks of all hand-overs (or of one campaign's) as of a moment: see `first_touch_times`.

    `since`: only of those that were decided from then on.
    """
    told = select(*(handoffs.c[name] for name in HANDOFF_COLUMNS))
    if campaign is not None:
        told = told.where(handoffs.c.campaign == campaign)
    if since is not None:
        told = told.where(handoffs.c.decided_at >= since)
    with engine.connect() as connection:
        known = read(connection, told)
        calendars = calendars_of(connection, known["rep"].unique().tolist(), before)
        return first_touch_times(known, read(connection, stops_of(campaign, since)), calendars, before)


def stops_of(campaign: str | None = None, since: datetime | None = None) -> Select[Any]:
    """What stops the clock of a lead that was handed over, of all campaigns or of one: campaign, lead, moment; with
    `since` only from then on.
    """
    stops = (
        select(rep_touches.c.campaign, rep_touches.c.lead_id, rep_touches.c.occurred_at),
        select(
            engagement_events.c.campaign, engagement_events.c.lead_id, engagement_events.c.occurred_at
        ).where(engagement_events.c.behaviour.in_(PROOFS), ~engagement_events.c.is_machine),
        select(outcomes.c.campaign, outcomes.c.lead_id, outcomes.c.occurred_at),
    )
    touches = union_all(*stops).subquery("stops")
    stopped = select(touches).where(
        exists().where(handoffs.c.campaign == touches.c.campaign, handoffs.c.lead_id == touches.c.lead_id)
    )
    if campaign is not None:
        stopped = stopped.where(touches.c.campaign == campaign)
    return stopped if since is None else stopped.where(touches.c.occurred_at >= since)


def calendars_of(connection: Connection, rep_ids: Sequence[str], now: datetime) -> dict[str, Calendar]:
    """When each of these reps works, by its latest record and with every absence that stands."""
    latest = (
        select(reps.c.rep, reps.c.document)
        .where(reps.c.rep.in_(sorted(rep_ids)), reps.c.from_day <= now.astimezone(UTC).date())
        .order_by(reps.c.rep, reps.c.from_day.desc(), reps.c.record_id.desc())
        .distinct(reps.c.rep)
    )
    records = {row.rep: Rep.model_validate(row.document) for row in connection.execute(latest)}
    absences = standing_absences(connection, records)
    return {rep: Calendar.of(record, absences.get(rep, ())) for rep, record in records.items()}


def _overdue(connection: Connection, campaign: str, now: datetime) -> list[Handoff]:
    """The present owners whose time is over, who were not in touch, and whose manager has not been told."""
    later = handoffs.alias("later")
    is_present = ~exists().where(
        later.c.campaign == handoffs.c.campaign,
        later.c.lead_id == handoffs.c.lead_id,
        later.c.assignment_number > handoffs.c.assignment_number,
    )
    is_told = exists().where(
        messages.c.campaign == handoffs.c.campaign,
        messages.c.lead_id == handoffs.c.lead_id,
        messages.c.step == notice_words.OVERDUE,
        messages.c.sequence == notice_words.SEQUENCE,
        messages.c.payload["assignment_number"].astext == handoffs.c.assignment_number.cast(Text),
    )
    in_touch = is_in_touch(handoffs.c.campaign, handoffs.c.lead_id, handoffs.c.decided_at, now)
    query = (
        select(handoffs)
        .where(
            handoffs.c.campaign == campaign,
            handoffs.c.first_touch_due_at.between(now - FORGOTTEN, now),
            is_present,
            ~is_told,
            ~in_touch,
        )
        .order_by(handoffs.c.first_touch_due_at, handoffs.c.lead_id)
    )
    return [as_handoff(row) for row in connection.execute(query).mappings()]


@dataclass(frozen=True)
class _Step:
    """What is done about some leads in one transaction."""

    connection: Connection
    version: CampaignVersion
    decisions: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, BriefFacts]
    now: datetime

    def take(self, overdue: Sequence[Handoff], summary: SweepSummary) -> None:
        """The next owner, or the manager, for each lead that nobody did it for since it was looked for."""
        still, histories = self._still_overdue(overdue)
        ownership = self.version.rules.ownership
        if not still or ownership is None:
            return
        rules = ownership.sla
        claims = {
            each.lead_id: self._claim(each, histories[each.lead_id], rules.first_touch_hours)
            for each in still
            if rules.reassign and reassignments(histories[each.lead_id]) < rules.most_reassignments
        }
        outcomes = claim_owners(self.connection, list(claims.values()), self.now) if claims else []
        passed_on = {each.lead_id: each for each in outcomes if isinstance(each, Handoff)}
        owners = present_reps(self.connection, {each.rep for each in still}, self.now)
        managers = present_reps(
            self.connection, {each.rep.manager for each in owners.values() if each.rep.manager}, self.now
        )
        rows: list[dict[str, Any]] = []
        for each in still:
            if each.lead_id in passed_on:
                rows += self._to_both(each, passed_on[each.lead_id], owners.get(each.rep))
            else:
                rows += self._to_manager(each, owners.get(each.rep), managers)
        added = put_in(self.connection, rows)
        summary.overdue += len(still)
        summary.reassigned += len(passed_on)
        summary.managers_told += len({lead_id for lead_id, step in added if step == notice_words.OVERDUE})

    def _still_overdue(self, overdue: Sequence[Handoff]) -> tuple[list[Handoff], dict[str, list[Handoff]]]:
        """Those whose owner is the same under the lead's lock and was not in touch; and everybody who had each."""
        campaign = self.version.campaign
        leads = [(campaign, each.lead_id) for each in overdue]
        lock_leads(self.connection, leads)
        histories = {
            lead_id: told for (_, lead_id), told in handoffs_of_leads(self.connection, leads).items()
        }
        table = handoffs.c
        touched = select(table.lead_id, table.assignment_number).where(
            table.campaign == campaign,
            table.lead_id.in_([each.lead_id for each in overdue]),
            is_in_touch(table.campaign, table.lead_id, table.decided_at, self.now),
        )
        in_touch = set(self.connection.execute(touched).tuples())
        still = [
            each
            for each in overdue
            if histories[each.lead_id][-1].assignment_number == each.assignment_number
            and (each.lead_id, each.assignment_number) not in in_touch
        ]
        return still, histories

    def _claim(self, handoff: Handoff, history: Sequence[Handoff], hours: float) -> Claim:
        """Of the next best who never had it."""
        had_it = {each.rep for each in history}
        decision = self.decisions.get(handoff.lead_id)
        others = [] if decision is None else [rep for rep in candidates_of(decision) if rep not in had_it]
        return Claim(
            handoff.campaign,
            handoff.lead_id,
            self.now.astimezone(UTC).date(),
            tuple(others),
            "sla",
            handoff.assignment_number + 1,
            first_touch_hours=hours,
        )

    def _to_both(self, former: Handoff, present: Handoff, before: PresentRep | None) -> list[dict[str, Any]]:
        """The new owner hears of the lead, the former one that it is gone."""
        facts = self.facts[former.lead_id]
        try:
            points = points_of(facts, self.version.rules.handover.brief)
        except RenderError:
            points = points_of(facts)
        rows = messages_of_handoff(self.version, present, facts, points, self.now)
        if before is not None and before.rep.status == "active":
            about = About(self.version, former.lead_id, former.assignment_number)
            rows += notices.rows_to_rep(about, notice_words.taken(name_of(facts)), before.rep, self.now)
        return rows

    def _to_manager(
        self, handoff: Handoff, owner: PresentRep | None, managers: Mapping[str, PresentRep]
    ) -> list[dict[str, Any]]:
        """The owner's manager; where there is none on record, whoever looks after the campaign."""
        manager = managers.get(owner.rep.manager or "") if owner is not None else None
        about = About(self.version, handoff.lead_id, handoff.assignment_number)
        called = (owner.rep.name if owner is not None else "") or handoff.rep
        due_at = handoff.first_touch_due_at or self.now
        name = name_of(self.facts[handoff.lead_id])
        notice = notice_words.overdue(about, name, called, due_at, manager.rep if manager else None)
        if manager is None:
            return [notices.row_about_lead_to_operators(about, notice, self.now)]
        return notices.rows_to_rep(about, notice, manager.rep, self.now)
