"""What the present has against writing to a lead: suppressions, consent, stop facts, a paused campaign, a hand's no.

What belongs here: the questions both doors ask of facts, in SQL. What does not: whether a touch is due (`release`),
and the plan: a plan may be a day old, the present may not.

Facts are asked of the person, not only of the lead: who unsubscribed or answered under one address is not written to
under another. A suppression says itself how far it reaches; what a lead did counts in its own campaign.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Text,
    and_,
    any_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)

from leadflow_pipeline.delivery.notice_words import TOLD, graduation_key
from leadflow_pipeline.delivery.permission import consent_objections
from leadflow_pipeline.nurture.by_hand import ENROL
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.overrides import LIFTED, OUT_OF_OFFICE
from leadflow_pipeline.store.people import address_keys_of, lead_ids_of
from leadflow_pipeline.store.schema import (
    MESSAGE_CHANNELS,
    Timestamp,
    account_leads,
    campaigns,
    engagement_events,
    handoffs,
    messages,
    outcomes,
    overrides,
    rep_touches,
    suppressions,
)
from leadflow_pipeline.store.suppressions import EVERY_CAMPAIGN, stands

ALWAYS_STOP: Final = ("unsubscribe", "complaint")
"""Behaviours that stop emails whatever a campaign file says."""

RESUBSCRIBED: Final = "resubscribe"
"""Behaviour after which those before it stop nothing any more."""

HANDED_OVER: Final = "the lead came of age: its owner has it"
TAKEN_OVER: Final = "a rep is in touch with the lead"
ENROLLED_ANEW: Final = "another sequence was begun by hand"
COLLEAGUE_REPLIED: Final = "a colleague of the lead replied"
NOTE: Final = "note"
"""Kind of a rep's touch that the lead knows nothing of."""

PROOFS: Final = ("reply", "meeting")
"""Behaviours of a lead that nobody has who was not in touch with one of us."""

REMINDERS: Final = ("warning", "overdue")
"""Kinds of message to one of us that are about a first touch that is wanting."""

STANDING_WORDS: Final = ("pause", "resume", "stop", "enrol", LIFTED)
"""What a hand says about a sequence that holds until it says something else, by its first word."""

RESUMING: Final = ("resume", "enrol")
"""Words after which nothing that was before holds the lead."""

Moment = datetime | ColumnElement[Any]

MAY_PASS: Final = ("campaign is not active", "paused by hand", OUT_OF_OFFICE)
"""Objections that wait; all others end a message."""


def objection(who: FromClause, rules: NurtureRules, now: Moment) -> ColumnElement[Any]:
    """Why a row of `who` may not be written to now; NULL where nothing is against it.

    `who` is `messages`, or has its columns campaign, lead_id, recipient, recipient_key and planned_at, and the
    enrolment as `enrolment_id`; `rules` are those of its campaign.
    """
    by_hand, since, why = _standing_override(who, now)
    was_resumed = case((by_hand.in_(RESUMING), since), else_=None)
    return case(
        (_is_suppressed(who, "all", literal("", Text), now), "nobody is written to now"),
        (_is_suppressed(who, "address", who.c.recipient_key, now), "address is suppressed"),
        (_is_suppressed(who, "domain", _domain(who), now), "domain is suppressed"),
        (
            _is_suppressed(who, "address", any_(address_keys_of(who)), now),
            "another address of the person is suppressed",
        ),
        *consent_objections(who, rules.consent, now),
        (by_hand == "stop", "stopped by hand"),
        (_is_enrolled_anew(who, rules, now), ENROLLED_ANEW),
        *_stop_events(who, {*rules.stop_on, *ALWAYS_STOP}, was_resumed, now),
        *(_outcomes(who, was_resumed, now) if rules.stop_on_outcome else ()),
        (_is_handed_over(who, was_resumed), HANDED_OVER),
        *(_taken_over(who, was_resumed, now) if rules.stop_on_owner_touch else ()),
        *(_colleague_replied(who, was_resumed, now) if rules.stop_on_colleague_reply else ()),
        (and_(by_hand == "pause", why == OUT_OF_OFFICE), OUT_OF_OFFICE),
        (by_hand == "pause", MAY_PASS[1]),
        (_campaign_rests(who), MAY_PASS[0]),
        else_=None,
    )


def notice_objection(notice: FromClause, now: Moment) -> ColumnElement[Any]:
    """Why a message to one of us need not leave now; NULL where it should.

    `notice` is `messages`. Whose lead has gone on to another owner is told no more of it, and nobody is reminded of a
    lead that somebody has been in touch with. Reminders of a lead that came of age name `since` when: what such a lead
    writes is no sign that one of us was in touch.
    """
    number = notice.c.payload["assignment_number"].astext.cast(Integer)
    is_passed_on = exists().where(
        handoffs.c.campaign == notice.c.campaign,
        handoffs.c.lead_id == notice.c.lead_id,
        handoffs.c.assignment_number > number,
    )
    of_lead = and_(handoffs.c.campaign == notice.c.campaign, handoffs.c.lead_id == notice.c.lead_id)
    told_at = select(handoffs.c.decided_at).where(of_lead, handoffs.c.assignment_number == number)
    since = notice.c.payload["since"].astext.cast(Timestamp)
    in_touch = case(
        (since.is_not(None), _is_spoken_to(notice.c.campaign, notice.c.lead_id, since, now)),
        else_=is_in_touch(
            notice.c.campaign, notice.c.lead_id, told_at.correlate(notice).scalar_subquery(), now
        ),
    )
    is_reminder = notice.c.payload["kind"].astext.in_(REMINDERS)
    return case(
        (is_passed_on, "the lead has another owner since"),
        (is_reminder & in_touch, "somebody has been in touch"),
        (_campaign_rests(notice), MAY_PASS[0]),
        else_=None,
    )


def is_in_touch(campaign: Any, lead_id: Any, since: Any, now: Moment) -> ColumnElement[bool]:
    """Whether a rep has been in touch with a lead from a moment on, or the lead itself proves it: it answered, met
    one of us, or has come to an end."""
    answered = exists().where(
        engagement_events.c.campaign == campaign,
        engagement_events.c.lead_id == lead_id,
        engagement_events.c.behaviour.in_(PROOFS),
        ~engagement_events.c.is_machine,
        engagement_events.c.occurred_at.between(since, now),
    )
    return or_(_is_spoken_to(campaign, lead_id, since, now), answered)


def _is_spoken_to(campaign: Any, lead_id: Any, since: Any, now: Moment) -> ColumnElement[bool]:
    """Whether a rep has been in touch, or the lead has come to an end."""
    touched = exists().where(
        rep_touches.c.campaign == campaign,
        rep_touches.c.lead_id == lead_id,
        rep_touches.c.occurred_at.between(since, now),
    )
    ended = exists().where(
        outcomes.c.campaign == campaign,
        outcomes.c.lead_id == lead_id,
        outcomes.c.occurred_at.between(since, now),
    )
    return or_(touched, ended)


def _campaign_rests(who: FromClause) -> ColumnElement[bool]:
    return ~exists().where(campaigns.c.campaign == who.c.campaign, campaigns.c.status == "active")


def _is_suppressed(
    who: FromClause, scope: str, subject: ColumnElement[Any], now: Moment
) -> ColumnElement[bool]:
    return exists().where(
        suppressions.c.scope == scope,
        suppressions.c.subject == subject,
        or_(suppressions.c.campaign == EVERY_CAMPAIGN, suppressions.c.campaign == who.c.campaign),
        stands(now),
    )


def _domain(who: FromClause) -> ColumnElement[Any]:
    return func.lower(func.split_part(who.c.recipient, "@", 2))


def _standing_override(
    who: FromClause, now: Moment
) -> tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any]]:
    """Value, time and reason of the nurture override that stands; the latest that has not expired.

    Orders such as `skip` are carried out by the plan: they do not end a pause.
    """
    word = func.split_part(func.lower(func.btrim(overrides.c.value)), " ", 1)
    latest = (
        select(word)
        .where(
            overrides.c.campaign == who.c.campaign,
            overrides.c.lead_id == who.c.lead_id,
            overrides.c.field == "nurture",
            word.in_(STANDING_WORDS),
            overrides.c.occurred_at <= now,
            or_(overrides.c.expires_at.is_(None), overrides.c.expires_at > now),
        )
        .order_by(overrides.c.occurred_at.desc(), overrides.c.override_id.desc())
        .limit(1)
        .correlate(who)
    )
    since, why = (
        latest.with_only_columns(each).scalar_subquery()
        for each in (overrides.c.occurred_at, overrides.c.reason)
    )
    return latest.scalar_subquery(), since, why


def _is_enrolled_anew(who: FromClause, rules: NurtureRules, now: Moment) -> ColumnElement[bool]:
    """Whether somebody has begun another sequence for the lead since this touch was planned, at the midnight before."""
    asked = func.lower(func.btrim(overrides.c.value))
    return exists().where(
        overrides.c.campaign == who.c.campaign,
        overrides.c.lead_id == who.c.lead_id,
        overrides.c.field == "nurture",
        asked.op("~")(rf"^{ENROL}\s"),
        func.regexp_replace(asked, r"^\S+\s+", "").in_(sorted(rules.sequence_names)),
        overrides.c.occurred_at.between(func.date_trunc("day", who.c.planned_at, "UTC"), now),
    )


def _stop_events(
    who: FromClause, behaviours: Iterable[str], was_resumed: ColumnElement[Any], now: Moment
) -> Iterable[tuple[ColumnElement[bool], str]]:
    said_again = engagement_events.alias("said_again")
    for behaviour in sorted(behaviours):
        taken_back = (
            [
                ~exists().where(
                    said_again.c.campaign == engagement_events.c.campaign,
                    said_again.c.lead_id == engagement_events.c.lead_id,
                    said_again.c.behaviour == RESUBSCRIBED,
                    said_again.c.occurred_at.between(engagement_events.c.occurred_at, now),
                )
            ]
            if behaviour in ALWAYS_STOP
            else []
        )
        found = exists().where(
            engagement_events.c.campaign == who.c.campaign,
            engagement_events.c.lead_id == any_(lead_ids_of(who)),
            engagement_events.c.behaviour == behaviour,
            ~engagement_events.c.is_machine,
            engagement_events.c.occurred_at <= now,
            _is_after(engagement_events.c.occurred_at, was_resumed),
            *taken_back,
        )
        yield found, behaviour


def _outcomes(
    who: FromClause, was_resumed: ColumnElement[Any], now: Moment
) -> Iterable[tuple[ColumnElement[bool], str]]:
    for outcome in ("won", "lost", "meeting"):
        found = exists().where(
            outcomes.c.campaign == who.c.campaign,
            outcomes.c.lead_id == any_(lead_ids_of(who)),
            outcomes.c.outcome == outcome,
            outcomes.c.occurred_at <= now,
            _is_after(outcomes.c.occurred_at, was_resumed),
        )
        yield found, outcome


def _is_handed_over(who: FromClause, was_resumed: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the enrolment came of age and its owner was told (`graduation`)."""
    told = messages.alias("graduation").c
    return exists().where(
        told.channel.in_(MESSAGE_CHANNELS),
        told.subject_key == graduation_key(who.c.campaign, _enrolment_of(who)),
        told.step == TOLD,
        _is_after(told.planned_at, was_resumed),
    )


def _enrolment_of(who: FromClause) -> ColumnElement[Any]:
    enrolment: ColumnElement[Any] = who.c.subject_key if "subject_key" in who.c else who.c.enrolment_id
    return enrolment


def _taken_over(
    who: FromClause, was_resumed: ColumnElement[Any], now: Moment
) -> Iterable[tuple[ColumnElement[bool], str]]:
    """Whether a rep has been in touch since the enrolment began: then the lead is in a person's hands."""
    touch = rep_touches.c
    found = exists().where(
        touch.campaign == who.c.campaign,
        touch.lead_id == any_(lead_ids_of(who)),
        touch.kind != NOTE,
        touch.occurred_at.between(_begun_at(who), now),
        _is_after(touch.occurred_at, was_resumed),
    )
    yield found, TAKEN_OVER


def _colleague_replied(
    who: FromClause, was_resumed: ColumnElement[Any], now: Moment
) -> Iterable[tuple[ColumnElement[bool], str]]:
    """Whether somebody else of the lead's account, as it is known now, has answered since the enrolment began."""
    own, other, event = (
        account_leads.alias("own_account"),
        account_leads.alias("colleague"),
        engagement_events,
    )
    found = (
        exists()
        .select_from(
            own.join(other, other.c.account_id == own.c.account_id).join(
                event, and_(event.c.campaign == other.c.campaign, event.c.lead_id == other.c.lead_id)
            )
        )
        .where(
            own.c.campaign == who.c.campaign,
            own.c.lead_id == who.c.lead_id,
            other.c.campaign == who.c.campaign,
            other.c.lead_id != who.c.lead_id,
            event.c.behaviour == "reply",
            ~event.c.is_machine,
            event.c.occurred_at.between(_begun_at(who), now),
            _is_after(event.c.occurred_at, was_resumed),
        )
        .correlate(who)
    )
    yield found, COLLEAGUE_REPLIED


def _begun_at(who: FromClause) -> ColumnElement[Any]:
    """About when the enrolment began: a day before its first email was planned, or this one where it is the first.

    A plan knows all that happened up to a day before what it plans.
    """
    earlier = messages.alias("earlier_message")
    first = (
        select(func.min(earlier.c.planned_at))
        .where(earlier.c.channel == "email", earlier.c.subject_key == _enrolment_of(who))
        .correlate(who)
        .scalar_subquery()
    )
    return func.least(first, who.c.planned_at) - literal(timedelta(days=1))


def _is_after(moment: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.coalesce(moment > other, literal(value=True))
