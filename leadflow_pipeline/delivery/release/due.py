"""Which touches are due now, and what the plan says of them. Reads only.

What does not belong here: what the present has against them (`present`).

A touch is a message once any message of its enrolment and step is there, whatever the channel and the words: a step
that became a task in the campaign file is not done a second time as one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

import pandas as pd
from sqlalchemy import Select, exists, func, select

from leadflow_pipeline.nurture.by_hand import MOVE, SKIP
from leadflow_pipeline.store.schema import messages, nurture_touches, nurtured_leads, overrides
from leadflow_pipeline.store.sequences import HOLDING_STATES, TO_ONE_OF_US

OLDEST_TOUCH: Final = timedelta(days=32)
"""A touch lives 30 days at most (`stale_after_hours`) and falls due up to two days after its own day."""

ENDED_BY_PLAN: Final = ("PAUSED", "STOPPED", "GRADUATED")

NEVER_BEGUN: Final = "the first email of the sequence was never sent"
SUPERSEDED: Final = "plan: another sequence has begun"


def due_touches(campaign: str, now: datetime) -> Select[Any]:
    """Touches due now that are no messages yet, beside where the plan last saw the lead."""
    touch, oldest = nurture_touches, (now - OLDEST_TOUCH).date()
    plan = (
        select(
            nurtured_leads.c.lead_id,
            nurtured_leads.c.enrolment_id,
            nurtured_leads.c.state,
            nurtured_leads.c.enrolled_at,
        )
        .where(nurtured_leads.c.campaign == campaign, nurtured_leads.c.day >= oldest)
        .order_by(nurtured_leads.c.lead_id, nurtured_leads.c.day.desc())
        .distinct(nurtured_leads.c.lead_id)
        .subquery("plan")
    )
    is_message = exists().where(
        messages.c.subject_key == touch.c.enrolment_id, messages.c.step == touch.c.step
    )
    return (
        select(
            _has_messages(is_to_lead=False).label("has_messages"),
            _has_messages(is_to_lead=True).label("has_written"),
            _is_first_email().label("is_first_email"),
            _was_led_past(plan.c.enrolled_at).label("was_led_past"),
            *(
                touch.c[name]
                for name in ("campaign", "day", "lead_id", "enrolment_id", "step", "sequence", "channel")
            ),
            touch.c.email.label("recipient"),
            touch.c.planned_at,
            touch.c.not_after,
            plan.c.enrolment_id.label("plan_enrolment_id"),
            plan.c.state.label("plan_state"),
            plan.c.enrolled_at,
        )
        .join_from(touch, plan, plan.c.lead_id == touch.c.lead_id, isouter=True)
        .where(
            touch.c.campaign == campaign,
            touch.c.day >= oldest,
            touch.c.planned_at <= now,
            touch.c.not_after > now,
            ~is_message,
        )
        .order_by(touch.c.planned_at, touch.c.enrolment_id, touch.c.step)
    )


def plan_says(due: pd.DataFrame) -> pd.Series[str]:
    """Why the lead's latest row, or the sequence so far, forbids the touch; missing where they do not.

    A later email speaks of those before it, so it is held where none of them ever left: after a backfill, or where
    the dispatcher stood still for so long that the first one grew stale. A task or webhook is held where nothing did.
    Where somebody passed over steps by hand, they meant the lead to go on without them.
    """
    reason = pd.Series(None, index=due.index, dtype="str")
    says = {
        name: due[name].astype(bool)
        for name in ("has_messages", "has_written", "is_first_email", "was_led_past")
    }
    has_begun = says["has_written"] | says["is_first_email"] | says["was_led_past"]
    has_begun |= says["has_messages"] & due["channel"].ne("email")
    reason = reason.mask(~has_begun, NEVER_BEGUN)
    ended = due["plan_state"].isin(ENDED_BY_PLAN)
    reason = reason.mask(ended, "plan: " + due["plan_state"].str.lower())
    return reason.mask(due["plan_enrolment_id"].ne(due["enrolment_id"]), SUPERSEDED)


def as_records(touches: pd.DataFrame) -> list[dict[str, Any]]:
    """The touches one by one: what becomes of each is its own text."""
    return cast("list[dict[str, Any]]", touches.to_dict("records"))


def _has_messages(*, is_to_lead: bool) -> Any:
    """Whether any message of the touch's enrolment has left, or may still; with `is_to_lead`, an email to the lead."""
    earlier = messages.alias("earlier")
    to_leads = [earlier.c.recipient_key != TO_ONE_OF_US] if is_to_lead else []
    return exists().where(
        earlier.c.subject_key == nurture_touches.c.enrolment_id,
        earlier.c.state.in_(HOLDING_STATES),
        *to_leads,
    )


def _is_first_email() -> Any:
    """Whether the enrolment planned nothing before the touch but what is written to no lead.

    How many touches it planned is known of each day; where the sequence begins is not: its first steps may be forks,
    or left out.
    """
    touch, later, own = nurture_touches, nurture_touches.alias("later"), nurtured_leads.alias("own")
    other = messages.alias("other")
    same = (
        later.c.campaign == touch.c.campaign,
        later.c.day == touch.c.day,
        later.c.lead_id == touch.c.lead_id,
        later.c.enrolment_id == touch.c.enrolment_id,
    )
    not_before = select(func.count()).where(*same, later.c.step >= touch.c.step).correlate(touch)
    others = (
        select(func.count(other.c.step.distinct()))
        .where(
            other.c.subject_key == touch.c.enrolment_id,
            other.c.step < touch.c.step,
            other.c.recipient_key == TO_ONE_OF_US,
        )
        .correlate(touch)
    )
    return exists().where(
        own.c.campaign == touch.c.campaign,
        own.c.day == touch.c.day,
        own.c.lead_id == touch.c.lead_id,
        own.c.enrolment_id == touch.c.enrolment_id,
        own.c.steps_planned - not_before.scalar_subquery() <= others.scalar_subquery(),
    )


def _was_led_past(enrolled_at: Any) -> Any:
    """Whether somebody has passed over steps by hand since the enrolment began."""
    return exists().where(
        overrides.c.campaign == nurture_touches.c.campaign,
        overrides.c.lead_id == nurture_touches.c.lead_id,
        overrides.c.field == "nurture",
        func.lower(func.btrim(overrides.c.value)).op("~")(f"^({SKIP}|{MOVE})"),
        overrides.c.occurred_at >= enrolled_at - timedelta(days=1),
        overrides.c.occurred_at < nurture_touches.c.planned_at,
    )
