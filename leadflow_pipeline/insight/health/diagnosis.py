"""All that is looked at, in order."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.insight.health.days import look_at_days, look_at_quarantine, look_at_reviews
from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.insight.health.machine import look_at_disk, look_at_journal, look_at_memory
from leadflow_pipeline.insight.health.messages import (
    look_at_links,
    look_at_mailbox,
    look_at_messages,
    look_at_stops,
)
from leadflow_pipeline.insight.health.orchestration import look_at_dagster
from leadflow_pipeline.insight.health.owners import look_at_owners
from leadflow_pipeline.insight.health.sources import look_at_vendors, look_at_webhooks
from leadflow_pipeline.store import migrate
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.failures import describe


def diagnose(engine_of: Callable[[], Engine] = get_engine, *, with_network: bool = True) -> list[Finding]:
    """Looks at everything. What cannot be looked at, because something beneath it is broken, is left out.

    Without network: but for the database nobody else is asked, neither a mailbox nor the service.
    """
    findings = [look_at_disk(), look_at_memory()]
    try:
        engine = engine_of()
        migrate.check(engine)
    except (LeadflowError, SQLAlchemyError) as error:
        remedy = (
            "" if isinstance(error, LeadflowError) else "start the server that LEADFLOW_DATABASE_URL names"
        )
        return [*findings, Finding("database", State.BROKEN, describe(error), remedy)]
    findings.append(Finding("database", State.WELL, "answers, and its tables are up to date"))
    for look in LOOKS if with_network else [look for look in LOOKS if look not in OVER_THE_NETWORK]:
        findings.extend(look(engine))
    return findings


LOOKS = (
    look_at_days,
    look_at_messages,
    look_at_stops,
    look_at_links,
    look_at_mailbox,
    look_at_owners,
    look_at_quarantine,
    look_at_vendors,
    look_at_reviews,
    look_at_webhooks,
    look_at_journal,
    look_at_dagster,
)
"""In the order of a lead's life, and Dagster last, which takes longest."""

OVER_THE_NETWORK = (look_at_mailbox, look_at_webhooks)
