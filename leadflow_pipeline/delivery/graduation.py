"""Leads that came of age in their sequence go to their owner, with the thread, and the owner's clock starts.

What belongs here: which enrolments came of age (a reply that is there now, or what the plan said on one of the last
days), who is told, and the clock. What does not: the plan, the words (`notice_words`), and sending.

Each enrolment is handed over once, whoever sees it: the key of the message in the outbox is the enrolment. The answer
of a lead does not wait for the day's plan, and no later email leaves meanwhile: the door asks for that message
(`standing`). What came of age long ago is told to nobody.

Where the owner has left or is away, the next best of the plan gets the lead; where nobody is free, or nobody owns it,
whoever looks after the campaign is told. The clock needs no sweep: the reminder and the word to the manager are written
down with their moments right away, and asked just before they leave whether they are still due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, exists, func, literal, select, true

from leadflow_pipeline.campaign import CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery import notice_words, notices
from leadflow_pipeline.delivery.brief import BriefFacts, name_of, points_of
from leadflow_pipeline.delivery.brief_facts import SimilarAccounts, facts_of_leads
from leadflow_pipeline.delivery.claiming import Claim, Handoff, claim_owner, handoffs_of, lock_leads
from leadflow_pipeline.delivery.handover import messages_of_handoff, nothing_known
from leadflow_pipeline.delivery.notice_words import REPLIED, AboutEnrolment, Clock, graduation_key
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.delivery.pending import candidates_of, latest_decisions
from leadflow_pipeline.delivery.present_reps import ENDED, PresentRep, after_working_hours, present_reps
from leadflow_pipeline.delivery.rendering import RenderError
from leadflow_pipeline.delivery.thread import Entry, threads_of
from leadflow_pipeline.delivery.transports import FaultPoint, nothing
from leadflow_pipeline.store.schema import (
    MESSAGE_CHANNELS,
    engagement_events,
    messages,
    nurtured_leads,
    outcomes,
)
from leadflow_pipeline.store.sequences import is_to_lead

ANSWERS_LAST: Final = timedelta(days=7)
"""An answer that was read so late is told still; an older one is history that somebody imported."""

ONE_OF_US_KNOWS: Final = ("meeting", "won")
"""Why a plan graduates a lead that a person has met already."""

WHY: Final = {"engagement": "is engaged enough to be called", "goal": "reached the goal of the sequence"}
OTHERWISE: Final = "has come out of the sequence for sales"


@dataclass(frozen=True)
class OfAge:
    """An enrolment that came of age and was told to nobody yet."""

    lead_id: str
    enrolment_id: str
    why: str


@dataclass
class GraduationSummary:
    """What one run came to."""

    graduated: int = 0
    to_operators: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For scripts and metadata: counts, no personal data."""
        return asdict(self)


def graduate_due(
    engine: Engine,
    now: datetime | None = None,
    *,
    similar: SimilarAccounts | None = None,
    at_point: FaultPoint = nothing,
) -> GraduationSummary:
    """Hands over what came of age, over all active campaigns. As many may do this at once as like."""
    at = now or datetime.now(UTC)
    summary = GraduationSummary()
    for campaign in active_campaigns(engine):
        version = load(engine, campaign)
        with engine.connect() as connection:
            due = due_graduations(connection, version, at)
        if not due:
            continue
        leads = sorted({each.lead_id for each in due})
        facts = facts_of_leads(engine, version.rules, leads, at, similar)
        with engine.connect() as connection:
            threads = threads_of(connection, campaign, leads, at)
            decisions = latest_decisions(connection, campaign, leads)
            connection.rollback()
            for each in due:
                with connection.begin():
                    known = facts.get(each.lead_id) or nothing_known(version, at)
                    step = _Step(connection, version, each, known, threads.get(each.lead_id, ()), at)
                    step.take(decisions.get(each.lead_id), summary)
                    at_point("before_commit")
                at_point("committed")
    return summary


def count_graduations(engine: Engine, now: datetime) -> int:
    """How many enrolments a run would hand over now."""
    with engine.connect() as connection:
        return sum(
            len(due_graduations(connection, load(engine, campaign), now))
            for campaign in active_campaigns(engine)
        )


def due_graduations(connection: Connection, version: CampaignVersion, now: datetime) -> list[OfAge]:
    """The enrolments of a campaign that came of age, the answers first; of one enrolment the first reason counts."""
    if not version.rules.handover.graduations:
        return []
    found: dict[str, OfAge] = {}
    for query in (_answered(version.campaign, now), _graduated(version, now)):
        for lead_id, enrolment_id, code in connection.execute(query).tuples():
            why = REPLIED if code == "reply" else WHY.get(code, OTHERWISE)
            found.setdefault(enrolment_id, OfAge(lead_id, enrolment_id, why))
    return list(found.values())


def _answered(campaign: str, now: datetime) -> Any:
    """Leads that replied lately, with the enrolment whose emails they answered."""
    event = engagement_events.c
    replied = (
        select(event.lead_id, func.max(event.occurred_at).label("at"))
        .where(
            event.campaign == campaign,
            event.day >= (now - ANSWERS_LAST).date(),
            event.behaviour == "reply",
            ~event.is_machine,
            event.occurred_at.between(now - ANSWERS_LAST, now),
        )
        .group_by(event.lead_id)
        .subquery("replied")
    )
    answered = (
        select(messages.c.subject_key)
        .where(
            messages.c.campaign == campaign,
            messages.c.lead_id == replied.c.lead_id,
            messages.c.channel == "email",
            messages.c.sent_at <= replied.c.at,
            is_to_lead(),
        )
        .order_by(messages.c.sent_at.desc())
        .limit(1)
        .correlate(replied)
        .lateral("answered")
    )
    return (
        select(replied.c.lead_id, answered.c.subject_key, literal("reply"))
        .join_from(replied, answered, true())
        .where(
            ~_is_told(campaign, answered.c.subject_key),
            ~_has_ended(campaign, replied.c.lead_id, now),
        )
        .order_by(replied.c.at, replied.c.lead_id)
    )


def _graduated(version: CampaignVersion, now: datetime) -> Any:
    """Leads that the plan of one of the last days graduated, and that nothing has begun anew for since."""
    plan, later, campaign = nurtured_leads.c, nurtured_leads.alias("later").c, version.campaign
    code = plan.reasons[-1]["code"].astext
    fresh_from = now - timedelta(hours=version.rules.handover.not_after_hours)
    return (
        select(plan.lead_id, plan.enrolment_id, code)
        .where(
            plan.campaign == campaign,
            plan.day.between((fresh_from - timedelta(days=1)).date(), now.date()),
            plan.state == "GRADUATED",
            code.not_in(ONE_OF_US_KNOWS),
            ~exists().where(later.campaign == campaign, later.lead_id == plan.lead_id, later.day > plan.day),
            ~_is_told(campaign, plan.enrolment_id),
            ~_has_ended(campaign, plan.lead_id, now),
        )
        .order_by(plan.day, plan.lead_id)
    )


def _is_told(campaign: str, enrolment_id: Any) -> Any:
    told = messages.alias("told").c
    return exists().where(
        told.channel.in_(MESSAGE_CHANNELS),
        told.subject_key == graduation_key(campaign, enrolment_id),
        told.step == notice_words.TOLD,
    )


def _has_ended(campaign: str, lead_id: Any, now: datetime) -> Any:
    return exists().where(
        outcomes.c.campaign == campaign,
        outcomes.c.lead_id == lead_id,
        outcomes.c.outcome.in_(ENDED),
        outcomes.c.occurred_at <= now,
    )


@dataclass(frozen=True)
class _Step:
    """What is done about one enrolment in one transaction."""

    connection: Connection
    version: CampaignVersion
    of_age: OfAge
    facts: BriefFacts
    thread: Sequence[Entry]
    now: datetime

    def take(self, decision: Mapping[str, Any] | None, summary: GraduationSummary) -> None:
        """Tells the owner, or whoever gets the lead instead; nothing where somebody did so meanwhile."""
        campaign, lead_id = self.version.campaign, self.of_age.lead_id
        lock_leads(self.connection, [(campaign, lead_id)])
        enrolment = select(_is_told(campaign, self.of_age.enrolment_id))
        if self.connection.scalar(enrolment):
            return
        history = handoffs_of(self.connection, campaign, lead_id)
        owner, rows = self._owner(history, decision)
        number = history[-1].assignment_number if history else 0
        if owner is not None and rows:
            number += 1
        about = AboutEnrolment(self.version, lead_id, number, self.of_age.enrolment_id)
        rows += self._rows(about, owner)
        put_in(self.connection, rows)
        summary.graduated += 1
        summary.to_operators += owner is None

    def _owner(
        self, history: Sequence[Handoff], decision: Mapping[str, Any] | None
    ) -> tuple[PresentRep | None, list[dict[str, Any]]]:
        """Whoever has the lead and is there, else the next best, who is told of a new lead as well."""
        if not history:
            return None, []
        present = present_reps(self.connection, [history[-1].rep], self.now).get(history[-1].rep)
        if present is not None and present.rep.status == "active" and not present.is_away(self.now):
            return present, []
        had_it = {each.rep for each in history}
        others = [] if decision is None else [rep for rep in candidates_of(decision) if rep not in had_it]
        claim = Claim(
            self.version.campaign,
            self.of_age.lead_id,
            self.now.astimezone(UTC).date(),
            tuple(others),
            "pipeline",
            history[-1].assignment_number + 1,
            first_touch_hours=self._hours,
        )
        handoff = claim_owner(self.connection, claim, self.now) if others else None
        if not isinstance(handoff, Handoff) or handoff.present is None:
            return None, []
        rows = messages_of_handoff(self.version, handoff, self.facts, self._points(), self.now)
        return handoff.present, rows

    def _rows(self, about: AboutEnrolment, owner: PresentRep | None) -> list[dict[str, Any]]:
        clock = self._clock(owner)
        notice = notice_words.came_of_age(
            about, self.facts, self._points(), self.thread, self.of_age.why, clock
        )
        if owner is None:
            return [notices.row_about_lead_to_operators(about, notice, self.now)]
        rows = notices.rows_to_rep(about, notice, owner.rep, self.now, facts=self.facts)
        if clock.due_at is not None and self._hours is not None:
            rows += self._reminders(about, owner, clock.due_at, self._hours)
        return rows

    def _reminders(
        self, about: AboutEnrolment, owner: PresentRep, due_at: datetime, hours: float
    ) -> list[dict[str, Any]]:
        """The owner is reminded, then the manager hears of it, if nobody has been in touch by then."""
        ownership, name = self.version.rules.ownership, name_of(self.facts)
        warn_at = after_working_hours(owner, self.now, hours * ownership.sla.warn_at) if ownership else None
        rows: list[dict[str, Any]] = []
        if warn_at is not None and warn_at < due_at:
            notice = replace(
                notice_words.warning(about, name, due_at, owner.rep, moves_on=False), since=self.now
            )
            rows += notices.rows_to_rep(about, notice, owner.rep, self.now, send_at=warn_at, not_after=due_at)
        known = present_reps(self.connection, [owner.rep.manager] if owner.rep.manager else [], self.now)
        manager = known.get(owner.rep.manager or "")
        called = owner.rep.name or owner.rep.rep
        notice = replace(
            notice_words.overdue(about, name, called, due_at, manager.rep if manager else None),
            since=self.now,
        )
        if manager is None:
            rows.append(notices.row_about_lead_to_operators(about, notice, due_at))
        else:
            rows += notices.rows_to_rep(about, notice, manager.rep, self.now, send_at=due_at)
        return rows

    def _clock(self, owner: PresentRep | None) -> Clock:
        if owner is None or self._hours is None:
            return Clock(self.now)
        return Clock(self.now, after_working_hours(owner, self.now, self._hours), owner.rep)

    @property
    def _hours(self) -> float | None:
        ownership = self.version.rules.ownership
        return ownership.sla.first_touch_hours if ownership is not None else None

    def _points(self) -> tuple[str, ...]:
        """By the campaign's template; where it fails by the shipped one, for an owner must be told."""
        try:
            return points_of(self.facts, self.version.rules.handover.brief)
        except RenderError:
            return points_of(self.facts)
