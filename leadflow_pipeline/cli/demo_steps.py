"""What both demos are made of: computing a campaign's due days, and showing what came of them.

What belongs here: steps and tables that `demo` and `demo_vendors` share. What does not: their own data and order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, func, select

from leadflow_pipeline.cli.output import console, counted, error_console, print_section, table_of
from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.store.schema import nurtured_leads, owner_decisions, source_records

if TYPE_CHECKING:
    import dagster as dg

NEXT_EMAILS = 5


@dataclass
class Changes:
    """What this run of the demo has added to the database and the world."""

    records: int = 0
    events: int = 0
    days: int = 0
    messages: int = 0
    handed_over: int = 0

    def sentence(self) -> str:
        """For the end of the demo."""
        if self == Changes():
            return "Nothing changed: every record was known, every day computed, and no email was due."
        return (
            f"Added {counted(self.records, 'record')} and {counted(self.events, 'event')}, "
            f"computed {counted(self.days, 'day')}, told owners of {counted(self.handed_over, 'lead')}, "
            f"sent {counted(self.messages, 'email')}."
        )


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says what is being done while it is done, and how long it took."""
    started = datetime.now(UTC)
    with error_console.status(what):
        yield
    error_console.print(
        f"[green]done[/]  {what}  [dim]{(datetime.now(UTC) - started).total_seconds():.1f} s[/]"
    )


def last_record_day(engine: Engine, campaign: str) -> date | None:
    """The day of a campaign's latest record."""
    query = select(func.max(source_records.c.day)).where(source_records.c.campaign == campaign)
    with engine.connect() as connection:
        day: date | None = connection.scalar(query)
    return day


def compute(
    instance: dg.DagsterInstance, engine: Engine, campaign: str, last: date | None, changes: Changes
) -> None:
    """Computes every due day of a campaign, up to `last` or yesterday, and draws its report."""
    from leadflow_pipeline.cli.runs import choose_days, run_days

    due = choose_days(engine, campaign, None, last)
    if due is None:
        error_console.print(
            f"[green]done[/]  {campaign}: every day up to {last or 'yesterday'} was computed before"
        )
        return
    with step(
        f"{campaign}: harvest, enrich, score, qualify, route, nurture for {counted(len(due.days), 'day')}"
    ):
        report = run_days(instance, engine, due)
    if not report.is_success:
        raise LeadflowError(f"run {report.run_id} of {campaign} failed: {'; '.join(report.failures)}")
    changes.days += len(due.days)
    with step(f"{campaign}: drawing its report"):
        draw_report(instance, campaign)


def draw_report(instance: dg.DagsterInstance, campaign: str) -> None:
    """Materializes the campaign's report, so that the UI shows it."""
    import dagster as dg

    from leadflow_pipeline.cli.runs import QUIET
    from leadflow_pipeline.definitions import defs
    from leadflow_pipeline.insight.assets import campaign_report

    dg.materialize(
        [campaign_report],
        instance=instance,
        resources=defs.resources,
        partition_key=campaign,
        run_config=QUIET,
    )


def show_campaign(engine: Engine, campaign: str) -> None:
    """Prints what a campaign's report says: funnel, tiers, deciles, what became of the leads; and its next emails."""
    from leadflow_pipeline.insight.campaign_report import make_report

    report = make_report(engine, campaign, drawn=False)
    console.print(f"\n[bold]{report.title}[/]")
    for heading, section in report.tables.items():
        print_section(heading, section)
    if owners := owners_of(engine, campaign):
        console.print()
        console.print(table_of("Owners", owners))
    console.print()
    console.print(table_of("Next emails", next_emails(engine, campaign)))


def owners_of(engine: Engine, campaign: str) -> Sequence[dict[str, Any]]:
    """How many leads each rep was given, and how many are held; the most leads first."""
    decisions = owner_decisions
    latest = (
        select(decisions)
        .where(decisions.c.campaign == campaign)
        .distinct(decisions.c.lead_id)
        .order_by(decisions.c.lead_id, decisions.c.day.desc())
        .subquery()
    )
    leads = func.count().label("leads")
    query = (
        select(func.coalesce(latest.c.owner, "held: nobody can have it").label("owner"), leads)
        .group_by(latest.c.owner)
        .order_by(leads.desc(), latest.c.owner)
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def next_emails(engine: Engine, campaign: str) -> Sequence[dict[str, Any]]:
    """The next moments at which emails fall due, with their sequence, step and number."""
    latest = (
        select(nurtured_leads)
        .where(nurtured_leads.c.campaign == campaign)
        .distinct(nurtured_leads.c.lead_id)
        .order_by(nurtured_leads.c.lead_id, nurtured_leads.c.day.desc())
        .subquery()
    )
    query = (
        select(
            func.to_char(latest.c.next_touch_at, "YYYY-MM-DD HH24:MI").label("due (UTC)"),
            latest.c.sequence,
            (latest.c.steps_planned + 1).label("email"),
            latest.c.steps_total.label("of"),
            func.count().label("leads"),
        )
        .where(latest.c.next_touch_at.is_not(None))
        .group_by(latest.c.next_touch_at, latest.c.sequence, latest.c.steps_planned, latest.c.steps_total)
        .order_by(latest.c.next_touch_at, latest.c.sequence, latest.c.steps_planned)
        .limit(NEXT_EMAILS)
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
