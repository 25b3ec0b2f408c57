"""What owners and managers are told about a lead, in words, whatever the channel.

What belongs here: which hand-over a notice is about, what it says, and the key that makes its messages one of a kind.
What does not: whether there is anything to tell (`handover`, `first_touch`, `graduation`), and how a channel shows it
(`notices`).

A message is about one hand-over (campaign, lead, number) and one step of it, whatever was computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from leadflow_pipeline.campaign import Campaign, CampaignVersion
from leadflow_pipeline.delivery.brief import BriefFacts, name_of
from leadflow_pipeline.delivery.claiming import Handoff
from leadflow_pipeline.delivery.thread import Entry
from leadflow_pipeline.delivery.tokens import clean, shorten
from leadflow_pipeline.route.owners.reps.rep import Rep

SEQUENCE: Final = "handover"
GRADUATION: Final = "graduation"
REPLIED: Final = "replied"
"""Why a lead came of age, where it answered."""
TOLD, WARNED, OVERDUE, TAKEN = 1, 2, 3, 4
"""Steps of a hand-over: the owner is told, is reminded, the manager is told, and the lead went to somebody else."""

SUBJECT_CHARACTERS: Final = 150


@dataclass(frozen=True)
class Notice:
    """What is said, whatever the channel: a subject, some lines, and the points of a brief."""

    kind: str
    step: int
    subject: str
    lines: tuple[str, ...]
    points: tuple[str, ...] = ()
    due_at: datetime | None = None
    thread: tuple[Entry, ...] = ()
    """What was said by email, the latest last."""
    since: datetime | None = None
    """Of what is about a lead that came of age: since when its owner's clock runs."""


@dataclass(frozen=True)
class About:
    """Which hand-over, and in which campaign version it is told."""

    version: CampaignVersion
    lead_id: str
    assignment_number: int

    @property
    def campaign(self) -> Campaign:
        """The campaign's rules."""
        return self.version.rules

    @property
    def subject_key(self) -> str:
        """What makes its messages one of a kind."""
        return f"handoff:{self.version.campaign}:{self.lead_id}:{self.assignment_number}"

    @property
    def sequence(self) -> str:
        """What the outbox calls messages like these."""
        return SEQUENCE

    @property
    def reference(self) -> str:
        """What a person, or a vendor's search, finds the messages by."""
        return hashlib.sha256(self.subject_key.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class AboutEnrolment(About):
    """Which enrolment came of age: its owner is told once, whoever that is."""

    enrolment_id: str

    @property
    def subject_key(self) -> str:
        """What makes its messages one of a kind."""
        return str(graduation_key(self.version.campaign, self.enrolment_id))

    @property
    def sequence(self) -> str:
        """Apart from hand-overs: a lead may have both."""
        return GRADUATION


def graduation_key(campaign: Any, enrolment_id: Any) -> Any:
    """The key of the messages of an enrolment that came of age, as text or in SQL."""
    return GRADUATION + ":" + campaign + ":" + enrolment_id


def came_of_age(
    about: About, facts: BriefFacts, points: Sequence[str], thread: Sequence[Entry], why: str, clock: Clock
) -> Notice:
    """An owner hears that a lead answered, or is ready to talk, and what was said so far."""
    name = name_of(facts)
    company = clean(facts.lead.get("company"))
    subject = f"{'Replied' if why == REPLIED else 'Ready to talk'}: {name}"
    if company and company not in name:
        subject += f", {company}"
    lines = [
        f"{name} of “{about.campaign.name}” {why}.",
        "No automatic email is sent to them any more: please take over.",
    ]
    if clock.due_at is not None:
        lines.append(f"Please be in touch by {in_zone(clock.due_at, clock.rep)}.")
    return Notice(
        "graduated",
        TOLD,
        shorten(subject, SUBJECT_CHARACTERS),
        tuple(lines),
        tuple(points),
        clock.due_at,
        tuple(thread),
        clock.since,
    )


@dataclass(frozen=True)
class Clock:
    """Until when an owner is to be in touch; without a moment there is no clock."""

    since: datetime
    due_at: datetime | None = None
    rep: Rep | None = None


def told(about: About, facts: BriefFacts, points: Sequence[str], handoff: Handoff, rep: Rep) -> Notice:
    """A new owner hears of a lead."""
    name = name_of(facts)
    company = clean(facts.lead.get("company"))
    tier = (facts.route or {}).get("tier")
    subject = f"{'Passed on to you' if handoff.previous_rep else 'New lead'}: {name}"
    if company and company not in name:
        subject += f", {company}"
    why = f"{name} is yours now" + (f" (tier {tier})" if tier else "")
    lines = [f"{why}, from “{about.campaign.name}”."]
    if handoff.origin == "sla":
        lines.append("Nobody has been in touch yet, so it comes from a colleague to you.")
    elif handoff.previous_rep:
        lines.append("It comes from a colleague.")
    if handoff.first_touch_due_at is not None:
        lines.append(f"Please be in touch by {in_zone(handoff.first_touch_due_at, rep)}.")
    return Notice(
        "told",
        TOLD,
        shorten(subject, SUBJECT_CHARACTERS),
        tuple(lines),
        tuple(points),
        handoff.first_touch_due_at,
    )


def warning(about: About, name: str, due_at: datetime, rep: Rep, *, moves_on: bool) -> Notice:
    """The owner is reminded of a first touch that is still to come."""
    then = "After that it goes to a colleague." if moves_on else "After that your manager hears of it."
    lines = (
        f"Nobody has been in touch with {name} yet.",
        f"The first touch is due by {in_zone(due_at, rep)}. {then}",
        f"Have you been? Then say so: leadflow touched {about.lead_id}",
    )
    return Notice("warning", WARNED, shorten(f"Still waiting: {name}", SUBJECT_CHARACTERS), lines, (), due_at)


def overdue(about: About, name: str, owner: str, due_at: datetime, manager: Rep | None) -> Notice:
    """The manager hears that a lead waits too long."""
    lines = (
        f"Nobody has been in touch with {name}, a lead of “{about.campaign.name}”.",
        f"Its owner is {owner}; the first touch was due by {in_zone(due_at, manager)}.",
        f"It stays there until you decide: leadflow override {about.version.campaign} {about.lead_id} owner REP",
    )
    return Notice("overdue", OVERDUE, shorten(f"Nobody in touch: {name}", SUBJECT_CHARACTERS), lines)


def taken(name: str) -> Notice:
    """The owner before hears that the lead is not theirs any more."""
    lines = (
        f"{name} has gone to a colleague, because nobody had been in touch in time. Nothing is left to do.",
    )
    return Notice("taken", TAKEN, shorten(f"Passed on: {name}", SUBJECT_CHARACTERS), lines)


def in_zone(moment: datetime, rep: Rep | None) -> str:
    """A moment by somebody's clock: `Thu 7 May 2026, 17:00 (Europe/Lisbon)`."""
    zone = rep.time_zone if rep is not None else "UTC"
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M} ({zone})"
