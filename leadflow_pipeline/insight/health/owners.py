"""Leads that wait for an owner, and owners who were not told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.counting import counted
from leadflow_pipeline.delivery.holding import reason_and_remedy
from leadflow_pipeline.delivery.pending import LOOKED_BACK, never_told
from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.due_days import active_campaigns
from leadflow_pipeline.store.schema import held_handoffs, messages
from leadflow_pipeline.store.sequences import is_to_lead

LONG_WAIT = timedelta(hours=24)


def look_at_owners(engine: Engine) -> Iterator[Finding]:
    """Leads that wait for an owner, owners who were never told, and messages to owners that did not arrive."""
    now, settings = datetime.now(UTC), get_settings()
    failed_query = (
        select(messages.c.channel, messages.c.state_reason, func.count())
        .where(messages.c.state == "failed", ~is_to_lead(), messages.c.updated_at > now - LOOKED_BACK)
        .group_by(messages.c.channel, messages.c.state_reason)
        .order_by(messages.c.channel, messages.c.state_reason)
    )
    held_query = (
        select(
            held_handoffs.c.campaign,
            held_handoffs.c.reason,
            func.count(),
            func.min(held_handoffs.c.held_since),
            func.min(held_handoffs.c.decision_day),
        )
        .group_by(held_handoffs.c.campaign, held_handoffs.c.reason)
        .order_by(held_handoffs.c.campaign, func.count().desc(), held_handoffs.c.reason)
    )
    with engine.connect() as connection:
        active = active_campaigns(connection)
        held = connection.execute(held_query.where(held_handoffs.c.campaign.in_(active))).all()
        failed = connection.execute(failed_query).tuples().all()
        versions = [load(engine, campaign) for campaign in active]
        untold = {version.campaign: never_told(connection, version.rules, now) for version in versions}
    for campaign, reason, count, since, day in held:
        why, remedy = reason_and_remedy(reason)
        hours = (now - since).total_seconds() / 3600
        sentence = (
            f"{counted(count, 'lead')} without an owner, for {hours:,.1f} hours, decided on {day}: {why}"
        )
        by_hand = (
            f"leadflow override {campaign} LEAD owner REP gives one away; leadflow handover held lists them"
        )
        state = State.BROKEN if now - since > LONG_WAIT else State.LOOK
        yield Finding(f"owners of {campaign}", state, sentence, f"{remedy}; {by_hand}")
    for campaign, count in untold.items():
        if count:
            sentence = f"{counted(count, 'lead')} with a planned owner who was not told in time"
            remedy = "leadflow handover --since DAY tells owners of decisions from that day on"
            yield Finding(f"untold owners of {campaign}", State.LOOK, sentence, remedy)
    for channel, reason, count in failed:
        sentence = f"{counted(count, 'message')} to owners did not arrive: {reason}"
        remedy = f"mend it, then leadflow messages again --channel {channel}; list --state failed shows them"
        yield Finding(f"messages by {channel}", State.BROKEN, sentence, remedy)
    for version in versions:
        rules = version.rules.handover
        lacking = [
            *(["LEADFLOW_SLACK_TOKEN"] if rules.slack_channel and settings.slack_token is None else ()),
            *(["LEADFLOW_HUBSPOT_TOKEN"] if rules.hubspot and settings.hubspot_token is None else ()),
        ]
        for name in lacking:
            sentence = f"{name} is not set: what should go there is written to {settings.outbox_folder}"
            yield Finding(f"hand-over of {version.campaign}", State.LOOK, sentence, f"set {name}")
