"""Where leads and facts come from: files, vendors and webhooks."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine, func, select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.harvest.sources.webhook import WebhookSource
from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.insight.health.machine import look_at_service
from leadflow_pipeline.settings import secret
from leadflow_pipeline.signatures import key_of
from leadflow_pipeline.store.due_days import active_campaigns
from leadflow_pipeline.store.failures import describe
from leadflow_pipeline.store.schema import source_cursors, vendor_breakers, vendor_lookups


def look_at_vendors(engine: Engine) -> Iterator[Finding]:
    """Sources that cannot be read, vendors that are left alone for now, and paid questions of unknown fate."""
    cursors, breakers, lookups = source_cursors.c, vendor_breakers.c, vendor_lookups.c
    with engine.connect() as connection:
        behind = connection.execute(
            select(cursors.campaign, cursors.source, cursors.state, cursors.problem)
            .where(cursors.state != "ready", cursors.campaign.in_(active_campaigns(connection)))
            .order_by(cursors.campaign, cursors.source)
        ).all()
        left_alone = connection.execute(
            select(breakers.vendor, breakers.problem)
            .where(breakers.opened_at.is_not(None))
            .order_by(breakers.vendor)
        ).all()
        unknown = connection.scalar(select(func.count()).where(lookups.state == "unknown")) or 0
    for campaign, source, state, problem in behind:
        is_failed = state == "failed"
        yield Finding(
            f"source {source} of {campaign}",
            State.BROKEN if is_failed else State.LOOK,
            problem,
            f"mend it, then leadflow collect {campaign} --source {source}" if is_failed else "",
        )
    for vendor, problem in left_alone:
        yield Finding(
            f"vendor {vendor}", State.LOOK, problem or "fails again and again: it is left alone for now"
        )
    if unknown:
        yield Finding(
            "questions to vendors",
            State.BROKEN,
            f"of {unknown:,} it is unknown whether they were answered and paid for, so they are never repeated",
            "leadflow enrich status; look at the vendor's own list, then leadflow enrich settle",
        )


def look_at_webhooks(engine: Engine) -> Iterator[Finding]:
    """Whether the service answers, and has the secrets of every active campaign that takes webhooks."""
    with engine.connect() as connection:
        active = active_campaigns(connection)
    webhooks = [
        (campaign, source)
        for campaign in active
        for source in load(engine, campaign).rules.sources
        if isinstance(source, WebhookSource)
    ]
    for campaign, source in webhooks:
        subject = f"webhook {source.name} of {campaign}"
        try:
            for name in source.secrets_from:
                key_of(secret(name))
        except LeadflowError as error:
            yield Finding(subject, State.BROKEN, describe(error), "leadflow webhook secret makes a new one")
        else:
            yield Finding(subject, State.WELL, "has its secrets")
    if webhooks:
        yield look_at_service()
