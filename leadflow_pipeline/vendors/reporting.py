"""What came of asking one provider about leads, in counts and one plain line.

What belongs here: a round of asking, told to people. What does not: the round (`rounds`), and who is asked about whom
(the doors of the stages).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select

from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.store.schema import vendor_lookups
from leadflow_pipeline.vendors.limits import Budget
from leadflow_pipeline.vendors.lookups import carry_out
from leadflow_pipeline.vendors.questions import Asker

MOST_AT_ONCE = 1_000
"""Questions to one provider in one round."""


@dataclass(frozen=True)
class ProviderReport:
    """What came of asking one provider, and how many of its questions wait now. `problem` is one plain line."""

    provider: str
    asked: int = 0
    answered: int = 0
    not_found: int = 0
    waiting: int = 0
    failed: int = 0
    unknown: int = 0
    credits: float = 0.0
    deferred_until: datetime | None = None
    problem: str | None = None

    @property
    def has_news(self) -> bool:
        """Whether any waterfall may go on because of it."""
        return bool(self.answered or self.not_found or self.failed or self.unknown)


def ask_and_report(
    engine: Engine,
    make_asker: Callable[[], Asker],
    *,
    campaign: str,
    provider: str,
    budget: Budget,
    now: Callable[[], datetime],
    answer_ttl: timedelta,
    not_found_ttl: timedelta,
) -> ProviderReport:
    """One round of asking. An asker that cannot be made, for want of its key, is the report's problem."""
    try:
        outcome = carry_out(
            engine,
            make_asker(),
            campaign=campaign,
            provider=provider,
            budget=budget,
            now=now,
            answer_ttl=answer_ttl,
            not_found_ttl=not_found_ttl,
            most=MOST_AT_ONCE,
        )
    except LeadflowError as error:
        return ProviderReport(provider, problem=str(error))
    return ProviderReport(
        provider,
        asked=outcome.asked,
        answered=outcome.states["answered"] + outcome.states["copied"],
        not_found=outcome.states["not_found"],
        failed=outcome.states["failed"],
        unknown=outcome.states["unknown"],
        credits=outcome.credits,
        deferred_until=outcome.deferred_until,
        problem=outcome.problem,
    )


def with_waiting(engine: Engine, campaign: str, report: ProviderReport) -> ProviderReport:
    """The report with how many questions wait for an answer, and how many for a person, now."""
    table = vendor_lookups.c
    query = (
        select(table.state, func.count().label("lookups"))
        .where(table.campaign == campaign, table.provider == report.provider, table.finished_at.is_(None))
        .group_by(table.state)
    )
    with engine.connect() as connection:
        counts = {row.state: row.lookups for row in connection.execute(query)}
    unknown = counts.pop("unknown", 0)
    return replace(report, waiting=sum(counts.values()), unknown=unknown)
