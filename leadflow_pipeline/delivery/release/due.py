"""Which touches are due now, and what the plan says of them. Reads only.

What does not belong here: what the present has against them (`present`).

A touch is a message once any message of its enrolment and step is there, whatever the channel and the words: a step
that became a task in the campaign file is not done a second time as one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

import pandas as pd
from sqlalchemy import Select, exists, func, or_, select

from leadflow_pipeline.store.schema import messages, nurture_touches, nurtured_leads
from leadflow_pipeline.store.sequences import HOLDING_STATES

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
            or_(_is_first(), _has_begun()).label("has_begun"),
            *(
                touch.c[name]
                for name in ("campaign", "lead_id", "enrolment_id", "step", "sequence", "channel")
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
    the dispatcher stood still for so long that the first one grew stale.
    """
    reason = pd.Series(None, index=due.index, dtype="str")
    reason = reason.mask(~due["has_begun"].astype(bool), NEVER_BEGUN)
    ended = due["plan_state"].isin(ENDED_BY_PLAN)
    reason = reason.mask(ended, "plan: " + due["plan_state"].str.lower())
    return reason.mask(due["plan_enrolment_id"].ne(due["enrolment_id"]), SUPERSEDED)


def as_records(touches: pd.DataFrame) -> list[dict[str, Any]]:
    """The touches one by one: what becomes of each is its own text."""
    return cast("list[dict[str, Any]]", touches.to_dict("records"))


def _is_first() -> Any:
    """Whether the touch is the first of its enrolment, which need not be step 1: steps may be skipped."""
    touch, later, own = nurture_touches, nurture_touches.alias("later"), nurtured_leads.alias("own")
    after_it = (
        select(func.count())
        .where(
            later.c.campaign == touch.c.campaign,
            later.c.day == touch.c.day,
            later.c.lead_id == touch.c.lead_id,
            later.c.enrolment_id == touch.c.enrolment_id,
            later.c.step > touch.c.step,
        )
        .correlate(touch)
        .scalar_subquery()
    )
    only_one = exists().where(
        own.c.campaign == touch.c.campaign,
        own.c.day == touch.c.day,
        own.c.lead_id == touch.c.lead_id,
        own.c.enrolment_id == touch.c.enrolment_id,
        own.c.steps_planned - after_it <= 1,
    )
    return or_(touch.c.step == 1, only_one)


def _has_begun() -> Any:
    earlier = messages.alias("earlier")
    return exists().where(
        earlier.c.subject_key == nurture_touches.c.enrolment_id, earlier.c.state.in_(HOLDING_STATES)
    )
