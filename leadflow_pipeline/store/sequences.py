"""Which sequences are running: have written to somebody, and are not over.

What belongs here: that one question, in SQL, for the doors and for those who show it. What does not: whether a message
may leave (`delivery`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, select, true

from leadflow_pipeline.store.schema import campaigns, messages, nurtured_leads

STALLED: Final = timedelta(days=30)
"""A sequence whose next touch is overdue by this much is not being planned any more and holds nobody."""

HOLDING_STATES: Final = ("planned", "claimed", "on_wire", "sent", "unknown")
"""States of a message that has left or may still."""

RUNNING_STATES: Final = ("ENROLLED", "TOUCH_DUE", "PAUSED")

TO_ONE_OF_US: Final = ""
"""The `recipient_key` of a message that goes to an owner or a manager: nobody's address, so no lead's."""


def is_to_lead() -> ColumnElement[bool]:
    """Whether a row of `messages` is written to a lead, and not about it to one of us."""
    return messages.c.recipient_key != TO_ONE_OF_US


def is_running(now: datetime) -> ColumnElement[bool]:
    """Whether the enrolment of a row of `messages` is running. Use it in a query that has no other table of these."""
    plan = nurtured_leads.alias("latest_plan")
    latest = (
        select(plan.c.enrolment_id, plan.c.state, plan.c.next_touch_at)
        .where(plan.c.campaign == messages.c.campaign, plan.c.lead_id == messages.c.lead_id)
        .order_by(plan.c.day.desc())
        .limit(1)
        .correlate(messages)
        .lateral("latest")
    )
    is_live: Any = (
        select(true())
        .select_from(latest)
        .where(
            latest.c.enrolment_id == messages.c.subject_key,
            latest.c.state.in_(RUNNING_STATES),
            latest.c.next_touch_at > now - STALLED,
        )
        .correlate(messages)
        .exists()
    )
    is_active = (
        select(true())
        .where(campaigns.c.campaign == messages.c.campaign, campaigns.c.status == "active")
        .correlate(messages)
        .exists()
    )
    return and_(messages.c.state.in_(HOLDING_STATES), is_active, is_live)
