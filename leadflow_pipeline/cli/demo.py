"""`leadflow demo`: the whole journey on shipped data, from two files to planned emails, without a question.

What belongs here: the order of the steps and what a newcomer is shown after each. What does not: any rule; every step
is what the other commands do (`campaign add`, `import`, `materialize`, `dispatch`). Safe to repeat: records are known
by their content, days by their lineage and messages by their enrolment and step, so a second run finds nothing to do.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from sqlalchemy import Engine

from leadflow_pipeline import samples
from leadflow_pipeline.cli.demo_steps import Changes, compute, last_record_day, show_campaign, step
from leadflow_pipeline.cli.output import console
from leadflow_pipeline.settings import get_settings

if TYPE_CHECKING:
    from leadflow_pipeline.harvest.importing import ImportReport


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(demo)


def demo(
    vendors: Annotated[
        bool,
        typer.Option(
            "--vendors",
            help="Instead: collect and enrich leads from vendors that are stand-ins on this machine.",
        ),
    ] = False,
) -> None:
    """Take 45,211 real leads and 100 invented ones from files to planned emails, and show what became of them."""
    from leadflow_pipeline.cli.demo_vendors import demo_vendors
    from leadflow_pipeline.store.dagster_home import dagster_instance
    from leadflow_pipeline.store.engine import get_engine

    if vendors:
        demo_vendors()
        return
    changes = Changes()
    with dagster_instance() as instance:
        engine = get_engine()
        bank, b2b = add_campaigns(engine)
        with step("reading 45,211 contacts of a bank's phone campaigns, 2008 to 2010"):
            import_bank(engine, bank, changes)
        with step("reading 100 invented B2B leads of five sources, and what they did"):
            import_b2b(engine, b2b, changes)
            import_b2b_reps(engine)
        compute(instance, engine, bank, last_record_day(engine, bank), changes)
        compute(instance, engine, b2b, None, changes)
        with step("telling owners of their leads, and sending the emails that are due now"):
            hand_over(engine, changes)
            send_due(engine, changes)
        for campaign in (bank, b2b):
            show_campaign(engine, campaign)
    show_where_to_look(changes, b2b)


def add_campaigns(engine: Engine) -> tuple[str, str]:
    """Registers the two shipped campaign files; their slugs."""
    from leadflow_pipeline.campaign import register as register_campaign

    slugs = [
        register_campaign(engine, path.read_text(encoding="utf-8"), path.name).campaign
        for path in (samples.BANK_CAMPAIGN, samples.B2B_CAMPAIGN)
    ]
    return slugs[0], slugs[1]


def import_bank(engine: Engine, campaign: str, changes: Changes) -> None:
    """Imports the bank's contacts; their outcomes go where no rule can see them."""
    from leadflow_pipeline.harvest.importing import import_file

    changes.records += added(import_file(engine, campaign, samples.BANK_LEADS))


def import_b2b(engine: Engine, campaign: str, changes: Changes) -> None:
    """Imports the invented leads and their events, their days counted back from the day of the first run."""
    from leadflow_pipeline.harvest.importing import Contents, import_file

    # The youngest lead came one day before the first run, whenever the demo is run again.
    last_day = last_record_day(engine, campaign)
    first_run = last_day + timedelta(days=1) if last_day else datetime.now(UTC).date()
    with tempfile.TemporaryDirectory() as folder:
        for source in samples.B2B_SOURCES:
            path = Path(folder) / samples.b2b_leads(source).name
            dated_leads(samples.b2b_leads(source), first_run).to_csv(path, index=False)
            changes.records += added(import_file(engine, campaign, path, source=source))
        path = Path(folder) / samples.B2B_EVENTS.name
        dated_events(samples.B2B_EVENTS, first_run).to_csv(path, index=False)
        changes.events += added(import_file(engine, campaign, path, contents=Contents.EVENTS))


def import_b2b_reps(engine: Engine) -> None:
    """Makes the reps known who could own the B2B leads, one of whom has left."""
    from leadflow_pipeline.route.owners.reps.rep_sources import reps_from_file
    from leadflow_pipeline.route.owners.reps.roster import import_reps

    # Whoever tries the demo where reps are known already keeps them.
    import_reps(
        engine, reps_from_file(samples.B2B_REPS), actor="demo", origin=samples.B2B_REPS.name,
        from_day=get_settings().first_day, keep_missing=True,
    )  # fmt: skip


def dated_leads(path: Path, first_run: date) -> pd.DataFrame:
    """The leads of a shipped file with `received_on` in the place of `received_days_ago`."""
    leads = pd.read_csv(path, dtype="str", keep_default_na=False)
    days_ago = pd.to_timedelta(leads.pop("received_days_ago").astype("int64"), unit="D")
    return leads.assign(received_on=(pd.Timestamp(first_run) - days_ago).dt.strftime("%Y-%m-%d"))


def dated_events(path: Path, first_run: date) -> pd.DataFrame:
    """The events of the shipped file with `occurred_at`, at noon, in the place of `days_ago`."""
    events = pd.read_csv(path, dtype="str", keep_default_na=False)
    days_ago = pd.to_timedelta(events.pop("days_ago").astype("int64"), unit="D")
    noon = pd.Timestamp(first_run) - days_ago + pd.Timedelta(hours=12)
    return events.assign(occurred_at=noon.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))


def added(report: ImportReport) -> int:
    """Facts that an import added."""
    return report.new + report.quarantined


def hand_over(engine: Engine, changes: Changes) -> None:
    """Tells owners of the leads that were decided last; days long gone are told to nobody."""
    from leadflow_pipeline.delivery.handover import hand_over_due

    changes.handed_over = hand_over_due(engine).handed_over


def send_due(engine: Engine, changes: Changes) -> None:
    """Releases and sends what is due now; by default into a folder of `.eml` files."""
    from leadflow_pipeline.delivery.dispatch import dispatch_due

    changes.messages = dispatch_due(engine, get_settings(), datetime.now(UTC)).sent


def show_where_to_look(changes: Changes, campaign: str) -> None:
    """Ends the demo."""
    from leadflow_pipeline.cli.operate import where_emails_go

    reports = get_settings().home.resolve() / "reports"
    console.print(f"\n[bold]{changes.sentence()}[/]\n\nWhere to look")
    console.print("  the Dagster UI    leadflow up, then http://127.0.0.1:3000")
    console.print(f"  the HTTP API      leadflow up, then {get_settings().service_url}/docs", soft_wrap=True)
    console.print(f"  the reports       {reports}", soft_wrap=True)
    console.print(f"  the emails        {where_emails_go()}", soft_wrap=True)
    console.print(f"  one campaign      leadflow campaign show {campaign}")
    console.print(
        "  one lead          leadflow explain LEAD, an address or id from one of the emails", soft_wrap=True
    )
    console.print("  who waits         leadflow handover held, leadflow review list")
